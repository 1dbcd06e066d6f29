"""What the component remembers of the threads that somebody is looking at. Owns Room, Session and the cache of rooms.

A room is a copy of what the clinic's view ``relayed_thread`` says plus who is present; it is thrown away and read again at will.
May import clinic and the package above.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from clinic import Actor
from clinic.log import Entry, allowed
from clinic.text.overlay import amends, fold, fold_amending
from clinic.thread import relay
from clinic.thread.nicks import addressable

if TYPE_CHECKING:
    from xmpp_components.component import Threads

Member = relay.RelayedMember
UID = re.compile(r"[0-9a-z]{26}")
RECENT_ENTRIES = 200
LOADED_ROOMS = 1000
WANTED_SECONDS = 10.0


@dataclass(slots=True)
class Session:
    """One session of a person in a room: an XMPP client that joined, or a tab that has the thread open."""

    address: str
    handle: str
    show: str | None = None


class Room:
    """One thread as the component sees it.

    ``cursor``: the seq up to which everybody present was sent the log; ``confirmed``: up to which the server has answered
    for it; ``remembered``: what is stored of that; ``sent``: the newest entry to each person since the last answer.
    """

    def __init__(self, component: Threads, view: relay.RelayedThread) -> None:
        self.uid, self.jid = view.uid, f"{view.uid}@{component.domain}"
        self.page = component.config.shared_url  # where links in what is said lead
        self.links = component.links
        self.occupants: dict[str, Session] = {}
        self.pages: dict[str, Session] = {}
        self.cursor = self.confirmed = self.known = view.last_seq  # of later entries the tail tells
        self.remembered = view.relayed_seq
        self.sent: dict[str, Entry] = {}
        self.early: dict[int, Entry] = {}
        self.recent: dict[str, Entry] = {}
        # Members may be others now: nothing is sent until they have been read again (`renewing`: they are being read).
        self.stale = self.renewing = False
        self.marks_moved = False
        # When marks of other processes were noted last, by the loop's clock, and what `changed_at` of the thread was then.
        self.rung = False  # somebody else has written something since then
        self.marks_noted_at = 0.0
        self.marks_noted_of: datetime | None = None
        self.joining = 0
        self.wanted_at = time.monotonic()
        self.pump: asyncio.Task[None] | None = None
        self._occupant_ids: dict[str, str] = {}
        self._salt = hmac.digest(component.config.pepper, b"occupant-id\0" + view.uid.encode(), "sha256")
        self.adopt(view)

    def adopt(self, view: relay.RelayedThread) -> None:
        """Take over what the clinic says now."""
        self.version = view.version
        self.members: dict[str, Member] = {member.handle: member for member in view.members}

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Keep the room loaded while somebody is on the way in."""
        self.joining += 1
        try:
            yield
        finally:
            self.joining -= 1

    def behind(self) -> bool:
        """Returns: whether there is something to read or to send."""
        return self.stale or self.marks_moved or self.cursor < self.known

    def idle(self) -> bool:
        """Returns: whether nobody misses the room when it is thrown away."""
        return not (self.occupants or self.pages or self.joining or self.pump) and self.cursor <= self.remembered

    def sessions(self) -> Iterator[Session]:
        """Yields: every session in the room, tabs included."""
        yield from self.occupants.values()
        yield from self.pages.values()

    def present(self, handle: str) -> bool:
        """Returns: whether the person has any session in the room."""
        return any(session.handle == handle for session in self.sessions())

    def show_of(self, handle: str) -> str | None:
        """Returns: the availability that the person's newest client gave."""
        shown = [session.show for session in self.occupants.values() if session.handle == handle]
        return shown[-1] if shown else None

    def nick_jid(self, nick: str) -> str:
        """Returns: the address of an occupant."""
        return f"{self.jid}/{addressable(nick)}"

    def occupant_id(self, handle: str) -> str:
        """Returns: an opaque id of the person, the same in this room for ever, another in each. Source: XEP-0421."""
        found = self._occupant_ids.get(handle)
        if found is None:
            digest = hmac.digest(self._salt, handle.encode(), hashlib.sha256)
            found = self._occupant_ids[handle] = base64.urlsafe_b64encode(digest[:24]).decode()
        return found

    def remember(self, entry: Entry) -> None:
        """Keep a delivered entry for those who refer to it soon (markers), as it reads now: what was taken back is not kept."""
        self.recent[entry.uid] = entry
        if entry.about is not None:
            self._amend(entry)
        if len(self.recent) > RECENT_ENTRIES:
            del self.recent[next(iter(self.recent))]

    def _amend(self, later: Entry) -> None:
        target = next((entry for entry in self.recent.values() if entry.seq == later.about), None)
        if target is not None:
            shown = self.recent[target.uid] = fold(target, later)
            for entry in [one for one in self.recent.values() if one.about == shown.seq]:
                self.recent[entry.uid] = fold_amending(entry, shown)

    def rewind(self) -> None:
        """Go back to what the server has answered for: the rest goes out again."""
        self.cursor = min(self.cursor, self.confirmed)
        self.recent = {uid: entry for uid, entry in self.recent.items() if entry.seq <= self.cursor}
        self.sent.clear()

    def newest(self, after: int, upto: int, *readers: Member) -> Entry | None:
        """Returns: the newest recent entry after and up to these seqs that every reader may see and that is a message of its own, or None."""
        return next((entry for entry in reversed(self.recent.values())
                     if after < entry.seq <= upto and not amends(entry) and all(allowed(entry, reader) for reader in readers)), None)

    def title(self, handle: str) -> str:
        """Returns: what the thread is called for that reader."""
        member = self.members.get(handle)
        return member.title if member else ""

    def referred(self, id: str) -> Entry | None:
        """Returns: the recent entry with this stanza-id, or, for older clients, with this message id."""
        found = self.recent.get(id)
        return found or next((entry for entry in reversed(self.recent.values()) if entry.message_id == id), None)


def same_nick(asked: str, nick: str) -> bool:
    """Returns: whether two nicks are one, as the server may have prepared one of them. Source: RFC 7622 section 3.4."""
    return addressable(asked) == addressable(nick)


class Rooms:
    """The rooms that are loaded, each read once however many ask at the same moment."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._rooms: dict[str, Room] = {}
        self._loading: dict[str, asyncio.Task[Room | None]] = {}
        # What is to be read next, and who reads.
        self._asked: dict[str, asyncio.Future[relay.RelayedThread | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Room]:
        return iter(list(self._rooms.values()))

    def known(self, uid: str) -> Room | None:
        """Returns: the room if it is loaded."""
        return self._rooms.get(uid)

    async def load(self, uid: str) -> Room | None:
        """Returns: the room of a thread, or None where there is none, or where another process serves it."""
        if not self._component.share.has(uid):
            return None
        if (room := self._rooms.get(uid)) is not None or not UID.fullmatch(uid):
            if room is not None:
                room.wanted_at = time.monotonic()
            return room
        if uid not in self._loading:
            self._loading[uid] = asyncio.create_task(self._read(uid))
        return await asyncio.shield(self._loading[uid])

    async def load_for(self, uid: str, handle: str) -> Room | None:
        """Returns: the room of a thread if the person is a member of it now, else None."""
        room = await self.load(uid)
        if room is not None and handle not in room.members:
            await self._component.tail.looked_again(room)  # they may have been added a moment ago
        return room if room is not None and handle in room.members else None

    async def _read(self, uid: str) -> Room | None:
        try:
            view = await self.view(uid)
            if view is None:
                return None
            self._make_space()
            room = self._rooms[uid] = Room(self._component, view)
            self._component.tail.first_seen(room)
            return room
        finally:
            del self._loading[uid]

    async def view(self, uid: str) -> relay.RelayedThread | None:
        """Read a thread; those asked for while others are read are read together. Returns: what the clinic says of it now, or None."""
        if uid not in self._asked:
            self._asked[uid] = asyncio.get_running_loop().create_future()
            if self._reading is None:
                self._reading = self._component.background(self._read_asked())
        return await asyncio.shield(self._asked[uid])

    async def _read_asked(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            [found] = await asyncio.gather(
                self._component.reader.view(Actor.system(), relay.relayed_threads, list(asked)), return_exceptions=True)
            for uid, future in asked.items():
                if isinstance(found, BaseException):
                    future.set_exception(found)
                    future.exception()  # marks it as seen: who asked may have gone
                else:
                    future.set_result(found.get(uid))
        self._reading = None

    def _make_space(self) -> None:
        if len(self._rooms) < LOADED_ROOMS:
            return
        # Whoever has just asked for a room is on the way into it: they would enter one that nobody sends to.
        long_ago = time.monotonic() - WANTED_SECONDS
        for room in list(self._rooms.values()):
            if room.idle() and room.wanted_at < long_ago:
                del self._rooms[room.uid]
