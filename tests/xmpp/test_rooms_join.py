"""Joining and leaving rooms, as protocol. Source: XEP-0045, XEP-0410."""

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from clinic import Actor
from clinic.log import Entry
from clinic.thread.relay import LiveSession, live_now
from tests.support.stage import USER, Stage, X, played, shown
from xmpp_components.component import Threads
from xmpp_components.rooms import join
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


