"""Where a process begins that looks into files: `python -I -m web.media.child`, with a socket as its standard input. Never run by hand.

It loads the libraries once and then waits: for each file it makes a copy of itself (a fork), which takes everything from itself but its memory
(`confine.py`), reads the one file through the socket that it was given, answers, and ends. The one that waits never sees a byte of any file. It ends
with whoever started it, and by itself after a minute without work.
"""

from __future__ import annotations

import gc
import io
import os
import select
import signal
import socket
import traceback
from collections import OrderedDict
from typing import Any

from web.media import wire

IDLE_SECONDS = 60
PIECE = 262_144
PIECES = 16
WALL_SECONDS = 12


class RemoteFile(io.RawIOBase):
    """The bytes of a file that is with whoever asked, fetched in pieces as they are read; the last few are kept."""

    def __init__(self, asked: socket.socket, size: int) -> None:
        super().__init__()
        self.asked, self.size = asked, size
        self._at = 0
        self._pieces: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self.size)[whence])
        return self._at

    def readinto(self, into: Any) -> int:
        number, start = divmod(self._at, PIECE)
        if self._at >= self.size:
            return 0
        piece = self._piece(number)
        part = piece[start : start + len(into)]
        into[: len(part)] = part
        self._at += len(part)
        return len(part)

    def read(self, size: int | None = -1) -> bytes:
        """Return all of the `size` bytes, which most libraries take for granted; fewer only at the end."""
        if size is None or size < 0:
            size = self.size
        parts = bytearray()
        while len(parts) < size:
            number, start = divmod(self._at, PIECE)
            part = self._piece(number)[start : start + size - len(parts)] if self._at < self.size else b""
            if not part:
                break
            self._at += len(part)
            parts += part
        return bytes(parts)

    def at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset` on."""
        self.seek(offset)
        return self.read(length)

    def _piece(self, number: int) -> bytes:
        if number in self._pieces:
            self._pieces.move_to_end(number)
            return self._pieces[number]
        length = min(PIECE, self.size - number * PIECE)
        wire.send(self.asked, {"read": [number * PIECE, length]})
        piece = self._pieces[number] = wire.exactly(self.asked, length)
        if len(self._pieces) > PIECES:
            self._pieces.popitem(last=False)
        return piece


def _answer(asked: socket.socket) -> None:
    """Does what one file is to be looked at for, in the copy that was made for it."""
    from web.media import confine, looking
    from web.media.found import Refused

    try:
        confine.confine()
    except OSError as error:
        wire.send(asked, {"unconfined": f"{type(error).__name__} {error.errno}"})
        return
    wanted = wire.receive(asked)
    if wanted["task"] == "proof":
        wire.send(asked, {"done": confine.proof(), "blobs": {}})
        return
    try:
        found, blobs = looking.TASKS[wanted["task"]](RemoteFile(asked, wanted["size"]), **wanted["given"])
    except Refused as refused:
        wire.send(asked, {"refused": refused.code, "values": refused.values})
    except Exception as error:  # noqa: BLE001 (a reader that fails as nobody foresaw: where, and nothing of what it read)
        wire.send(asked, {"failed": _place(error)})
    else:
        wire.send(asked, {"done": found, "blobs": {name: len(blob) for name, blob in blobs.items()}}, *blobs.values())


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{type(error).__name__} in {last[0].name if last else ''}:{last[0].lineno if last else 0}"


def _copy(control: socket.socket, given: int) -> int:
    """Makes a copy that looks at one file. Returns: its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        control.close()
        os.dup2(1, 0)
        signal.alarm(WALL_SECONDS)
        _answer(socket.socket(fileno=given))
    except BaseException:  # noqa: BLE001 (whatever it was, whoever asked hears nothing and knows what that means)
        os._exit(1)
    os._exit(0)


def _reap() -> bool:
    """Returns: whether there are copies at work."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def main() -> None:
    """Waits for files until whoever started it has gone, or nobody has asked for a minute."""
    control = socket.socket(fileno=os.dup(0))
    quiet = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(quiet, number)
    os.close(quiet)
    try:
        from web.media import confine, looking

        looking.prepare()
        alone = confine.without_network()
    except Exception as error:  # noqa: BLE001 (a missing library or a broken one: whoever asked says it in words)
        control.send(f"no {error}".encode()[:500])
        return
    control.send(b"yes, alone" if alone else b"yes")
    gc.collect()
    gc.freeze()
    waited = 0
    while waited < IDLE_SECONDS:
        ready, _, _ = select.select([control], [], [], 1)
        if _reap():
            waited = 0
        if not ready:
            waited += 1
            continue
        waited = 0
        said, given, _, _ = socket.recv_fds(control, 16, 1)
        if not said:
            return
        pid = _copy(control, given[0])
        os.close(given[0])
        watch = os.pidfd_open(pid)
        socket.send_fds(control, [b"begun"], [watch])
        os.close(watch)


if __name__ == "__main__":
    main()
