"""Misdirected, and now to the right place: whoever has taken a file back sends it anew without uploading it again. Imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.actions import Offer, action
from clinic.errors import Invalid, NotFound
from clinic.fields import ClientId, Option, Pick
from clinic.file.folders import titles_of
from clinic.file.kinds import FORMS, size_in_words
from clinic.file.media import Form, Purpose
from clinic.file.sending import Sending, found_of, send
from clinic.file.tables import blobs, files
from clinic.file.views import name_sent
from clinic.file.whose import folder_said, folders_named
from clinic.loading import LoadedThread
from clinic.log import Audience, entries
from clinic.permissions import Permission
from clinic.storage import new_uid
from clinic.thread.actions import thread_for
from clinic.work import Work

WITHIN = timedelta(days=30)
OFFERED_FILES = 50
PRIVATE = "This video only you and the clinic's staff saw, and sent from here everybody in a thread would see it. Record it again, or upload it."
GONE = "This is none of the files that you have taken back in the last 30 days. Upload it again."


def _withdrawn(work: Work) -> sa.Select[Any]:
    """Return the select of the actor's own files that they have taken back lately, the newest first; what they had sent on lies where it was."""
    me = work.person.id
    shown_as = sa.and_(entries.c.thread_id == files.c.thread_id, entries.c.uid == files.c.entry_uid)
    return (
        sa.select(files, blobs.c.form, blobs.c.size_bytes, entries.c.audience, entries.c.addressee_id, entries.c.payload)
        .join(blobs, blobs.c.id == files.c.blob_id)
        .join(entries, shown_as)
        .where(files.c.added_by == me, files.c.withdrawn_by == me, files.c.withdrawn_at > work.now - WITHIN, files.c.origin_id.is_(None))
        .order_by(files.c.withdrawn_at.desc(), files.c.id.desc())
    )


def _for_all(work: Work) -> sa.Select[Any]:
    """Return the select of those that may be sent anew: what only its patient and staff saw would be seen by all."""
    return _withdrawn(work).where(entries.c.addressee_id.is_(None))


def _listed(work: Work, _thread: LoadedThread | None) -> Sequence[Option]:
    found = work.rows(_for_all(work).limit(OFFERED_FILES))
    titles = titles_of(work, {row.thread_id for row in found})
    zone = ZoneInfo(setting(work, "time_zone"))
    return [Option(row.uid, name_sent(row.kind, row.payload), _which(row, titles.get(row.thread_id, ("", ""))[1], zone)) for row in found]


def _which(row: sa.Row[Any], title: str, zone: ZoneInfo) -> str:
    """Return what tells a file from others of its name: what it is, where it was sent and when, and when it was taken back."""
    note = "of an internal note, " if row.audience == Audience.STAFF else ""
    where = f"in “{title}”" if title else "in a thread that you are not in any more"
    sent, back = (f"{at.astimezone(zone):%-d %B, %H:%M}" for at in (row.added_at, row.withdrawn_at))
    return f"{FORMS[Form(row.form)]}, {size_in_words(row.size_bytes)}; {note}sent {where} on {sent}; taken back on {back}"


def any_taken_back(work: Work, _thread: LoadedThread) -> bool:
    """Say whether the actor has taken a file back lately, which they may send anew."""
    return work.row(_for_all(work).limit(1)) is not None


@action(
    "file.refile",
    Permission.FILE_UPLOAD,
    on=thread_for,
    fields=(
        Pick("file", "File that you took back", options=_listed),
        Pick("folder", "Whose Images & Documents", required=False, options=folders_named, needed=True),
        ClientId("client_id"),
    ),
    same=lambda payload, values: getattr(payload, "origin", values["file"]) == values["file"],
    offer=Offer(
        "Send a file here that you took back",
        "refile",
        "Everybody in this thread will see it, other patients too; what was an internal note's stays one. Where it was sent wrongly it stays gone.",
        "Sent.",
        when=any_taken_back,
        otherwise="You have taken no file back in the last 30 days. Upload the file instead.",
    ),
)
def refile(work: Work, thread: LoadedThread, file: str, folder: str | None, client_id: str) -> str:
    """Send a file anew, as a new one over the same content, that the actor took back somewhere in the last 30 days. folder: as of file.begin.

    It is called as it was when it was sent: a folder that it was in by mistake may call it what its new readers are not to know.
    A file of an internal note is one of an internal note again; what only its patient and staff saw is not sent from here.
    Returns: the entry's uid. Raises: NotFound, Invalid, NotPermitted, Gated.
    """
    row = work.row(_withdrawn(work).where(files.c.uid == file))
    if row is None:
        raise NotFound(GONE)
    if row.addressee_id is not None:
        raise Invalid(PRIVATE, field="file")
    note = row.audience == Audience.STAFF
    if note:
        work.require(Permission.NOTE, thread)
    me = work.member(thread)
    [blob] = work.rows(sa.select(blobs).where(blobs.c.id == row.blob_id))
    sending = Sending(
        new_uid(), blob.id, found_of(blob), blob.size_bytes, name_sent(row.kind, row.payload),
        Purpose.VOICE if row.kind == "voice" else Purpose.FILE, note=note, origin=row.uid,
        folder_id=folder_said(thread, me, folder) if me.role.is_staff and not note else None,
    )
    work.audit_detail(new=sending.uid)
    return send(work, thread, me, sending, client_id)
