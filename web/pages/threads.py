"""The list of threads and one thread: pages for people, fragments and JSON for the page's script."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response as BaseResponse

from clinic.absence.views import away_here
from clinic.account.people import born
from clinic.errors import DomainError, NotFound
from clinic.file.uploading import uploads_waiting
from clinic.file.whose import NOBODY
from clinic.payment.views import requesting, waiting
from clinic.permissions import STAFF, Permission
from clinic.saved_reply.views import own_replies, reply_in
from clinic.status.views import standing
from clinic.text.scheduled import scheduled
from clinic.thread.views import EntryView, Head, Page, own_states, thread_entry, thread_head, thread_page
from clinic.urgent.views import urgent_here
from clinic.work import Work
from web.actions import keeps, local_path
from web.auth import current_actor, current_visitor
from web.db import clinic_db, try_perform
from web.drawing import TOGETHER, draw, lines
from web.listing import narrow, side
from web.policies import caring, roles, signed_in

blueprint = Blueprint("threads", __name__)
PAGE = 50


@blueprint.get("/")
@signed_in
def home() -> str | BaseResponse:
    """The person's threads; an administrator goes to the clinic's accounts."""
    visitor = current_visitor()
    if visitor and not visitor.cares:
        return redirect(url_for("admin.accounts"))
    with clinic_db().read(current_actor()) as work:
        shown = side(work, None)
    return render_template("threads/home.html", here="threads", gone="gone" in request.args, **shown)


@blueprint.get("/threads/list")
@caring
def rows() -> str:
    """The rows of the list alone. `open`: the thread that is shown beside it; `upto`: how many rows at most."""
    with clinic_db().read(current_actor()) as work:
        shown = side(work, request.args.get("open"), whole=False)
    return render_template("threads/_list.html", **shown)


@blueprint.post("/threads/narrow")
@roles(*STAFF)
def narrow_list() -> BaseResponse:
    """Keep what the person wants of their list, and go back to where they were."""
    narrow(*(request.form.get(name, "") for name in ("show", "practitioner", "status")))
    return redirect(local_path(request.form.get("next"), url_for("threads.home")), 303)


@blueprint.get("/threads/<uid>")
@caring
def show(uid: str) -> str | BaseResponse:
    """One thread: its newest entries, with `before` the ones before that entry, with `around` the ones about it.

    `saved`: the saved reply to begin a message with.
    """
    return _page(uid, saved_uid=request.args.get("saved"))


@blueprint.get("/threads/<uid>/entries")
@caring
def entries(uid: str) -> Response:
    """Fragments of the entries after or before one; the header X-Bedside-More says whether there are further ones."""
    after, before = request.args.get("after"), request.args.get("before")
    with clinic_db().read(current_actor()) as work:
        page = thread_page(work, uid, before=before or None, after=after or None, limit=PAGE)
    response = make_response("".join([*(draw(entry) for entry in page.entries), *([_upto(page)] if after else [])]))
    response.headers["X-Bedside-More"] = "1" if (page.more_before if before else page.more_after) else "0"
    return response


def _upto(page: Page) -> Markup:
    """Return where the page's script reads on: also past entries that only changed earlier ones, which have no line of their own."""
    return Markup('<i hidden data-cursor="{}" data-seen="{}"></i>').format(page.cursor or "", " ".join(page.seen))


@blueprint.get("/threads/<uid>/head")
@caring
def head(uid: str) -> str:
    """What stands beside a thread's messages, alone: its title, who is in it, where it stands; and what keeps its reader from writing."""
    with clinic_db().read(current_actor()) as work:
        shown = _top(work, uid)
    return render_template("threads/_head.html", **shown) + render_template("threads/_gate.html", **shown)


@blueprint.get("/threads/<uid>/marks")
@caring
def marks(uid: str) -> Response:
    """How far the person's own newest entries got: sent, delivered, read and by whom. held: what keeps them from writing, as _gate.html says it."""
    with clinic_db().read(current_actor()) as work:
        found, held = own_states(work, uid), waiting(work, uid)
    return jsonify(held=held.request if held else "", states={state.uid: {"state": state.state, "read_by": list(state.read_by)} for state in found})


def _top(work: Work, uid: str) -> dict[str, Any]:
    """Return what templates/threads/_head.html and _gate.html show. standing: None for a patient, who learns nothing of a status."""
    return {
        "head": thread_head(work, uid),
        "standing": standing(work, uid) if work.role in STAFF else None,
        "urgent": urgent_here(work, uid),
        "away": away_here(work, uid),
        "waiting": waiting(work, uid),
    }


@dataclass(frozen=True, slots=True)
class Composer:
    """What the composer holds when a page comes: what is answered or corrected, what was typed, why it was not sent."""

    action: str = "text.post"
    about: EntryView | None = None
    typed: str = ""
    problem: str | None = None


def _composer(work: Work, uid: str) -> Composer:
    """Return what the address asks for: an answer to an entry, or its correction. What cannot be is a plain composer."""
    for name, action in (("reply", "text.post"), ("correct", "text.correct")):
        asked = request.args.get(name)
        if asked:
            with suppress(NotFound):
                about = thread_entry(work, uid, asked)
                if name in about.offers:
                    internal = about.internal and name == "reply"
                    return Composer("note.post" if internal else action, about, about.body if name == "correct" else "")
    return Composer()


def _folders(head: Head) -> list[dict[str, str]]:
    """Return whose folder a file may belong to where staff have to say it: the patients, if there are several, and nobody."""
    if len(head.patients) < 2:
        return []
    named = [{"uid": one.account_uid, "name": one.nick, "born": born(one.birth_date)} for one in head.patients]
    return [*named, {"uid": NOBODY, "name": "Nobody’s", "born": ""}]


def _page(uid: str, refused: Composer | None = None, saved_uid: str | None = None) -> str:
    before = request.args.get("before") if request.method == "GET" else None
    around = (request.args.get("around") or None) if request.method == "GET" and not before else None
    with clinic_db().read(current_actor()) as work:
        top = _top(work, uid)
        page = thread_page(work, uid, before=before or None, around=around, limit=PAGE)
        shown_beside = side(work, uid)
        later = scheduled(work, uid)
        payment = requesting(work, uid) if work.role in STAFF else None
        uploads = uploads_waiting(work, uid) if Permission.FILE_UPLOAD in top["head"].may else []
        saved = reply_in(work, uid, saved_uid) if saved_uid and work.role in STAFF else None
        composer = refused or (Composer("saved_reply.post", typed=saved.text) if saved else _composer(work, uid))
    if not before and not around:
        _delivered(uid, page.entries)
    shown = {entry.uid for entry in page.entries}
    return render_template(
        "threads/show.html",
        here="threads",
        **shown_beside,
        **top,
        page=page,
        lines=lines(page.entries, page.first_unread),
        draw=draw,
        together_seconds=round(TOGETHER.total_seconds()),
        unread_above=bool(page.first_unread) and page.first_unread not in shown and not before and not around,
        around=around,
        uid=uid,
        later=later,
        payment=payment,
        uploads=uploads,
        folders=_folders(top["head"]),
        client_id=str(uuid.uuid4()),
        composer=composer,
        saved=saved,
    )


def _delivered(uid: str, found: Sequence[EntryView]) -> None:
    # A page that holds an entry has received it; what the script fetches later it marks by itself. Losing this mark
    # loses nothing: the next page makes it again.
    theirs = [entry for entry in found if not entry.mine]
    if theirs:
        try_perform(current_actor(), "thread.mark", uid, entry=theirs[-1].uid, state="delivered")


def _kept_reply() -> str | None:
    """Return the saved reply that a refused form began with, unless it is gone meanwhile: what was typed must not go with it."""
    uid = request.form.get("reply")
    with clinic_db().read(current_actor()) as work:
        return uid if uid and any(one.uid == uid for one in own_replies(work)) else None


@keeps("text.post")
@keeps("saved_reply.post")
@keeps("text.correct")
@keeps("note.post")
def _typed_again(uid: str | None, error: DomainError) -> BaseResponse:
    said = error.page_text
    words = said if said.startswith(("Not sent", "This was not sent")) else f"Not sent. {said}"
    action, about = request.path.split("/")[2], None
    with clinic_db().read(current_actor()) as work, suppress(NotFound):
        about = thread_entry(work, uid or "", request.form.get("entry") or request.form.get("reply_to") or "")
    saved_uid = _kept_reply()
    action = "text.post" if action == "saved_reply.post" and saved_uid is None else action
    page = _page(uid or "", Composer(action, about, request.form.get("body", ""), words), saved_uid)
    response = make_response(page)
    response.status_code = error.status
    return response
