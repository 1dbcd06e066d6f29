"""Two processes serve the threads, with the real XMPP server, on each database: people notice nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crowd import settle
from tests.support.ports import eventually
from tests.support.raw_xmpp import CLIENT, StreamClosed
from tests.support.split_clinic import SplitClinic
from xmpp_components.share import server_of

pytestmark = pytest.mark.e2e
REVOKED_WITHIN_SECONDS = 5.0
MAM = "urn:xmpp:mam:2"
ITEMS = "http://jabber.org/protocol/disco#items"


@pytest.fixture
def clinic(tmp_path: Path, database_url: str) -> Iterator[SplitClinic]:
    place = SplitClinic(tmp_path / "data", database_url)
    with place.served_by(2):
        yield place
    place.db.engine.dispose()


def test_people_talk_in_threads_of_both_processes_by_xmpp_and_page(clinic: SplitClinic) -> None:
    tab = clinic.tab()
    for number in clinic.numbers:
        thread = clinic.thread_of(number)
        members = [clinic.member(thread, patient=True), clinic.member(thread, patient=False)]
        for member in members:
            member.say(f"hello from {member.nick}")
        settle(members, lambda members=members: all(len(member.order) == 2 and not member.outbox for member in members), 20.0)
        assert members[0].order == members[1].order == [uid for uid, _ in clinic.archive(thread)]
        uid = clinic.posts(thread, "from the page")
        settle(members, lambda members=members, uid=uid: all(member.order[-1] == uid for member in members), 20.0)
        assert tab.heard("news", thread=thread, uid=uid)
        patient = members[0].stream
        answer = patient.ask(f"<iq type='set' id='mam' to='{clinic.room(thread)}'><query xmlns='{MAM}'/></iq>", id="mam")
        assert answer.get("type") == "result"
        results = [one.find(f"{{{MAM}}}result").get("id") for one in patient.waiting if one.find(f"{{{MAM}}}result") is not None]
        assert results[-3:] == [uid for uid, _ in clinic.archive(thread)]
        ping = f"<iq type='get' id='p' to='{clinic.room(thread)}/{members[0].nick}'><ping xmlns='urn:xmpp:ping'/></iq>"
        assert patient.ask(ping, id="p").get("type") == "result"


def test_a_list_of_rooms_holds_the_threads_of_all_processes_and_the_service_answers_once(clinic: SplitClinic) -> None:
    boris = clinic.logged_in(clinic.boris, "desk")
    domain = clinic.server.layout.threads_domain
    for id in ("first", "second"):
        answer = boris.ask(f"<iq type='get' id='{id}' to='{domain}'><query xmlns='{ITEMS}'/></iq>", id=id)
        assert {item.get("jid") for item in answer.iter(f"{{{ITEMS}}}item")} == {clinic.room(thread) for thread in clinic.patients}
    assert boris.ask(f"<iq type='get' id='p' to='{domain}'><ping xmlns='urn:xmpp:ping'/></iq>", id="p").get("type") == "result"
    assert [one.get("id") for one in boris.waiting if one.tag == f"{CLIENT}iq"] == []


def test_a_tab_is_answered_once_and_is_present_in_the_thread_that_it_has_open_whoever_serves_it(clinic: SplitClinic) -> None:
    one, other = clinic.thread_of(1), clinic.thread_of(2)
    patients = {thread: clinic.member(thread, patient=True) for thread in (one, other)}
    tab = clinic.tab()

    def present(thread: str, kind: str | None) -> None:
        while patients[thread].stream.receive(f"{CLIENT}presence", **{"from": f"{clinic.room(thread)}/Boris Brandt"}).get("type") != kind:
            pass
    before = one
    for thread in (one, other, one, other):
        tab.opens(thread)
        present(thread, None)
        if before != thread:
            present(before, "unavailable")
        before = thread
        tab.heard("ready")
        tab.types(thread)
        told = patients[thread].stream.receive(f"{CLIENT}message", **{"from": f"{clinic.room(thread)}/Boris Brandt"})
        assert told.find("{http://jabber.org/protocol/chatstates}composing") is not None
    tab.stream.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="p")
    assert not any(stanza.find("{urn:bedside:feed:1}ready") is not None for stanza in tab.stream.waiting)
    tab.stream.sock.close()
    present(other, "unavailable")


def test_a_new_thread_is_in_the_tabs_and_bookmarks_of_its_people_whoever_serves_it(clinic: SplitClinic) -> None:
    tab, seen, desk = clinic.tab(), set[int](), clinic.logged_in(clinic.boris, "desk")

    def bookmarked() -> set[str | None]:
        asked = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub>"
        answer = desk.ask(f"<iq type='get' id='b'>{asked}</iq>", id="b")
        return {item.get("id") for item in answer.iter("{http://jabber.org/protocol/pubsub}item")}
    while seen != set(clinic.numbers):
        thread = clinic.new_thread()
        tab.heard("news", thread=thread)
        seen.add(server_of(thread, 2))
    eventually(lambda: bookmarked() == {clinic.room(thread) for thread in clinic.patients}, 30.0, "every thread is among the bookmarks")


def test_a_device_that_is_revoked_is_out_of_the_rooms_of_both_processes(clinic: SplitClinic) -> None:
    device = clinic.db.perform(clinic.cast.boris, "device.mint", name="phone").value
    rooms = [clinic.thread_of(number) for number in clinic.numbers]
    patients = [clinic.member(thread, patient=True) for thread in rooms]
    phone = clinic.member(rooms[0], patient=False, device=device.uid)
    phone.stream.send(f"<presence to='{clinic.room(rooms[1])}/Boris'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    for patient in patients:
        patient.stream.receive(f"{CLIENT}presence", **{"from": f"{patient.room}/Boris Brandt"})
    clinic.db.perform(clinic.cast.boris, "device.revoke", device.uid)
    for patient in patients:
        patient.stream.receive(f"{CLIENT}presence", seconds=REVOKED_WITHIN_SECONDS, **{"from": f"{patient.room}/Boris Brandt", "type": "unavailable"})
    end = phone.stream.wait_closed()
    assert isinstance(end, StreamClosed)
    assert end.error == "not-authorized"
    eventually(lambda: not any(address.startswith(clinic.boris) for address in clinic.live()), 20.0, "nothing of it is stored")


def test_an_account_that_is_closed_is_out_everywhere_asleep_or_awake(clinic: SplitClinic) -> None:
    rooms = [clinic.thread_of(number) for number in clinic.numbers]
    patients = [clinic.member(thread, patient=True) for thread in rooms]
    sleeper = clinic.logged_in(clinic.boris, "asleep")
    sleeper.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", "{urn:xmpp:sm:3}enabled")
    for thread in rooms:
        sleeper.send(f"<presence to='{clinic.room(thread)}/Boris'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    for patient in patients:
        patient.stream.receive(f"{CLIENT}presence", **{"from": f"{patient.room}/Boris Brandt"})
    sleeper.sock.close()
    tab = clinic.tab(rooms[1])
    clinic.db.perform(clinic.cast.dina, "account.deactivate", clinic.cast.uid("boris"))
    for patient in patients:
        patient.stream.receive(f"{CLIENT}presence", seconds=REVOKED_WITHIN_SECONDS, **{"from": f"{patient.room}/Boris Brandt", "type": "unavailable"})
    assert tab.stream.wait_closed().error == "not-authorized"
    eventually(lambda: not any(address.startswith(clinic.boris) for address in clinic.live()), 20.0, "nothing of it is stored")
