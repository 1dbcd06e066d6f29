"""Coming back: after a crash everybody is served at once without joining again; what happened meanwhile is told.

Who is not there any more is found out by asking the XMPP server, not the clients: one that sleeps (XEP-0198) does not answer,
and one that does not know XEP-0199 answers as the server does for nobody.
Owns the ready mark. May import clinic and the package. Source: house rule 10, XEP-0410 (why clients would rejoin).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from clinic import Actor
from clinic.errors import Busy
from clinic.thread import relay
from xmpp_components import wire
from xmpp_components.feed import Tab
from xmpp_components.rooms import presence
from xmpp_components.rooms.room import Room, Session

if TYPE_CHECKING:
    from xmpp_components.component import Threads

log = logging.getLogger(__name__)

ANSWER_SECONDS, RETRY_SECONDS = 30.0, 1.0
ASKED_AT_ONCE = 100  # of the longest addresses, more than half of what one stanza may hold


class Recovery:
    """Loads who was live, says that the component is ready, tells what happened while it was down, and finds out who is gone."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._ready = component.config.run_dir / f"{component.config.component_name}.ready"
        self._asking: asyncio.Task[None] | None = None
        # What people in a room do not know yet: who was shown to them and is no member now, and who is called otherwise.
        self._ended: dict[tuple[str, str], str] = {}  # (room, handle) → nick
        self._renamed: dict[tuple[str, str], str] = {}

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
            if session.kind != "occupant":  # feeds first: a page turns its tab to a thread
                self._component.feeds.add(Tab(session.address, session.handle))
        for session in live:
            if session.thread is not None and self._component.share.has(session.thread):
                await self._put_back(session, session.thread)
        if live:
            log.info("%d live sessions are served again", len(live))

    async def _put_back(self, session: relay.LiveSession, thread: str) -> None:
        component = self._component
        room = await component.rooms.load(thread)
        if room is None:
            component.submit(Actor.system(), "live.leave", address=session.address, kind=session.kind, thread=thread)
            return
        member = room.members.get(session.handle)
        if (tab := component.feeds.tab(session.handle, session.address)) is not None and member:
            tab.thread = room.uid
        inside = room.pages if session.kind == "page" else room.occupants
        # Whose membership has ended is let in for the moment of being shown out: nothing is sent to them in between.
        inside[session.address] = Session(session.address, session.handle)
        if member is None:
            self._ended[room.uid, session.handle] = session.nick or ""
        elif session.nick not in (None, member.nick):
            self._renamed[room.uid, session.handle] = session.nick or ""
        if session.kind == "occupant" and member:
            room.cursor = room.confirmed = room.remembered

    def opened(self) -> None:
        """The stream is open: send what is owed, and find out who is gone."""
        component = self._component
        self.mark_ready(True)
        component.background(component.fanout.ask())
        self._tell_what_happened()
        for room in component.rooms:
            component.tail.push(room)
        for handle in {tab.handle for tab in component.feeds.tabs()}:
            component.feeds.ready(handle)
        component.tail.wake()
        for jobs in component.queues:
            jobs.wake()
        if self._asking is not None:
            self._asking.cancel()
        self._asking = component.background(self._ask_everybody())

    def _tell_what_happened(self) -> None:
        """Show out whose membership ended while nobody could tell, and announce corrected names."""
        component, renamed = self._component, set[Room]()
        for (uid, handle), nick in self._ended.items():
            if (room := component.rooms.known(uid)) is not None and handle not in room.members:
                presence.show_out(component, room, presence.former(handle, nick))
        for (uid, handle), nick in self._renamed.items():
            if (room := component.rooms.known(uid)) is not None and (member := room.members.get(handle)) is not None:
                presence.rename(component, room, replace(member, nick=nick), member)
                renamed.add(room)
        for room in renamed:  # who talks with one person has a thread of that person's name
            for member in room.members.values():
                presence.retitle(component, room, member)
        self._ended.clear()
        self._renamed.clear()

    def closed(self) -> None:
        """The stream is gone; people stay where they are until it is back."""
        self.mark_ready(False)
        self._component.fanout.closed()
        self._component.confirmation.rewind()

    def mark_ready(self, ready: bool) -> None:
        """Show other processes whether this one serves."""
        if ready:
            self._ready.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._ready.touch()
        else:
            self._ready.unlink(missing_ok=True)

    async def _ask_everybody(self) -> None:
        component = self._component
        addresses = {address for room in component.rooms for address in room.occupants}
        addresses.update(tab.address for tab in component.feeds.tabs())
        asked = sorted(addresses)
        for start in range(0, len(asked), ASKED_AT_ONCE):
            for address in await self._gone(asked[start:start + ASKED_AT_ONCE]):
                self._drop(address)

    def _drop(self, address: str) -> None:
        component = self._component
        for room in component.rooms:
            if address in room.occupants:
                presence.drop(component, room, address)
        component.feeds.drop(wire.address(address).local, address)

    async def _gone(self, addresses: list[str]) -> list[str]:
        """Ask the server which of these sessions are not there. Returns: their addresses; none when the stream ends.

        A server that does not know the question leaves everybody where they are: what is sent to nobody comes back.
        """
        asked = [wire.element("session", {"jid": address}) for address in addresses]
        while True:
            try:
                answer = await self._component.stream.ask("get", self._component.server, wire.element(
                    "sessions", {"xmlns": wire.SERVER}, *asked), seconds=ANSWER_SECONDS)
            except TimeoutError:
                continue  # it is busy, and says nothing about anybody
            except ConnectionError:
                return []  # the next stream asks again
            if answer.get("type") != "result":
                log.warning("the XMPP server does not say which sessions are there")
            return [address for gone in answer.iter(f"{{{wire.SERVER}}}gone") if (address := gone.get("jid", "")) in addresses]
