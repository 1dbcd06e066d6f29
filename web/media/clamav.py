"""Asks ClamAV's daemon on this machine whether there is something harmful in a file. Standard library only.

Used where BEDSIDE_CLAMD names it: the path of its socket, or HOST:PORT on this machine. A file is sent to it as it is read, over a socket: it lies
decrypted on no disk of ours. Its language is four bytes of length and so many of content, again and again (clamd(8), INSTREAM); the library for it
has not been kept since 2014.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable

from clinic.config import is_this_machine

SECONDS = 60.0
PIECE = 262_144
_LENGTH = struct.Struct("!I")


class Away(Exception):
    """The daemon is not there, or does not answer as it should."""


class TooLarge(Exception):
    """The daemon takes no file of this size (StreamMaxLength in its settings)."""


class Scanner:
    """The daemon at `where`; one at an address that is none of this machine's is away, always."""

    def __init__(self, where: str, seconds: float = SECONDS) -> None:
        self.where, self.seconds = where, seconds

    def ping(self) -> None:
        """Ask whether it is there. Raises: Away."""
        if self._asked(b"zPING\0", ()) != "PONG":
            raise Away("it answers what makes no sense")

    def scan(self, content: Iterable[bytes]) -> str:
        """Send it the whole of a file. Returns: the name of what it found, "" for nothing. Raises: Away, TooLarge; what reading raises."""
        said = self._asked(b"zINSTREAM\0", content)
        if said == "stream: OK":
            return ""
        if said.startswith("stream: ") and said.endswith(" FOUND"):
            return said.removeprefix("stream: ").removesuffix(" FOUND")
        if "size limit exceeded" in said:
            raise TooLarge(said)
        raise Away(said[:200] or "it answers nothing")

    def _asked(self, command: bytes, content: Iterable[bytes]) -> str:
        try:
            with self._connected() as link:
                link.sendall(command)
                # It says no in the middle of what is too large for it, and takes no more.
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._send(link, content)
                return self._answer(link)
        except OSError as error:
            raise Away(error.strerror or type(error).__name__) from error

    def _connected(self) -> socket.socket:
        if not self.where.startswith("/"):
            host, _, port = self.where.rpartition(":")
            if not (port.isascii() and port.isdecimal() and is_this_machine(host)):
                raise Away(f"{self.where!r} is neither the path of its socket nor HOST:PORT of this machine")
            return socket.create_connection((host.strip("[]"), int(port)), self.seconds)
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self.seconds)
        try:
            link.connect(self.where)
        except OSError:
            link.close()
            raise
        return link

    @staticmethod
    def _send(link: socket.socket, content: Iterable[bytes]) -> None:
        sent = False
        for piece in content:
            for start in range(0, len(piece), PIECE):
                part = piece[start : start + PIECE]
                link.sendall(_LENGTH.pack(len(part)))
                link.sendall(part)
                sent = True
        if sent:
            link.sendall(_LENGTH.pack(0))

    @staticmethod
    def _answer(link: socket.socket) -> str:
        said = b""
        while not said.endswith(b"\0") and len(said) < 4096:
            try:
                part = link.recv(4096)
            except ConnectionResetError:
                break
            if not part:
                break
            said += part
        return said.rstrip(b"\0\n").decode(errors="replace")
