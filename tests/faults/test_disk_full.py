"""The disk under a running clinic fills up in the middle of a burst from both doors, and has space again later.

A kill alone misses an echo before its commit; a full disk shows it. Source: house rule 9; facts/reliability, finding 2, F5.
"""

import json
import time
from collections.abc import Iterator

import pytest

from tests.support import evidence
from tests.support.clinic import RunningClinic
from tests.support.crowd import RESEND_SECONDS, run, settle
from tests.support.evidence import Listener
from tests.support.page import Outbox, Page
from tests.support.smalldisk import Ballast, small_disk

MEGABYTES, PER_SECOND = 64, 30
RECOVERS_SECONDS = 10.0
FULL_SECONDS, UNTIL_REFUSED_SECONDS = 3.0, 20.0
NICKS = {"ana": "Ana Alvarez", "boris": "Boris Brandt"}
FILLER = "x" * 6000
"""Long texts fill what the write-ahead log had reserved before the disk was full."""

pytestmark = [pytest.mark.e2e, pytest.mark.sqlite_only("the disk that fills up is the one under the file")]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration on a small disk."""
    with (
        small_disk(tmp_path_factory.mktemp("disk-full") / "data", MEGABYTES) as data,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("BEDSIDE_MINIMUM_FREE_MB", "10")
        with RunningClinic(data, "--demo") as one:
            yield one


class LongWinded(Listener):
    """A client whose every text is long."""

    def say(self, client_id: str) -> None:
        """Sends a long message, or sends it again under the same id."""
        self.attempted.add(client_id)
        self.outbox[client_id] = time.monotonic() + RESEND_SECONDS
        self.stream.sock.settimeout(10)
        self.stream.send(
            f"<message to='{self.room}' type='groupchat' id='{client_id}'><body>{client_id}{FILLER}</body>"
            f"<origin-id xmlns='urn:xmpp:sid:0' id='{client_id}'/></message>"
        )


class Doors:
    """Ana and Boris by XMPP, Chen by the page; all write in turn."""

    def __init__(self, clinic: RunningClinic):
        thread = clinic.ready["threads"]["ana-boris"]
        self.members: list[Listener] = []
        for name, nick in NICKS.items():
            stream = clinic.xmpp(name)
            stream.send("<presence/>")
            handle = clinic.ready["accounts"][name]["jid"].partition("@")[0]
            self.members.append(LongWinded(stream, thread["room"], nick, handle))
            self.members[-1].join()
        self.outbox = Outbox(Page(clinic, "chen"), thread["uid"])
        self.outbox.start()
        self.writers = [member.say for member in self.members] + [lambda client_id: self.outbox.add(client_id, client_id + FILLER)]
        self.sent: set[str] = set()

    def write(self, upto: float) -> None:
        """Writes until so many have been written in all."""
        while len(self.sent) < upto:
            client_id = f"burst-{len(self.sent)}"
            self.writers[len(self.sent) % len(self.writers)](client_id)
            self.sent.add(client_id)

    def acknowledged(self) -> dict[str, str]:
        """Returns client id → uid of everything that was echoed or answered ok."""
        found = dict(self.outbox.answered)
        for member in self.members:
            found |= member.acknowledged
        return found

    def close(self) -> None:
        """Ends everybody's connection."""
        self.outbox.stop()
        for member in self.members:
            member.stream.sock.close()


@pytest.fixture
def doors(clinic: RunningClinic) -> Iterator[Doors]:
    """The people of the burst."""
    made = Doors(clinic)
    yield made
    made.close()


def test_a_full_disk_acknowledges_nothing_that_is_not_kept_says_so_and_recovers_by_itself(clinic: RunningClinic, doors: Doors) -> None:
    thread = clinic.ready["threads"]["ana-boris"]
    before, pids = evidence.stored(clinic.url, thread["uid"]), clinic.ready["pids"]
    run(doors.members, 2.0, lambda passed: doors.write(passed * PER_SECOND))
    assert doors.acknowledged()  # the positive control: with space, it works
    ballast = Ballast(clinic.data / "ballast")
    ballast.fill()
    fill_up(doors)
    run(doors.members, FULL_SECONDS, lambda _passed: None)
    acknowledged = doors.acknowledged()  # first: the page's outbox goes on meanwhile
    kept = {client_id: uid for uid, client_id, _kind in evidence.stored(clinic.url, thread["uid"])}
    assert {client_id: kept.get(client_id) for client_id in acknowledged} == acknowledged
    waiting = len(doors.sent) - len(acknowledged)
    assert waiting >= 10, "hardly anything met the full disk: nothing was proved"
    check_words(doors)

    ballast.drop()
    dropped_at = time.monotonic()
    settle(doors.members, lambda: set(doors.acknowledged()) == doors.sent, RECOVERS_SECONDS)
    print(f"{len(doors.sent)} messages, {waiting} waited for space, {sum(len(one.words) for one in doors.members)} refusals by XMPP, "
          f"{len(doors.outbox.refused)} by the page; all kept {time.monotonic() - dropped_at:.2f} s after there was space")
    log = evidence.stored(clinic.url, thread["uid"])
    settle(doors.members, lambda: all(len(one.order) >= len(log) - len(before) for one in doors.members), 10.0)
    seen = {one.nick: one.order for one in doors.members}
    seen["the page"] = doors.outbox.page.entries_after(thread["uid"], before[-1][0])
    seen["the archive query"] = evidence.mam(doors.members[0].stream, thread["room"])[len(before) :]
    evidence.check(log, len(before), doors.sent, doors.acknowledged(), seen, "none")
    assert evidence.integrity(clinic.url) == "ok"
    assert clinic.ready["pids"] == pids  # nothing had to be started again


def fill_up(doors: Doors) -> None:
    """Goes on writing from both doors until both have been refused."""
    written, end = len(doors.sent), time.monotonic() + UNTIL_REFUSED_SECONDS
    while not (doors.outbox.refused and all(member.words for member in doors.members)):
        assert time.monotonic() < end, "the disk is full and nobody is refused"
        run(doors.members, 0.5, lambda passed, written=written: doors.write(written + passed * PER_SECOND))
        written = len(doors.sent)


def check_words(doors: Doors) -> None:
    """Both doors said that nothing was stored and that trying again helps."""
    for member in doors.members:
        assert {(condition, kind) for condition, kind, _text in member.words} == {("resource-constraint", "wait")}
        assert all("could not store" in text for _condition, _kind, text in member.words)
    for answer in doors.outbox.refused:
        assert answer.status == 503
        said = json.loads(answer.text)
        assert (said["ok"], said["code"]) == (False, "busy")
        assert "could not store" in said["text"]
