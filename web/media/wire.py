"""What a process that looks into files and the one that asked it say to each other: one line of JSON with its length before it. Standard library only.

The one that asked takes nothing on trust: what it hears may come from whoever made the file.
"""

from __future__ import annotations

import json
import socket
import struct
import time
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


def exactly(source: socket.socket, length: int, until: float | None = None) -> bytes:
    """Return the next `length` bytes. until: when all must have come (time.monotonic), however slowly they do. Raises: Broken, TimeoutError."""
    held = bytearray(length)
    view, have = memoryview(held), 0
    while have < length:
        if until is not None:
            source.settimeout(left(until))
        count = source.recv_into(view[have:])
        if count == 0:
            raise Broken("ended")
        have += count
    return bytes(held)


def left(until: float) -> float:
    """Return how many seconds there are until then. Raises: TimeoutError where it is past."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def receive(source: socket.socket, until: float | None = None) -> dict[str, Any]:
    """Return what was said. until: as in `exactly`. Raises: Broken, TimeoutError."""
    [length] = _LENGTH.unpack(exactly(source, _LENGTH.size, until))
    if length > LONGEST:
        raise Broken("too long")
    try:
        message = json.loads(exactly(source, length, until))
    except (ValueError, RecursionError) as error:
        raise Broken("no JSON") from error
    if not isinstance(message, dict):
        raise Broken("no object")
    return message
