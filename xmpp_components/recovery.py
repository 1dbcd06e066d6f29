"""Coming back: after a crash everybody is served at once without joining again; who is not there any more is found out.

Owns the ready mark. May import clinic and the package. Source: house rule 10, XEP-0410 (why clients would rejoin).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from clinic import Actor
from clinic.errors import Busy
from clinic.thread import relay
from xmpp_components import wire
from xmpp_components.feed import Tab
from xmpp_components.rooms import presence
from xmpp_components.rooms.room import Session

if TYPE_CHECKING:
    from xmpp_components.component import Threads

log = logging.getLogger(__name__)

ANSWER_SECONDS, PINGS_AT_ONCE, RETRY_SECONDS = 30.0, 50, 1.0


class Recovery:
    """Loads who was live, says that the component is ready, and asks everybody whether they are still there."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._ready = component.config.run_dir / "threads.ready"
        self._asking: asyncio.Task[None] | None = None

    async def load(self) -> None:
        """Put everybody back where they were, before the stream opens; waits for a busy database."""
        while True:
            try:
                live = await self._component.reader.view(Actor.system(), relay.live_now)
            except Busy:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                break
        for session in live:
            await self._put_back(session)
        if live:
            log.info("%d live sessions are served again", len(live))

    async def _put_back(self, session: relay.LiveSession) -> None:
        component = self._component
        room = await component.rooms.load(session.thread) if session.thread else None
        inside = room is not None and session.handle in room.members
        if session.kind == "feed":
            tab = Tab(session.address, session.handle, room.uid if room and inside else None)
            component.feeds.add(tab)
            if room is not None and inside:
                room.pages[session.address] = Session(session.address, session.handle)
        elif room is not None and inside:
            room.occupants[session.address] = Session(session.address, session.handle)
            room.cursor = room.confirmed = room.remembered
        else:
            component.submit(Actor.system(), "live.leave", address=session.address, kind="occupant", thread=session.thread)

    def opened(self) -> None:
        """The stream is open: send what is owed, and find out who is gone."""
        component = self._component
        self.mark_ready(True)
        for room in component.rooms:
            component.tail.push(room)
        for handle in {tab.handle for tab in component.feeds.tabs()}:
            component.feeds.ready(handle)
        component.tail.wake()
        component.jobs.wake()
        if self._asking is not None:
            self._asking.cancel()
        self._asking = component.background(self._ask_everybody())

    def closed(self) -> None:
        """The stream is gone; people stay where they are until it is back."""
        self.mark_ready(False)
        self._component.confirmation.rewind()

    def mark_ready(self, ready: bool) -> None:
        """Show other processes whether this one serves."""
        if ready:
            self._ready.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ready.touch()
        else:
            self._ready.unlink(missing_ok=True)

    async def _ask_everybody(self) -> None:
        component, places = self._component, asyncio.Semaphore(PINGS_AT_ONCE)
        gone: dict[str, list[Callable[[], None]]] = {}  # address → how to drop what it had
        for room in component.rooms:
            for address in room.occupants:
                gone.setdefault(address, []).append(partial(presence.drop, component, room, address))
        for tab in component.feeds.tabs():
            gone.setdefault(tab.address, []).append(partial(component.feeds.drop, tab.handle, tab.address))

        async def ask(address: str, drops: list[Callable[[], None]]) -> None:
            async with places:
                if not await self.answers(address):
                    for drop in drops:
                        drop()
        asks: list[Awaitable[None]] = [ask(address, drops) for address, drops in gone.items()]
        for outcome in await asyncio.gather(*asks, return_exceptions=True):
            if isinstance(outcome, ConnectionError):
                return  # the next stream asks again

    async def answers(self, address: str) -> bool:
        """Ping a client. Returns: whether it is there. Raises: ConnectionError. Source: XEP-0199."""
        try:
            answer = await self._component.stream.ask("get", address, wire.element("ping", {"xmlns": wire.PING}),
                                                      seconds=ANSWER_SECONDS)
        except TimeoutError:
            return False
        if answer.get("type") == "result":
            return True
        error = wire.stanza_child(answer, "error")
        return error is not None and error.find(f"{{{wire.STANZAS}}}feature-not-implemented") is not None
