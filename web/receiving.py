"""Bytes of an upload as they come in, up to where they end or are cut. Imports Flask, clinic and the gateway.

Owns receive, held_bytes, forget, Received, ANY_SIZE. What is stored when a connection is cut counts; the sender goes on from there. Once all is
there, on the disk, the clinic is told and has it looked at.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app, request
from werkzeug.exceptions import ClientDisconnected

from clinic.calls import Actor
from clinic.errors import Conflict, TooLong
from clinic.file.uploading import State, UploadBytes
from web.carrying import CARRYING, STOPPING
from web.db import clinic_db
from web.early import LOOK_AT, refuse_early
from web.gateways import storage
from web.gateways.faults import TakenOver, TooMuch
from web.gateways.staging import Staged, Taking

RECHECK_SECONDS = 1.0
ANY_SIZE = 1 << 40
"""For Flask, which else takes no more of a body than a form may have; here each upload says how large it may be."""
ARRIVING_PAUSE_SECONDS, ARRIVING_PAUSES = 0.05, 40
AT_ONCE = 32 * 1024
SYSTEM = Actor.system()
ELSEWHERE = "This upload goes on over another connection, or was given up."
MORE = "More came than was announced. Send the file again as a new one."


@dataclass(frozen=True, slots=True)
class Received:
    """What one request brought. offset: how far the upload has come. given: how many bytes came with it. cut: whether they ended early."""

    offset: int
    given: int
    cut: bool
    whole: bool


def staging(upload: UploadBytes) -> Staged:
    """Return where an upload's bytes are stored; its key is made with the first. Raises: Damaged."""
    store, key = storage.of(current_app.config["BEDSIDE"]), upload.wrapped_key
    if key is None:
        key = str(clinic_db().perform(SYSTEM, "file.keep_key", upload.uid, wrapped_key=store.new_key()).value)
    return store.staging(upload.uid, key, upload.size_bytes)


def forget(uid: str) -> None:
    """Remove what is stored of an upload that was given up."""
    storage.of(current_app.config["BEDSIDE"]).forget(uid)


def held_bytes(upload: UploadBytes, *, take: bool = False) -> int:
    """Return how many bytes of an upload are stored. take: as who goes on with it; what hangs in another request stores nothing more then."""
    if upload.state is not State.OPEN:
        return upload.size_bytes
    if upload.wrapped_key is None:
        return 0
    staged = staging(upload)
    if not take:
        return staged.offset()
    _let_arrive(staged)
    with staged.take() as taking:
        return taking.offset


def _let_arrive(staged: Staged) -> None:
    """Wait while what was sent before a cut, and lies in the kernel still, is being stored: it need not come again. What hangs brings nothing."""
    before = staged.offset()
    for _ in range(ARRIVING_PAUSES):
        time.sleep(ARRIVING_PAUSE_SECONDS)
        now = staged.offset()
        if now == before:
            return
        before = now


def receive(upload: UploadBytes, whose: str, at: int | None, still: Callable[[], bool]) -> Received:
    """Store what this request brings of an upload, from byte `at` on (None: from the beginning, whatever was there).

    whose: the account's uid. still: whether it is wanted; asked before anything is stored, as it may have come whole over another connection since it
    was looked up, and once a second. Raises: Conflict where another place is next or somebody else has gone on; NotAcceptable for what its beginning
    shows not to be taken; TooLong for more than was announced, before it is read where the request says so; Full, NoRoom, Damaged.
    """
    with CARRYING.begin(whose), staging(upload).take() as taking:
        try:
            return _received(taking, upload, at, still)
        except TakenOver:
            raise Conflict(ELSEWHERE) from None


def _received(taking: Taking, upload: UploadBytes, at: int | None, still: Callable[[], bool]) -> Received:
    """As receive. Raises: TakenOver too."""
    if not still():
        raise TakenOver()
    if at is None:
        taking.begin_anew()
    elif taking.offset != at:
        raise Conflict(f"The next byte of this upload is number {taking.offset}.")
    if (request.content_length or 0) > upload.size_bytes - taking.offset:
        raise TooLong(MORE)
    given, cut = _take_in(taking, upload, still)
    with taking.settled():
        if taking.whole:  # told while nobody can begin it anew: who is told that it has come sends it no more
            clinic_db().perform(SYSTEM, "file.received", upload.uid)
    return Received(taking.offset, given, cut, taking.whole)


def _take_in(taking: Taking, upload: UploadBytes, still: Callable[[], bool]) -> tuple[int, bool]:
    """Return how many bytes came, and whether they ended before the request said. Raises: as receive; TakenOver."""
    given, announced, due = 0, request.content_length, time.monotonic() + RECHECK_SECONDS
    looks = [place for place in LOOK_AT if taking.offset < place < upload.size_bytes]
    try:
        while data := request.stream.read(AT_ONCE):
            given += len(data)
            taking.add(data)
            if looks and taking.offset >= looks[0]:
                looks = [place for place in looks if place > taking.offset]
                refuse_early(taking.staged, taking.offset, upload)
            if STOPPING.is_set():
                return given, True
            if time.monotonic() >= due:
                if not still():
                    raise TakenOver()
                due = time.monotonic() + RECHECK_SECONDS
    except (ClientDisconnected, OSError):  # what is whole of it stays
        return given, True
    except TooMuch:
        raise TooLong(MORE) from None
    return given, announced is not None and given < announced
