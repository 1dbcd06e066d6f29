"""Where a file begins: what was uploaded and checked becomes an entry of a thread, and a document of a folder; or goes to who takes it (RECEIVERS).
Imports clinic only.

A file in a thread with one patient is in that patient's folder too. In one with several, a patient's own is in theirs, and staff say whose
theirs belong to; nothing is guessed. What counts is who was there when it was announced: where that patient has left until it is sent, it is
in no folder and staff are asked. What comes with an internal note is in no folder.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.absence.replies import answer_if_away
from clinic.account.people import is_active
from clinic.actions import action
from clinic.calls import Door
from clinic.errors import Conflict, DomainError, Gated, Invalid, NotAcceptable, NotFound, NotYet
from clinic.fields import AppId, ClientId, Computed, Uid
from clinic.file.kinds import FilePayload, VoicePayload
from clinic.file.media import Form, Inspection, Purpose
from clinic.file.tables import blobs, files, uploads
from clinic.file.uploading import HELD_FOR, TOLERANCE_MS, VOICE_SECONDS, WAITING, State, own_upload, upload_row
from clinic.gates import pass_gates
from clinic.kinds import kind_of
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission, Role, can
from clinic.storage import new_id
from clinic.thread.actions import thread_for
from clinic.thread.marks import read_up_to
from clinic.thread.tables import threads
from clinic.work import Work

NOT_MEMBER = "You are not a member of this thread any more, so this was not sent."
NOT_ALLOWED = "Your account may not send this here any more, so it was not sent."
NOT_YET = "This file is still being looked at. Wait a moment and send it again."
NOT_THERE = "This file is not there any more. Choose it again and send it once more."


@dataclass(frozen=True, slots=True)
class Sending:
    """What is about to be sent. uid: of the file that it becomes. blob_id, found: its content, and what that was found to be.

    folder_id: whose folder staff have named (account id; the author's own for nobody's). request_uid: the request that it answers. origin:
    uid of the file that is sent on, or sent anew; origin_id: its row's, where it is sent on: then folder_id alone says whose folder it enters,
    and unfiled whether staff are asked.
    """

    uid: str
    blob_id: int
    found: Inspection
    size_bytes: int
    name: str
    purpose: Purpose
    note: bool = False
    folder_id: int | None = None
    request_uid: str | None = None
    by_app: bool = False
    origin_id: int | None = None
    origin: str = ""
    unfiled: bool = False


Claimant = Callable[[Work, LoadedThread, LoadedMember, Sending, "str | None", "str | None"], "str | None"]
"""Called with the thread, the author, what is sent, the client's id and the app's id. Returns: the uid of the entry that it has appended itself, or None."""
CLAIMANTS: list[Claimant] = []
"""Asked in order before a file is posted as such: whether it answers something that somebody was asked for. Each passes the gates itself, or need not."""

RECEIVERS: dict[Purpose, Callable[[Work, sa.Row[Any], Sending], str]] = {}
"""Who takes what is for no thread, by what it was uploaded for. Called with the upload's row and what it was found to be. Returns: why not, or ""."""


def send(
    work: Work, thread: LoadedThread, author: LoadedMember, sending: Sending, client_id: str | None, message_id: str | None = None
) -> str:
    """Post a checked file as its author's, past the gates, and put it into the folder that it belongs to. Returns: the entry's uid.

    Raises: Gated; Invalid for a sound that is too long for a voice message; NotPermitted where its author may not send such.
    """
    for claimant in CLAIMANTS:
        if (entry := claimant(work, thread, author, sending, client_id, message_id)) is not None:
            return entry
    if author.role is Role.PATIENT:
        pass_gates(work, author.account_id, thread)
    # What the worker posts on somebody's behalf was asked for by an action that required it. A sound from an app is a file to who may send no voice messages.
    voice = work.person_or_none is None or sending.purpose is Purpose.VOICE or work.may(Permission.VOICE_SEND, thread)
    payload = _payload(thread, author, sending, voice=voice)
    if work.person_or_none is not None:
        spoken = isinstance(payload, VoicePayload) and sending.origin_id is None  # what is sent on was said by somebody else
        work.require(Permission.VOICE_SEND if spoken else Permission.FILE_UPLOAD, thread)
    audience = Audience.STAFF if sending.note else Audience.EVERYONE
    entry = work.append(thread, payload, audience, author=author, client_id=client_id, message_id=message_id)
    place(work, thread, author, sending, entry, kind_of(payload).name, _folder(thread, author, sending))
    answer_if_away(work, thread, author)
    return entry


def place(
    work: Work, thread: LoadedThread, author: LoadedMember, sending: Sending, entry: str, kind: str, folder_id: int | None
) -> None:
    """Keep where a file is: with its entry in a thread and, unless folder_id is None, in the folder of that account."""
    work.insert(
        files, id=new_id(), uid=sending.uid, blob_id=sending.blob_id, thread_id=thread.id, entry_uid=entry, folder_id=folder_id,
        name=sending.name, kind=kind, added_by=author.account_id, added_at=work.now, origin_id=sending.origin_id,
    )


def _folder(thread: LoadedThread, author: LoadedMember, sending: Sending) -> int | None:
    if sending.note:
        return None
    if sending.origin_id is not None:
        return sending.folder_id
    if author.role is Role.PATIENT:
        return author.account_id
    patients = [one.account_id for one in thread.patients]
    if sending.folder_id is not None:  # as was said of it, also where that patient has left since: it never becomes another's
        return sending.folder_id if sending.folder_id in patients else None
    return patients[0] if len(patients) == 1 else None


def _asked(thread: LoadedThread, author: LoadedMember, sending: Sending) -> bool:
    """Say whether staff are asked whose folder it belongs to: nobody has said it, or whom they named is not there any more."""
    if sending.origin_id is not None:
        return sending.unfiled
    open_still = sending.folder_id != author.account_id and _folder(thread, author, sending) is None
    return open_still and author.role.is_staff and not sending.note and bool(thread.patients)


def is_voice(sending: Sending) -> bool:
    """Say whether a sound is a voice message: recorded as one in the page, sent by an app and short enough to be one, or one that is sent on."""
    sound = sending.found.form is Form.AUDIO
    short = (sending.found.duration_ms or 0) <= VOICE_SECONDS * 1000 + TOLERANCE_MS
    return sound and short and (sending.purpose is Purpose.VOICE or (sending.by_app and sending.origin_id is None))


def _payload(thread: LoadedThread, author: LoadedMember, sending: Sending, *, voice: bool) -> FilePayload | VoicePayload:
    found = sending.found
    if voice and is_voice(sending):
        return VoicePayload(
            sending.uid, sending.name, found.media_type, sending.size_bytes, found.duration_ms or 0, found.waveform, note=sending.note,
            origin=sending.origin, sent_on=sending.origin_id is not None,
        )
    if sending.purpose is Purpose.VOICE:
        raise Invalid("This is no sound of at most 120 seconds, so it is no voice message. Record it again, or send it as a file.", field="file")
    return FilePayload(
        sending.uid, sending.name, found.media_type, str(found.form), sending.size_bytes, found.width or 0, found.height or 0,
        found.duration_ms or 0, found.pages or 0, found.shown_type, found.shown_bytes, found.thumb, sending.note, unfiled=_asked(thread, author, sending),
        origin=sending.origin,
    )


# What was found of an upload, and what becomes of it.


def _checking(work: Work, uid: str) -> tuple[sa.Row[Any], LoadedThread | None]:
    """Return an upload and the thread that it is for, where it names one, both locked. Raises: NotFound."""
    meant = sa.select(threads.c.uid).join(uploads, uploads.c.thread_id == threads.c.id).where(uploads.c.uid == uid)
    named = work.row(meant) if work.actor.is_system else None
    thread = None if named is None else work.thread(named.uid)
    return upload_row(work, uid), thread  # read once the thread is ours: its sender may have given it up meanwhile


@action(
    "file.checked",
    Permission.SYSTEM,
    on=_checking,
    fields=(Computed("found", kind=Inspection), Computed("size_bytes", kind=int), Computed("sha256"), Computed("wrapped_key")),
)
def checked(
    work: Work, subject: tuple[sa.Row[Any], LoadedThread | None], found: Inspection, size_bytes: int, sha256: str, wrapped_key: str
) -> State:
    """Keep what an upload was found to be; it is posted in the thread that it was announced for, as its sender's. Twice is once.

    size_bytes, sha256: of the content as it is kept, which of a recording is not always what came. Where a gate holds its sender back meanwhile it
    waits for them with the reason. Returns: where the upload stands now.
    """
    row, thread = subject
    if row.state not in WAITING:
        return State(row.state)
    blob = new_id()
    work.insert(
        blobs, id=blob, uid=row.uid, size_bytes=size_bytes, sha256=sha256, wrapped_key=wrapped_key, media_type=found.media_type,
        form=found.form, width=found.width, height=found.height, duration_ms=found.duration_ms, waveform=json.dumps(found.waveform),
        pages=found.pages, shown_type=found.shown_type, shown_bytes=found.shown_bytes, thumb_type=found.thumb_type, created_at=work.now,
    )
    sending = Sending(
        row.uid, blob, found, size_bytes, row.name, Purpose(row.purpose), row.note, row.folder_id, row.request_uid
    )
    if thread is None:
        return _without_thread(work, row, sending)
    state, words = _sent(work, thread, row, sending)
    kept = {"expires_at": work.now + HELD_FOR} if state is State.HELD else {}
    work.update(uploads, row.id, state=state, words=words, **kept)
    work.audit_detail(state=str(state), thread=thread.uid)
    return state


def _without_thread(work: Work, row: sa.Row[Any], sending: Sending) -> State:
    state, words = State.READY, ""
    if (receiver := RECEIVERS.get(sending.purpose)) is not None:
        words = receiver(work, row, sending)
        state = State.REFUSED if words else State.SENT
    elif row.folder_id is not None:  # a handout
        state = State.SENT
        work.insert(
            files, id=new_id(), uid=sending.uid, blob_id=sending.blob_id, folder_id=row.folder_id, name=sending.name, kind="file",
            added_by=row.account_id, added_at=work.now,
        )
    work.update(uploads, row.id, state=state, words=words)
    return state


def _sent(work: Work, thread: LoadedThread, row: sa.Row[Any], sending: Sending) -> tuple[State, str]:
    author = thread.members.get(row.account_id)
    if author is None or not is_active(work, row.account_id):
        return State.REFUSED, NOT_MEMBER
    if author.role != row.role or not can(author.role, Permission.FILE_UPLOAD):
        return State.REFUSED, NOT_ALLOWED
    try:
        send(work, thread, author, sending, row.client_id)
    except Gated as error:
        return State.HELD, error.text
    except DomainError as error:
        return State.REFUSED, error.text
    return State.SENT, ""


def found_of(blob: sa.Row[Any]) -> Inspection:
    """Return what a blob's row says of its content."""
    return Inspection(
        blob.media_type, Form(blob.form), blob.width, blob.height, blob.duration_ms, tuple(json.loads(blob.waveform)), blob.pages,
        blob.shown_type, blob.shown_bytes, blob.thumb_type,
    )


def _own_checked(work: Work, uid: str) -> tuple[sa.Row[Any], sa.Row[Any]]:
    try:
        row = own_upload(work, uid)
    except NotFound:
        raise NotFound(NOT_THERE) from None
    if row.state == State.CANCELLED:
        raise NotFound(NOT_THERE)
    if row.state == State.REFUSED:
        raise NotAcceptable(row.words or NOT_THERE)
    if row.state in WAITING:
        raise NotYet(NOT_YET)
    blob = work.row(sa.select(blobs).where(blobs.c.uid == uid))
    if blob is None:
        raise NotFound(NOT_THERE)
    return row, blob


@action(
    "file.send",
    Permission.FILE_UPLOAD,
    on=thread_for,
    fields=(
        Uid("file", "File"),
        ClientId("client_id"),
        ClientId("earlier_client_id", required=False),
        AppId("message_id", required=False),
    ),
    batchable=True,
    audited=False,
    gated=False,
    same=lambda payload, values: getattr(payload, "file", None) == values["file"],
)
def send_checked(work: Work, thread: LoadedThread, file: str, client_id: str, earlier_client_id: str | None, message_id: str | None) -> str:
    """Post an own upload that was checked: one of an app, which names it in a message, or one that a gate had held back.

    It passes the gates in `send`, unless something waits for it. file: the upload's uid. Returns: the entry's uid.
    Raises: NotFound, NotAcceptable where it was refused, NotYet while it is being checked, Conflict when it was sent already, Gated, Invalid,
    NotPermitted.
    """
    row, blob = _own_checked(work, file)
    if row.state == State.SENT:
        raise Conflict("This file was sent already.")
    if row.thread_id not in (None, thread.id):
        raise NotFound(NOT_THERE)
    author, by_app = work.member(thread), work.actor.door is Door.XMPP
    if by_app:
        read_up_to(work, thread, author, author.delivered_seq)
    sending = Sending(
        row.uid, blob.id, found_of(blob), blob.size_bytes, row.name, Purpose(row.purpose), row.note, row.folder_id, row.request_uid,
        by_app=row.thread_id is None,
    )
    entry = send(work, thread, author, sending, row.client_id if row.thread_id else client_id, message_id)
    work.update(uploads, row.id, state=State.SENT, words="")
    return entry


