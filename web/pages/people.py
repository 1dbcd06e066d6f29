"""New thread: finding the person to write to."""

from __future__ import annotations

from urllib.parse import unquote_plus

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from clinic.account.people import assisted, find_people
from clinic.errors import DomainError, Gated, Invalid
from clinic.permissions import Role
from web.actions import keeps, local_path
from web.auth import current_actor, current_visitor
from web.db import clinic_db
from web.policies import caring

blueprint = Blueprint("people", __name__)


@blueprint.get("/threads/new")
@caring
def new() -> str:
    """The search for staff; for a patient the practitioners they are linked with."""
    return _page(request.args.get("q", "").strip())


def _page(query: str, problem: str | None = None, asked: str = "", typed: str = "", asked_in: str = "") -> str:
    visitor = current_visitor()
    coordinator = visitor is not None and visitor.role is Role.COORDINATOR
    with clinic_db().read(current_actor()) as work:
        chiefs = assisted(work) if coordinator else []
        try:
            found = find_people(work, query)
        except Invalid as error:
            found, problem = [], error.text
    shown = {"query": query, "people": found, "chiefs": chiefs, "problem": problem, "asked": asked, "typed": typed, "asked_in": asked_in}
    return render_template("new_thread.html", here="new", **shown)


@keeps("thread.start")
def _typed_again(_uid: str | None, error: DomainError) -> Response:
    back = local_path(request.form.get("next"), "")
    query = back.partition("?q=")[2]
    asked_in = error.thread if isinstance(error, Gated) else ""
    page = _page(unquote_plus(query), error.page_text, request.form.get("person", ""), request.form.get("reason", ""), asked_in)
    response = make_response(page)
    response.status_code = error.status
    return response
