"""How many requests carry files at once, so that people who read and write never wait for those who load. Standard library only.

Owns CARRYING, STOPPING, Load, Full. A file keeps a thread for as long as it is on its way. Of gunicorn's 32 threads 24 may do that, 6 for one
account; whoever is one too many is told when to come again. Counted in each process of web.
"""

from __future__ import annotations

import threading
from collections import Counter

MOST, MOST_EACH = 24, 6
STOPPING = threading.Event()
"""Set when this process is to end: what is on its way ends too."""


class Full(Exception):
    """As many files are on their way as may be at once."""


class Load:
    """One request that carries a file, until its `end`."""

    def __init__(self, carrying: Carrying, whose: str) -> None:
        self._carrying, self._whose = carrying, whose
        self._over = False

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Make room for another; twice is once."""
        if not self._over:
            self._over = True
            self._carrying.ended(self._whose)


class Carrying:
    """The requests that carry files now. most, most_each: how many there may be, in all and of one account."""

    def __init__(self, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self.most, self.most_each = most, most_each
        self._lock = threading.Lock()
        self._of: Counter[str] = Counter()

    @property
    def now(self) -> int:
        """How many there are."""
        return self._of.total()

    def begin(self, whose: str) -> Load:
        """Count a request of an account (its uid). Raises: Full."""
        with self._lock:
            if self._of.total() >= self.most or self._of[whose] >= self.most_each:
                raise Full()
            self._of[whose] += 1
        return Load(self, whose)

    def ended(self, whose: str) -> None:
        """Count one less."""
        with self._lock:
            self._of[whose] -= 1
            self._of += Counter()  # forgets those who carry none


CARRYING = Carrying()
