"""Has HTML printed by a process of its own (child.py). Owns place, printed, NotPrinted, Taken. Standard library only."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

WALL_SECONDS = 30.0
AT_ONCE = 2
_printing: set[str] = set()
_lock = threading.Lock()
logger = logging.getLogger("bedside.web")


class NotPrinted(Exception):
    """It was not printed."""


class Taken(Exception):
    """As much is being printed as may be at once. own: by the same account."""

    def __init__(self, *, own: bool) -> None:
        super().__init__()
        self.own = own


@contextmanager
def place(whose: str) -> Iterator[None]:
    """Print within it: in each process of web two accounts at once, each one thing. whose: an account's uid. Raises: Taken.

    Nobody waits for a place: whoever does holds a thread, and those who read and write would be without.
    """
    with _lock:
        if whose in _printing or len(_printing) >= AT_ONCE:
            raise Taken(own=whose in _printing)
        _printing.add(whose)
    try:
        yield
    finally:
        with _lock:
            _printing.remove(whose)


def printed(html: str, *, seconds: float = WALL_SECONDS) -> bytes:
    """Return a page as a PDF, within a place. It takes a second or two. Raises: NotPrinted."""
    try:
        command = [sys.executable, "-I", "-m", "web.printing.child"]
        done = subprocess.run(command, input=html.encode(), capture_output=True, timeout=seconds, env={}, cwd="/", check=False)
    except subprocess.TimeoutExpired:
        raise NotPrinted(f"it took more than {seconds:g} seconds") from None
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF"):
        # Only the kind of failure: a traceback might quote what was to be printed.
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotPrinted(f"the process ended with {done.returncode} ({last.partition(':')[0][:80]})")
    return done.stdout
