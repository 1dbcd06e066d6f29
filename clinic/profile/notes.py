"""Staff's notes in a patient's profile, which no patient and no administrator reads. Imports clinic only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clinic.actions import About, Offer, action
from clinic.errors import Conflict, Invalid, NotFound, NotPermitted
from clinic.fields import ClientId, Option, Pick, Text, Uid
from clinic.loading import LoadedThread
from clinic.permissions import STAFF, Permission, Role
from clinic.profile.fields import Version
from clinic.profile.patients import Patient, form_of, page_of, patient_for
from clinic.profile.tables import profile_notes
from clinic.profile.versions import add, require_newest, shortened, versions
from clinic.storage import new_uid
from clinic.thread.shown import NOBODY_HERE, patients_here, title_for
from clinic.thread.tables import memberships, threads
from clinic.work import Work

if TYPE_CHECKING:
    from clinic.profile.opening import Profile

BODY = Text("body", "Note", max_bytes=16 * 1024, multiline=True)
NOTE = (Uid("note", "Note"), Version("version", "Version"))
NONE_OWN = "There is no note of yours in this profile."
LABEL = 60
NOT_YOURS = "Only its author corrects a note or takes it back. Write another note that says what is right."


@dataclass(frozen=True, slots=True)
class Said:
    """An earlier version of a note."""

    body: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A note as staff read it. body: "" of one that was taken back. thread: uid of the thread whose staff alone read it, or "".

    earlier: what it said before, the newest first.
    """

    uid: str
    version: int
    body: str
    by: str
    role: Role
    at: datetime
    first_at: datetime
    thread: str
    mine: bool
    earlier: tuple[Said, ...]


def notes_of(work: Work, patient: Patient) -> tuple[Note, ...]:
    """Return the notes about a patient that the actor reads, the newest first: staff's only, and of a thread's notes those of their own threads."""
    if work.role not in STAFF:
        return ()
    return tuple(_note(work, rows) for rows in reversed(_readable(work, patient).values()))


def _readable(work: Work, patient: Patient) -> dict[str, list[sa.Row[Any]]]:
    """Return the versions of the notes that the actor reads, by note, in the order in which they were written."""
    own = sa.select(memberships.c.thread_id).where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None))
    theirs = sa.or_(profile_notes.c.thread_id.is_(None), profile_notes.c.thread_id.in_(own))
    by_note: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in versions(work, profile_notes, profile_notes.c.patient_id == patient.id, theirs):
        by_note[row.uid].append(row)
    return by_note


def _note(work: Work, rows: Sequence[sa.Row[Any]]) -> Note:
    first, now = rows[0], rows[-1]
    earlier = tuple(Said(row.body, row.by, row.at) for row in reversed(rows[:-1]))
    thread = _thread_uid(work, now.thread_id) if now.thread_id else ""
    return Note(now.uid, now.version, now.body, first.by, Role(first.role), now.at, first.at, thread, first.author_id == work.person.id, earlier)


def _thread_uid(work: Work, thread_id: int) -> str:
    return str(work.rows(sa.select(threads.c.uid).where(threads.c.id == thread_id))[0].uid)


def _threads(work: Work, thread: LoadedThread | None) -> list[Option]:
    """From an app the thread that one is in; the page lists all that are shared with the patient."""
    return [] if thread is None else [Option(thread.uid, "This thread", title_for(thread, work.person.id))]


@action(
    "profile.note",
    Permission.PROFILE_NOTE,
    on=patient_for,
    fields=(BODY, Pick("thread", "Only for the staff of", required=False, options=_threads), ClientId("client_id", required=False)),
    same=lambda _payload, _values: False,  # it is no entry: `_written` finds it
    offer=Offer(
        "Write a note into the profile",
        "profile-note",
        "Only staff read it, never the patient: all who may open the profile, or this thread's alone.",
        "The note is saved, for staff only.",
        otherwise=NOBODY_HERE,
        about=About(patients_here, form_of("note")),
    ),
)
def write(work: Work, patient: Patient, body: str, thread: str | None, client_id: str | None) -> str:
    """Add a note to a patient's profile, for all staff who may open it or, with `thread` (a uid), for that thread's staff only.

    client_id: of the form; what comes from it again for the same readers in the same words is the same note. (Who goes back to the form and writes
    something else has written another.) Returns: its uid. Raises: NotFound; Invalid for a thread that the actor does not share with the patient.
    """
    if thread and thread not in patient.shared:
        raise Invalid("Choose one of the threads that you share with the patient.", field="thread")
    thread_id = work.rows(sa.select(threads.c.id).where(threads.c.uid == thread))[0].id if thread else None
    work.lock_account(patient.id)
    if client_id and (first := _written(work, patient, body, thread_id, client_id)):
        return first
    uid = new_uid()
    add(work, profile_notes, uid=uid, version=1, patient_id=patient.id, thread_id=thread_id, body=body, client_id=client_id)
    work.audit_detail(note=uid)
    return uid


def _written(work: Work, patient: Patient, body: str, thread_id: int | None, client_id: str) -> str | None:
    """Return the uid of the note that the same form of the actor's has written in these words, or None."""
    known = (profile_notes.c.patient_id == patient.id, profile_notes.c.author_id == work.person.id, profile_notes.c.client_id == client_id)
    rows = work.rows(sa.select(profile_notes.c.uid, profile_notes.c.body, profile_notes.c.thread_id).where(*known))
    return next((row.uid for row in rows if (row.body, row.thread_id) == (body, thread_id)), None)


def _own(profile: Profile) -> list[Option]:
    own = [note for note in profile.notes if note.mine and note.body]
    return [Option(note.uid, shortened(note.body, LABEL), f"{note.first_at:%-d %B %Y}") for note in own]


def _said(profile: Profile, uid: str) -> Mapping[str, Any]:
    note = next(one for one in profile.notes if one.uid == uid)
    return {"note": uid, "version": note.version, "body": note.body}


def _about_own() -> About:
    return About(patients_here, page_of, "profile.open", _own, _said, ("note", "version"), NONE_OWN)


@action(
    "profile.correct_note",
    Permission.PROFILE_NOTE,
    on=patient_for,
    fields=(*NOTE, BODY),
    offer=Offer(
        "Correct a note in the profile",
        "correct-profile-note",
        "What it said before can be opened by whoever reads it.",
        "Corrected.",
        otherwise=NOBODY_HERE,
        about=_about_own(),
    ),
)
def correct(work: Work, patient: Patient, note: str, version: int, body: str) -> int:
    """Correct one's own note; what it said before can be opened by who reads it. Returns: the version that stands.

    Raises: NotFound; NotPermitted for a colleague's; Conflict where it was corrected in another window.
    """
    return _say(work, patient, note, version, body)


@action(
    "profile.withdraw_note",
    Permission.PROFILE_NOTE,
    on=patient_for,
    fields=NOTE,
    offer=Offer(
        "Take a note in the profile back",
        "withdraw-profile-note",
        "Its words are taken off the profile. Staff who read it can still open what it said.",
        "The note is taken back.",
        grave=True,
        otherwise=NOBODY_HERE,
        about=_about_own(),
    ),
)
def withdraw(work: Work, patient: Patient, note: str, version: int) -> int:
    """Take one's own note back: what it said can be opened by who reads it, as that of a corrected one. Raises: as `correct`."""
    return _say(work, patient, note, version, "")


def _say(work: Work, patient: Patient, uid: str, version: int, body: str) -> int:
    work.lock_account(patient.id)
    rows = _readable(work, patient).get(uid)
    if rows is None:
        raise NotFound()
    now = rows[-1]
    if rows[0].author_id != work.person.id:
        raise NotPermitted(NOT_YOURS)
    if now.body == body:
        return int(now.version)
    if not now.body:
        raise Conflict("You took this note back. Write another one.")
    require_newest(now.version, version)
    add(work, profile_notes, uid=uid, version=version + 1, patient_id=patient.id, thread_id=now.thread_id, body=body)
    return version + 1
