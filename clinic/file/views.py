"""Who may read a file now, and what there is to know of it. Imports clinic only. Asked for each request, however the file was named.

A file is read by who sees its entry in a thread that they are in; by the patient whose folder it is in; by staff who share a thread with
that patient; a handout by whose it is. A practitioner's photo is read through their profile alone (`readable_row`). Reading is never gated.
Source: product.md, Files, and "entitled to a thing only through threads".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import view
from clinic.calls import Actor, Door
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.file.media import Form
from clinic.file.tables import blobs, files, uploads
from clinic.file.uploading import State
from clinic.kinds import kind_named
from clinic.log import entries, visible
from clinic.permissions import Permission, Role
from clinic.thread.tables import threads
from clinic.thread.together import shares_thread
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class Readable:
    """A file that its reader may have. uid: of the file; blob: of its content, with the wrapped key that opens it.

    name: as the folder calls it to whom that is open, else as its entry does. shown_type, thumb_type: of the pictures that there are of it, or "".
    """

    uid: str
    blob: str
    name: str
    media_type: str
    form: Form
    size_bytes: int
    shown_type: str
    shown_bytes: int
    thumb_type: str
    wrapped_key: str
    sha256: str


def _selected() -> sa.Select[Any]:
    return sa.select(files, *(column.label(f"blob_{column.name}") for column in blobs.c)).join(blobs, blobs.c.id == files.c.blob_id)


def _sees_entry(work: Work, row: sa.Row[Any]) -> bool:
    named = None if row.thread_id is None else work.row(sa.select(threads.c.uid).where(threads.c.id == row.thread_id))
    if named is None:
        return False
    try:
        thread = work.thread(named.uid)
    except NotFound:
        return False
    me = work.member(thread)
    here = sa.and_(entries.c.thread_id == thread.id, entries.c.uid == row.entry_uid)
    return work.row(sa.select(entries.c.seq).where(here, visible(me.role, me.account_id, me.from_seq))) is not None


def entitled(work: Work, row: sa.Row[Any]) -> bool:
    """Say whether the actor may read a file, now. row: of `files`."""
    return row.withdrawn_at is None and work.role is not None and (_opens_folder(work, row) or _sees_entry(work, row))


def _opens_folder(work: Work, row: sa.Row[Any]) -> bool:
    """Say whether the actor may open the folder that a file is in."""
    if row.folder_id is None or work.role is None:
        return False
    return bool(row.folder_id == work.person.id) or (work.role.is_staff and shares_thread(work, row.folder_id, Role.PATIENT))


def file_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return a file's row, with its blob's columns as blob_<name>, through the actor. Raises: NotFound, also where it exists."""
    row = work.row(_selected().where(files.c.uid == uid)) if is_uid(uid) else None
    if row is None or not entitled(work, row):
        raise NotFound()
    return row


def name_sent(kind: str, payload: str) -> str:
    """Return what an entry of a kind calls the file that it shows: what those know who read it there, and not in a folder. payload: as it is stored."""
    return str(kind_named(kind).decode(payload).name)


def name_in_thread(work: Work, row: sa.Row[Any]) -> str:
    """Return what a file's entry calls it; one that was never sent has one name. row: of `files`.

    Staff call a document in a patient's folder as they like, maybe by what that patient has: no other patient is to read it.
    """
    here = sa.and_(entries.c.thread_id == row.thread_id, entries.c.uid == row.entry_uid)
    shown = None if row.entry_uid is None else work.row(sa.select(entries.c.payload).where(here))
    return str(row.name) if shown is None else name_sent(row.kind, shown.payload)


@view(Permission.FILE_READ)
def readable(work: Work, uid: str) -> Readable:
    """Return a file that the actor may read now, or an own upload that was checked and not sent yet. Raises: NotFound."""
    try:
        row = file_for(work, uid)
    except NotFound:
        return _own(work, uid)
    return _readable(row, row.name if _opens_folder(work, row) else name_in_thread(work, row))


def readable_row(work: Work, uid: str) -> Readable:
    """Return a file in no thread and no folder, which the caller knows the actor may have. Raises: NotFound where there is no such."""
    nowhere = sa.and_(files.c.thread_id.is_(None), files.c.folder_id.is_(None), files.c.withdrawn_at.is_(None))
    row = work.row(_selected().where(files.c.uid == uid, nowhere))
    if row is None:
        raise NotFound()
    return _readable(row, row.name)


def _readable(row: sa.Row[Any], name: str) -> Readable:
    return Readable(
        row.uid, row.blob_uid, name, row.blob_media_type, Form(row.blob_form), row.blob_size_bytes, row.blob_shown_type,
        row.blob_shown_bytes, row.blob_thumb_type, row.blob_wrapped_key, row.blob_sha256,
    )


def _own(work: Work, uid: str) -> Readable:
    mine = sa.and_(uploads.c.uid == uid, uploads.c.account_id == work.person.id, uploads.c.state.in_((State.READY, State.HELD)))
    row = work.row(sa.select(blobs, uploads.c.name).join(uploads, uploads.c.uid == blobs.c.uid).where(mine)) if is_uid(uid) else None
    if row is None:
        raise NotFound()
    return Readable(
        row.uid, row.uid, row.name, row.media_type, Form(row.form), row.size_bytes, row.shown_type, row.shown_bytes, row.thumb_type,
        row.wrapped_key, row.sha256,
    )


def recipient(account_uid: str) -> Actor:
    """Return the actor as whom somebody's own link is opened: in their care role, and only for reading."""
    return Actor(door=Door.PAGE, account=account_uid)


@view(Permission.SYSTEM)
def kept_blobs(work: Work, uids: list[str]) -> set[str]:
    """Return which of `uids` are blobs that are kept, for what sweeps the others' bytes."""
    return {row.uid for row in work.rows(sa.select(blobs.c.uid).where(blobs.c.uid.in_(uids)))}


@view(Permission.SYSTEM)
def senders(work: Work, uids: Sequence[str]) -> dict[str, str]:
    """Return whose uploads those are (uid: their sender's uid), for what looks at them in turn. What is gone is left out."""
    query = sa.select(uploads.c.uid, accounts.c.uid.label("sender")).join(accounts, accounts.c.id == uploads.c.account_id)
    return {row.uid: row.sender for row in work.rows(query.where(uploads.c.uid.in_(uids)))}
