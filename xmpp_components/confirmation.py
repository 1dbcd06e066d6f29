"""What the XMPP server has really taken: a ping to it behind each burst is a barrier, as it answers in order.

Owns each room's ``confirmed`` seq and what follows from it: how far a thread counts as relayed (it may lag, never lead: bytes
in our own buffer die with us) and what counts as delivered. May import clinic and the package. Source: XEP-0199, house rule 10.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from clinic import Actor, Done
from clinic.log import Entry
from xmpp_components import wire
from xmpp_components.rooms.room import Room
from xmpp_components.writer import slices

if TYPE_CHECKING:
    from xmpp_components.component import Threads

EVERY_SECONDS = 1.0
# A server that is busy for longer is asked again; the answer that comes late then says nothing.
ANSWER_SECONDS, LAST_ANSWER_SECONDS = 60.0, 2.0


class Confirmation:
    """Asks the server at most once a second, one question in flight, while anything was sent that it has not answered for."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._some = asyncio.Event()

    def sent(self, room: Room, handle: str, entry: Entry) -> None:
        """Note that an entry was written to a person's session."""
        known = room.sent.get(handle)
        if known is None or known.seq < entry.seq:
            room.sent[handle] = entry
        self._some.set()

    def cursor_moved(self) -> None:
        """A room's cursor has moved."""
        self._some.set()

    def rewind(self) -> None:
        """The stream is gone and with it what the server has not answered for: it is sent again on the next one."""
        for room in self._component.rooms:
            room.rewind()

    def nobody_there(self, room: Room) -> None:
        """A room that nobody is in owes nobody anything: what it has come to is history to who joins."""
        if not room.occupants:
            room.confirmed = max(room.confirmed, room.cursor)

    async def work(self) -> None:
        """Ask and store as long as there is something to confirm. Runs until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            if not await self.once(ANSWER_SECONDS):
                self._some.set()
            await asyncio.sleep(EVERY_SECONDS)

    async def once(self, seconds: float = LAST_ANSWER_SECONDS) -> bool:
        """Confirm and store what was sent so far. Returns: whether that is all done."""
        answered = await self._ask(seconds)
        moved = [room for room in self._component.rooms if room.confirmed > room.remembered]
        failed = False
        for some in slices(moved):
            results = await asyncio.gather(*(self.store(room) for room in some), return_exceptions=True)
            failed = failed or any(isinstance(result, BaseException) for result in results)
        return answered and not failed

    async def _ask(self, seconds: float) -> bool:
        stream = self._component.stream
        burst = [(room, room.cursor, dict(room.sent)) for room in self._component.rooms if room.cursor > room.confirmed or room.sent]
        if not burst:
            return True
        try:
            # Any answer will do, a refusal too: what was sent before the question has been read.
            await stream.ask("get", self._component.server, wire.element("ping", {"xmlns": wire.PING}), seconds=seconds)
        except TimeoutError:
            return False
        except ConnectionError:
            return True  # rewound; what is sent again says so
        for room, cursor, sent in burst:
            room.confirmed = max(room.confirmed, cursor)
            for handle, entry in sent.items():
                if room.sent.get(handle) is entry:
                    del room.sent[handle]
                self._component.marks.delivered(room, handle, entry)
        return True

    def store(self, room: Room) -> asyncio.Future[Done]:
        """Store up to where the server has answered for a room. Returns: the commit's future."""
        reached = room.confirmed
        stored = self._component.submit(Actor.system(), "relay.advance", room.uid, seq=reached)

        def remembered(future: asyncio.Future[Done]) -> None:
            if not future.cancelled() and future.exception() is None:
                room.remembered = max(room.remembered, reached)
        stored.add_done_callback(remembered)
        return stored
