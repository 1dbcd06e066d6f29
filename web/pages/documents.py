"""Images & Documents: one's own, a patient's, one document, where it may be sent to, and what may be sent in a thread. GET changes nothing.

What is narrowed stands in the address; whether pictures or a list are shown stays in the signed cookie until its person changes it.
"""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from clinic.errors import Invalid, NotFound
from clinic.file.filing import asked_in
from clinic.file.folders import FILTERS, Folder, own_document, own_folder, targets
from clinic.file.forwarding import chosen
from clinic.file.kinds import FORMS
from clinic.permissions import STAFF
from clinic.thread.views import thread_head
from web.actions import local_path
from web.auth import current_actor
from web.db import clinic_db
from web.policies import caring, roles

blueprint = Blueprint("documents", __name__)
_KEY = "documents"
LOOKS = {"grid": "Pictures", "list": "List"}


@blueprint.get("/documents")
@caring
def home() -> str | tuple[str, int]:
    """A patient's own Images & Documents; the handouts of one of staff."""

    def opened(asked: dict[str, str]) -> Folder:
        with clinic_db().read(current_actor()) as work:
            return own_folder(work, asked)

    return _folder(opened, url_for("documents.home"))


@blueprint.get("/patients/<uid>/documents")
@roles(*STAFF)
def of_patient(uid: str) -> str | tuple[str, int]:
    """A patient's Images & Documents, for staff who share a thread with them. Each view is audited."""

    def opened(asked: dict[str, str]) -> Folder:
        # An action: while its audit row cannot be stored, nobody sees a folder.
        found: Folder = clinic_db().perform(current_actor(), "file.open_folder", uid, **asked).value
        return found

    return _folder(opened, url_for("documents.of_patient", uid=uid))


def _folder(opened: Any, here: str) -> str | tuple[str, int]:
    names = [field.name for field in FILTERS]
    asked = {name: value for name in names if (value := request.args.get(name, "").strip())}
    problem, status = None, 200
    try:
        folder = opened(asked)
    except Invalid as error:
        problem, status = error.text, error.status
        folder = opened({})
    narrowed = {name: value for name, value in asked.items() if name not in ("before", "put_away")}
    shown = {
        "here": "documents",
        "folder": folder,
        "asked": asked,
        "narrowed": bool(narrowed),
        "problem": problem,
        "forms": FORMS,
        "address": here,
        "older": f"{here}?{urlencode(asked | {'before': folder.more})}",
        **_looks(),
    }
    return render_template("documents/folder.html", **shown), status


def _looks() -> dict[str, Any]:
    return {"look": session.get(_KEY, "grid"), "looks": LOOKS}


@blueprint.post("/documents/look")
@caring
def look() -> Response:
    """Keep how the person wants folders shown, and go back to where they were."""
    wanted = request.form.get("look", "")
    session[_KEY] = wanted if wanted in LOOKS else "grid"
    return redirect(local_path(request.form.get("next"), url_for("documents.home")), 303)


def _opened(uid: str) -> Folder:
    """Return the folder with one document alone. Staff's look at a patient's is audited, as one at the whole folder is. Raises: NotFound."""
    try:
        with clinic_db().read(current_actor()) as work:
            return own_document(work, uid)
    except NotFound:
        found: Folder = clinic_db().perform(current_actor(), "file.open_document", uid).value
        return found


@blueprint.get("/documents/<uid>")
@caring
def show(uid: str) -> str:
    """One document, and what may be done with it."""
    folder = _opened(uid)
    with clinic_db().read(current_actor()) as work:
        asked = asked_in(work, uid) if work.role in STAFF else ""
    return render_template("documents/show.html", here="documents", folder=folder, one=folder.documents[0], asked_in=asked)


@blueprint.get("/documents/<uid>/send")
@caring
def send(uid: str) -> str:
    """The threads that a document may be sent to."""
    _opened(uid)
    with clinic_db().read(current_actor()) as work:
        name, found = targets(work, uid)
    return render_template("documents/send.html", here="documents", uid=uid, name=name, targets=found)


def _asked(thread: str, uid: str) -> str:
    _opened(uid)
    with clinic_db().read(current_actor()) as work:
        one, readers = chosen(work, thread, uid)
        head = thread_head(work, thread)
    return render_template("documents/confirm.html", here="threads", uid=thread, head=head, one=one, readers=readers, client_id=str(uuid.uuid4()))


@blueprint.get("/threads/<uid>/documents")
@caring
def choose(uid: str) -> str:
    """What may be sent in a thread from Images & Documents; with `document`, whether that one is meant.

    For staff each view of what there is, is audited, as it opens a patient's folder.
    """
    if "document" in request.args:
        return _asked(uid, request.args["document"])
    before = request.args.get("before") or None
    found = clinic_db().perform(current_actor(), "file.choose", uid, before=before).value
    with clinic_db().read(current_actor()) as work:
        head = thread_head(work, uid)
    return render_template("documents/choose.html", here="threads", uid=uid, head=head, found=found, **_looks())
