"""The threads component is killed in the middle of a burst, by SIGKILL, with the real XMPP server in front of it.

Source: house rules 9 and 10; facts/reliability F1, invariants I1 to I4.
"""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crowd import run, settle
from tests.support.live_clinic import LiveClinic, live_clinic

KILLS = int(os.environ.get("BEDSIDE_KILLS", "3"))
PER_SECOND, BURST_SECONDS = 50, 6.0
SERVED_AGAIN_SECONDS = 5.0


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


@pytest.mark.e2e
def test_a_kill_in_a_burst_loses_nothing_doubles_nothing_and_nobody_joins_again(clinic: LiveClinic) -> None:
    members = [clinic.member(name) for name in ("ana", "boris", "chen")]
    seed = random.randrange(10**6)
    chance, number, echoes, away = random.Random(seed), 0, 0, []
    presences = [2, 1, 0]  # who came after each
    settle(members, lambda: [member.presences for member in members] == presences, 5.0)
    for round_number in range(KILLS):
        kill_after, sent, killed_at, served_at = chance.uniform(1.0, 3.0), 0, 0.0, 0.0

        def turn(passed: float) -> None:
            nonlocal number, sent, killed_at, served_at
            while sent < passed * PER_SECOND:
                members[number % 2].say(f"round-{round_number}-{number}")
                number, sent = number + 1, sent + 1
            if not killed_at and passed > kill_after:
                clinic.kill()
                killed_at = time.monotonic()
            if killed_at and not served_at and all(member.heard_at[member.order[-1]] > killed_at + 0.05 for member in members if member.order):
                served_at = time.monotonic()

        run(members, BURST_SECONDS, turn)
        settle(members, lambda: not any(member.outbox for member in members), 20.0)
        assert served_at, f"seed {seed}: nobody heard anything after the kill"
        away.append(served_at - killed_at)
    archive = clinic.archive()
    settle(members, lambda: all(len(member.order) >= len(archive) for member in members), 10.0)
    uids, client_ids = [uid for uid, _client_id in archive], [client_id for _uid, client_id in archive]
    by_client_id = {client_id: uid for uid, client_id in archive}
    print(f"seed {seed}: {number} messages, {KILLS} kills, away {[round(one, 2) for one in away]} s, "
          f"resent {sum(member.resent for member in members)}")
    for member in members[:2]:
        echoes += len(member.acknowledged)
        assert all(by_client_id.get(client_id) == uid for client_id, uid in member.acknowledged.items())  # acknowledged is archived
    assert echoes == number  # and everything was acknowledged in the end
    assert len(client_ids) == len(set(client_ids)) == number  # nothing doubled, nothing that nobody sent
    for member in members:
        assert member.order == uids, f"seed {seed}: {member.nick} heard another order"
    assert max(away) <= SERVED_AGAIN_SECONDS
    assert [member.presences for member in members] == presences  # nobody joined again, nobody was seen to come or go


@pytest.mark.e2e
def test_what_the_room_refuses_while_the_component_is_down_is_sent_again_and_arrives(clinic: LiveClinic) -> None:
    ana, boris = clinic.member("ana"), clinic.member("boris")
    assert clinic.process is not None
    clinic.process.kill()
    clinic.process.wait(10)
    for number in range(20):
        ana.say(f"while-down-{number}")
    clinic.start()
    settle([ana, boris], lambda: not ana.outbox and len(boris.order) == 20, 15.0)
    assert sorted(client_id for _uid, client_id in clinic.archive()) == sorted(ana.attempted)
    assert boris.order == [uid for uid, _client_id in clinic.archive()]
