"""Joining and leaving rooms, as protocol. Source: XEP-0045, XEP-0410."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from clinic import Actor
from clinic.log import Entry
from clinic.thread.archive import archive
from clinic.thread.relay import LiveSession, live_now
from clinic.thread.relay import relayed_thread as view_of
from tests.support.stage import USER, Client, Person, Stage, X, played, shown
from xmpp_components.component import Threads
from xmpp_components.rooms import join
from xmpp_components.rooms import room as rooms
from xmpp_components.rooms.room import Room

GONE = "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
NOT_ACCEPTABLE = "<error><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>*</text></error>"


def codes(presence: ET.Element) -> set[str]:
    """Returns the status codes of a presence."""
    return {status.get("code", "") for status in presence.iter(f"{{{USER}}}status")}


@played
async def test_joining_brings_others_then_oneself_then_history_then_the_subject(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    stage.says(boris, "Good morning", "m1")
    await boris.finds("<message><body>Good morning</body></message>")
    ana = stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    await ana.receives(
        f"<presence from='{stage.room}/Boris Brandt'><x xmlns='{USER}'><item affiliation='member' role='participant'/></x>"
        "<hats xmlns='urn:xmpp:hats:0'><hat title='Practitioner'/></hats><occupant-id xmlns='urn:xmpp:occupant-id:0' id='*'/></presence>")
    me = await ana.receives(
        f"<presence from='{stage.room}/Ana Alvarez'><x xmlns='{USER}'><status code='110'/></x>"
        "<hats xmlns='urn:xmpp:hats:0'><hat title='Patient'/></hats></presence>")
    assert codes(me) == {"110", "170"}
    await ana.receives(f"<presence from='{stage.room}'><x xmlns='vcard-temp:x:update'><photo>*</photo></x></presence>")
    await ana.receives(f"<message type='groupchat' from='{stage.room}/Clinic'><body>*</body><notice xmlns='urn:bedside:notice:1' code='thread-started'/>"
                       "<delay xmlns='urn:xmpp:delay' stamp='*'/></message>")
    await ana.receives(f"<message from='{stage.room}/Clinic'><notice xmlns='urn:bedside:notice:1' code='coordinators-included'/></message>")
    await ana.receives(
        f"<message from='{stage.room}/Boris Brandt' id='m1' type='groupchat'><body>Good morning</body><delay xmlns='urn:xmpp:delay'/>"
        f"<stanza-id xmlns='urn:xmpp:sid:0' by='{stage.room}' id='*'/></message>")
    await ana.receives(f"<message type='groupchat' from='{stage.room}'><subject>Boris Brandt</subject></message>")
    await boris.receives(f"<presence from='{stage.room}/Ana Alvarez'><hats xmlns='urn:xmpp:hats:0'/></presence>")


@played
async def test_nobody_is_shown_anybodys_address(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    stage.says(boris, "hello", "m1")
    await ana.finds("<message><body>hello</body></message>")
    boris.gone(f"{stage.room}/Boris Brandt")
    await ana.finds("<presence type='unavailable'/>")
    again = stage.client(stage.ana, "laptop")
    again.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    await again.finds(f"<message type='groupchat' from='{stage.room}'><subject/></message>")
    ana.sends(f"<iq type='get' id='l' to='{stage.room}'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>")
    members = await ana.finds("<iq type='result' id='l'/>")
    assert "Boris Brandt" in shown(members)
    assert stage.boris.handle not in shown(members)


@played
async def test_whatever_nick_is_asked_for_the_verified_name_is_given(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/Dr. Boris Brandt'><x xmlns='{X}'/></presence>")
    me = await ana.receives(f"<presence from='{stage.room}/Ana Alvarez'/>")
    assert codes(me) == {"110", "170", "210"}
    await ana.everything()
    ana.sends(f"<presence to='{stage.room}/Dr. Boris Brandt' id='n'/>")
    await ana.receives(f"<presence type='error' id='n' from='{stage.room}/Dr. Boris Brandt'>{NOT_ACCEPTABLE}</presence>")


@played
async def test_stranger_and_absent_room_get_the_same_answer(stage: Stage) -> None:
    eve = stage.client(stage.eve)
    answers = []
    for room in (stage.room, f"{'0' * 26}@{stage.server.domain}", f"nothing@{stage.server.domain}"):
        eve.sends(f"<presence id='j' to='{room}/Eve'><x xmlns='{X}'/></presence>")
        answer = await eve.receives(f"<presence type='error' id='j' from='{room}/Eve'>{GONE}</presence>")
        answers.append(shown(answer).replace(room, "ROOM"))
        for kind, inside in (("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>"), ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
                             ("get", "<ping xmlns='urn:xmpp:ping'/>"), ("get", "<anything xmlns='urn:x'/>")):
            eve.sends(f"<iq type='{kind}' id='q' to='{room}'>{inside}</iq>")
            answer = await eve.receives(f"<iq type='error' id='q' from='{room}'>{GONE}</iq>")
            answers.append(shown(answer).replace(room, "ROOM"))
    assert answers[:5] == answers[5:10] == answers[10:]
    ana = await stage.joined(stage.ana)  # the control: a member gets in
    assert await ana.everything() == []


@played
async def test_removed_coordinator_is_shown_out_and_answered_like_a_stranger(stage: Stage) -> None:
    chen, ana = await stage.joined(stage.chen), await stage.joined(stage.ana)
    stage.db.perform(Actor.system(), "link.coordinator_remove", coordinator=stage.chen.uid, practitioner=stage.boris.uid)
    told = await chen.finds(f"<message type='groupchat' from='{stage.room}/Clinic' id='out-{stage.thread}'><no-store xmlns='urn:xmpp:hints'/></message>")
    assert (told.findtext("{*}body") or "").startswith("You are no longer in this thread")
    out = await chen.finds(f"<presence type='unavailable' from='{stage.room}/Chen Cheng'><x xmlns='{USER}'><item affiliation='none' role='none'>"
                           "<reason>*</reason></item></x></presence>")
    assert "321" in codes(out)
    seen = await ana.finds(f"<presence type='unavailable' from='{stage.room}/Chen Cheng'/>")
    assert "321" in codes(seen) and "no longer" not in shown(seen)
    assert all("no longer in this thread" not in shown(one) for one in await ana.everything())
    stage.says(ana, "between us", "m1")
    await ana.finds("<message><body>between us</body></message>")
    chen.sends(f"<presence id='j' to='{stage.room}/Chen Cheng'><x xmlns='{X}'/></presence>")
    await chen.receives(f"<presence type='error' id='j'>{GONE}</presence>")


def test_whose_membership_ends_while_they_join_is_not_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @played
    async def play(stage: Stage) -> None:
        ana, chen = await stage.joined(stage.ana), stage.client(stage.chen)
        history = join.history

        async def and_then_removed(component: Threads, room: Room, *rest: Any) -> list[Entry]:
            found = await history(component, room, *rest)
            stage.db.perform(Actor.system(), "link.coordinator_remove", coordinator=stage.chen.uid, practitioner=stage.boris.uid)
            await component.tail.looked_again(room)
            return found
        monkeypatch.setattr(join, "history", and_then_removed)
        chen.sends(f"<presence id='j' to='{stage.room}/Chen Cheng'><x xmlns='{X}'/></presence>")
        await chen.receives(f"<presence type='error' id='j'><x xmlns='{X}'/>{GONE}</presence>")
        ana.sends(f"<message to='{stage.room}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
        ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><show>away</show></presence>")
        await ana.finds(f"<presence from='{stage.room}/Ana Alvarez'><show>away</show></presence>")
        assert await chen.everything() == []
        await stage.until(lambda: not any(one.address == chen.jid for one in live(stage)))
    play(tmp_path)


def live(stage: Stage) -> list[LiveSession]:
    """Returns who is stored as live."""
    with stage.db.read(Actor.system()) as work:
        return live_now(work)


@played
async def test_several_sessions_of_one_person_are_one_occupant(stage: Stage) -> None:
    boris, phone = await stage.joined(stage.boris), await stage.joined(stage.ana, "phone")
    await boris.finds(f"<presence from='{stage.room}/Ana Alvarez'/>")
    laptop = await stage.joined(stage.ana, "laptop")
    stage.says(boris, "to both", "m1")
    for ana in (phone, laptop):
        await ana.finds("<message id='m1'/>")
    assert [one.tag.rpartition("}")[2] for one in await boris.everything()] == ["message"]
    phone.sends(f"<presence type='unavailable' to='{stage.room}/Ana Alvarez'/>")
    await phone.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'><x xmlns='{USER}'><status code='110'/></x></presence>")
    assert await boris.everything() == []
    laptop.sends(f"<presence type='unavailable' to='{stage.room}/Ana Alvarez'/>")
    await boris.receives(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")


@played
async def test_leaving_and_going_offline_change_no_membership(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    ana.sends(f"<presence type='unavailable' to='{stage.room}/Ana Alvarez'/>")
    await ana.finds("<presence type='unavailable'/>")
    ana.sends(f"<iq type='set' id='d' to='{stage.room}'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")
    await ana.receives("<iq type='error' id='d'><error><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>")
    await stage.joined(stage.ana)


@played
async def test_a_vanished_client_is_found_out_by_the_nick_it_asked_for(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/annie'><x xmlns='{X}'/></presence>")
    await boris.finds(f"<presence from='{stage.room}/Ana Alvarez'/>")
    ana.gone(f"{stage.room}/annie")
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")


@played
async def test_a_new_session_of_the_same_app_is_told_nothing_of_the_one_before(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    ana.gone(f"{stage.room}/Ana Alvarez")
    again = stage.client(stage.ana, ana.jid.partition("/")[2])
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")
    again.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    heard = await again.everything()
    assert [stanza.tag for stanza in heard if stanza.find("{*}subject") is not None], "it is in the room"
    assert not [stanza for stanza in heard if stanza.get("type") == "unavailable"], [shown(stanza) for stanza in heard]


@played
async def test_a_bounced_message_drops_the_occupant(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    ana.gone()
    stage.says(boris, "are you there", "m1")
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")


@played
async def test_who_is_dropped_as_unreachable_is_told_so(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    ana.sends(f"<message to='{stage.room}' type='error'><error><recipient-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
    await boris.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")
    out = await ana.finds(
        f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'><x xmlns='{USER}'><item affiliation='member' role='none'/></x></presence>")
    assert codes(out) == {"110", "333"}
    await stage.until(lambda: all(one.address != ana.jid for one in live(stage)))


@played
async def test_of_one_persons_many_clients_in_a_room_the_newest_stay(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    clients = [await stage.joined(stage.ana, f"device {number}") for number in range(join.MOST_CLIENTS)]
    again = clients[0]
    again.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'><history maxstanzas='0'/></x></presence>")
    await again.finds(f"<message type='groupchat' from='{stage.room}'><subject/></message>")
    newest = await stage.joined(stage.ana, "one more")
    out = await clients[1].finds(
        f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'><x xmlns='{USER}'><item role='none'><reason>*</reason></item></x></presence>")
    assert codes(out) == {"110", "307"}
    await boris.everything()
    stage.says(boris, "to the newest", "m1")
    for client in (again, *clients[2:], newest):
        await client.finds("<message id='m1'/>")
    assert await clients[1].everything() == []
    assert [one.tag.rpartition("}")[2] for one in await boris.everything()] == ["message"]  # nobody was seen to go
    await stage.until(lambda: len([one for one in live(stage) if one.handle == stage.ana.handle]) == join.MOST_CLIENTS)


@played
async def test_self_ping_says_whether_this_session_is_in_the_room(stage: Stage) -> None:
    ana, other = await stage.joined(stage.ana), stage.client(stage.ana, "laptop")
    ping = f"<iq type='get' id='p' to='{stage.room}/Ana Alvarez'><ping xmlns='urn:xmpp:ping'/></iq>"
    ana.sends(ping)
    await ana.receives(f"<iq type='result' id='p' from='{stage.room}/Ana Alvarez'/>")
    other.sends(ping)
    await other.receives(f"<iq type='error' id='p'>{NOT_ACCEPTABLE}</iq>")


@played
async def test_self_ping_of_who_is_no_member_says_not_joined_whether_the_room_exists_or_not(stage: Stage) -> None:
    # Clients take item-not-found for "joined, under another name", and would never find out.
    eve, answers = stage.client(stage.eve), set()
    await stage.joined(stage.ana)
    for room in (stage.room, f"{'0' * 26}@{stage.server.domain}", f"nothing@{stage.server.domain}"):
        eve.sends(f"<iq type='get' id='p' to='{room}/Eve'><ping xmlns='urn:xmpp:ping'/></iq>")
        answer = await eve.receives(f"<iq type='error' id='p' from='{room}/Eve'>{NOT_ACCEPTABLE}</iq>")
        answers.add(shown(answer).replace(room, "ROOM"))
    assert len(answers) == 1


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
