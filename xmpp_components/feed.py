"""The live feed of the page: each tab registers with its person's feed address and hears that there is something to fetch.

Owns who has a tab open. A feed carries no text: the page fetches what its reader may see. May import clinic and the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clinic import Actor
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import FEED_PREFIX, Request, Target
from xmpp_components.rooms import messages, presence
from xmpp_components.rooms.room import Member, Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads


@dataclass(slots=True)
class Tab:
    """One tab. ``thread``: uid of the thread that it has open, as far as its reader is a member."""

    address: str
    handle: str
    thread: str | None = None


class Feeds:
    """The open tabs, by person."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._tabs: dict[str, dict[str, Tab]] = {}

    def __bool__(self) -> bool:
        return bool(self._tabs)

    def has(self, handle: str) -> bool:
        """Returns: whether the person has a tab open."""
        return handle in self._tabs

    def tabs(self) -> list[Tab]:
        """Returns: every open tab."""
        return [tab for tabs in self._tabs.values() for tab in tabs.values()]

    def tab(self, handle: str, address: str) -> Tab | None:
        """Returns: a person's tab, or None."""
        return self._tabs.get(handle, {}).get(address)

    def add(self, tab: Tab) -> None:
        """Remember a tab."""
        self._tabs.setdefault(tab.handle, {})[tab.address] = tab

    def answers(self, handle: str) -> bool:
        """Returns: whether it is this process that answers a person's tabs and stores that they are there; news come from all."""
        return self._component.share.has(FEED_PREFIX + handle)

    async def enter(self, handle: str, address: str) -> Tab:
        """Remember a new tab, stored by one process, so that it survives a crash of each. Returns: the tab."""
        if self.answers(handle):
            await self._component.submit(Actor.system(), "live.enter", address=address, kind="feed", thread=None, handle=handle)
        tab = Tab(address, handle)
        self.add(tab)
        return tab

    def drop(self, handle: str, address: str) -> None:
        """A tab was closed or cannot be reached."""
        tab = self._tabs.get(handle, {}).pop(address, None)
        if tab is None:
            return
        if not self._tabs[handle]:
            del self._tabs[handle]
        if self.answers(handle):
            self._component.submit(Actor.system(), "live.leave", address=address, kind="feed", thread=None)
        self.show(tab, None)

    def show(self, tab: Tab, room: Room | None) -> None:
        """A tab turns to another thread, or to none: its reader is present there."""
        before = self._component.rooms.known(tab.thread or "")
        if before is not None and before is not room:
            presence.leave_page(self._component, before, tab.address)
        tab.thread = room.uid if room else None
        if room is not None and tab.address not in room.pages:
            presence.enter_page(self._component, room, tab.address, tab.handle)

    # --- what tabs hear

    def _send(self, handle: str, inside: wire.Xml) -> None:
        if handle not in self._tabs:
            return
        copy = wire.stanza("message", {"from": f"{FEED_PREFIX}{handle}@{self._component.domain}", "type": "headline"}, inside)
        self._component.fanout.send(copy, self._tabs[handle])

    def answer(self, tab: Tab) -> None:
        """Tell one tab that it is served."""
        address = f"{FEED_PREFIX}{tab.handle}@{self._component.domain}"
        copy = wire.stanza("message", {"from": address, "type": "headline"}, wire.element("ready", {"xmlns": wire.FEED}))
        self._component.send(copy, tab.address)

    def ready(self, handle: str) -> None:
        """Tell a person's tabs that they are served: they fetch what they may have missed."""
        self._send(handle, wire.element("ready", {"xmlns": wire.FEED}))

    def news(self, handle: str, thread: str, entry: str) -> None:
        """Tell a person's tabs of a new entry that the person may see."""
        if handle in self._tabs:  # most have none, and this runs for each member and entry
            self._send(handle, wire.element("news", {"xmlns": wire.FEED, "thread": thread, "uid": entry}))

    def marks(self, room: Room, handles: Iterable[str]) -> None:
        """Tell these people's tabs that marks moved which they can see the effect of."""
        for handle in handles:
            self._send(handle, wire.element("marks", {"xmlns": wire.FEED, "thread": room.uid}))

    def typing(self, room: Room, member: Member, state: str) -> None:
        """Tell the others' tabs that somebody writes, or has stopped."""
        told = state if state in ("composing", "paused") else "active"
        for handle in room.members:
            if handle != member.handle:
                self._send(handle, wire.element("typing", {"xmlns": wire.FEED, "thread": room.uid, "who": member.nick,
                                                           "state": told}))

    def threads(self, handle: str) -> None:
        """Tell a person's tabs that their list of threads changed."""
        self._send(handle, wire.element("threads", {"xmlns": wire.FEED}))


@handles("presence available", Target.FEED, policy=Policy.OWN_FEED)
async def register(component: Threads, request: Request) -> None:
    """Register a tab, or note which thread it has open now; stored, so that it survives a crash of the component."""
    asked = wire.child(request.xml, wire.FEED, "feed")
    if asked is None:
        return
    handle = request.person
    tab = component.feeds.tab(handle, request.sender)
    again = wire.child(request.xml, wire.SERVER, "again") is not None
    # Each presence is answered: a tab sends it again now and then to learn whether anybody still serves it. Of several processes
    # one answers; one that was away says to tabs which it did not know that there may be something to fetch.
    answers = tab is None if again else component.feeds.answers(handle)
    if tab is None:
        tab = await component.feeds.enter(handle, request.sender)
    room = await component.rooms.load_for(asked.get("thread", ""), handle)
    if room is not None and tab.thread != room.uid:
        await presence.store(component, room, tab.address, "page", room.members[handle])
        if handle not in room.members:  # the membership has ended meanwhile
            component.submit(Actor.system(), "live.leave", address=tab.address, kind="page", thread=room.uid)
            room = None
    if answers:
        component.feeds.answer(tab)
    component.feeds.show(tab, room)


@handles("presence unavailable", Target.FEED, policy=Policy.TRACES)
@handles("presence error", Target.FEED, policy=Policy.TRACES)
@handles("message error", Target.FEED, policy=Policy.TRACES)
def unregister(component: Threads, request: Request) -> None:
    """A tab is gone."""
    if request.handle is not None:
        component.feeds.drop(request.handle, request.sender)


@handles("message other", Target.FEED, policy=Policy.OWN_FEED)
async def typing(component: Threads, request: Request) -> None:
    """Pass on that somebody writes in the page."""
    note = wire.child(request.xml, wire.FEED, "typing")
    room = await component.rooms.load_for(note.get("thread", ""), request.person) if note is not None else None
    member = room.members[request.person] if room else None
    if note is not None and room is not None and member is not None and note.get("state") in ("composing", "paused", "active"):
        messages.typing(component, room, member, note.get("state", "active"))


