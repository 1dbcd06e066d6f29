"""Messages that wait until their uploads were looked at: one look for all that wait for the same, and so many messages a person.

Owns Checks. May import clinic. What waits is in this process alone: after a restart its sender's app sends it again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from clinic import Actor
from clinic.errors import TooMany
from clinic.file.uploading import State, upload_state

if TYPE_CHECKING:
    from xmpp_components.writer import Reader

# How long a message waits for its file to be checked, and how often that is asked: first, and at last.
CHECKED_WITHIN_SECONDS, LOOK_SECONDS, SELDOM_SECONDS = 60.0, 0.5, 3.0
MOST_EACH = 20
MANY = "Too many of your messages wait for their files to be looked at. This one was not sent: wait a moment and send it again."


class Checks:
    """The uploads that messages wait for now."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._looks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._waiting: Counter[str] = Counter()

    async def over(self, handle: str, file: str) -> None:
        """Wait until an upload of a person was looked at, or for as long as a message waits. Raises: TooMany; DomainError where it is none of theirs."""
        if self._waiting[handle] >= MOST_EACH:
            raise TooMany(MANY)
        self._waiting[handle] += 1
        try:
            look = self._looks.get((handle, file))
            if look is None:
                look = self._looks[handle, file] = asyncio.create_task(self._look(handle, file))
                look.add_done_callback(lambda _look: self._looks.pop((handle, file), None))
            # Whoever gives up waiting takes the look from nobody else.
            await asyncio.shield(look)
        finally:
            self._waiting[handle] -= 1
            self._waiting += Counter()  # forgets those for whom none waits

    async def _look(self, handle: str, file: str) -> None:
        until, pause = time.monotonic() + CHECKED_WITHIN_SECONDS, LOOK_SECONDS
        while time.monotonic() < until and (await self._reader.view(Actor.xmpp(handle), upload_state, file)).state is State.RECEIVED:
            await asyncio.sleep(pause)
            pause = min(pause * 1.2, SELDOM_SECONDS)
