"""The history that a join brings: how long, whole, and what counts as delivered. Source: XEP-0045 section 7.2.13."""

from pathlib import Path
from typing import Any

import pytest

from clinic import Actor
from clinic.thread.archive import archive
from clinic.thread.relay import relayed_thread as view_of
from tests.support.stage import Client, Person, Stage, X, played, shown
from xmpp_components.rooms import join
from xmpp_components.rooms import room as rooms


@played
async def test_history_is_as_long_as_asked(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    for number in range(30):
        stage.writes(stage.boris, f"line {number}", f"c{number}")
    await boris.finds("<message><body>line 29</body></message>")  # so that nobody who joins later gets them live

    async def bodies(history: str) -> list[str]:
        client = stage.client(stage.ana, f"device-{len(stage.server.clients)}")
        client.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'>{history}</x></presence>")
        heard: list[str] = []
        while (one := await client.hears()).find("{*}subject") is None:
            if (body := one.find("{*}body")) is not None:
                heard.append(body.text or "")
        return heard

    assert await bodies("<history maxstanzas='0'/>") == []
    assert await bodies("<history maxchars='0'/>") == []
    assert await bodies("<history maxstanzas='3'/>") == ["line 27", "line 28", "line 29"]
    assert await bodies("<history since='2999-01-01T00:00:00Z'/>") == []
    assert await bodies("<history since='0001-01-01T00:00:00+14:00'/>") == [f"line {number}" for number in range(10, 30)]
    assert len(await bodies("<history since='1970-01-01T00:00:00Z'/>")) == 32
    assert len(await bodies("<history seconds='3600'/>")) == 32
    assert 0 < len(await bodies("<history maxchars='2000'/>")) < 10
    assert await bodies("<history maxstanzas='many'/>") == [f"line {number}" for number in range(10, 30)]


@played
async def test_who_asks_for_nothing_gets_what_they_have_not_read_and_a_little_at_least(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)

    async def writes(first: int, last: int) -> list[str]:
        lines = [f"line {number}" for number in range(first, last)]
        for line in lines:
            stage.writes(stage.boris, line, line)
        stage.cast.note("boris", stage.thread, f"of staff, after {last}")
        # So that nobody who joins later gets them live.
        await boris.finds(f"<message><body>[Internal note, staff only] of staff, after {last}</body></message>")
        return lines

    async def joins_and_leaves() -> list[str]:
        ana = stage.client(stage.ana)
        ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
        heard = await history(ana)
        ana.sends(f"<presence to='{stage.room}/Ana Alvarez' type='unavailable'/>")
        await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")
        return heard

    async def reads(line: str) -> None:
        known, uid = stage.component.rooms.known(stage.thread), stage.writes(stage.boris, line, line)
        stage.db.perform(stage.ana.actor, "thread.mark", stage.thread, entry=uid, state="read")
        await boris.finds(f"<message><body>{line}</body></message>")
        await stage.until(lambda: known.members[stage.ana.handle].read_seq == known.cursor)

    lines = await writes(0, 250)
    for _time in range(2):
        assert (await joins_and_leaves())[2:] == lines  # after two notices
    await reads("the last of them")
    assert await joins_and_leaves() == [*lines[-19:], "the last of them"]
    more = await writes(250, 370)
    assert await joins_and_leaves() == more
    more += await writes(370, 250 + join.MOST_HISTORY + 30)
    assert await joins_and_leaves() == more[-join.MOST_HISTORY:]


async def history(client: Client) -> list[str]:
    """Returns the texts that come before the subject of a join."""
    heard: list[str] = []
    while (one := await client.hears()).find("{*}subject") is None:
        heard += [body.text or "" for body in one.findall("{*}body")]
    return heard


def busy(stage: Stage, boris: Client, a_read: int) -> list[str]:
    """Makes Boris write so many texts, one of them for staff only, and be heard while any page of the archive is read. Returns the others."""
    component, said = stage.component, list[str]()
    assert component is not None
    view = component.reader.view

    async def while_they_talk(actor: Actor, which: Any, *rest: Any, **named: Any) -> Any:
        found = await view(actor, which, *rest, **named)
        if which is archive:
            stage.cast.note("boris", stage.thread, f"between staff {len(said)}")
            texts = [f"said {number}" for number in range(len(said), len(said) + a_read)]
            for text in texts:
                stage.writes(stage.boris, text, text)
            said.extend(texts)
            await boris.finds(f"<message><body>{texts[-1]}</body></message>")
        return found
    vars(component.reader)["view"] = while_they_talk
    return said


@played
async def test_nothing_is_missing_between_the_history_and_what_follows_in_a_thread_that_is_never_quiet(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    said = busy(stage, boris, 3)
    for asked, number in (("maxstanzas='100'", 100), ("maxstanzas='2'", 2), ("since='1970-01-01T00:00:00Z'", 100), ("since='2999-01-01T00:00:00Z'", 0)):
        ana = stage.client(stage.ana, f"device-{len(said)}")
        ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'><history {asked}/></x></presence>")
        heard = [body for body in await history(ana) if "thread" not in body]
        assert heard == said[-number:][:number]
        uid = stage.writes(stage.boris, "and live", f"live-{len(said)}")
        await ana.receives(f"<message><body>and live</body><stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>")
        said.append("and live")
        ana.sends(f"<presence type='unavailable' to='{stage.room}/Ana Alvarez'/>")


def test_where_more_was_said_during_a_join_than_the_room_remembers_the_history_is_shorter_and_whole(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "RECENT_ENTRIES", 4)

    @played
    async def play(stage: Stage) -> None:
        boris = await stage.joined(stage.boris)
        stage.writes(stage.boris, "before", "before")
        said = busy(stage, boris, 6)
        ana = stage.client(stage.ana)
        ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'><history maxstanzas='100'/></x></presence>")
        assert await history(ana) == said[-4:]
    play(tmp_path)


@played
async def test_only_a_history_that_was_sent_counts_as_delivered(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    for number in range(2):
        stage.writes(stage.boris, f"line {number}", f"m{number}")
    await boris.finds("<message><body>line 1</body></message>")  # so that nobody who joins later gets them live

    def behind(handle: str) -> int:
        with stage.db.read(Actor.system()) as work:
            found = view_of(work, stage.thread)
            return found.last_seq - next(one.delivered_seq for one in found.members if one.handle == handle)

    async def joins(person: Person, asked: str) -> None:
        client = stage.client(person, f"device-{len(stage.server.clients)}")
        client.sends(f"<presence to='{stage.room}/{person.name}'><x xmlns='{X}'><history {asked}/></x></presence>")
        await history(client)
    stage.server.answers_pings = False
    await joins(stage.ana, "maxchars='0'")
    await joins(stage.ana, "maxstanzas='0'")
    await joins(stage.chen, "maxstanzas='1'")
    stage.server.answer_pings()
    await stage.until(lambda: behind(stage.chen.handle) == 0)
    assert behind(stage.ana.handle) >= 2
    await joins(stage.ana, "maxstanzas='1'")
    await stage.until(lambda: behind(stage.ana.handle) == 0)


@played
async def test_nothing_is_sent_by_an_older_list_of_members(stage: Stage) -> None:
    chen, ana = await stage.joined(stage.chen), await stage.joined(stage.ana)
    for number in range(10):
        await chen.everything()
        # In one turn of the loop: the removal is committed elsewhere, and a text follows before anybody could have looked.
        stage.db.perform(Actor.system(), "link.coordinator_remove", coordinator=stage.chen.uid, practitioner=stage.boris.uid)
        stage.says(ana, f"after removal {number}", f"m{number}")
        await ana.finds(f"<message id='m{number}'/>")
        assert f"after removal {number}" not in "".join(shown(one) for one in await chen.everything())
        stage.db.perform(Actor.system(), "link.coordinator_add", coordinator=stage.chen.uid, practitioner=stage.boris.uid)
        chen = await stage.joined(stage.chen)
