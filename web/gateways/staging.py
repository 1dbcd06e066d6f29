"""Uploads on their way in: encrypted from the first byte, kept over any interruption. Standard library and the gateway's own sealing.

Owns Staged and Taking. One upload is `<folder>/<uid>`, whole pieces one behind the other; beside it `<uid>.owner` says who writes.
How far it has come is how many whole pieces are there: what a cut or a kill leaves of one counts for nothing and is written over.
Whoever comes last owns it (a phone that is back has lost the connection that hangs): the one before finds that out at its next piece. Web
may be several processes, so the owner is named in a file, and that file is the lock in which pieces are written.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from web.gateways.faults import Damaged, NoRoom, TakenOver, TooMuch
from web.gateways.sealing import AT_WORK, CHUNK_BYTES, SEALED_CHUNK_BYTES, Seal, chunks_of, sealed_bytes

OWNER = ".owner"
LEFT_FREE_BYTES, LEFT_FREE_PART = 500_000_000, 20
"""How much of the disk files leave free, in bytes and as a part of it, whichever is less: on a full disk no message is accepted either."""


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO):
            raise NoRoom(error.strerror) from error
        raise


class Staged:
    """One upload as it is stored."""

    def __init__(self, folder: Path, seal: Seal) -> None:
        self.folder, self.seal = folder, seal
        self.path = folder / seal.uid
        self._owner = folder / f"{seal.uid}{OWNER}"

    @property
    def size(self) -> int:
        """How many bytes it has when it is whole."""
        return self.seal.size

    def take(self) -> Taking:
        """Go on with it, as its only writer from now on. Raises: NoRoom, also where what is left of the disk is for messages."""
        with _room():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            disk = shutil.disk_usage(self.folder)
            if disk.free < min(LEFT_FREE_BYTES, disk.total // LEFT_FREE_PART):
                raise NoRoom("what is left of the disk is for messages")
            content = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                owner = os.open(self._owner, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError:
                os.close(content)
                raise
        taking = Taking(self, content, owner)
        try:
            with _room():
                taking.begin()
        except BaseException:
            taking.close()
            raise
        return taking

    def offset(self) -> int:
        """Return how many bytes of its content are stored, without taking it over."""
        try:
            content = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            return self.seen(content)
        finally:
            os.close(content)

    def seen(self, content: int) -> int:
        """Return how many bytes an open file of it holds: whole pieces, the last of which opens.

        After a power cut a file may be as long as it was and its end empty.
        """
        stored = os.fstat(content).st_size
        whole = chunks_of(self.size) if stored >= sealed_bytes(self.size) else stored // SEALED_CHUNK_BYTES
        while whole:
            with contextlib.suppress(Damaged):
                self.seal.open(whole - 1, os.pread(content, SEALED_CHUNK_BYTES, (whole - 1) * SEALED_CHUNK_BYTES))
                break
            whole -= 1
        return min(whole * CHUNK_BYTES, self.size)

    def read(self, offset: int, length: int) -> bytes:
        """Return stored bytes as they are, still sealed."""
        with self.path.open("rb", buffering=0) as content:
            return os.pread(content.fileno(), length, offset)

    def remove(self) -> None:
        """Forget it. Whoever still writes to it stops at their next piece."""
        with contextlib.suppress(FileNotFoundError), self._owner.open("r+b", buffering=0) as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)
            owner.truncate(0)
            self.path.unlink(missing_ok=True)
            self._owner.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


class Taking:
    """An upload in the hands of one writer. `offset`: how many bytes of the content are stored. Close it in the end."""

    def __init__(self, staged: Staged, content: int, owner: int) -> None:
        self.staged, self._content, self._owner = staged, content, owner
        self._token = secrets.token_hex(16).encode()
        self._piece, self._held = bytearray(staged.seal.length(0)), 0  # made once: buffers that grow leave holes in the memory
        self.offset = 0

    def __enter__(self) -> Taking:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self) -> None:
        """Become its owner; what is no whole piece goes."""
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        try:
            os.ftruncate(self._owner, 0)
            os.pwrite(self._owner, self._token, 0)
            self.offset = self.staged.seen(self._content)
            os.ftruncate(self._content, sealed_bytes(self.offset))
        finally:
            fcntl.flock(self._owner, fcntl.LOCK_UN)

    def begin_anew(self) -> None:
        """Forget what is stored: all of it comes once more. Raises: TakenOver, NoRoom."""
        with self._mine():
            os.ftruncate(self._content, 0)
        self.offset = self._held = 0

    @property
    def whole(self) -> bool:
        """Whether all of it is stored."""
        return self.offset == self.staged.size

    def add(self, data: bytes) -> None:
        """Take more of the content; each piece that is whole is stored. Raises: TooMuch, TakenOver, NoRoom."""
        if self.offset + self._held + len(data) > self.staged.size:
            raise TooMuch()
        with memoryview(data) as given, memoryview(self._piece) as piece:
            place = 0
            while place < len(given):
                number = self.offset // CHUNK_BYTES
                length = self.staged.seal.length(number)
                more = min(len(given) - place, length - self._held)
                piece[self._held : self._held + more] = given[place : place + more]
                place += more
                self._held += more
                if self._held == length:
                    self._seal(number, piece[:length])
                    self.offset += length
                    self._held = 0

    def _seal(self, number: int, content: memoryview) -> None:
        with AT_WORK, content:
            sealed = self.staged.seal.close(number, content)
            with self._mine():
                self._store(sealed, number * SEALED_CHUNK_BYTES)
            del sealed  # gone before another may take its room

    def _store(self, sealed: bytearray, place: int) -> None:
        try:
            written = 0
            while written < len(sealed):
                written += os.pwrite(self._content, memoryview(sealed)[written:], place + written)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._content, place)
            raise

    @contextlib.contextmanager
    def _mine(self) -> Iterator[None]:
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        try:
            if os.pread(self._owner, 64, 0) != self._token:
                raise TakenOver()
            with _room():
                yield
        finally:
            fcntl.flock(self._owner, fcntl.LOCK_UN)

    def settle(self) -> None:
        """Have what is stored on the disk before anybody is told of it, also after a power cut. Raises: TakenOver, NoRoom."""
        with self.settled():
            pass

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Have what is stored on the disk; until the end of this nobody else goes on with it: what is told of it meanwhile is true.

        Raises: TakenOver, NoRoom.
        """
        with self._mine():
            os.fsync(self._content)
            folder = os.open(self.staged.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            yield

    def close(self) -> None:
        """Let go of it; what was no whole piece is lost."""
        for descriptor in (self._content, self._owner):
            if descriptor >= 0:
                os.close(descriptor)
        self._content = self._owner = -1
