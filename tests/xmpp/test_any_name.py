"""Whatever a person is called, their thread goes on: the real XMPP server takes every address that the component writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import Actor
from clinic.thread.nicks import addressable
from clinic.thread.relay import relayed_thread
from tests.support.cast import NAMES as NAMES_OF
from tests.support.crowd import Member, settle
from tests.support.live_clinic import LiveClinic, live_clinic

pytestmark = pytest.mark.e2e
NAMES = ["Dr. أحمد منصور", "יעל כהן", "Ana\ue000Bell", "José Núñez", "Ana Alvarez", "ﷺ" * 60]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


def heard(members: list[Member], speaker: Member, text: str) -> None:
    """Say `text` and wait until everybody, the speaker too, has it."""
    speaker.say(text)
    settle(members, lambda: text in speaker.acknowledged, 10.0)
    uid = speaker.acknowledged[text]
    settle(members, lambda: all(uid in member.heard_at for member in members), 10.0)


def called(clinic: LiveClinic, member: Member, name: str) -> None:
    """Give a person another name, and note by which address the room knows them then."""
    who = next(one for one in NAMES_OF if clinic.cast.handle(one) == member.handle)
    clinic.db.perform(clinic.cast.dina, "account.describe", clinic.cast.uid(who), name=name, email=f"{who}@clinic.example")
    with clinic.db.read(Actor.system()) as work:
        member.nick = next(addressable(one.nick) for one in relayed_thread(work, clinic.thread).members if one.handle == member.handle)


def test_a_thread_talks_on_whatever_its_people_are_called(clinic: LiveClinic) -> None:
    ana, boris, chen = members = [clinic.member(name) for name in ("ana", "boris", "chen")]
    for number, name in enumerate(NAMES):
        # Two of one name: the second is numbered, in letters where digits may not end an address.
        called(clinic, boris, name)
        called(clinic, chen, name)
        assert boris.nick != chen.nick
        for speaker in members:
            heard(members, speaker, f"{number} {speaker.handle}")
    assert [member.refused for member in members] == [[], [], []]
    again = Member(clinic.server.client().log_in(boris.handle, "secret", "second"), clinic.room, "whatever", boris.handle)
    with again.stream:
        again.stream.send("<presence/>")
        again.join()
        again.nick = boris.nick
        heard([*members, again], again, "from the second client")
