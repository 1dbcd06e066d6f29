"""The generator of `bedside bench messages` counts what goes wrong: it is told of messages that a false server loses, doubles or refuses."""

from collections.abc import Callable

import pytest

from ops.bench.occupants import Crowd, Occupant
from ops.bench.traffic import NUMBER, Traffic, archived_numbers, stanza
from ops.problems import Problem

Deliver = Callable[[int, Occupant, bytes], list[bytes]]


class FalseCrowd(Crowd):
    """Two rooms of three, served from memory. `deliver`: what an occupant reads of a message of some number."""

    def __init__(self, deliver: Deliver) -> None:
        self.rooms = [[Occupant(f"room{room}@rooms.example", room, 1 << place) for place in range(3)] for room in range(2)]
        self.deliver, self.number = deliver, -1
        self.coming: list[tuple[Occupant, bytes]] = []

    def send(self, one: Occupant, data: bytes) -> None:
        self.number += 1
        for other in self.rooms[one.room]:
            self.coming += [(other, copy) for copy in self.deliver(self.number, other, data)]

    def turn(self, seconds: float) -> bool:
        coming, self.coming = self.coming, []
        for one, data in coming:
            self.heard(one, data)
        return bool(coming)


def exchanged(deliver: Deliver) -> Traffic:
    traffic = Traffic()
    traffic.enter(FalseCrowd(deliver))
    traffic.steady(1000, 0, 0.02, lambda: None)
    return traffic


def test_what_everybody_has_is_complete() -> None:
    traffic = exchanged(lambda number, other, data: [data])
    assert (traffic.sent, traffic.completed) == (20, 20)
    assert (traffic.refused, traffic.lost, traffic.doubled) == (0, 0, 0)


def test_what_one_occupant_never_has_is_lost() -> None:
    traffic = exchanged(lambda number, other, data: [] if number == 7 and other.place == 2 else [data])
    assert (traffic.completed, traffic.lost, traffic.refused, traffic.doubled) == (19, 1, 0, 0)


def test_what_one_occupant_has_twice_is_doubled_and_completes_nothing() -> None:
    def deliver(number: int, other: Occupant, data: bytes) -> list[bytes]:
        if number != 7:
            return [data]
        return [data, data] if other.place == 1 else [data] if other.place == 2 else []

    traffic = exchanged(deliver)
    assert (traffic.completed, traffic.lost, traffic.refused, traffic.doubled) == (19, 1, 0, 1)


def test_what_comes_back_after_its_phase_is_doubled() -> None:
    traffic = exchanged(lambda number, other, data: [data])
    traffic.steady(1000, 0, 0.001, lambda: None)
    traffic.take(traffic.crowd.rooms[0][0], stanza("room0@rooms.example", 3))
    assert traffic.doubled == 1


def test_what_is_refused_is_counted_and_not_sent_again_and_again() -> None:
    error = b"<message type='error' id='m0' from='room0@rooms.example'><error type='wait'/></message>"
    traffic = Traffic()
    traffic.enter(FalseCrowd(lambda number, other, data: [error] if other.place == 1 else []))
    traffic.closed(4, 0.001, 0.01, lambda: None)
    assert (traffic.sent, traffic.refused, traffic.completed, traffic.lost) == (4, 4, 0, 0)


def test_a_closed_loop_keeps_as_many_on_their_way_as_it_was_told() -> None:
    most = 0

    def deliver(number: int, other: Occupant, data: bytes) -> list[bytes]:
        nonlocal most
        most = max(most, traffic.waiting)
        return [data]

    traffic = Traffic()
    traffic.enter(FalseCrowd(deliver))
    assert traffic.closed(5, 0.001, 0.02, lambda: None) > 0
    assert most == 5
    assert (traffic.completed, traffic.waiting) == (traffic.sent, 0)


def test_a_closed_loop_lasts_until_something_arrived() -> None:
    class LateCrowd(FalseCrowd):
        def settle(self) -> None:
            """Nobody has anything to say yet."""

        def turn(self, seconds: float) -> bool:
            # Nothing comes while the loop is short of time, and everything once it waits for as long as it takes.
            return super().turn(seconds) if seconds > 1 else True

    traffic = Traffic()
    traffic.enter(LateCrowd(lambda number, other, data: [data]))
    assert traffic.closed(2, 0, 0.01, lambda: None) > 0


class Pieces:
    """A socket whose reads give these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def recv(self, most: int) -> bytes:
        return self.pieces.pop(0)


def test_a_stanza_in_pieces_is_handed_on_whole_and_once() -> None:
    whole = stanza("room@rooms.example", 12)
    for cut in range(1, len(whole)):
        one = Occupant("room@rooms.example", 0, 1)
        one.socket = Pieces(whole[:cut], whole[cut:])  # type: ignore[assignment]
        first, second = one.read(), one.read()
        # What ends with a tag in the middle of a stanza may be handed on early: no number is cut in two there.
        assert first + second == whole
        assert NUMBER.findall(first) + NUMBER.findall(second) == [b"12"]


def test_the_end_of_a_stream_is_a_problem() -> None:
    one = Occupant("room@rooms.example", 0, 1)
    one.socket = Pieces(b"")  # type: ignore[assignment]
    with pytest.raises(Problem, match="closed the session"):
        one.read()


def test_numbers_are_found_in_what_either_archive_holds() -> None:
    sent = stanza("room@rooms.example", 31).decode()
    body = sent.partition("<body>")[2].partition("</body>")[0]
    assert archived_numbers([sent, f'{{"text": "{body}"}}', "something else"]) == [31, 31]
