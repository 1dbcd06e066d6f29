"""Away, do not disturb and back: what people's clients say of them is told to the others at most once a second, the newest of it.

Owns whose availability is not announced yet. Whoever flips it would else have each flip copied to everybody present.
May import the package. Source: XEP-0045 section 7.7.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from xmpp_components.rooms import presence
from xmpp_components.rooms.room import Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

EVERY_SECONDS = 1.0


class Availability:
    """Announces what is remembered in the rooms already."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._changed: set[tuple[str, str]] = set()
        self._some = asyncio.Event()

    def changed(self, room: Room, handle: str) -> None:
        """Note that a person present is to be announced anew."""
        self._changed.add((room.uid, handle))
        self._some.set()

    async def work(self) -> None:
        """Announce what changed: the first at once, what follows after a second. Runs until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            self._announce()
            await asyncio.sleep(EVERY_SECONDS)

    def _announce(self) -> None:
        if not self._component.stream.online:
            self._some.set()  # nobody would hear it; later, then
            return
        changed, self._changed = self._changed, set()
        for uid, handle in changed:
            room = self._component.rooms.known(uid)
            if room is not None and room.present(handle) and (member := room.members.get(handle)):
                presence.announce(self._component, room, member)
