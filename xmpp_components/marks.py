"""Delivered and read marks: gathered, written at most once a second, shown to the others.

Owns what is not written yet. Once it is, `Tail.look_at_marks` has the room read again, and `presence.refresh` has `show` tell what
moved. May import clinic and the package. Source: XEP-0333; product page, sent / delivered / read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from clinic import Actor, Done
from clinic.errors import Busy
from clinic.log import Entry, allowed
from clinic.thread import relay
from xmpp_components import wire
from xmpp_components.rooms.room import UID, Member, Room
from xmpp_components.writer import slices

if TYPE_CHECKING:
    from xmpp_components.component import Threads

WRITE_EVERY_SECONDS = 1.0
PARTS = 20  # of what is written in that time, as long as a part is small
READ, DELIVERED = "read", "delivered"
Key = tuple[str, str, str, bool]  # thread, handle, state, whether the entry's place is known here


class Marks:
    """Newest mark a member, thread and state."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        # What names an entry that is known here, and what only the clinic knows, are kept apart: neither says which is newer.
        self._taken: dict[Key, tuple[int, str]] = {}
        self._moved: set[str] = set()  # threads in which somebody answered
        self._some = asyncio.Event()

    def take(self, room: Room, handle: str, state: str, id: str) -> None:
        """Note a marker that a client sent. ``id``: a stanza-id, or a recent message id; anything else is dropped."""
        entry, member = room.referred(id), room.members.get(handle)
        if entry is not None and member is not None:
            if allowed(entry, member):
                self._note(room, member, state, entry.seq, entry.uid)
        elif UID.fullmatch(id):
            self._taken[room.uid, handle, state, False] = (0, id)
            self._some.set()

    def delivered(self, room: Room, handle: str, entry: Entry) -> None:
        """Note that the XMPP server has taken an entry for a live session of a member (`confirmation.py`)."""
        member = room.members.get(handle)
        if member is not None and not (entry.author and entry.author.handle == handle):
            self._note(room, member, DELIVERED, entry.seq, entry.uid)

    def note_answer(self, room: Room) -> None:
        """Note that somebody has written: who answers has read, so their mark may have moved and is looked at when others are written."""
        self._moved.add(room.uid)
        self._some.set()

    def _note(self, room: Room, member: Member, state: str, seq: int, uid: str) -> None:
        stored = member.read_seq if state == READ else max(member.read_seq, member.delivered_seq)
        key = (room.uid, member.handle, state, True)
        if seq > max(stored, self._taken.get(key, (0, ""))[0]):
            self._taken[key] = (seq, uid)
            self._some.set()

    async def flush(self) -> None:
        """Write what is gathered: the first at once, what follows after a second. Runs until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self.flush_once(WRITE_EVERY_SECONDS)

    async def flush_once(self, seconds: float = 0.0) -> None:
        """Write everything gathered so far and show it, spread over some seconds; what the database has no time for stays.

        In a busy thread everybody is told of everybody's marks. All threads in one moment would hold back what people write.
        """
        taken, self._taken = self._taken, {}
        moved, self._moved = self._moved, set()
        threads = list(dict.fromkeys((*(thread for thread, *_rest in taken), *moved)))
        parts = list(slices(threads, max(1, len(threads) // PARTS)))
        try:
            for some in parts:
                await self._write({key: mark for key, mark in taken.items() if key[0] in some})
                taken = {key: mark for key, mark in taken.items() if key[0] not in some}
                moved.difference_update(some)
                for uid in some:
                    if room := self._component.rooms.known(uid):
                        self._component.tail.look_at_marks(room)
                await asyncio.sleep(seconds / len(parts))
        finally:  # the component stops, and writes once more what is here
            self._put_back(taken)
            self._moved |= moved

    def _put_back(self, taken: dict[Key, tuple[int, str]]) -> None:
        """Gather again what was not written; what came meanwhile counts unless it is known to be older."""
        for key, mark in taken.items():
            if key not in self._taken or mark[0] > self._taken[key][0]:
                self._taken[key] = mark
        if taken:
            self._some.set()

    async def _write(self, taken: dict[Key, tuple[int, str]]) -> None:
        written: list[tuple[list[Key], asyncio.Future[Done]]] = []
        relayed: dict[str, list[Key]] = {}
        for key, (_seq, uid) in taken.items():
            thread, handle, state, known = key
            if known and state == DELIVERED:
                relayed.setdefault(thread, []).append(key)
            else:
                written.append(([key], self._component.submit(Actor.xmpp(handle), "thread.mark", thread, entry=uid, state=state)))
        for thread, keys in relayed.items():  # what this process delivered it knows the place of: one call a thread
            upto = {key[1]: taken[key][0] for key in keys}
            written.append((keys, self._component.submit(Actor.system(), "relay.delivered", thread, upto=upto)))
        results = await asyncio.gather(*(future for _keys, future in written), return_exceptions=True)
        for (keys, _future), result in zip(written, results, strict=True):
            if isinstance(result, Busy):
                self._put_back({key: taken[key] for key in keys})

    async def show(self, room: Room, marked: list[tuple[Member, Member]]) -> None:
        """Show marks that moved: to clients as markers of the person, to tabs as a hint to look. Source: XEP-0333.

        Nobody hears of marks that moved over entries which they can't see: when would say that such entries exist.
        """
        for before, member in marked:
            if member.read_seq > before.read_seq:
                self._show(room, before.read_seq, member)
        told: set[str] = set()
        for before, member in marked:
            told |= await self._concerned(room, before, member)
        self._component.feeds.marks(room, told & room.members.keys())

    async def _concerned(self, room: Room, before: Member, member: Member) -> set[str]:
        """Returns: handles of those whose entries the mark moved over, and of its owner, whose list shows what is unread."""
        if not self._component.feeds:
            return set()
        told = {member.handle} if member.read_seq > before.read_seq else set()
        for after, upto in ((before.read_seq, member.read_seq), (before.delivered_seq, member.delivered_seq)):
            if after < upto:
                told |= await self._component.reader.view(Actor.system(), relay.authors_between, room.uid, after, upto, member)
        return told

    def _show(self, room: Room, after: int, member: Member) -> None:
        """Tell each client of others up to where a person has read, by an entry that both may see and the mark moved over."""
        by_entry: dict[str, list[str]] = {}
        for session in room.occupants.values():
            reader = room.members.get(session.handle)
            if reader is None or reader.handle == member.handle:
                continue
            entry = room.newest(after, member.read_seq, reader, member)
            if entry is None or (entry.author and entry.author.handle == member.handle):
                continue  # who writes has read; that needs no saying
            by_entry.setdefault(entry.uid, []).append(session.address)
        for uid, addresses in by_entry.items():
            self._component.fanout.send(wire.stanza(
                "message", {"from": room.nick_jid(member.nick), "type": "groupchat"},
                wire.element("displayed", {"xmlns": wire.MARKERS, "id": uid}),
                wire.element("occupant-id", {"xmlns": wire.OCCUPANT_ID, "id": room.occupant_id(member.handle)})), addresses)
