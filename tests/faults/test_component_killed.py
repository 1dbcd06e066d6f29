"""The threads component is killed in the middle of a burst, by SIGKILL, with the real XMPP server in front of it.

Source: house rules 9 and 10; facts/reliability F1, invariants I1 to I4.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clinic import START_SECONDS
from tests.support.crowd import Member, run, settle
from tests.support.live_clinic import LiveClinic, live_clinic

KILLS = int(os.environ.get("BEDSIDE_KILLS", "3"))
PER_SECOND, BURST_SECONDS = 50, 6.0
SERVED_AGAIN_SECONDS = 5.0


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


class Burst:
    """One round: two members write in turn, the component is killed once, everybody is served again."""

    def __init__(self, clinic: LiveClinic, members: list[Member], number: int, kill_after: float):
        self.clinic, self.members, self.number, self.kill_after = clinic, members, number, kill_after
        self.sent, self.killed_at, self.served_at = 0, 0.0, 0.0

    def turn(self, passed: float) -> None:
        """Writes what is due; kills when it is time; notes when everybody has heard something new since."""
        while self.sent < passed * PER_SECOND:
            self.members[self.sent % 2].say(f"round-{self.number}-{self.sent}")
            self.sent += 1
        if not self.killed_at and passed > self.kill_after:
            self.clinic.kill()
            self.killed_at = time.monotonic()
        self.served()

    def served(self) -> bool:
        """Returns whether everybody has heard something new since the kill."""
        if self.killed_at and not self.served_at and all(
                member.order and member.heard_at[member.order[-1]] > self.killed_at + 0.05 for member in self.members):
            self.served_at = time.monotonic()
        return bool(self.served_at)


@pytest.mark.e2e
def test_a_kill_in_a_burst_loses_nothing_doubles_nothing_and_nobody_joins_again(clinic: LiveClinic) -> None:
    members = [clinic.member(name) for name in ("ana", "boris", "chen")]
    presences = [2, 1, 0]  # who came after each
    settle(members, lambda: [member.presences for member in members] == presences, 20.0)
    seed = random.randrange(10**6)
    chance, number, away = random.Random(seed), 0, []
    for round_number in range(KILLS):
        burst = Burst(clinic, members, round_number, chance.uniform(1.0, 3.0))
        run(members, BURST_SECONDS, burst.turn)
        settle(members, lambda burst=burst: burst.served() and not any(member.outbox for member in members), 20.0)
        number += burst.sent
        away.append(burst.served_at - burst.killed_at)
    archive = clinic.archive()
    settle(members, lambda: all(len(member.order) >= len(archive) for member in members), 10.0)
    print(f"seed {seed}: {number} messages, {KILLS} kills, away {[round(one, 2) for one in away]} s, "
          f"resent {sum(member.resent for member in members)}")
    check(archive, members, number, seed)
    assert max(away) <= SERVED_AGAIN_SECONDS
    assert [member.presences for member in members] == presences  # nobody joined again, nobody was seen to come or go


def check(archive: list[tuple[str, str]], members: list[Member], number: int, seed: int) -> None:
    """Compares what everybody heard with what is stored: invariants I1 to I4."""
    by_client_id = {client_id: uid for uid, client_id in archive}
    acknowledged = {client_id: uid for member in members for client_id, uid in member.acknowledged.items()}
    assert all(by_client_id.get(client_id) == uid for client_id, uid in acknowledged.items())  # acknowledged is archived
    assert len(acknowledged) == number  # and everything was acknowledged in the end
    assert len(by_client_id) == len(archive) == number  # nothing doubled, nothing that nobody sent
    for member in members:
        assert member.order == [uid for uid, _client_id in archive], f"seed {seed}: {member.nick} heard another order"


@pytest.mark.e2e
def test_what_the_room_refuses_while_the_component_is_down_is_sent_again_and_arrives(clinic: LiveClinic) -> None:
    ana, boris = clinic.member("ana"), clinic.member("boris")
    clinic.die()
    for number in range(20):
        ana.say(f"while-down-{number}")
    clinic.start()
    settle([ana, boris], lambda: not ana.outbox and len(boris.order) == 20, START_SECONDS)
    assert sorted(client_id for _uid, client_id in clinic.archive()) == sorted(ana.attempted)
    assert boris.order == [uid for uid, _client_id in clinic.archive()]
