"""What the page's script needs to go live: a one-minute token for the WebSocket, and the state of its session."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify
from flask_wtf.csrf import generate_csrf

from clinic.account.views import page_token
from web.auth import current_actor, current_visitor, require_same_account
from web.db import clinic_db
from web.headers import websocket_url
from web.policies import caring, public, signed_in

blueprint = Blueprint("feed", __name__)


@blueprint.post("/feed/token")
@caring
def token() -> Response:
    """A token bound to this login session, with the addresses it is for."""
    config = current_app.config["BEDSIDE"]
    visitor = current_visitor()
    handle = visitor.session.handle if visitor else ""
    with clinic_db().read(current_actor()) as work:
        made = page_token(work)
    return jsonify(
        jid=f"{handle}@{config.domain}",
        token=made,
        websocket=websocket_url(),
        feed=f"feed-{handle}@{config.threads_domain}",
    )


@blueprint.get("/session")
@public
def session() -> Response:
    """Whether this browser is signed in, and its present CSRF token: another tab may have logged in anew.

    The token goes to pages of the same account only. Raises: NotSignedIn.
    """
    require_same_account()
    return jsonify(signed_in=current_visitor() is not None, csrf=generate_csrf())


@blueprint.post("/session")
@signed_in
def in_use() -> Response:
    """Say that a person is at the page, so that its session does not end while they write."""
    return jsonify(ok=True)
