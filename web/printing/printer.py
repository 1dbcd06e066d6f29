"""Has HTML printed by a process of its own (child.py). Owns printed, NotPrinted. Standard library only."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

WALL_SECONDS = 30.0
AT_ONCE = 2
_places = threading.BoundedSemaphore(AT_ONCE)
logger = logging.getLogger("bedside.web")


class NotPrinted(Exception):
    """It was not printed. busy: only because others print just now."""

    def __init__(self, why: str, *, busy: bool = False) -> None:
        super().__init__(why)
        self.busy = busy


def printed(html: str, *, seconds: float = WALL_SECONDS) -> bytes:
    """Return a page as a PDF. It takes a second or two. Raises: NotPrinted."""
    if not _places.acquire(timeout=seconds):
        raise NotPrinted("others are printing", busy=True)
    try:
        command = [sys.executable, "-I", "-m", "web.printing.child"]
        done = subprocess.run(command, input=html.encode(), capture_output=True, timeout=seconds, env={}, cwd="/", check=False)
    except subprocess.TimeoutExpired:
        raise NotPrinted(f"it took more than {seconds:g} seconds") from None
    finally:
        _places.release()
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF"):
        # Only the kind of failure: a traceback might quote what was to be printed.
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise NotPrinted(f"the process ended with {done.returncode} ({last.partition(':')[0][:80]})")
    return done.stdout
