"""While the component is away for a moment: mod_bedside_wait with the real Prosody. And an account's archive, which is none."""

import pytest

from tests.support.prosody import Prosody
from tests.support.raw_xmpp import CLIENT, Client
from tests.support.stub_web import StubWeb

ROOM = "r@threads.localhost"
COMPONENT = "{jabber:component:accept}"
MAM = "urn:xmpp:mam:2"


def say(client: Client, number: int) -> None:
    client.send(f"<message to='{ROOM}' type='groupchat' id='m{number}'><body>{number}</body></message>")


def heard_nothing_until(client: Client, id: str) -> None:
    """Let the server answer a question of its own; nothing else has come before that."""
    answer = client.ask(f"<iq type='get' id='{id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id=id)
    assert answer.get("type") == "result"
    assert client.waiting == []


def test_what_is_sent_while_the_component_is_away_reaches_it_in_order_and_once(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as ana, prosody.client() as boris:
        ana.log_in("ana", "phone")
        boris.log_in("boris", "desk")
        with prosody.component() as component:
            say(ana, 0)
            component.receive(f"{COMPONENT}message", id="m0")
        # The socket is closed as by a kill; what is sent from now on waits, whatever the server has noticed of it.
        heard_nothing_until(ana, "p1")
        for number in range(1, 6):
            say(ana, number)
        boris.send(f"<presence to='{ROOM}/Boris' type='unavailable'/><iq to='{ROOM}' type='get' id='q'><query xmlns='urn:x'/></iq>")
        heard_nothing_until(ana, "p2")
        heard_nothing_until(boris, "p3")
        with prosody.component() as component:
            say(ana, 6)
            came = [component.receive(f"{COMPONENT}message").get("id") for _ in range(6)]
            assert came == [f"m{number}" for number in range(1, 7)]
            component.receive(f"{COMPONENT}presence", type="unavailable")
            component.receive(f"{COMPONENT}iq", id="q")
            assert not any(one.tag == f"{COMPONENT}message" for one in component.waiting)


def test_one_person_cannot_fill_the_place_where_others_wait(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as ana, prosody.client() as boris:
        ana.log_in("ana", "phone")
        boris.log_in("boris", "desk")
        for number in range(201):
            say(ana, number)
        refused = ana.receive(f"{CLIENT}message", type="error")
        assert refused.get("id") == "m200"
        say(boris, 1)
        heard_nothing_until(boris, "p")
        with prosody.component() as component:
            came = [component.receive(f"{COMPONENT}message") for _ in range(201)]
        assert [one.get("from", "").partition("@")[0] for one in came].count("boris") == 1


@pytest.mark.slow
def test_after_ten_seconds_everything_is_refused_as_ever(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as ana:
        ana.log_in("ana", "phone")
        say(ana, 1)
        refused = ana.receive(f"{CLIENT}message", id="m1", type="error", seconds=20)
        assert refused.find("{*}error/{*}remote-server-timeout") is not None
        with prosody.component() as component:
            say(ana, 2)
            assert component.receive(f"{COMPONENT}message").get("id") == "m2"


def test_an_account_says_that_its_archive_is_empty_and_keeps_nothing_whatever_is_wished(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as ana:
        ana.log_in("ana", "phone")
        info = ana.ask("<iq type='get' id='i' to='ana@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", id="i")
        assert MAM in {feature.get("var") for feature in info.iterfind("{*}query/{*}feature")}
        found = ana.ask(f"<iq type='set' id='q'><query xmlns='{MAM}' queryid='x'/></iq>", id="q")
        assert found.find(f"{{{MAM}}}fin").get("complete") == "true"
        for kind in ("get", "set"):
            wish = f"<prefs xmlns='{MAM}' default='always'><always/><never/></prefs>" if kind == "set" else f"<prefs xmlns='{MAM}'/>"
            kept = ana.ask(f"<iq type='{kind}' id='{kind}'>{wish}</iq>", id=kind)
            assert kept.find(f"{{{MAM}}}prefs").get("default") == "never"
