"""Logging in and out. Owns /login and /logout. A wrong password and an unknown address look and last the same."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.account.attempts import login_wait, page_keys
from clinic.account.views import LoginRecord, login_record
from clinic.calls import Actor, Door
from clinic.errors import NotFound
from web import auth
from web.actions import local_path
from web.attempts import network, waiting_words
from web.db import clinic_db
from web.passwords import verify_password
from web.policies import public

blueprint = Blueprint("login", __name__)
WRONG = "E-mail address and password do not fit together. Check both, and whether the capitals key is on."

LEFT = (
    "You are logged out in this browser. The server could not store that just now: should anybody have a copy of your session, "
    "it ends by itself within half an hour."
)


@blueprint.get("/login")
@public
def log_in_page() -> str | Response:
    """Show the form; who is signed in already goes on."""
    going = local_path(request.args.get("next"), url_for("threads.home"))
    if auth.current_visitor():
        return redirect(going)
    return render_template("login.html", next=going, email="")


@blueprint.post("/login", endpoint="log_in")
@public
def log_in() -> tuple[str, int] | Response:
    """Check the password and start a session."""
    email, password = request.form.get("email", "").strip(), request.form.get("password", "")
    going = local_path(request.form.get("next"), url_for("threads.home"))
    with clinic_db().read(Actor.anonymous(Door.PAGE)) as work:
        record = login_record(work, email)
        keys = page_keys(record.handle if record else email, network(request.remote_addr))
        wait = login_wait(work, keys)
    if wait > 0:
        return _again(email, going, waiting_words(wait), 429)
    usable = record is not None and record.active and record.password_hash is not None
    fits, newer = verify_password(record.password_hash if record and usable else None, password)
    if record is None or not fits:
        wait = clinic_db().perform(Actor.anonymous(Door.PAGE), "login.failed", keys=keys).value or 0
        words = f"{WRONG} {waiting_words(wait)}" if wait > 0 else WRONG
        return _again(email, going, words, 401)
    try:
        return _welcome(record, newer, keys, going)
    except NotFound:  # closed, or given another password, while this one was checked
        return _again(email, going, WRONG, 401)


def _welcome(record: LoginRecord, newer: str | None, keys: list[str], going: str) -> Response:
    auth.begin(record.account_uid, record.password_hash or "", newer, keys)
    return redirect(going, 303)


def _again(email: str, going: str, words: str, status: int) -> tuple[str, int]:
    return render_template("login.html", next=going, email=email, problem=words), status


@blueprint.post("/logout")
@public
def log_out() -> Response:
    """End the session of this browser; without one it is no error."""
    stored = auth.end()
    flash("You are logged out." if stored else LEFT, "good" if stored else "warn")
    return redirect(url_for("login.log_in_page"), 303)
