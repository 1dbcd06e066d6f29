"""What a process that looks into files and the one that asked it say to each other: one line of JSON with its length before it. Standard library only.

The one that asked takes nothing on trust: what it hears may come from whoever made the file.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LONGEST = 65_536
_LENGTH = struct.Struct("!I")


class Broken(Exception):
    """The other side has ended, or says what makes no sense."""


def send(to: socket.socket, message: dict[str, Any], *blobs: bytes) -> None:
    """Say something, with bytes behind it."""
    words = json.dumps(message).encode()
    to.sendall(_LENGTH.pack(len(words)) + words)
    for blob in blobs:
        to.sendall(blob)


def exactly(source: socket.socket, length: int) -> bytes:
    """Return the next `length` bytes. Raises: Broken, TimeoutError."""
    held = bytearray(length)
    view, have = memoryview(held), 0
    while have < length:
        count = source.recv_into(view[have:])
        if count == 0:
            raise Broken("ended")
        have += count
    return bytes(held)


def receive(source: socket.socket) -> dict[str, Any]:
    """Return what was said. Raises: Broken, TimeoutError."""
    [length] = _LENGTH.unpack(exactly(source, _LENGTH.size))
    if length > LONGEST:
        raise Broken("too long")
    try:
        message = json.loads(exactly(source, length))
    except (ValueError, RecursionError) as error:
        raise Broken("no JSON") from error
    if not isinstance(message, dict):
        raise Broken("no object")
    return message
