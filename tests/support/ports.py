"""Free loopback ports, and waiting for a condition instead of for a time."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from fcntl import LOCK_EX, LOCK_NB, flock
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from typing import TypeVar

T = TypeVar("T")

_FIRST, _LAST, _STEP = 20000, 32000, 10
_starts = count(os.getpid() % ((_LAST - _FIRST) // _STEP))


def _reserve(base: int) -> bool:
    """Keeps a place from other test runs on this machine for as long as this process lives."""
    folder = Path(gettempdir(), "bedside-test-ports")
    folder.mkdir(exist_ok=True)
    place = os.open(folder / str(base), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flock(place, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        os.close(place)
        return False
    return True


def free_base_port(needed: int = 6) -> int:
    """Returns the first of `needed` consecutive ports that nobody listens on, below the range of outgoing connections."""
    for number in _starts:
        base = _FIRST + number * _STEP % (_LAST - _FIRST)
        if not _reserve(base):
            continue
        with ExitStack() as stack:
            try:
                for port in range(base, base + needed):
                    probe = stack.enter_context(socket.socket())
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("unreachable")


def eventually(condition: Callable[[], T], seconds: float = 10.0, what: str = "") -> T:
    """Returns the condition's value once it is true. Raises AssertionError if that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or condition}"
        time.sleep(0.02)
    return value
