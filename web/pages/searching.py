"""The search in one's own threads: a plain page, each hit a link to its place in the thread."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from flask import Blueprint, render_template, request, url_for
from markupsafe import Markup, escape

from clinic.errors import DomainError
from clinic.kinds import KINDS
from clinic.permissions import Role
from clinic.search.views import Found, Hit, search
from clinic.thread.views import thread_head
from web.auth import current_actor, current_visitor
from web.context import clinic_card
from web.db import clinic_db
from web.policies import caring

blueprint = Blueprint("searching", __name__)
PAGE = 20


@blueprint.get("/search")
@caring
def search_page() -> str | tuple[str, int]:
    """What was found, newest first. q: the words; thread, who, since, until, kind narrow down; before: where the page before ended."""
    asked = {name: request.args.get(name, "").strip() for name in ("q", "thread", "who", "since", "until", "kind")}
    found, problem, title, status = Found((), None, False), None, "", 200
    with clinic_db().read(current_actor()) as work:
        if asked["thread"]:
            title = thread_head(work, asked["thread"]).title
        try:
            found = search(
                work,
                asked["q"],
                thread=asked["thread"] or None,
                person=asked["who"] or None,
                kind=asked["kind"] or None,
                start=_midnight(asked["since"]),
                end=_midnight(asked["until"], days=1),
                before=request.args.get("before") or None,
                limit=PAGE,
            )
        except DomainError as error:
            problem, status = error.text, error.status
    visitor = current_visitor()
    patient = visitor is None or visitor.role is Role.PATIENT
    kinds = {kind.name: kind.found_as for kind in KINDS.values() if kind.found_as and not (kind.staff_only and patient)}
    older = url_for("searching.search_page", **{name: value for name, value in asked.items() if value}, before=found.older)
    words = {kind: word for kind, word in kinds.items() if kind != "text"}
    shown = {"asked": asked, "found": found, "problem": problem, "title": title, "kinds": kinds, "words": words, "older": older}
    return render_template("search/show.html", here="search", **shown), status


def _midnight(day: str, days: int = 0) -> datetime | None:
    """Return the beginning of a day on the clinic's clock, or of one some days later; None for what is no date."""
    try:
        return datetime.combine(date.fromisoformat(day) + timedelta(days=days), time(), clinic_card().zone)
    except (ValueError, OverflowError):
        return None


@blueprint.app_template_filter("marks")
def marks(hit: Hit) -> Markup:
    """Return a hit's snippet with what was asked for marked."""
    pieces, done = [], 0
    for start, end in hit.ranges:
        pieces += [escape(hit.snippet[done:start]), Markup("<mark>"), escape(hit.snippet[start:end]), Markup("</mark>")]
        done = end
    return Markup("").join([*pieces, escape(hit.snippet[done:])])
