"""Sending on from Images & Documents: a document of a patient in the thread, or one of one's own handouts. Imports clinic only.

What is sent on is a file of its own over the same content, which knows where it came from; a voice message stays one. A patient's document stays in
their folder and is in no second place there; a handout that is sent to one patient enters theirs. Source: product.md, Files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import Offer, action, view
from clinic.calls import Door
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import AppId, ClientId, Option, Pick, Uid, is_uid
from clinic.file.folders import Document, documents, for_its_patient, here_to_stay
from clinic.file.media import Purpose
from clinic.file.refiling import any_taken_back
from clinic.file.sending import Sending, found_of, send
from clinic.file.tables import blobs, files
from clinic.file.views import entitled, name_in_thread
from clinic.loading import LoadedMember, LoadedThread
from clinic.permissions import Permission, Role
from clinic.storage import new_uid
from clinic.thread.actions import thread_for
from clinic.thread.marks import read_up_to
from clinic.work import Work

OFFERED_DOCUMENTS = 50
IN_NO_FOLDER = "This file is in nobody's Images & Documents, so it is not sent on from there. Send it as a new file."
NOT_OWN = "You send on what is in your own Images & Documents only. Nothing was sent."
NOT_HERE = "This is a document of {name}, who is not in this thread, so it was not sent. Choose a thread that they are in."
PRIVATE = "Other patients are in this thread, and this video is for {name} and the clinic's staff alone, so it was not sent. Only {name} may show it to them."
PUT_AWAY = "This document was put away. Bring it back in Images & Documents, then send it."


def sendable(thread: LoadedThread, me: LoadedMember) -> sa.ColumnElement[bool]:
    """Return the SQL condition on `files` that a member may send one on into their thread."""
    folders = [me.account_id] if me.role is Role.PATIENT else [me.account_id, *(one.account_id for one in thread.patients)]
    condition = sa.and_(here_to_stay(), files.c.folder_id.in_(folders), files.c.archived_at.is_(None))
    if me.role.is_staff and len(thread.patients) > 1:
        return sa.and_(condition, ~for_its_patient())
    return condition


def other_readers(thread: LoadedThread, owner_uid: str) -> tuple[str, ...]:
    """Return what the patients of a thread are called who would read a document that is not theirs. owner_uid: account uid of whose it is."""
    return tuple(one.nick for one in thread.patients if one.uid != owner_uid)


def _offered(work: Work, thread: LoadedThread | None) -> Sequence[Option]:
    if thread is None:
        return []
    found, _ = documents(work, sendable(thread, work.member(thread)), most=OFFERED_DOCUMENTS)
    return [Option(one.uid, one.name, _more(thread, one, work.person.uid)) for one in found]


def _more(thread: LoadedThread, one: Document, me: str) -> str:
    called = {member.uid: member.nick for member in thread.patients}
    whose = "yours" if one.owner_uid == me else f"of {called.get(one.owner_uid, one.owner)}" if len(called) > 1 else ""
    others = other_readers(thread, one.owner_uid) if len(called) > 1 else ()
    seen = f"{' and '.join(others)} will see it" if others else ""
    called_so = f"sent as {one.sent_as}" if one.sent_as != one.name else ""
    return "; ".join(part for part in (f"{one.what}, {one.size}", whose, called_so, seen) if part)


def _any(work: Work, thread: LoadedThread) -> bool:
    return work.row(sa.select(files.c.id).where(sendable(thread, work.member(thread))).limit(1)) is not None


@action(
    "file.forward",
    Permission.FILE_FORWARD,
    on=thread_for,
    fields=(
        Pick("document", "Document", options=_offered),
        ClientId("client_id"),
        ClientId("earlier_client_id", required=False),
        AppId("message_id", required=False),
    ),
    same=lambda payload, values: getattr(payload, "origin", values["document"]) == values["document"],
    offer=Offer(
        "Send from Images & Documents",
        "document",
        "Everybody in this thread will see it, other patients too. It stays where it is.",
        "Sent.",
        when=_any,
        grave=True,
        otherwise="There is no document here yet that you could send. Upload a file instead.",
        look="file.choose",
    ),
)
def forward(
    work: Work, thread: LoadedThread, document: str, client_id: str, earlier_client_id: str | None, message_id: str | None
) -> str:
    """Send a document on into a thread. document: the uid of a file in the folder of a patient in it (for a patient: their own), or of a handout.

    It is called as where it was first sent, whatever its folder calls it: that is not for the other readers of this thread.
    Returns: the entry's uid. Raises: NotFound, Invalid with the reason, Conflict where it was put away, Gated.
    """
    me = work.member(thread)
    row = _wanted(work, thread, me, document)
    if work.actor.door is Door.XMPP:
        read_up_to(work, thread, me, me.delivered_seq)
    [blob] = work.rows(sa.select(blobs).where(blobs.c.id == row.blob_id))
    patients = [one.account_id for one in thread.patients]
    handout = me.role.is_staff and row.folder_id == me.account_id
    sending = Sending(
        new_uid(), blob.id, found_of(blob), blob.size_bytes, name_in_thread(work, row),
        Purpose.VOICE if row.kind == "voice" else Purpose.FILE, origin_id=row.id, origin=row.uid,
        folder_id=patients[0] if handout and len(patients) == 1 else None, unfiled=handout and len(patients) > 1,
    )
    work.audit_detail(file=sending.uid)
    return send(work, thread, me, sending, client_id, message_id)


def _wanted(work: Work, thread: LoadedThread, me: LoadedMember, uid: str) -> sa.Row[Any]:
    # Locked, so that whoever withdraws it finds what it was sent on as, or this finds it withdrawn.
    query = sa.select(files).where(files.c.uid == uid).with_for_update(read=True)
    row = work.row(query) if is_uid(uid) else None
    if row is None or not entitled(work, row):
        raise NotFound("This document is not there any more, or not for you. Nothing was sent.")
    if row.folder_id is None:
        raise Invalid(IN_NO_FOLDER, field="document")
    if row.folder_id != me.account_id:
        _refuse_others(work, thread, me, row)
    if row.archived_at is not None:
        raise Conflict(PUT_AWAY, field="document")
    return row


def _refuse_others(work: Work, thread: LoadedThread, me: LoadedMember, row: sa.Row[Any]) -> None:
    """Refuse another's document that is not to be sent here: one of a patient who is not in the thread, or for whom alone it is."""
    if me.role is Role.PATIENT:
        raise Invalid(NOT_OWN, field="document")
    owner = next((one for one in thread.patients if one.account_id == row.folder_id), None)
    if owner is None:
        [elsewhere] = work.rows(sa.select(accounts.c.name).where(accounts.c.id == row.folder_id))
        raise Invalid(NOT_HERE.format(name=elsewhere.name), field="document")
    if len(thread.patients) > 1 and work.row(sa.select(files.c.id).where(files.c.id == row.id, for_its_patient())) is not None:
        raise Invalid(PRIVATE.format(name=owner.nick), field="document")


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be sent in a thread, the newest first. more: the document to go on behind, or "".

    readers: what the patients are called who read what is another's. taken_back: there is a file of the actor's own to be sent anew instead.
    """

    documents: tuple[Document, ...]
    more: str
    readers: tuple[str, ...]
    taken_back: bool


@view(Permission.FILE_FORWARD)
def chosen(work: Work, thread_uid: str, uid: str) -> tuple[Document, tuple[str, ...]]:
    """Return a document that the actor may send in a thread, and what the patients are called who would see it besides whose it is. Raises: NotFound."""
    thread = work.thread(thread_uid)
    found, _ = documents(work, sa.and_(sendable(thread, work.member(thread)), files.c.uid == uid))
    if not found:
        raise NotFound()
    return found[0], other_readers(thread, found[0].owner_uid)


@action("file.choose", Permission.FILE_FORWARD, on=thread_for, fields=(Uid("before", "Before", required=False),), gated=False)
def choose(work: Work, thread: LoadedThread, before: str | None) -> Choice:
    """Return what the actor may send in a thread from Images & Documents; for staff that opens a patient's folder, so it is audited."""
    me = work.member(thread)
    found, more = documents(work, sendable(thread, me), before)
    readers = other_readers(thread, me.uid)
    return Choice(found, more, readers if me.role is Role.PATIENT or len(readers) > 1 else (), any_taken_back(work, thread))
