"""The threads component is killed in the middle of a burst, by SIGKILL, with the real XMPP server in front of it.

Source: house rules 9 and 10; facts/reliability F1, invariants I1 to I4.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import Database
from migrations.runner import upgrade
from tests.support.cast import NAMES, Cast
from tests.support.crowd import Member, run, settle
from tests.support.ports import eventually
from tests.support.prosody import Prosody
from tests.support.stub_web import StubWeb

KILLS = int(os.environ.get("BEDSIDE_KILLS", "3"))
PER_SECOND, BURST_SECONDS = 50, 6.0
SERVED_AGAIN_SECONDS = 5.0


class Clinic:
    """A clinic with its cast, the real XMPP server, and a component that can be killed."""

    def __init__(self, folder: Path):
        self.server = Prosody(folder / "data")
        layout, self.secrets = self.server.layout, self.server.secrets
        self.file = Path(layout.database.removeprefix("sqlite:///"))
        self.db = Database.open(layout.database, run_dir=layout.folder("run"), pepper=bytes.fromhex(self.secrets["pepper"]))
        upgrade(self.db.engine)
        self.cast = Cast.in_(self.db)
        self.thread = self.cast.start("boris", "ana")
        self.room = f"{self.thread}@{layout.threads_domain}"
        self.ready = layout.folder("run") / "threads.ready"
        self.log = (layout.folder("log") / "threads.log").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.members: list[Member] = []
        self.web = StubWeb(layout.base_port, self.secrets["internal_token"])
        self.web.passwords = {(self.cast.handle(name), "secret"): f"d-{name}" for name in ("ana", "boris", "chen")}

    def start(self) -> None:
        """Starts the component, as the supervisor does after a crash."""
        self.process = subprocess.Popen([sys.executable, "-m", "xmpp_components"], stdout=self.log, stderr=self.log,
                                        env=self.server.layout.environment())

    def kill(self) -> None:
        """Kills the component where it stands, and starts the next."""
        assert self.process is not None
        self.ready.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
        self.start()

    def member(self, name: str) -> Member:
        """Returns a logged-in client of somebody, in the room."""
        handle = self.cast.handle(name)
        member = Member(self.server.client().log_in(handle, "secret"), self.room, NAMES[name][0], handle)
        member.stream.send("<presence/>")
        member.join()
        self.members.append(member)
        return member

    def archive(self) -> list[tuple[str, str]]:
        """Returns (archive id, client id) of every text, in the order of the log; read with a query of the test's own."""
        with sqlite3.connect(self.file) as connection:
            rows = connection.execute("SELECT uid, client_id FROM entries WHERE kind = 'text' ORDER BY seq").fetchall()
        connection.close()
        return rows

    def close(self) -> None:
        """Ends the clients and the component."""
        for member in self.members:
            member.stream.sock.close()
        if self.process:
            self.process.terminate()
            self.process.wait(10)
        self.log.close()
        self.db.engine.dispose()


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    place = Clinic(tmp_path)
    with place.server, place.web:
        place.start()
        try:
            eventually(place.ready.exists, what="the component serves")
            yield place
        finally:
            place.close()


@pytest.mark.e2e
def test_a_kill_in_a_burst_loses_nothing_doubles_nothing_and_nobody_joins_again(clinic: Clinic) -> None:
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
def test_what_the_room_refuses_while_the_component_is_down_is_sent_again_and_arrives(clinic: Clinic) -> None:
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
