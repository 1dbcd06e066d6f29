"""Threads among people's bookmarks, and invitations beside them, as the component asks its server for them. Source: XEP-0402, 0356, 0249."""

import xml.etree.ElementTree as ET
from datetime import timedelta

import pytest
import sqlalchemy as sa

from clinic import outbox
from clinic.thread.bookmarks import Listing
from clinic.thread.tables import bookmarks
from tests.support.stage import USER, Person, Stage, played
from xmpp_components.bookmarks import NODE, Found, becoming

TOLD, NOW = Listing("Boris Brandt", "Ana Alvarez"), Listing("Boris Berg", "Ana Ahlberg")


def conference(attributes: str = "name='Boris Brandt' autojoin='true'", inside: str = "<nick>Ana Alvarez</nick>", name: str = "conference") -> ET.Element:
    return ET.fromstring(f"<{name} xmlns='{NODE}' {attributes}>{inside}</{name}>")


def become(found: ET.Element | None, told: Listing | None, wanted: Listing = NOW, kept: bool = True) -> ET.Element | None:
    text = becoming(Found(kept, found), told, wanted)
    return None if text is None else ET.fromstring(text)


def said(bookmark: ET.Element | None) -> tuple[str | None, str | None, str | None]:
    """Returns title, autojoin, nick of a bookmark."""
    assert bookmark is not None
    return bookmark.get("name"), bookmark.get("autojoin"), bookmark.findtext(f"{{{NODE}}}nick")


def test_a_thread_that_nobody_bookmarked_is_opened_by_itself() -> None:
    for kept in (True, False):
        assert said(become(None, None, kept=kept)) == ("Boris Berg", "true", "Ana Ahlberg")


def test_what_was_removed_is_not_put_back_and_what_the_server_lost_is() -> None:
    assert become(None, TOLD) is None
    assert said(become(None, TOLD, kept=False)) == ("Boris Berg", "true", "Ana Ahlberg")


def test_what_is_as_it_was_told_follows_and_what_its_owner_wrote_stays() -> None:
    assert said(become(conference(), TOLD)) == ("Boris Berg", "true", "Ana Ahlberg")
    assert said(become(conference("name='My doctor' autojoin='1'"), TOLD)) == ("My doctor", "1", "Ana Ahlberg")
    assert said(become(conference("name='Boris Brandt' autojoin='false'", "<nick>Annie</nick>"), TOLD)) == ("Boris Berg", "false", "Annie")
    assert said(become(conference("name='Boris Brandt'", ""), TOLD)) == ("Boris Berg", None, None)
    assert become(conference("autojoin='false'", ""), TOLD) is None
    assert become(conference(), None) is None  # their own bookmark, made before
    assert become(conference(), TOLD, TOLD) is None


def test_extensions_are_kept_and_what_is_no_bookmark_is_left_alone() -> None:
    extra = "<nick>Ana Alvarez</nick><extensions><pin xmlns='urn:example:pin' at='1&lt;2'>é</pin></extensions>"
    changed = become(conference(inside=extra), TOLD)
    assert changed is not None
    [pin] = changed.findall(f"{{{NODE}}}extensions/{{urn:example:pin}}pin")
    assert (pin.get("at"), pin.text) == ("1<2", "é")
    assert become(conference(name="something"), TOLD) is None
    deep = conference()
    deepest = deep
    for _level in range(5000):
        deepest = ET.SubElement(deepest, f"{{{NODE}}}extensions")
    assert become(deep, TOLD) is None


def address(stage: Stage, person: Person) -> str:
    return f"{person.handle}@{stage.config.domain}"


def listed(stage: Stage, person: Person, room: str = "") -> tuple[str | None, str | None, str | None] | None:
    """Returns title, autojoin, nick of a person's bookmark."""
    found = stage.server.bookmarks.of.get(address(stage, person), {}).get(room or stage.room)
    return None if found is None else said(found)


async def told(stage: Stage) -> None:
    """Waits until every bookmark job is done."""
    def waiting() -> bool:
        with stage.db.reading() as connection:
            return connection.execute(sa.select(outbox.jobs).where(outbox.jobs.c.queue == "bookmarks")).first() is not None
    await stage.until(lambda: not waiting())


def rename(stage: Stage, name: str) -> None:
    stage.db.perform(stage.cast.dina, "account.describe", stage.boris.uid, name=name, email=None, birth_date=None)


@played
async def test_every_member_has_the_thread_among_their_bookmarks(stage: Stage) -> None:
    await told(stage)
    assert listed(stage, stage.ana) == ("Boris Brandt", "true", "Ana Alvarez")
    assert listed(stage, stage.boris) == ("Ana Alvarez", "true", "Boris Brandt")
    assert listed(stage, stage.chen) == ("Ana Alvarez", "true", "Chen Cheng")
    assert listed(stage, stage.eve) is None


@played
async def test_a_new_title_is_told_and_what_people_did_to_bookmarks_stays(stage: Stage) -> None:
    await told(stage)
    rename(stage, "Boris Berg")
    await told(stage)
    assert listed(stage, stage.ana) == ("Boris Berg", "true", "Ana Alvarez")
    assert listed(stage, stage.boris) == ("Ana Alvarez", "true", "Boris Berg")
    stage.server.bookmarks.of[address(stage, stage.ana)][stage.room].set("autojoin", "false")
    del stage.server.bookmarks.of[address(stage, stage.boris)][stage.room]
    for name in ("Boris Bach", "Boris Busch"):
        rename(stage, name)
        await told(stage)
    assert listed(stage, stage.ana) == ("Boris Busch", "false", "Ana Alvarez")
    assert listed(stage, stage.boris) is None


@played
async def test_titles_that_change_quickly_end_with_the_last(stage: Stage) -> None:
    names = [f"Boris {letter}" for letter in "ABCDEFGHIJ"]
    for name in names:
        rename(stage, name)
    await told(stage)
    assert listed(stage, stage.ana) == ("Boris J", "true", "Ana Alvarez")
    assert listed(stage, stage.boris) == ("Ana Alvarez", "true", "Boris J")


@played
async def test_who_is_no_member_any_more_has_it_no_more(stage: Stage) -> None:
    await told(stage)
    link = {"coordinator": stage.chen.uid, "practitioner": stage.boris.uid}
    stage.db.perform(stage.cast.dina, "link.coordinator_remove", **link)
    await told(stage)
    assert listed(stage, stage.chen) is None and listed(stage, stage.boris) is not None
    stage.db.perform(stage.cast.dina, "link.coordinator_add", **link)
    await told(stage)
    assert listed(stage, stage.chen) == ("Ana Alvarez", "true", "Chen Cheng")


@played
async def test_a_component_that_ends_before_it_asked_leaves_it_to_the_next(stage: Stage) -> None:
    await told(stage)
    await stage.crash()
    rename(stage, "Boris Berg")
    stage.cast.link("ana", "bella")
    room = f"{stage.cast.start('bella', 'ana')}@{stage.server.domain}"
    assert listed(stage, stage.ana, room) is None
    await stage.start()
    await told(stage)
    assert listed(stage, stage.ana) == ("Boris Berg", "true", "Ana Alvarez")
    assert listed(stage, stage.ana, room) == ("Bella Baptiste", "true", "Ana Alvarez")


@played
async def test_memberships_older_than_bookmarks_get_theirs_at_the_start_and_own_ones_stay(stage: Stage) -> None:
    await told(stage)
    await stage.crash()
    with stage.db.writing() as connection:
        connection.execute(sa.delete(bookmarks))
    own = conference("name='My doctor'", "")
    stage.server.bookmarks.of = {address(stage, stage.ana): {stage.room: own}}
    published = stage.server.bookmarks.asked["publish"]
    await stage.start()
    await stage.until(lambda: listed(stage, stage.chen))
    await told(stage)
    assert listed(stage, stage.ana) == ("My doctor", None, None)
    assert listed(stage, stage.boris) == ("Ana Alvarez", "true", "Boris Brandt")
    assert stage.server.bookmarks.asked["publish"] == published + 2
    await stage.crash()
    await stage.start()
    await told(stage)
    assert stage.server.bookmarks.asked["publish"] == published + 2  # once


@played
async def test_bookmarks_that_wait_hold_up_no_sign_out(stage: Stage) -> None:
    await told(stage)
    answer = stage.server.bookmarks.answer
    stage.server.bookmarks.answer = lambda _iq: ""  # type: ignore[method-assign]
    for number in range(10):
        rename(stage, f"Boris {number}")
    device = stage.db.perform(stage.ana.actor, "device.mint", name="phone").value
    stage.db.perform(stage.ana.actor, "device.revoke", device.uid)
    await stage.until(lambda: stage.server.disconnects)
    assert listed(stage, stage.ana) == ("Boris Brandt", "true", "Ana Alvarez")  # they did wait
    stage.server.bookmarks.answer = answer  # type: ignore[method-assign]


# --- invitations


def later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the time pass after which invitations are sent."""
    real = stage.db.now
    monkeypatch.setattr(stage.db, "now", lambda: real() + timedelta(seconds=30))


def invitations(stage: Stage) -> dict[str, ET.Element]:
    """Returns the invitations that the server got, by bare JID."""
    return {one.get("to", ""): one for one in stage.server.stored if one.find("{jabber:x:conference}x") is not None}


def kept(invitation: ET.Element) -> bool:
    return invitation.find("{urn:xmpp:hints}no-store") is None


def test_who_has_not_opened_the_thread_is_invited_without_anybodys_address(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    @played
    async def play(stage: Stage) -> None:
        await told(stage)
        await stage.joined(stage.ana)
        assert not invitations(stage)
        later(stage, monkeypatch)
        await stage.until(lambda: len(invitations(stage)) == 2)
        await stage.until(lambda: not outbox.claim(stage.db, "threads"))
        found = invitations(stage)
        assert found.keys() == {address(stage, stage.boris), address(stage, stage.chen)}  # Ana is there: nothing nags her
        for invitation in found.values():
            assert invitation.get("from") == stage.room
            # By the service, not by the room: Gajim fails on a room that invites into itself, and shows nothing.
            assert invitation.find(f"{{{USER}}}x/{{{USER}}}invite").get("from") == stage.server.domain
            assert invitation.find("{jabber:x:conference}x").get("jid") == stage.room
            assert invitation.findtext("{*}body")
            assert not kept(invitation)  # who is offline finds the thread among the bookmarks
    play(tmp_path)


def test_whose_bookmarks_cannot_be_kept_is_invited_for_later_until_they_can(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    @played
    async def play(stage: Stage) -> None:
        await told(stage)
        stage.server.bookmarks.allows = False
        stage.cast.link("ana", "bella")
        room = f"{stage.cast.start('bella', 'ana')}@{stage.server.domain}"
        later(stage, monkeypatch)
        await stage.until(lambda: {one.get("from") for one in stage.server.stored if kept(one)} == {room})
        assert listed(stage, stage.ana, room) is None
        stage.server.bookmarks.allows = True
        later(stage, monkeypatch)
        await told(stage)
        assert listed(stage, stage.ana, room) == ("Bella Baptiste", "true", "Ana Alvarez")
    play(tmp_path)
