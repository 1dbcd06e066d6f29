"""Saved replies: the page that keeps one's own, and the list to choose one from in a thread."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.errors import DomainError
from clinic.permissions import STAFF
from clinic.saved_reply.actions import EXAMPLES
from clinic.saved_reply.placeholders import KNOWN
from clinic.saved_reply.views import own_replies, proposal, replies_in
from clinic.thread.views import thread_head
from web.actions import keeps, local_path
from web.auth import current_actor
from web.db import clinic_db
from web.policies import roles

blueprint = Blueprint("replies", __name__)
_NOTHING: dict[str, str] = {"title": "", "body": ""}


@blueprint.get("/saved-replies")
@roles(*STAFF)
def show() -> str:
    """One's own replies, to add, change and delete."""
    return _page()


def _page(**more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        found = own_replies(work)
    shown: dict[str, Any] = {"typed": _NOTHING, "problems": {}, "edit": {}, **more}
    return render_template("replies/show.html", here="replies", replies=found, known=KNOWN, examples=EXAMPLES, **shown)


@blueprint.get("/saved-replies/new")
@roles(*STAFF)
def new() -> str:
    """A message that one typed oneself, to be kept: `thread` and `entry` name it; `names`: with the patient's name left in it."""
    thread, entry, names = (request.args.get(name, "") for name in ("thread", "entry", "names"))
    with clinic_db().read(current_actor()) as work:
        found = proposal(work, thread, entry, names=names == "1")
    other = url_for("replies.new", thread=thread, entry=entry, names=None if names == "1" else "1")
    back = url_for("threads.show", uid=thread)
    offered = {"proposal": found, "names": names == "1", "other": other, "back": back}
    return render_template("replies/new.html", here="threads", known=KNOWN, typed={"title": "", "body": found.text}, problems={}, **offered)


@blueprint.get("/threads/<uid>/replies")
@roles(*STAFF)
def choose(uid: str) -> str:
    """One's own replies as they read in a thread, to put one into the message. `q`: words that title or text hold."""
    query = request.args.get("q", "").strip()[:200]
    with clinic_db().read(current_actor()) as work:
        head = thread_head(work, uid)
        found = replies_in(work, uid, query)
    return render_template("replies/choose.html", here="threads", head=head, replies=found, query=query)


def _typed() -> dict[str, str]:
    return {key: request.form.get(key, "") for key in _NOTHING}


def _again(page: str, error: DomainError) -> Response:
    response = make_response(page)
    response.status_code = error.status
    return response


@keeps("saved_reply.create")
def _add_again(_uid: str | None, error: DomainError) -> Response:
    problems, back = {error.field or "body": error.text}, local_path(request.form.get("next"), url_for("replies.show"))
    if back == url_for("replies.show"):
        return _again(_page(typed=_typed(), problems=problems), error)
    page = render_template("replies/new.html", here="threads", known=KNOWN, typed=_typed(), problems=problems, proposal=None, back=back)
    return _again(page, error)


@keeps("saved_reply.describe")
def _change_again(uid: str | None, error: DomainError) -> Response:
    return _again(_page(edit={"uid": uid, "typed": _typed(), "problems": {error.field or "body": error.text}}), error)
