"""Threads appear by themselves on every device: the real XMPP server, the real component as a process, clients as apps are.

Source: XEP-0402, XEP-0048 (as older apps read it), house rules 9 and 10.
"""

import signal
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from clinic.thread import members
from tests.support.clinic import START_SECONDS
from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually
from tests.support.raw_xmpp import CLIENT, PATIENCE, Client

pytestmark = pytest.mark.e2e
NODE, PUBSUB = "urn:xmpp:bookmarks:1", "http://jabber.org/protocol/pubsub"
EVENT = f"{{{PUBSUB}#event}}event"
Seen = tuple[str | None, str | None, str | None]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


def device(clinic: LiveClinic, name: str, resource: str = "phone") -> Client:
    """Returns one more logged-in app of somebody, which has not said that it is there."""
    return clinic.server.client().log_in(clinic.cast.handle(name), "secret", resource)


def interested(client: Client) -> Client:
    """Comes online as an app that wants to hear of changed bookmarks. Source: XEP-0163 section 4, XEP-0115."""
    client.send("<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:app' ver='of-this-test'/></presence>")
    asked = client.receive(f"{CLIENT}iq", type="get")
    client.send(f"<iq type='result' id='{asked.get('id')}' to='{asked.get('from')}'><query xmlns='http://jabber.org/protocol/disco#info' "
                f"node='urn:app#of-this-test'><feature var='{NODE}+notify'/></query></iq>")
    client.ask("<iq type='get' id='here' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="here")
    return client


def seen(conference: ET.Element) -> Seen:
    return conference.get("name"), conference.get("autojoin"), conference.findtext("{*}nick")


def bookmarks(client: Client) -> dict[str, Seen]:
    """Returns title, autojoin and nick of an app's bookmarks by room."""
    answer = client.ask(f"<iq type='get' id='b'><pubsub xmlns='{PUBSUB}'><items node='{NODE}'/></pubsub></iq>", id="b")
    items = answer.findall(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}items/{{{PUBSUB}}}item")
    return {item.get("id", ""): seen(item[0]) for item in items}


def as_older_apps_see(client: Client) -> dict[str, Seen]:
    answer = client.ask("<iq type='get' id='o'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query></iq>", id="o")
    return {one.get("jid", ""): seen(one) for one in answer.iter("{storage:bookmarks}conference")}


def shows(client: Client, room: str, wanted: Seen | None) -> None:
    """Waits until an app that asks finds a room so among its bookmarks, or does not find it."""
    eventually(lambda: bookmarks(client).get(room) == wanted, PATIENCE, f"{wanted} in the bookmarks")


def hears(client: Client, room: str, wanted: Seen | None) -> None:
    """Waits until an app is told of a room so, or that it is gone, without asking."""
    deadline = time.monotonic() + PATIENCE
    while True:
        message = client.receive(f"{CLIENT}message", seconds=deadline - time.monotonic())
        items = message.find(f"{EVENT}/{{{PUBSUB}#event}}items[@node='{NODE}']")
        told = {item.get("id", ""): seen(item[0]) if len(item) else None for item in items} if items is not None else {}
        if room in told and told[room] == wanted:
            return


def test_who_is_offline_finds_the_thread_at_the_next_log_in_on_every_device(clinic: LiveClinic) -> None:
    as_it_is = ("Boris Brandt", "true", "Ana Alvarez")
    eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
    with device(clinic, "ana") as phone, device(clinic, "ana", "laptop") as laptop, device(clinic, "chen") as chens:
        for app in (phone, laptop):
            assert bookmarks(app) == as_older_apps_see(app) == {clinic.room: as_it_is}
        assert bookmarks(chens) == {clinic.room: ("Ana Alvarez", "true", "Chen Cheng")}


def test_two_devices_that_are_online_hear_of_a_new_thread_its_new_title_and_its_end(clinic: LiveClinic) -> None:
    cast, link = clinic.cast, {"coordinator": clinic.cast.uid("chen"), "practitioner": clinic.cast.uid("boris")}
    eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
    clinic.web.passwords[cast.handle("ada"), "secret"] = "d-ada"
    cast.link("ada", "boris")
    with device(clinic, "ada") as phone, device(clinic, "ada", "laptop") as laptop, device(clinic, "chen") as chens:
        for app in (phone, laptop, chens):
            interested(app)
        room = f"{cast.start('boris', 'ada')}@{clinic.server.layout.threads_domain}"
        for app in (phone, laptop):
            hears(app, room, ("Boris Brandt", "true", "Ada Almeida"))
        hears(chens, room, ("Ada Almeida", "true", "Chen Cheng"))
        clinic.db.perform(cast.dina, "account.describe", cast.uid("boris"), name="Boris Berg", email=None, birth_date=None)
        for app in (phone, laptop):
            hears(app, room, ("Boris Berg", "true", "Ada Almeida"))
            assert as_older_apps_see(app)[room] == ("Boris Berg", "true", "Ada Almeida")
        clinic.db.perform(cast.dina, "link.coordinator_remove", **link)
        hears(chens, room, None)
        eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
        assert bookmarks(chens) == as_older_apps_see(chens) == {}


def test_what_a_person_did_to_a_bookmark_with_an_app_of_either_kind_stays(clinic: LiveClinic) -> None:
    cast = clinic.cast
    eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
    with device(clinic, "ana") as anas, device(clinic, "boris") as boriss, device(clinic, "chen") as chens:
        extra = "<extensions><pinned xmlns='urn:xmpp:bookmarks-pinning:0'/></extensions>"
        own = f"<conference xmlns='{NODE}' name='Boris Brandt' autojoin='false'>{extra}</conference>"
        anas.ask(f"<iq type='set' id='p'><pubsub xmlns='{PUBSUB}'><publish node='{NODE}'><item id='{clinic.room}'>{own}</item></publish></pubsub></iq>",
                 id="p", type="result")
        older = f"<conference jid='{clinic.room}' name='My patient' autojoin='1'/>"
        boriss.ask(f"<iq type='set' id='p'><query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>{older}</storage></query></iq>",
                   id="p", type="result")
        chens.ask(f"<iq type='set' id='p'><pubsub xmlns='{PUBSUB}'><retract node='{NODE}'><item id='{clinic.room}'/></retract></pubsub></iq>",
                  id="p", type="result")
        for name, uid, born in (("Boris Berg", cast.uid("boris"), None), ("Ana Ahlberg", cast.uid("ana"), "1984-03-27")):
            clinic.db.perform(cast.dina, "account.describe", uid, name=name, email=None, birth_date=born)
        eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
        assert bookmarks(anas) == {clinic.room: ("Boris Berg", "false", None)}
        answer = anas.ask(f"<iq type='get' id='x'><pubsub xmlns='{PUBSUB}'><items node='{NODE}'/></pubsub></iq>", id="x")
        assert answer.find(".//{urn:xmpp:bookmarks-pinning:0}pinned") is not None
        assert bookmarks(boriss) == {clinic.room: ("My patient", "1", None)}
        assert bookmarks(chens) == {}


def test_bookmarks_that_an_app_has_made_for_a_few_only_are_widened(clinic: LiveClinic) -> None:
    cast = clinic.cast
    clinic.web.passwords[cast.handle("ada"), "secret"] = "d-ada"
    cast.link("ada", "boris")
    with device(clinic, "ada") as phone:
        field = "<field var='pubsub#{}'><value>{}</value></field>"
        options = "".join(field.format(*one) for one in (("max_items", "1"), ("access_model", "open"), ("persist_items", "true")))
        kind = f"<field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#publish-options</value></field>"
        own = f"<item id='own@threads.localhost'><conference xmlns='{NODE}' name='own'/></item>"
        phone.ask(f"<iq type='set' id='p'><pubsub xmlns='{PUBSUB}'><publish node='{NODE}'>{own}</publish><publish-options>"
                  f"<x xmlns='jabber:x:data' type='submit'>{kind}{options}</x></publish-options></pubsub></iq>", id="p", type="result")
        room = f"{cast.start('boris', 'ada')}@{clinic.server.layout.threads_domain}"
        shows(phone, room, ("Boris Brandt", "true", "Ada Almeida"))
        assert bookmarks(phone).keys() == {"own@threads.localhost", room}
        answer = phone.ask(f"<iq type='get' id='c'><pubsub xmlns='{PUBSUB}#owner'><configure node='{NODE}'/></pubsub></iq>", id="c")
        form = {one.get("var"): one.findtext("{*}value") for one in answer.iter("{jabber:x:data}field")}
        assert (form["pubsub#access_model"], form["pubsub#send_last_published_item"]) == ("whitelist", "never")


def test_a_component_killed_between_commit_and_bookmark_leaves_it_to_the_next(clinic: LiveClinic) -> None:
    cast, prosody = clinic.cast, clinic.server.process
    eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
    cast.link("ana", "bella")
    assert prosody is not None
    prosody.send_signal(signal.SIGSTOP)  # so that what the component asks for is on its way when it dies
    room = f"{cast.start('bella', 'ana')}@{clinic.server.layout.threads_domain}"
    eventually(lambda: clinic.waiting("bookmarks", claimed=True), PATIENCE, "the component has claimed the job")
    clinic.die()
    prosody.send_signal(signal.SIGCONT)
    clinic.db.perform(cast.dina, "account.describe", cast.uid("boris"), name="Boris Berg", email=None, birth_date=None)
    clinic.start()
    eventually(clinic.ready.exists, START_SECONDS, "the component serves")
    with device(clinic, "ana") as phone:
        shows(phone, room, ("Bella Baptiste", "true", "Ana Alvarez"))
        shows(phone, clinic.room, ("Boris Berg", "true", "Ana Alvarez"))


def invited(client: Client) -> list[str]:
    """Comes online; returns the rooms that an app is invited into by what has waited for it."""
    client.send("<presence/>")
    client.receive(f"{CLIENT}presence")
    client.ask("<iq type='get' id='flush' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="flush")
    return [one.find("{jabber:x:conference}x").get("jid", "") for one in client.waiting if one.find("{jabber:x:conference}x") is not None]


def test_who_is_online_and_not_in_the_thread_is_invited_and_who_is_offline_is_not_nagged_later(
        clinic: LiveClinic, monkeypatch: pytest.MonkeyPatch) -> None:
    eventually(lambda: not clinic.waiting("bookmarks"), PATIENCE, "the bookmarks are kept")
    monkeypatch.setattr(members, "INVITED_AFTER", timedelta(seconds=3))
    clinic.cast.link("ana", "bella")
    clinic.web.passwords[clinic.cast.handle("bella"), "secret"] = "d-bella"
    with device(clinic, "ana") as anas:
        anas.send("<presence/>")
        room = f"{clinic.cast.start('bella', 'ana')}@{clinic.server.layout.threads_domain}"
        invitation = anas.receive(f"{CLIENT}message", type="normal")
        assert invitation.get("from") == room
        eventually(lambda: not clinic.waiting("threads", name="xmpp.invite", payload=room.partition("@")[0]), PATIENCE, "the invitations are sent")
    with device(clinic, "bella") as bellas:
        assert invited(bellas) == [] and bookmarks(bellas) == {room: ("Ana Alvarez", "true", "Bella Baptiste")}


def test_a_server_that_keeps_no_bookmarks_keeps_the_invitation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "INVITED_AFTER", timedelta(0))
    with live_clinic(tmp_path, without="bedside_bookmarks") as clinic:
        eventually(lambda: not clinic.waiting("threads"), PATIENCE, "the invitations are sent")
        with device(clinic, "ana") as anas:
            assert invited(anas) == [clinic.room]
            assert [one.find("{urn:xmpp:delay}delay") is not None for one in anas.waiting if one.tag == f"{CLIENT}message"] == [True]
        assert clinic.waiting("bookmarks")
