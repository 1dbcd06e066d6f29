"""Starts the processes that look into files, gives them the bytes that they ask for, and ends them. Standard library only.

What they answer may come from whoever made the file: the caller checks it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from web.media import wire

WALL_SECONDS = 10.0
START_SECONDS = 30.0
LONGEST_READ = 1_048_576
MOST_BLOB_BYTES = 16_000_000


class Source(Protocol):
    """Bytes that can be read anywhere (clinic.file.media.Source)."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What a look at a file found, unchecked, and the pictures that were made of it by their names."""

    values: dict[str, Any]
    blobs: dict[str, bytes]


class Refused(Exception):
    """The look found a reason not to take the file. code: one of words.WORDS; values: what its words say."""

    def __init__(self, code: str, values: dict[str, Any]) -> None:
        super().__init__(code)
        self.code, self.values = code, values


class Died(Exception):
    """The process ended in the middle: the file crashed what reads it, or wanted more memory than there is."""


class TooSlow(Exception):
    """The look was not over in time."""


class Unavailable(Exception):
    """The process that looks into files does not start, or does not stay, just now: the machine is short of something. str(): why."""


class NoWalls(Unavailable):
    """This machine cannot look into files safely, now or later."""


class Sandbox:
    """One process that waits for files, started when it is needed. May be used by many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.alone = False
        """Whether the machine lets it have a network of its own with nothing in it."""

    def run(self, task: str, source: Source, *, seconds: float = WALL_SECONDS, **given: Any) -> Result:
        """Look at `source` in a process of its own. Returns: what it found.

        Raises: Refused; Died, TooSlow; Unavailable, NoWalls; and what `source.read` raises.
        """
        mine, theirs = socket.socketpair()
        with mine:
            with theirs:
                watch = self._begin(theirs)
            try:
                return _converse(mine, {"task": task, "size": source.size, "given": given}, source, time.monotonic() + seconds)
            except TimeoutError as error:
                raise TooSlow from error
            except (wire.Broken, OSError) as error:
                raise Died(str(error)) from error
            except _Read as error:
                raise error.reason from None
            finally:
                _end(watch)

    def close(self) -> None:
        """End the waiting process."""
        with self._lock:
            self._drop()

    def _begin(self, theirs: socket.socket) -> int:
        """Has a copy made for one file. Returns: the descriptor by which it is watched and ended."""
        with self._lock:
            for again in (True, False):
                if self._control is None or self._owner != os.getpid():
                    self._start()
                assert self._control is not None
                try:
                    socket.send_fds(self._control, [b"file"], [theirs.fileno()])
                    said, watches, _, _ = socket.recv_fds(self._control, 16, 1)
                except OSError:
                    said, watches = b"", []
                if said and watches:
                    return watches[0]
                self._drop()  # it had ended after a minute without work, or was killed
                if not again:
                    break
        raise Unavailable("The process that looks into files ends as soon as it is started.")

    def _start(self) -> None:
        if self._owner != os.getpid():  # this process is a copy of another one, whose child it is
            self._control = self._process = None
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-I", "-m", "web.media.child"]
        with theirs:
            self._process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={}, cwd="/", close_fds=True, start_new_session=True
            )
        self._control, self._owner = mine, os.getpid()
        mine.settimeout(START_SECONDS)
        try:
            said = mine.recv(600).decode(errors="replace")
        except OSError as error:
            said = f"no {error}"
        if not said.startswith("yes"):
            self._drop()
            raise Unavailable(said.removeprefix("no ") or "The process that looks into files does not start.")
        self.alone = "alone" in said

    def _drop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


class _Read(Exception):
    """The source could not be read: no fault of the file."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


def _converse(child: socket.socket, wanted: dict[str, Any], source: Source, until: float) -> Result:
    wire.send(child, wanted)
    while True:
        said = wire.receive(child, until)
        if "read" in said:
            piece = _piece(source, said["read"])
            child.settimeout(wire.left(until))
            child.sendall(piece)
        elif "done" in said:
            return Result(said["done"], dict(_blobs(child, said.get("blobs"), until)))
        elif "refused" in said and isinstance(said.get("values"), dict):
            raise Refused(str(said["refused"]), said["values"])
        elif "failed" in said:
            raise Died(str(said["failed"])[:100])
        elif "unconfined" in said:
            raise NoWalls(f"This machine has no seccomp ({str(said['unconfined'])[:100]}).")
        else:
            raise wire.Broken("unknown words")


def _piece(source: Source, asked: Any) -> bytes:
    if not (isinstance(asked, list) and len(asked) == 2 and all(type(one) is int for one in asked)):
        raise wire.Broken("no range")
    offset, length = asked
    if offset < 0 or not 0 < length <= LONGEST_READ or offset + length > source.size:
        raise wire.Broken("no such range")
    try:
        piece = source.read(offset, length)
    except Exception as error:
        raise _Read(error) from error
    if len(piece) != length:
        raise _Read(EOFError(f"{len(piece)} of {length} bytes at {offset}"))
    return piece


def _blobs(child: socket.socket, announced: Any, until: float) -> Iterator[tuple[str, bytes]]:
    if not isinstance(announced, dict) or len(announced) > 4:
        raise wire.Broken("no blobs")
    for name, length in announced.items():
        if type(length) is not int or not 0 <= length <= MOST_BLOB_BYTES:
            raise wire.Broken("no length")
        yield name, wire.exactly(child, length, until)


def _end(watch: int) -> None:
    """Ends a copy whole, if it has not ended, and waits for it."""
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(watch, signal.SIGKILL)
        poll = select.poll()
        poll.register(watch, select.POLLIN)
        poll.poll(5000)
    finally:
        os.close(watch)
