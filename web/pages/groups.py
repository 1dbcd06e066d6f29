"""Groups and the people of a thread: making a group, who is in a thread and what may be done about it, share links.

One form holds everything that is typed while people are being chosen: finding, adding and taking out post it and get it back.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.account.people import Found, find_people
from clinic.errors import DomainError, Expired, Invalid
from clinic.group.people import ANYBODY, TREATED
from clinic.group.views import ClosedGroup, People, closed_groups, people_chosen, shared_group, thread_people
from clinic.permissions import Permission, Role
from clinic.thread.views import Head, thread_head
from web.actions import keeps
from web.auth import current_actor, current_visitor
from web.db import clinic_db
from web.headers import shareable_root
from web.policies import caring, roles

blueprint = Blueprint("groups", __name__)
Answer = str | Response | tuple[str, int]


def closed() -> list[ClosedGroup]:
    """Return the groups of the visitor that were closed, until they have read it: for templates."""
    visitor = current_visitor()
    if visitor is None or not visitor.cares:
        return []
    with clinic_db().read(current_actor()) as work:
        return closed_groups(work)


def people_of(uid: str) -> People:
    """Return the people of a thread as the visitor sees them: for templates."""
    with clinic_db().read(current_actor()) as work:
        return thread_people(work, uid)


def _picking(allowed: tuple[Role, ...], besides: set[str], problem: str | None = None) -> dict[str, Any]:
    """Return what the form for choosing people shows: what was typed, who is chosen, who is found."""
    typed = {name: request.form.get(name, "").strip() for name in ("title", "reason", "q")}
    uids = [uid for uid in request.form.getlist("people") if uid not in besides]
    doing, _, which = request.form.get("do", "").partition(":")
    if doing == "add" and which not in uids:
        uids.append(which)
        typed["q"] = ""
    elif doing == "drop":
        uids = [uid for uid in uids if uid != which]
    with clinic_db().read(current_actor()) as work:
        chosen = people_chosen(work, uids)
        found: list[Found] = []
        try:
            found = find_people(work, typed["q"], roles=allowed)
        except Invalid as error:
            problem = problem or error.text
    gone = besides | {one.uid for one in chosen}
    return {
        "typed": typed,
        "chosen": chosen,
        "found": [one for one in found if one.uid not in gone],
        "needs_reason": any(not one.linked for one in chosen),
        "problem": problem,
        "added": doing in ("add", "drop"),
    }


def _values(*names: str) -> dict[str, Any]:
    return {"people": request.form.getlist("people"), **{name: request.form.get(name, "").strip() or None for name in names}}


@blueprint.route("/threads/group", methods=["GET", "POST"])
@roles(Role.PRACTITIONER)
def new() -> Answer:
    """Choose people, name the group, make it."""
    problem, status = None, 200
    if request.form.get("do") == "go":
        try:
            done = clinic_db().perform(current_actor(), "group.create", **_values("title", "reason"))
            return redirect(url_for("threads.show", uid=done.value), 303)
        except DomainError as error:
            problem, status = error.text, error.status
    visitor = current_visitor()
    me = {visitor.account_uid} if visitor else set()
    return render_template("new_group.html", here="new", **_picking(TREATED, me, problem)), status


@blueprint.route("/threads/<uid>/people", methods=["GET", "POST"])
@caring
def people(uid: str) -> Answer:
    """Who is in a thread, and everything that the reader may do about it."""
    problem, status = None, 200
    if request.form.get("do") == "go":
        try:
            done = clinic_db().perform(current_actor(), "thread.invite", uid, **_values("reason"))
            return redirect(url_for("threads.show", uid=done.value), 303)
        except DomainError as error:
            problem, status = error.text, error.status
    return _page(uid, problem), status


def _page(uid: str, problem: str | None = None, **more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        head: Head = thread_head(work, uid)
        here = thread_people(work, uid)
    picking = {}
    if Permission.THREAD_INVITE in head.may:
        picking = _picking(ANYBODY, {one.member.account_uid for one in here.people}, problem)
    return render_template("threads/people.html", here="threads", head=head, people=here, **{"name": here.name, **picking, **more})


@keeps("thread.rename")
def _rename_again(uid: str | None, error: DomainError) -> Response:
    response = make_response(_page(uid or "", name=request.form.get("title", ""), name_problem=error.text))
    response.status_code = error.status
    return response


@blueprint.post("/threads/<uid>/share")
@roles(Role.PRACTITIONER)
def share(uid: str) -> Answer:
    """Make a share link and show it this once."""
    try:
        made = clinic_db().perform(current_actor(), "group.share", uid, days=request.form.get("days") or None).value
    except DomainError as error:
        return _page(uid, share_problem=error.text), error.status
    return _page(uid, shared=f"{shareable_root()}{url_for('groups.join', token=made.token)}")


@blueprint.get("/join/<token>")
@caring
def join(token: str) -> Answer:
    """What a share link leads to: asking the group admin to be let in. Raises: Expired, whatever is wrong with the link."""
    if len(token) > 200:
        raise Expired()
    with clinic_db().read(current_actor()) as work:
        found = shared_group(work, token)
    if found.thread:
        return redirect(url_for("threads.show", uid=found.thread))
    return render_template("join.html", here="threads", token=token, group=found)
