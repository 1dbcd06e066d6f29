"""One of the processes that serve the threads is killed: its threads come back with nothing lost or doubled, the others notice nothing.

And the number of processes changes between two starts. Source: house rules 9 and 10; facts/reliability F1, invariants I1 to I4.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import outbox
from clinic.thread.tables import live_sessions
from tests.support.crowd import Member, pump, run, settle
from tests.support.ports import eventually
from tests.support.split_clinic import SplitClinic, Tab
from xmpp_components.share import server_of

pytestmark = pytest.mark.e2e
PER_SECOND, BURST_SECONDS = 20, 9.0
KILL_AFTER, AWAY_SECONDS = 1.5, 5.0
KILLED, UNTOUCHED = 2, 1
PATIENCE = 30.0


@pytest.fixture
def clinic(tmp_path: Path, database_url: str) -> Iterator[SplitClinic]:
    place = SplitClinic(tmp_path / "data", database_url)
    yield place
    place.db.engine.dispose()


class Burst:
    """Two people in each of two threads write in turn; one process is killed, and started again a while later."""

    def __init__(self, clinic: SplitClinic, members: dict[int, list[Member]], tab: Tab):
        self.clinic, self.members, self.tab = clinic, members, tab
        self.sent = dict.fromkeys(members, 0)
        self.killed_at = self.started_at = 0.0
        self.said_at: dict[str, float] = {}

    def turn(self, passed: float) -> None:
        """Writes what is due; kills and starts when it is time."""
        for number, pair in self.members.items():
            while self.sent[number] < passed * PER_SECOND:
                client_id = f"{number}-{self.sent[number]}"
                pair[self.sent[number] % 2].say(client_id)
                self.said_at[client_id] = time.monotonic()
                self.sent[number] += 1
        if not self.killed_at and passed > KILL_AFTER:
            self.clinic.kill(KILLED)
            self.killed_at = time.monotonic()
        if not self.started_at and passed > KILL_AFTER + AWAY_SECONDS:
            self.started_at = time.monotonic()
            self.clinic.start(KILLED)
        self.tab.stream.pump(0.001)
        self.tab.take()


def answered_after(burst: Burst, member: Member) -> list[float]:
    """Returns how long each echo took of what a member said in the first second in which the other process was away (seconds)."""
    during = [client_id for client_id, said in burst.said_at.items() if client_id in member.attempted and 0 < said - burst.killed_at < 1]
    return [member.heard_at[member.acknowledged[client_id]] - burst.said_at[client_id] for client_id in during]


def test_a_kill_of_one_process_stops_its_own_threads_only_and_loses_and_doubles_nothing(clinic: SplitClinic) -> None:
    with clinic.served_by(2):
        threads = {number: clinic.thread_of(number) for number in clinic.numbers}
        members = {number: [clinic.member(thread, patient=patient) for patient in (True, False)] for number, thread in threads.items()}
        everybody = [member for pair in members.values() for member in pair]
        settle(everybody, lambda: [member.presences for member in everybody] == [1, 0] * 2, PATIENCE)
        tab = clinic.tab()
        burst = Burst(clinic, members, tab)
        run(everybody, BURST_SECONDS, burst.turn)
        settle(everybody, lambda: not any(member.outbox for member in everybody), PATIENCE)
        for number, thread in threads.items():
            check(clinic, thread, members[number], burst.sent[number])
        assert [member.presences for member in everybody] == [1, 0] * 2  # nobody joined again, nobody was seen to come or go
        heard_of_all(clinic, tab, everybody, list(threads.values()))
        waits = sorted(wait for member in members[UNTOUCHED] for wait in answered_after(burst, member))
        print(f"{burst.sent} messages; the other process's {len(waits)} meanwhile: median {waits[len(waits) // 2]:.3f} s, longest {waits[-1]:.3f} s; "
              f"resent {[sum(member.resent for member in pair) for pair in members.values()]}")
        assert waits and waits[-1] < AWAY_SECONDS - 1  # none of them waited for the one that was away


def check(clinic: SplitClinic, thread: str, members: list[Member], number: int) -> None:
    """Compares what everybody in a room heard with what is stored: invariants I1 to I4."""
    settle(members, lambda: all(len(member.order) >= len(clinic.archive(thread)) for member in members), PATIENCE)
    archive = clinic.archive(thread)
    acknowledged = {client_id: uid for member in members for client_id, uid in member.acknowledged.items()}
    assert {client_id: uid for uid, client_id in archive} == acknowledged  # all that was sent, and nothing else
    assert len(archive) == len(acknowledged) == number  # each once
    for member in members:
        assert member.order == [uid for uid, _client_id in archive]


def heard_of_all(clinic: SplitClinic, tab: Tab, everybody: list[Member], threads: list[str]) -> None:
    """Waits until a tab has heard of the last entry of each thread, and looks at the order in which it heard of each."""
    def heard() -> bool:
        pump(everybody, 0.001)
        tab.stream.pump(0.05)
        tab.take()
        return all(tab.news.get(thread, [""])[-1] == clinic.archive(thread)[-1][0] for thread in threads)
    eventually(heard, PATIENCE, "the tab has heard of everything")
    for thread in threads:
        known = [uid for uid, _ in clinic.archive(thread)]
        places = [known.index(uid) for uid in tab.news[thread] if uid in known]
        assert places == sorted(places)


@pytest.mark.parametrize("of_the_feed", [True, False])
def test_a_tab_that_registers_while_a_process_is_away_hears_of_its_threads_too(clinic: SplitClinic, of_the_feed: bool) -> None:
    with clinic.served_by(2):
        killed = next(number for number in clinic.numbers if (number == server_of(clinic.feed, 2)) == of_the_feed)
        clinic.kill(killed)
        tab = clinic.tab(served=not of_the_feed)
        clinic.start(killed)
        clinic.wait_ready(killed)
        tab.heard("ready")
        for number in clinic.numbers:
            uid = clinic.posts(clinic.thread_of(number), f"to {number}")
            tab.heard("news", thread=clinic.thread_of(number), uid=uid)


def test_a_process_that_comes_back_is_told_of_a_tab_that_is_not_stored_yet(clinic: SplitClinic) -> None:
    with clinic.served_by(2):
        other = next(number for number in clinic.numbers if number != server_of(clinic.feed, 2))
        clinic.kill(other)
        tab = clinic.tab()
        with clinic.db.writing() as connection:  # as if the process that stores it had come to that only now
            connection.execute(live_sessions.delete())
        clinic.start(other)
        tab.heard("ready")
        uid = clinic.posts(clinic.thread_of(other), "after all")
        tab.heard("news", thread=clinic.thread_of(other), uid=uid)


def test_the_number_of_processes_changes_between_two_starts(clinic: SplitClinic) -> None:
    said: dict[str, int] = {}
    held = 0
    for components in (2, 1, 3):
        with clinic.served_by(components):
            eventually(lambda: not clinic.live(), PATIENCE, "who was there before the kill is gone, whoever served them")
            eventually(lambda: not disconnects_left(clinic), PATIENCE, "what a process held when it was killed is done")
            members = [clinic.member(thread, patient=True) for thread in clinic.patients]
            tab = clinic.tab()
            for member in members:
                member.say(f"{components} processes, {member.room}")
            settle(members, lambda members=members: not any(member.outbox for member in members), PATIENCE)
            for thread in clinic.patients:
                said[thread] = said.get(thread, 0) + 1
                assert len(clinic.archive(thread)) == said[thread]
            heard_of_all(clinic, tab, members, list(clinic.patients))
            last = clinic.server.layout.component_names[-1]
            for number in list(clinic.running):
                clinic.kill(number)
            device = clinic.db.perform(clinic.cast.boris, "device.mint", name="phone").value
            clinic.db.perform(clinic.cast.boris, "device.revoke", device.uid)
            held += sum(job.name == "xmpp.disconnect" for job in outbox.claim(clinic.db, "threads", by=last))  # so far the killed process had come
        assert clinic.live()
    assert held == 3


def disconnects_left(clinic: SplitClinic) -> int:
    """Returns how many sessions are still to be closed."""
    with clinic.db.reading() as connection:
        return len(connection.execute(outbox.jobs.select().where(outbox.jobs.c.name == "xmpp.disconnect")).all())
