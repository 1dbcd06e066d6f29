"""How often somebody may do something: a bucket of tokens each, which fills steadily. Imports the standard library only."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

# Full buckets are forgotten beyond so many: a new one is full too.
KEPT = 5000


class Buckets:
    """One bucket a key. ``per_second``: how fast each fills; ``burst``: how much it holds; ``now``: seconds of a steady clock."""

    def __init__(self, per_second: float, burst: float, now: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._burst, self._now = per_second, burst, now
        self._buckets: dict[Hashable, tuple[float, float]] = {}
        self._kept = KEPT

    def take(self, key: Hashable) -> bool:
        """Take one token. Returns: whether there was one."""
        now = self._now()
        left = self._left(key, now)
        self._buckets[key] = (left - 1 if left >= 1 else left, now)
        if len(self._buckets) > self._kept:
            self._buckets = {one: bucket for one, bucket in self._buckets.items() if self._left(one, now) < self._burst}
            self._kept = max(KEPT, 2 * len(self._buckets))
        return left >= 1

    def _left(self, key: Hashable, now: float) -> float:
        left, at = self._buckets.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._per_second)
