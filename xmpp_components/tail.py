"""The live tail: every entry of the log goes out to everybody present who may see it, in the log's order, once it is committed.

Owns each room's cursor. One sender a thread (house rule 10): own commits are sent as they come when nothing is missing
before them; otherwise the log is read from the cursor on. Hears the process's doorbell, for the job queues too. May import clinic
and the package.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from clinic import Actor, Call, Done, Work
from clinic.doorbell import Doorbell
from clinic.log import Entry, allowed
from clinic.thread import relay
from xmpp_components.failures import log_failure
from xmpp_components.rooms import presence, render
from xmpp_components.rooms.room import Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

POLL_SECONDS = 1.0
# After a ring the next look waits this long, so that a busy writer elsewhere costs a bounded number of looks.
REST_SECONDS = 0.03
# Clocks of two processes, and a commit that took long after its instant was taken.
OVERLAP = timedelta(seconds=15)
PAGE = 200
# How often marks that other processes wrote are looked at while a thread is busy, and where nobody has said that they wrote any.
MARKS_SECONDS, MARKS_UNRUNG_SECONDS = 0.5, 5.0
# How long a look waits for the commit under way: one that hangs must not keep others' news from coming.
TOLD_SECONDS = 0.25
# A thread that nobody watched: how far back a tab is told of news (it fetches the rest itself).
UNWATCHED = 50


def _version_and_entries(work: Work, uid: str, seq: int) -> tuple[int, list[Entry]]:
    """Read what follows ``seq``, and by which list of members it may be sent."""
    return relay.relayed_thread(work, uid).version, relay.entries_after(work, uid, seq, PAGE)


class Tail:
    """Sends the log."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._rung = asyncio.Event()
        # Threads that others have rung for since the last look; None among them: for any.
        self._rung_for: set[str | None] = set()

    # --- what makes a room move

    def committed(self, call: Call, done: Done) -> None:
        """Take what this process has just committed; called in the order of the commits."""
        if done.duplicate:
            return
        for entry in done.entries:
            if room := self._component.rooms.known(entry.thread):
                if entry.seq > room.cursor:
                    room.early[entry.seq] = entry
                    room.known = max(room.known, entry.seq)
                # Somebody may have been removed by another process just before: never send by an older list of members.
                room.stale = room.stale or done.version not in (None, room.version)
                self._component.marks.note_answer(room)
                self.push(room)

    def look_again(self, room: Room) -> None:
        """Who is in the thread, or what it or they are called, may have changed."""
        room.stale = True
        self.push(room)

    def look_at_marks(self, room: Room) -> None:
        """Somebody has received or read more of the thread: to be shown, but nothing waits for it."""
        room.marks_moved = True
        self.push(room)

    def push(self, room: Room) -> None:
        """Send what can be sent now, and have the rest read."""
        if not self._component.stream.online:
            return
        if not (room.stale or room.renewing):
            self._send_early(room)
        if room.pump is None and room.behind():
            room.pump = self._component.background(self._pump(room))

    async def looked_again(self, room: Room) -> None:
        """Wait until the room is what the clinic says now."""
        self.look_again(room)
        while room.stale and room.pump is not None:
            await asyncio.wait([room.pump])

    async def _pump(self, room: Room) -> None:
        try:
            while self._component.stream.online and room.behind():
                if room.stale or room.marks_moved:
                    await self._refresh(room)
                elif room.cursor + 1 in room.early:
                    self._send_early(room)
                else:
                    await self._catch_up(room)
        finally:
            room.pump = None

    async def _refresh(self, room: Room) -> None:
        room.renewing, room.stale, room.marks_moved = room.stale, False, False
        try:
            await presence.refresh(self._component, room)
        except BaseException:  # the database is busy, say; the poll pushes again
            room.stale, room.marks_moved = room.stale or room.renewing, True
            raise
        finally:
            room.renewing = False

    async def _catch_up(self, room: Room) -> None:
        after = room.cursor
        version, entries = await self._component.reader.view(Actor.system(), _version_and_entries, room.uid, after)
        if not self._component.stream.online or room.cursor < after:
            return  # the stream has ended meanwhile: what the server has not answered for goes out again first
        if version != room.version:
            room.stale = True
            return
        if not entries:
            room.known = room.cursor
        for entry in entries:
            if entry.seq > room.cursor:
                self._deliver(room, entry)

    def _send_early(self, room: Room) -> None:
        while (entry := room.early.get(room.cursor + 1)) is not None:
            self._deliver(room, entry)

    # --- sending

    def _deliver(self, room: Room, entry: Entry) -> None:
        """Send one entry to everybody present who may see it."""
        component = self._component
        room.cursor = entry.seq
        room.early.pop(entry.seq, None)
        room.remember(entry)
        entitled = {handle for handle, member in room.members.items() if allowed(entry, member)}
        present = [session for session in room.occupants.values() if session.handle in entitled]
        for reader, addresses in render.alike(room, entry, present):  # one stanza is copied to many
            component.fanout.send(render.live(room, entry, reader), addresses)
        for handle in {session.handle for session in present}:
            component.confirmation.sent(room, handle, entry)
        component.confirmation.cursor_moved()
        for handle in entitled:
            component.feeds.news(handle, room.uid, entry.uid)
            if room.members[handle].uid == entry.addressee:
                # What is for one person may concern what they do in their other threads: the one that is open on their page is looked at.
                component.feeds.threads(handle)

    # --- what happens in other processes

    async def listen(self) -> None:
        """Look at what changed when the doorbell rings, and once a second. Runs until cancelled."""
        loop, bell = asyncio.get_running_loop(), self._component.db.doorbell(self._component.config.component_name)
        loop.add_reader(bell.fileno(), self._ring, bell)
        since = self._component.db.now()
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):  # wait_for may swallow a cancellation (Python 3.11)
                        await self._rung.wait()
                self._rung.clear()
                now = self._component.db.now()
                [found] = await asyncio.gather(self._look(min(since, now) - OVERLAP), return_exceptions=True)
                if found is None:
                    since = now
                else:
                    log_failure("looking for news failed", found)
                await asyncio.sleep(REST_SECONDS)
        finally:
            loop.remove_reader(bell.fileno())
            bell.close()

    def wake(self) -> None:
        """Look now."""
        self._rung.set()

    def _ring(self, bell: Doorbell) -> None:
        rings = bell.receive()
        for jobs in self._component.queues:
            if any(jobs.queue in ring.queues for ring in rings):
                jobs.wake()
        # What this process has committed the writer told already: to look for it would be one question of the database a commit.
        for ring in rings:
            if ring.by != self._component.writer.name:
                self._rung_for.update(filter(self._component.share.has, ring.threads) if ring.threads else (None,))
        if self._rung_for:
            self._rung.set()

    async def _look(self, since: datetime) -> None:
        component = self._component
        rung_for, self._rung_for = self._rung_for, set()
        try:
            found = await component.reader.view(Actor.system(), relay.news, since)
        except BaseException:
            self._rung_for |= rung_for
            raise
        with suppress(TimeoutError):  # else our own entries, which are about to come, would be read as somebody else's
            async with asyncio.timeout(TOLD_SECONDS):
                await component.writer.told()
        for news in found:
            room = component.rooms.known(news.uid)
            if room is not None:
                self._heard(room, news, rung=not rung_for.isdisjoint((room.uid, None)))
            elif component.feeds and component.share.has(news.uid):
                await component.rooms.load(news.uid)
        for room in component.rooms:
            if room.behind():
                self.push(room)

    def _heard(self, room: Room, news: relay.News, *, rung: bool) -> None:
        """Note what a thread has become. Members are looked at at once, marks that others wrote soon; `rung`: that somebody rang for it.

        A ring can be lost; but this process's own entries move `changed_at` too, and a look at each would cost more than they.
        """
        room.known, room.rung = max(room.known, news.last_seq), room.rung or rung
        now = asyncio.get_running_loop().time()
        if news.version != room.version:
            room.stale = True
        elif news.changed_at != room.marks_noted_of and now - room.marks_noted_at > (MARKS_SECONDS if room.rung else MARKS_UNRUNG_SECONDS):
            room.marks_moved, room.rung, room.marks_noted_of, room.marks_noted_at = True, False, news.changed_at, now

    def first_seen(self, room: Room) -> None:
        """A thread is looked at for the first time: tabs hear of what was not relayed while nobody watched it.

        They hear of each entry by itself: a hint that something is new would tell a patient the moment of a staff-only entry.
        """
        if any(self._component.feeds.has(handle) for handle in room.members):
            room.cursor = room.confirmed = max(room.remembered, room.known - UNWATCHED, 0)
        if room.cursor < room.known:
            self.push(room)
