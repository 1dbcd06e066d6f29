"""The web is killed, its whole process group by SIGKILL, while people post from the page. Source: house rule 9; facts/reliability F3, I1 to I4."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from tests.support import evidence
from tests.support.clinic import RunningClinic
from tests.support.crowd import Member, run, settle
from tests.support.page import Outbox, Page
from tests.support.ports import eventually

KILLS = int(os.environ.get("BEDSIDE_KILLS", "3"))
PER_SECOND, BURST_SECONDS = 24, 5.0
NAMES = ("ana", "boris", "chen")

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration."""
    with RunningClinic(tmp_path_factory.mktemp("web-killed") / "data", "--demo") as one:
        yield one


class Burst:
    """One round: everybody posts in turn, the web is killed once."""

    def __init__(self, clinic: RunningClinic, outboxes: list[Outbox], number: int, kill_after: float):
        self.clinic, self.outboxes, self.number, self.kill_after = clinic, outboxes, number, kill_after
        self.sent, self.killed_at = 0, 0.0

    def turn(self, passed: float) -> None:
        """Posts what is due, and kills when it is time."""
        while self.sent < passed * PER_SECOND:
            client_id = f"round-{self.number}-{self.sent}"
            self.outboxes[self.sent % len(self.outboxes)].add(client_id, client_id)
            self.sent += 1
        if not self.killed_at and passed > self.kill_after:
            os.killpg(self.clinic.ready["pids"]["web"], signal.SIGKILL)
            self.killed_at = time.monotonic()

    def away(self) -> float:
        """Returns how long after the kill the last of the outboxes was answered again."""
        # What was answered before the kill may be noted a moment after it.
        again = [min((at for at in list(one.answered_at.values()) if at > self.killed_at + 0.05), default=float("inf")) for one in self.outboxes]
        return max(again) - self.killed_at


@pytest.fixture
def outboxes(clinic: RunningClinic) -> Iterator[list[Outbox]]:
    """Everybody's page with the thread open, sending what is added."""
    made = [Outbox(Page(clinic, name), clinic.ready["threads"]["ana-boris"]["uid"]) for name in NAMES]
    for one in made:
        one.start()
    yield made
    for one in made:
        one.stop()


@pytest.fixture
def listener(clinic: RunningClinic) -> Iterator[Member]:
    """Boris's XMPP client in the room: it hears what the pages post."""
    account = clinic.ready["accounts"]["boris"]
    with clinic.xmpp("boris") as stream:
        stream.send("<presence/>")
        member = Member(stream, clinic.ready["threads"]["ana-boris"]["room"], "Boris Brandt", account["jid"].partition("@")[0])
        member.join()
        yield member


def test_a_kill_of_the_web_loses_no_answered_post_doubles_none_and_keeps_the_order(
    clinic: RunningClinic, outboxes: list[Outbox], listener: Member
) -> None:
    thread = clinic.ready["threads"]["ana-boris"]
    before = evidence.stored(clinic.url, thread["uid"])
    seed = random.randrange(10**6)
    chance, sent, away = random.Random(seed), set(), []
    for number in range(KILLS):
        burst = Burst(clinic, outboxes, number, chance.uniform(1.0, 3.0))
        run([listener], BURST_SECONDS, burst.turn)
        settle([listener], lambda: not any(one.waiting for one in outboxes), 20.0)
        sent |= {f"round-{number}-{one}" for one in range(burst.sent)}
        away.append(burst.away())
    log = evidence.stored(clinic.url, thread["uid"])
    settle([listener], lambda: len(listener.order) >= len(log) - len(before), 10.0)
    answered = {client_id: uid for one in outboxes for client_id, uid in one.answered.items()}
    unanswered = [one.unanswered for one in outboxes]
    print(f"seed {seed}: {len(sent)} posts, {KILLS} kills, away {[round(one, 2) for one in away]} s, without an answer {unanswered}")
    assert all(unanswered), "no kill met a post of everybody: nothing was proved"
    seen = {name: one.page.entries_after(thread["uid"], before[-1][0]) for name, one in zip(NAMES, outboxes, strict=True)}
    seen["the live stream"] = listener.order
    seen["the archive query"] = evidence.mam(listener.stream, thread["room"])[len(before) :]
    evidence.check(log, len(before), sent, answered, seen, seed)


def test_a_post_sent_again_after_a_kill_is_the_same_entry(clinic: RunningClinic) -> None:
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    page = Page(clinic, "ana")
    first = [page.act("text.post", thread, body=f"again {number}", client_id=f"again-{number}") for number in range(10)]
    log = evidence.stored(clinic.url, thread)
    killed = clinic.ready["pids"]["web"]
    os.killpg(killed, signal.SIGKILL)
    eventually(lambda: (clinic.ready_or_none() or {"pids": {}})["pids"].get("web", killed) != killed, 20.0, "the web runs again")
    page.close()
    again = [page.act("text.post", thread, body=f"again {number}", client_id=f"again-{number}") for number in range(10)]
    page.close()
    assert [one.status for one in first + again] == [200] * 20
    assert all(json.loads(one.text)["duplicate"] for one in again)
    assert [json.loads(one.text)["entry"] for one in again] == [json.loads(one.text)["entry"] for one in first]
    assert evidence.stored(clinic.url, thread) == log
