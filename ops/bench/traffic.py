"""Messages through a crowd, numbered, each followed until every occupant of its room has it. Standard library only.

Two ways to send: a closed loop (so many on their way in all; each that arrives makes room for the next) and a fixed rate, where
a message counts from the instant at which it was due. Nothing here is an object a message: the generator shares its machine.
"""

import gc
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil

from ops.bench.occupants import Crowd, Occupant
from ops.problems import Problem

BODY_BYTES = 160
FILLER = " I have taken the tablets as you said, twice a day, and sleep a little better." * 3
NUMBER = re.compile(rb"<body>m(\d+) ")
REFUSAL = re.compile(rb"<message [^>]*type=['\"]error['\"]")
ARCHIVED = re.compile(r"\bm(\d+) I have taken the tablets")
PING = re.compile(rb"<iq ([^>]*)><ping ")
ATTRIBUTE = r"\b%s=(['\"])(.*?)\1"
LONGEST_TURN_SECONDS = 0.05
STUCK_SECONDS = 20.0
"""Who hears nothing for so long will hear nothing more: what is missing then is lost."""


def stanza(room: str, number: int) -> bytes:
    """Returns the message of a number as a client sends it."""
    body = f"m{number}{FILLER}"[:BODY_BYTES]
    return f"<message to='{room}' type='groupchat' id='m{number}'><body>{body}</body><origin-id xmlns='urn:xmpp:sid:0' id='m{number}'/></message>".encode()


class Traffic:
    """What is on its way through one system, crowd after crowd. `sent`, `refused`, `lost` and `doubled` count over all its life.

    `held_up`: the longest that the generator itself could not go on, in seconds; on a machine that stood still, what was measured is that.
    """

    def __init__(self) -> None:
        self.sent = self.refused = self.lost = self.doubled = 0
        self.held_up = 0.0

    def enter(self, crowd: Crowd) -> None:
        """Goes on with this crowd."""
        self.crowd = crowd
        crowd.heard = self.take
        self.turns = [0] * len(crowd.rooms)
        self.complete = [(1 << len(room)) - 1 for room in crowd.rooms]
        self._begin()

    def _begin(self) -> None:
        """Forgets the messages of the phase before."""
        self.first = self.sent
        self.due: list[float] = []
        self.room: list[int] = []
        self.have: list[int] = []
        self.waiting = 0
        self.replace = False
        self.took: list[float] = []
        self.completed = 0

    # --- phases

    def closed(self, outstanding: int, warm: float, seconds: float, mark: Callable[[], None]) -> float:
        """Keeps so many messages on their way, for `seconds` after warming up. `mark`: called at both ends of that time.

        Returns how many messages a second were complete in it.
        """
        with self._phase():
            self.replace = True
            start = time.perf_counter() + warm
            for number in range(outstanding):
                self.send(number % len(self.turns), time.perf_counter())
            self._until(start)
            mark()
            start, before = time.perf_counter(), self.completed
            self._until(start + seconds)
            while self.completed == before and self.waiting and self.crowd.turn(STUCK_SECONDS):
                pass  # a short time on a busy machine: the first to arrive ends it
            done, took = self.completed - before, time.perf_counter() - start
            mark()
            self.replace = False
        return done / took

    def steady(self, rate: float, warm: float, seconds: float, mark: Callable[[], None]) -> list[float]:
        """Sends at a rate for `seconds` after warming up. `mark`: called at both ends of that time.

        Returns what each message of it took from the instant at which it was due until its last occupant had it, in order of size.
        """
        with self._phase():
            start, warmed = time.perf_counter(), int(rate * warm)
            for number in range(int(rate * (warm + seconds))):
                if number == warmed:
                    mark()
                due = start + number / rate
                self._until(due)
                self.send(number % len(self.turns), due)
            mark()
        return sorted(took for took in self.took[warmed:] if took >= 0)

    @contextmanager
    def _phase(self) -> Iterator[None]:
        self.crowd.settle()
        self._begin()
        gc.collect()
        gc.disable()  # nothing here makes cycles; a pause would count as the system's
        try:
            yield
            self._drain()
        finally:
            gc.enable()

    def _until(self, instant: float) -> None:
        before = time.perf_counter()
        while (left := instant - before) > 0:
            asked = min(left, LONGEST_TURN_SECONDS)
            self.crowd.turn(asked)
            after = time.perf_counter()
            self.held_up = max(self.held_up, after - before - asked)
            before = after

    def _drain(self) -> None:
        while self.waiting:
            if not self.crowd.turn(STUCK_SECONDS):
                self.lost += self.waiting
                return

    # --- one message

    def send(self, room: int, due: float) -> None:
        """Sends the next message to a room, from the occupant whose turn it is."""
        occupants = self.crowd.rooms[room]
        sender = occupants[self.turns[room] % len(occupants)]
        self.turns[room] += 1
        self.due.append(due)
        self.room.append(room)
        self.have.append(0)
        self.took.append(-1.0)
        self.waiting += 1
        number, self.sent = self.sent, self.sent + 1
        self.crowd.send(sender, stanza(sender.address, number))

    def take(self, one: Occupant, data: bytes) -> None:
        """Notes what somebody received."""
        now = time.perf_counter()
        for found in NUMBER.findall(data):
            number = int(found) - self.first
            if number < 0:
                self.doubled += 1  # of a phase that was over: everybody had it, or it counts as lost
            elif self.have[number] & one.place:
                self.doubled += 1
            else:
                self.have[number] |= one.place
                if self.have[number] == self.complete[one.room]:
                    self._completed(number, now)
        if b"error" in data or b"ping" in data:
            self._seldom(one, data)

    def _completed(self, number: int, now: float) -> None:
        self.waiting -= 1
        self.completed += 1
        self.took[number] = now - self.due[number]
        if self.replace:
            self.send(self.room[number], now)

    def _seldom(self, one: Occupant, data: bytes) -> None:
        if b"<stream:error" in data:
            raise Problem(f"The XMPP server ended the session of an occupant of {one.address}: {data[-500:].decode(errors='replace')}")
        refused = len(REFUSAL.findall(data))
        self.refused += refused
        self.waiting -= refused  # its place stays empty: a system that refuses everything must not be asked for ever
        for attributes in PING.findall(data):
            name, sender = (found[2] if (found := re.search(ATTRIBUTE % wanted, attributes.decode())) else "" for wanted in ("id", "from"))
            self.crowd.send(one, f"<iq type='result' id='{name}' to='{sender}'/>".encode())


def archived_numbers(rows: list[str]) -> list[int]:
    """Returns the numbers of the messages in what an archive holds."""
    return [int(found[1]) for row in rows if (found := ARCHIVED.search(row))]


def quantile(ordered: list[float], percent: float) -> float:
    """Returns the value below which so many per cent of ordered values lie. Raises Problem if there are none."""
    if not ordered:
        raise Problem("Nothing arrived in the time that was measured.")
    return ordered[ceil(len(ordered) * percent / 100) - 1]
