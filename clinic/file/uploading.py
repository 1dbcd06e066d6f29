"""Uploads: bytes on their way in, from the moment they are announced until they are checked. Imports clinic only.

Nobody but their sender sees one. The bytes themselves are `web`'s matter; a process of its own looks at them (ops/checking.py), and what it
found comes as `file.checked`. There a file begins (sending.py); an app's begins later, with the message that names it (`file.send`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import action, view
from clinic.errors import Conflict, Gated, Invalid, NotFound, TooLong, TooMany
from clinic.fields import ClientId, Computed, Flag, Pick
from clinic.file.fields import ANNOUNCED
from clinic.file.kinds import size_in_words
from clinic.file.media import Purpose
from clinic.file.tables import uploads
from clinic.file.whose import NOBODY, folder_said, folders_named
from clinic.gates import pass_gates
from clinic.loading import LoadedThread
from clinic.permissions import Permission, Role
from clinic.storage import new_id, new_uid
from clinic.thread.actions import thread_for
from clinic.thread.tables import memberships, threads
from clinic.work import Work

MOST_BYTES = 200_000_000
VOICE_SECONDS, VIDEO_SECONDS = 120, 45
# A recorder stops a moment late.
TOLERANCE_MS = 500
LIMITS_MS = {Purpose.VOICE: VOICE_SECONDS * 1000 + TOLERANCE_MS, Purpose.VIDEO: VIDEO_SECONDS * 1000 + TOLERANCE_MS}
"""How long a recording may be, by what it is for."""
OPEN_AT_MOST = 50
UNTOUCHED_FOR = timedelta(minutes=5)
"""After so long a place to which nothing has come is not counted among those of its sender that are on their way."""
WAITING_BYTES_AT_MOST = 2_000_000_000
GOOD_FOR = timedelta(days=1)
HELD_FOR = timedelta(days=30)
"""How long bytes are awaited, and how long what a gate holds back is kept for its sender."""
FILES, CHECK_JOB = "files", "file.check"
"""The queue of what is to be checked, and its job."""
NOTE = Flag("note", "Internal note", required=False)
MANY = "Too many of your files are on their way at once. Wait until some have arrived, or cancel some."
TOO_LARGE = "This file has {size}; {most} is the most. Send a smaller one, or a part of it."


class State(StrEnum):
    """Where an upload stands."""

    OPEN = "open"  # bytes are awaited
    RECEIVED = "received"  # all are there, and are being looked at
    READY = "ready"  # checked, and sent nowhere yet: an app's message will say where
    HELD = "held"  # checked, and held back by a gate: its sender sends it later
    SENT = "sent"
    REFUSED = "refused"
    CANCELLED = "cancelled"


WAITING = (State.OPEN, State.RECEIVED)
EXEMPT: list[Callable[[Work], bool]] = []
"""Asked where a gate would keep a patient from uploading: whether something else waits for their upload."""


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload as its sender sees it. thread: uid, "" where none is named yet. words: why it was refused or is held back. note: for staff only."""

    uid: str
    thread: str
    purpose: str
    name: str
    size_bytes: int
    client_id: str
    state: State
    words: str
    expires_at: datetime
    note: bool = False


@dataclass(frozen=True, slots=True)
class UploadBytes:
    """An upload as the clinic's own processes need it that store and look at its bytes. wrapped_key: None until the first have come.

    account: uid of its sender; sender_active: whether that account is open still. slot: whether it is an app's, which puts it by its address alone.
    """

    uid: str
    account: str
    sender_active: bool
    slot: bool
    purpose: Purpose
    name: str
    media_type: str
    size_bytes: int
    state: State
    words: str
    wrapped_key: str | None
    expires_at: datetime


def begin_upload(
    work: Work,
    thread: LoadedThread | None,
    *,
    name: str,
    size_bytes: int,
    media_type: str,
    client_id: str,
    purpose: Purpose = Purpose.FILE,
    note: bool = False,
    folder_id: int | None = None,
    request_uid: str | None = None,
) -> str:
    """Keep a place for bytes that will come; the same client id again is the same upload. Returns: its uid. Raises: TooLong, Invalid, TooMany, Conflict."""
    if size_bytes == 0:
        raise Invalid("This file is empty, so there is nothing to send. Choose another one.", field="size_bytes")
    if size_bytes > MOST_BYTES:
        raise TooLong(TOO_LARGE.format(size=size_in_words(size_bytes), most=size_in_words(MOST_BYTES)), field="size_bytes")
    first = _announced(work, client_id)
    if first is not None:
        before = (first.name, first.size_bytes, first.thread_id, first.purpose, first.note, first.folder_id, first.request_uid)
        if before != (name, size_bytes, thread.id if thread else None, purpose, note, folder_id, request_uid):  # who will read it, too
            raise Conflict("Another file was announced under this id. Send it again as a new one.")
        return str(first.uid)
    _refuse_many(work, size_bytes)
    uid = new_uid()
    work.insert(
        uploads, id=new_id(), uid=uid, account_id=work.person.id, role=work.role, thread_id=thread.id if thread else None,
        purpose=purpose, name=name, media_type=media_type or "", size_bytes=size_bytes, note=note, folder_id=folder_id,
        request_uid=request_uid, client_id=client_id, state=State.OPEN, words="", created_at=work.now, expires_at=work.now + GOOD_FOR,
    )
    return uid


def _announced(work: Work, client_id: str) -> sa.Row[Any] | None:
    return work.row(sa.select(uploads).where(uploads.c.account_id == work.person.id, uploads.c.client_id == client_id))


def _refuse_many(work: Work, size_bytes: int) -> None:
    touched = sa.or_(uploads.c.wrapped_key.is_not(None), uploads.c.created_at > work.now - UNTOUCHED_FOR)
    many, whole = _on_their_way(work, work.person.id, touched)
    if many >= OPEN_AT_MOST or whole + size_bytes > WAITING_BYTES_AT_MOST:
        raise TooMany(MANY)


def _on_their_way(work: Work, account_id: int, counted: sa.ColumnElement[bool]) -> tuple[int, int]:
    """Return how many uploads of an account are sent nowhere yet, and their bytes. counted: which of them."""
    theirs = sa.and_(uploads.c.account_id == account_id, uploads.c.state.in_((*WAITING, State.READY)), uploads.c.expires_at > work.now, counted)
    [row] = work.rows(sa.select(sa.func.count().label("many"), sa.func.coalesce(sa.func.sum(uploads.c.size_bytes), 0).label("whole")).where(theirs))
    return row.many, row.whole


def _folder_kept(work: Work, thread: LoadedThread, given: str | None, client_id: str) -> int | None:
    """Return what is kept of whose folder staff say, as folder_said; of what is announced once more without a word of it, what was said before."""
    first = _announced(work, client_id) if given is None else None
    return folder_said(thread, work.member(thread), given) if first is None else first.folder_id


def same_file(payload: Any, values: Mapping[str, Any]) -> bool:
    """Say whether an entry is what comes once more under its id. A recording may be kept in another size than it came in (ops/checking.py)."""
    alike = getattr(payload, "size_bytes", None) == values["size_bytes"] or bool(getattr(payload, "duration_ms", 0))
    note = getattr(payload, "note", False) == bool(values.get("note"))
    return alike and note and getattr(payload, "name", None) == values["name"]


@action(
    "file.begin",
    Permission.FILE_UPLOAD,
    on=thread_for,
    fields=(
        *ANNOUNCED,
        NOTE,
        Pick("folder", "Whose Images & Documents", required=False, options=folders_named, needed=True),
        ClientId("client_id"),
    ),
    audited=False,
    same=same_file,
)
def begin(
    work: Work, thread: LoadedThread, name: str, size_bytes: int, media_type: str, note: bool | None, folder: str | None, client_id: str
) -> str:
    """Announce a file for a thread; once its bytes have come and were checked it is posted there under `client_id`.

    size_bytes: 1 to MOST_BYTES. note: for staff only. folder: the uid of the patient whose Images & Documents it belongs to, or NOBODY;
    staff say it where there are several. Returns: the upload's uid. Raises: Invalid, TooLong, TooMany, NotPermitted, Gated.
    """
    if note:
        work.require(Permission.NOTE, thread)
    folder_id = _folder_kept(work, thread, folder, client_id) if work.member(thread).role.is_staff and not note else None
    return begin_upload(
        work, thread, name=name, size_bytes=size_bytes, media_type=media_type, client_id=client_id, note=bool(note), folder_id=folder_id
    )


@action(
    "voice.begin",
    Permission.VOICE_SEND,
    on=thread_for,
    fields=(
        *ANNOUNCED,
        NOTE,
        ClientId("client_id"),
    ),
    audited=False,
    same=same_file,
)
def begin_voice(work: Work, thread: LoadedThread, name: str, size_bytes: int, media_type: str, note: bool | None, client_id: str) -> str:
    """Announce a voice message, of VOICE_SECONDS at most; it belongs where a file of its sender's would, staff's to nobody where there are several.

    As file.begin.
    """
    if note:
        work.require(Permission.NOTE, thread)
    whose = NOBODY if len(thread.patients) > 1 and _announced(work, client_id) is None else None
    folder_id = _folder_kept(work, thread, whose, client_id) if work.member(thread).role.is_staff and not note else None
    return begin_upload(
        work, thread, name=name, size_bytes=size_bytes, media_type=media_type, client_id=client_id, purpose=Purpose.VOICE, note=bool(note),
        folder_id=folder_id,
    )


@action(
    "file.begin_handout",
    Permission.FILE_HANDOUTS,
    fields=(*ANNOUNCED, ClientId("client_id")),
    audited=False,
    same=lambda _payload, _values: False,
)
def begin_handout(work: Work, name: str, size_bytes: int, media_type: str, client_id: str) -> str:
    """Announce a file for one's own folder of handouts. Returns: the upload's uid. Raises: as file.begin."""
    return begin_upload(work, None, name=name, size_bytes=size_bytes, media_type=media_type, client_id=client_id, folder_id=work.person.id)


@action(
    "file.slot",
    Permission.FILE_UPLOAD,
    fields=(*ANNOUNCED, ClientId("client_id")),
    audited=False,
    same=lambda _payload, _values: False,
)
def slot(work: Work, name: str, size_bytes: int, media_type: str, client_id: str) -> str:
    """Announce a file that an app uploads before it says where to. Source: XEP-0363.

    A patient who is held back in each of their threads is refused here already. Returns: the upload's uid. Raises: TooLong, Invalid, TooMany, Gated.
    """
    if work.role is Role.PATIENT and not any(exempt(work) for exempt in EXEMPT):
        _pass_one_gate(work)
    return begin_upload(work, None, name=name, size_bytes=size_bytes, media_type=media_type, client_id=client_id)


def _pass_one_gate(work: Work) -> None:
    mine = sa.select(threads.c.uid).join(memberships, memberships.c.thread_id == threads.c.id).order_by(threads.c.id)
    here = mine.where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None), threads.c.closed_at.is_(None))
    refused: Gated | None = None
    for thread in work.threads([row.uid for row in work.rows(here)]):
        try:
            pass_gates(work, work.person.id, thread)
        except Gated as error:
            refused = error
        else:
            return
    if refused is not None:
        raise refused


def _own(work: Work, uid: str) -> sa.Select[Any]:
    return sa.select(uploads).where(uploads.c.uid == uid, uploads.c.account_id == work.person.id)


def _there(row: sa.Row[Any] | None) -> sa.Row[Any]:
    if row is None:
        raise NotFound()
    return row


def own_upload(work: Work, uid: str) -> sa.Row[Any]:
    """Return an upload of the actor's, locked: it is being checked, or sent, at the same moment maybe. Raises: NotFound."""
    return _there(work.row(_own(work, uid).with_for_update()))


@action("file.cancel", Permission.FILE_UPLOAD, on=own_upload, audited=False)
def cancel(work: Work, upload: sa.Row[Any]) -> None:
    """Give up an upload of one's own that is not sent yet. Raises: NotFound; Conflict once it is sent: then it is taken back in its thread."""
    if upload.state == State.SENT:
        raise Conflict("This file was sent already. Take it back in its thread.")
    work.update(uploads, upload.id, state=State.CANCELLED, words="")


def upload_row(work: Work, uid: str) -> sa.Row[Any]:
    """Return any upload, locked, for the clinic's own processes. Raises: NotFound."""
    return _there(work.row(sa.select(uploads).where(uploads.c.uid == uid).with_for_update()) if work.actor.is_system else None)


@action("file.keep_key", Permission.SYSTEM, on=upload_row, fields=(Computed("wrapped_key"),), audited=False)
def keep_key(work: Work, upload: sa.Row[Any], wrapped_key: str) -> str:
    """Keep the key under which an upload's bytes are stored; the first one stays. Returns: the one that is kept.

    Only now do places count that stood untouched for long. Raises: TooMany, where the bytes of all of them would be too many.
    """
    if upload.wrapped_key is None:
        _, whole = _on_their_way(work, upload.account_id, uploads.c.wrapped_key.is_not(None))
        if whole + upload.size_bytes > WAITING_BYTES_AT_MOST:
            raise TooMany(MANY)
        work.update(uploads, upload.id, wrapped_key=wrapped_key)
    return upload.wrapped_key or wrapped_key


@action("file.received", Permission.SYSTEM, on=upload_row, audited=False)
def received(work: Work, upload: sa.Row[Any]) -> None:
    """Say that all bytes of an upload are there, and have them checked. Twice is once."""
    if upload.state == State.OPEN:
        work.update(uploads, upload.id, state=State.RECEIVED)
        work.enqueue(FILES, CHECK_JOB, upload=upload.uid)


@action("file.refuse", Permission.SYSTEM, on=upload_row, fields=(Computed("words"),))
def refuse(work: Work, upload: sa.Row[Any], words: str) -> None:
    """Say why an upload is not taken. Its sender reads it, and nobody else saw anything."""
    if upload.state in WAITING:
        work.update(uploads, upload.id, state=State.REFUSED, words=words)


@view(Permission.FILE_UPLOAD)
def upload_state(work: Work, uid: str) -> UploadView:
    """Return an upload of the actor's as it stands. Raises: NotFound."""
    return _seen(work, _there(work.row(_own(work, uid))))


@view(Permission.FILE_UPLOAD)
def uploads_waiting(work: Work, thread_uid: str) -> list[UploadView]:
    """Return the actor's uploads for a thread that are not sent yet, the oldest first: what a page that was closed goes on with, or says again."""
    thread = work.thread(thread_uid)
    states = (*WAITING, State.HELD, State.REFUSED)
    query = sa.select(uploads).where(uploads.c.account_id == work.person.id, uploads.c.thread_id == thread.id, uploads.c.state.in_(states))
    return [_seen(work, row) for row in work.rows(query.where(uploads.c.expires_at > work.now).order_by(uploads.c.id))]


@view(Permission.SYSTEM)
def upload_bytes(work: Work, uid: str) -> UploadBytes:
    """Return what there is to know of an upload's bytes. Raises: NotFound."""
    row = _there(work.row(sa.select(uploads).where(uploads.c.uid == uid)))
    sender = work.row(sa.select(accounts.c.uid, accounts.c.active).where(accounts.c.id == row.account_id))
    assert sender is not None
    return UploadBytes(
        row.uid, sender.uid, sender.active, row.thread_id is None and row.folder_id is None and row.purpose == Purpose.FILE,
        Purpose(row.purpose), row.name, row.media_type, row.size_bytes, State(row.state), row.words, row.wrapped_key, row.expires_at,
    )


@view(Permission.SYSTEM)
def staged(work: Work) -> set[str]:
    """Return the uids of the uploads whose bytes are still awaited or looked at; others' are not kept beside."""
    open_still = sa.and_(uploads.c.state == State.OPEN, uploads.c.expires_at > work.now)
    # What came whole is looked at however late.
    return {row.uid for row in work.rows(sa.select(uploads.c.uid).where(sa.or_(open_still, uploads.c.state == State.RECEIVED)))}


def _seen(work: Work, row: sa.Row[Any]) -> UploadView:
    named = None if row.thread_id is None else work.row(sa.select(threads.c.uid).where(threads.c.id == row.thread_id))
    return UploadView(
        row.uid, named.uid if named else "", row.purpose, row.name, row.size_bytes, row.client_id, State(row.state), row.words, row.expires_at,
        row.note,
    )
