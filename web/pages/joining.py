"""Ways in by a one-time link: an invitation sets an account's password, the set-up link makes the first administrator."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.account.views import invitation, set_up_open
from clinic.calls import Actor, Door
from clinic.errors import DomainError, Expired
from web import auth
from web.db import clinic_db
from web.passwords import hash_password, problem_with
from web.policies import public

blueprint = Blueprint("joining", __name__)
Answer = str | Response | tuple[str, int]


def new_password(about: tuple[str | None, ...]) -> tuple[str, dict[str, str]]:
    """Return the form's new password and what is wrong with it, by field."""
    password, again = request.form.get("password", ""), request.form.get("again", "")
    wrong = problem_with(password, about=about)
    if wrong:
        return password, {"password": wrong}
    return password, {} if password == again else {"again": "The two do not match. Type the same password twice."}


@blueprint.route("/invite/<token>", methods=["GET", "POST"])
@public
def invite(token: str) -> Answer:
    """Let the invited person choose a password; then they are logged in. Raises: Expired."""
    anonymous = Actor.anonymous(Door.PAGE)
    with clinic_db().read(Actor.anonymous(Door.PAGE)) as work:
        found = invitation(work, token)
    if found is None:
        raise Expired("This invitation is used or too old. Ask the clinic's administrator for a new link.")
    if request.method == "GET":
        return render_template("invite.html", invitation=found, problems={})
    password, problems = new_password((found.name, found.email))
    if problems:
        return render_template("invite.html", invitation=found, problems=problems), 422
    hashed = hash_password(password)
    done = clinic_db().perform(anonymous, "account.accept_invitation", token=token, password_hash=hashed)
    auth.begin(done.value, hashed)
    flash("Your password is saved. Welcome.", "good")
    return redirect(url_for("threads.home"), 303)


@blueprint.route("/setup/<token>", methods=["GET", "POST"])
@public
def set_up(token: str) -> Answer:
    """Make the clinic's first account, by the link on the console of an empty clinic. Raises: Expired."""
    with clinic_db().read(Actor.anonymous(Door.PAGE)) as work:
        is_open = set_up_open(work, token)
    if not is_open:
        raise Expired("This set-up link is used or too old. Ask whoever runs the clinic for a new one: `bedside account set-up` prints it.")
    if request.method == "GET":
        return render_template("setup.html", typed={}, problems={})
    names = ("clinic_name", "emergency_number", "name", "email")
    typed = {name: request.form.get(name, "") for name in names}
    password, problems = new_password((typed["name"], typed["email"], typed["clinic_name"]))
    if problems:
        return render_template("setup.html", typed=typed, problems=problems), 422
    hashed = hash_password(password)
    try:
        done = clinic_db().perform(Actor.anonymous(Door.PAGE), "clinic.set_up", token=token, password_hash=hashed, **typed)
    except DomainError as error:
        if error.field not in names:
            raise
        return render_template("setup.html", typed=typed, problems={error.field: error.text}), error.status
    auth.begin(done.value, hashed)
    flash("The clinic is set up. The list below leads to the first message.", "good")
    return redirect(url_for("admin.accounts"), 303)
