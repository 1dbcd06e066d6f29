"""The PostgreSQL server under a running clinic is killed, all its processes by SIGKILL, while people write from both doors.

Source: house rule 9; facts/reliability F4, finding 7 (what was being committed may be stored or not), invariants I1 to I4.
"""

import os
import random
import time
from collections.abc import Iterator

import pytest

from clinic.storage import BUSY_TIMEOUT_SECONDS
from tests.support import evidence, postgres
from tests.support.clinic import RunningClinic
from tests.support.crowd import run, settle
from tests.support.evidence import Listener
from tests.support.page import Outbox, Page

KILLS = int(os.environ.get("BEDSIDE_KILLS", "3"))
PER_SECOND, BURST_SECONDS, AWAY_SECONDS = 30, 5.0, 0.7
SERVED_AGAIN_SECONDS = 5.0
NICKS = {"ana": "Ana Alvarez", "boris": "Boris Brandt"}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server that waits for the disk, as a clinic's does; after a crash it flushes all at once and not file by file."""
    with postgres.Server(durable=True, settings=("recovery_init_sync_method=syncfs",)) as running:
        yield running


@pytest.fixture(scope="module")
def clinic(server: postgres.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration on that server."""
    with (
        postgres.database(server.socket, "killed") as url,
        RunningClinic(tmp_path_factory.mktemp("server-killed") / "data", "--demo", "--database-url", url) as one,
    ):
        yield one


class Burst:
    """One round: Ana and Boris write by XMPP, Chen by the page; the database server dies once and is started again."""

    def __init__(self, server: postgres.Server, members: list[Listener], outbox: Outbox, number: int, kill_after: float):
        self.server, self.members, self.outbox, self.number, self.kill_after = server, members, outbox, number, kill_after
        self.sent, self.killed_at, self.back_at = set[str](), 0.0, 0.0

    def turn(self, passed: float) -> None:
        """Writes what is due; kills when it is time, and starts the server again a moment later."""
        writers = [*(member.say for member in self.members), lambda client_id: self.outbox.add(client_id, client_id)]
        while len(self.sent) < passed * PER_SECOND:
            client_id = f"round-{self.number}-{len(self.sent)}"
            writers[len(self.sent) % len(writers)](client_id)
            self.sent.add(client_id)
        if not self.killed_at and passed > self.kill_after:
            self.server.kill()
            self.killed_at = time.monotonic()
        if self.killed_at and not self.back_at and time.monotonic() > self.killed_at + AWAY_SECONDS:
            self.server.start()
            self.back_at = time.monotonic()

    def away(self) -> float:
        """Returns how long after the server's return the last of both doors was served again."""
        by_page = min((at for at in list(self.outbox.answered_at.values()) if at > self.back_at), default=float("inf"))
        by_xmpp = max(min((at for at in member.heard_at.values() if at > self.back_at), default=float("inf")) for member in self.members)
        return max(by_page, by_xmpp) - self.back_at


@pytest.fixture
def members(clinic: RunningClinic) -> Iterator[list[Listener]]:
    """Ana's and Boris's XMPP clients, in the room."""
    made = []
    for name, nick in NICKS.items():
        stream = clinic.xmpp(name)
        stream.send("<presence/>")
        made.append(Listener(stream, clinic.ready["threads"]["ana-boris"]["room"], nick, clinic.ready["accounts"][name]["jid"].partition("@")[0]))
        made[-1].join()
    yield made
    for member in made:
        member.stream.sock.close()


@pytest.fixture
def outbox(clinic: RunningClinic) -> Iterator[Outbox]:
    """Chen's page, sending what is added."""
    made = Outbox(Page(clinic, "chen"), clinic.ready["threads"]["ana-boris"]["uid"])
    made.start()
    yield made
    made.stop()


@pytest.mark.timeout(120 + 20 * KILLS)
def test_kills_of_the_database_server_lose_nothing_that_was_acknowledged_double_nothing_and_refuse_no_app(
    clinic: RunningClinic, server: postgres.Server, members: list[Listener], outbox: Outbox
) -> None:
    thread, pids = clinic.ready["threads"]["ana-boris"], clinic.ready["pids"]
    before = evidence.stored(clinic.url, thread["uid"])
    seed = random.randrange(10**6)
    chance, sent, away, gone = random.Random(seed), set[str](), [], []

    def acknowledged() -> dict[str, str]:
        return dict(outbox.answered) | {client_id: uid for member in members for client_id, uid in member.acknowledged.items()}

    for number in range(KILLS):
        burst = Burst(server, members, outbox, number, chance.uniform(1.0, 3.0))
        run(members, BURST_SECONDS, burst.turn)
        sent |= burst.sent
        settle(members, lambda sent=sent: set(acknowledged()) == sent, 20.0)
        away.append(burst.away())
        gone.append(burst.back_at - burst.killed_at)
    log = evidence.stored(clinic.url, thread["uid"])
    settle(members, lambda: all(len(one.order) >= len(log) - len(before) for one in members), 10.0)
    print(f"seed {seed}: {len(sent)} messages, {KILLS} kills, gone for {[round(one, 1) for one in gone]} s, "
          f"served again after {[round(one, 2) for one in away]} s, resent {sum(one.resent for one in members)} by XMPP, "
          f"{len(outbox.refused)} refused to the page, {outbox.unanswered} unanswered")
    heard = {one.nick: one.order for one in members}
    heard["the page"] = outbox.page.entries_after(thread["uid"], before[-1][0])
    heard["the archive query"] = evidence.mam(members[0].stream, thread["room"])[len(before) :]
    evidence.check(log, len(before), sent, acknowledged(), heard, seed)
    assert max(away) <= SERVED_AGAIN_SECONDS
    words = {(condition, kind) for member in members for condition, kind, _text in member.words}
    # Delayed, not refused; who is gone for longer is not waited for.
    assert words == set() if max(gone) < BUSY_TIMEOUT_SECONDS - 1 else words <= {("resource-constraint", "wait")}
    assert clinic.ready["pids"] == pids  # nothing had to be started again
    server.check(clinic.url)
