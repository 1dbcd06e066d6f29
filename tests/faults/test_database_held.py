"""Another process holds the database's write lock and does not pass the clinic's own fair lock (a backup, an administrator's shell).

Source: house rule 12; facts/reliability F6.
"""

import time
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import pytest

from tests.support import evidence
from tests.support.clinic import RunningClinic
from tests.support.crowd import run, settle
from tests.support.databases import held
from tests.support.evidence import Listener
from tests.support.page import Outbox, Page

PER_SECOND, PING_EVERY_SECONDS, ANSWERED_SECONDS = 15, 0.2, 1.0
SETTLED_SECONDS = 15.0
NICKS = {"ana": "Ana Alvarez", "boris": "Boris Brandt"}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration."""
    with RunningClinic(tmp_path_factory.mktemp("database-held") / "data", "--demo") as one:
        yield one


class Pinger(Listener):
    """A client that also pings the threads component and notes how long each answer takes."""

    pings: dict[str, float]
    took: list[float]

    def ping(self) -> None:
        """Asks the component whether it is there."""
        service = self.room.partition("@")[2]
        client_id = f"ping-{len(self.pings) + len(self.took)}"
        self.pings[client_id] = time.monotonic()
        self.stream.send(f"<iq type='get' id='{client_id}' to='{service}'><ping xmlns='urn:xmpp:ping'/></iq>")

    def take(self, stanza: Element) -> None:
        """Notes an answer; everything else as a member does."""
        if stanza.get("id") in self.pings:
            assert stanza.get("type") == "result"
            self.took.append(time.monotonic() - self.pings.pop(stanza.get("id", "")))
        else:
            super().take(stanza)


class Round:
    """Ana writes by XMPP, Chen by the page, Boris listens and pings."""

    def __init__(self, clinic: RunningClinic, name: str):
        self.clinic, self.name = clinic, name
        self.thread = clinic.ready["threads"]["ana-boris"]
        self.before = evidence.stored(clinic.url, self.thread["uid"])
        self.members: list[Pinger] = []
        for person, nick in NICKS.items():
            stream = clinic.xmpp(person, resource=name)
            stream.send("<presence/>")
            member = Pinger(stream, self.thread["room"], nick, clinic.ready["accounts"][person]["jid"].partition("@")[0])
            member.pings, member.took = {}, []
            member.join()
            self.members.append(member)
        self.outbox = Outbox(Page(clinic, "chen"), self.thread["uid"])
        self.outbox.start()
        self.sent: set[str] = set()

    def turn(self, passed: float) -> None:
        """Writes and pings what is due."""
        while len(self.sent) < passed * PER_SECOND:
            client_id = f"{self.name}-{len(self.sent)}"
            self.sent.add(client_id)
            if len(self.sent) % 3:
                self.members[0].say(client_id)
            else:
                self.outbox.add(client_id, client_id)
        pinger = self.members[1]
        if passed > (len(pinger.pings) + len(pinger.took)) * PING_EVERY_SECONDS:
            pinger.ping()

    def hold(self, seconds: float) -> set[str]:
        """Holds the database while people write. Returns the client ids of what was acknowledged meanwhile."""
        with held(self.clinic.url):
            already = set(self.acknowledged())
            run(self.members, seconds, self.turn)
            return set(self.acknowledged()) - already

    def acknowledged(self) -> dict[str, str]:
        """Returns client id → uid of everything that was echoed or answered ok."""
        return dict(self.outbox.answered) | self.members[0].acknowledged

    def finish(self) -> None:
        """Everything is acknowledged in the end, once, in one order."""
        settle(self.members, lambda: set(self.acknowledged()) == self.sent and not self.members[1].pings, SETTLED_SECONDS)
        log = evidence.stored(self.clinic.url, self.thread["uid"])
        settle(self.members, lambda: all(len(one.order) >= len(log) - len(self.before) for one in self.members), SETTLED_SECONDS)
        heard = {one.nick: one.order for one in self.members}
        heard["the page"] = self.outbox.page.entries_after(self.thread["uid"], self.before[-1][0])
        evidence.check(log, len(self.before), self.sent, self.acknowledged(), heard, "none")

    def close(self) -> None:
        """Ends everybody's connection."""
        self.outbox.stop()
        for member in self.members:
            member.stream.sock.close()


@pytest.fixture
def burst(clinic: RunningClinic, request: pytest.FixtureRequest) -> Iterator[Round]:
    """The people, present."""
    made = Round(clinic, f"held-{request.node.name.count('_')}")
    yield made
    made.close()


def test_held_for_three_seconds_the_component_answers_pings_and_every_message_arrives_late_but_once(burst: Round) -> None:
    meanwhile = burst.hold(3.0)
    assert not meanwhile, "something was acknowledged that could not be stored"
    pings = burst.members[1].took
    burst.finish()
    assert len(pings) >= 10
    assert max(pings) <= ANSWERED_SECONDS
    assert not any(member.words for member in burst.members)  # delayed, not refused
    assert not burst.outbox.refused
    print(f"{len(burst.sent)} messages, {len(pings)} pings, the slowest {max(pings):.3f} s")


@pytest.mark.soak
def test_held_for_thirty_seconds_people_are_told_and_no_message_is_lost(burst: Round) -> None:
    meanwhile = burst.hold(30.0)
    assert not meanwhile, "something was acknowledged that could not be stored"
    words = {(condition, kind) for member in burst.members for condition, kind, _text in member.words}
    pings = burst.members[1].took
    burst.finish()
    assert words == {("resource-constraint", "wait")}
    assert {answer.status for answer in burst.outbox.refused} == {503}
    assert not burst.outbox.unanswered  # the page was told before it gave up waiting
    assert max(pings) <= ANSWERED_SECONDS
