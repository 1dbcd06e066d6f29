"""The clinic keeps bookmarks for people, and nobody else does anything for anybody: mod_bedside_bookmarks with the real Prosody."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.support.prosody import Prosody
from tests.support.raw_xmpp import CLIENT, Component
from tests.support.stub_web import StubWeb

NODE = "urn:xmpp:bookmarks:1"
PUBSUB = "http://jabber.org/protocol/pubsub"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
OTHER_SECRET = "another component's"
NUMBERS = count()


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    """The server, with another component beside the clinic's."""
    server = Prosody(tmp_path_factory.mktemp("prosody") / "data")
    more = f'\nComponent "other.localhost"\n\tcomponent_secret = "{OTHER_SECRET}"\n\tmodules_disabled = {{ "s2s" }}\n'
    server.config.write_text(server.config.read_text() + more)
    with server:
        yield server


def wrapped(kind: str, inside: str, account: str = "ana@localhost", sender: str = "threads.localhost", attributes: str = "") -> str:
    number = next(NUMBERS)
    return (f"<iq type='{kind}' id='n{number}' from='{sender}' to='{account}'><privileged_iq xmlns='urn:xmpp:privilege:2'>"
            f"<iq xmlns='jabber:client' type='{kind}' id='w{number}' {attributes}>{inside}</iq></privileged_iq></iq>")


def asked(component: Component, stanza: str) -> ET.Element:
    """Returns the server's answer to a component's request."""
    component.send(stanza)
    return component.receive(id=ET.fromstring(stanza).get("id", ""))


def inner(answer: ET.Element) -> ET.Element:
    """Returns what the account itself answered."""
    found = answer.find("{urn:xmpp:privilege:2}privilege/{urn:xmpp:forward:0}forwarded/{jabber:client}iq")
    assert found is not None, ET.tostring(answer)
    return found


def pubsub(*parts: str, owner: bool = False) -> str:
    return f"<pubsub xmlns='{PUBSUB}{'#owner' if owner else ''}'>{''.join(parts)}</pubsub>"


def publish(room: str, node: str = NODE) -> str:
    return f"<publish node='{node}'><item id='{room}'><conference xmlns='{NODE}' name='Boris' autojoin='true'><nick>Ana</nick></conference></item></publish>"


def form(kind: str, **fields: str) -> str:
    lines = "".join(f"<field var='pubsub#{name}'><value>{value}</value></field>" for name, value in fields.items())
    return f"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>{PUBSUB}#{kind}</value></field>{lines}</x>"


def test_who_was_never_there_finds_the_thread_in_every_form_that_apps_know(prosody: Prosody, web: StubWeb) -> None:
    room = "unseen@threads.localhost"
    with prosody.component() as component:
        options = f"<publish-options>{form('publish-options', access_model='whitelist', max_items='max', persist_items='true')}</publish-options>"
        answer = inner(asked(component, wrapped("set", pubsub(publish(room), options), "boris@localhost")))
        assert answer.get("type") == "result", ET.tostring(answer)
        found = inner(asked(component, wrapped("get", pubsub(f"<items node='{NODE}'/>"), "boris@localhost")))
        assert found.find(f".//{{{NODE}}}conference").get("name") == "Boris"
    with prosody.client() as boris:
        boris.log_in("boris", "desk", "first")
        for question in (f"<pubsub xmlns='{PUBSUB}'><items node='{NODE}'/></pubsub>", f"<pubsub xmlns='{PUBSUB}'><items node='storage:bookmarks'/></pubsub>",
                         "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"):
            answer = boris.ask(f"<iq type='get' id='b'>{question}</iq>", id="b", type="result")
            found = answer.find(".//{*}conference")
            assert found is not None and (found.get("name"), found.get("autojoin"), found.findtext("{*}nick")) == ("Boris", "true", "Ana")
            assert room in ET.tostring(answer, encoding="unicode")


def test_a_client_writes_its_own_and_the_clinic_reads_what_it_wrote(prosody: Prosody, web: StubWeb) -> None:
    with prosody.component() as component, prosody.client() as ana:
        ana.log_in("ana", "phone", "home")
        ana.ask(f"<iq type='set' id='p'><pubsub xmlns='{PUBSUB}'>{publish('own@threads.localhost')}</pubsub></iq>", id="p", type="result")
        only = pubsub(f"<items node='{NODE}'><item id='own@threads.localhost'/></items>")
        assert len(inner(asked(component, wrapped("get", only))).findall(f".//{{{NODE}}}conference")) == 1
        retract = pubsub(f"<retract node='{NODE}' notify='true'><item id='own@threads.localhost'/></retract>")
        assert inner(asked(component, wrapped("set", retract))).get("type") == "result"
        assert inner(asked(component, wrapped("get", only))).find(f".//{{{NODE}}}conference") is None
        narrow = pubsub(f"<configure node='{NODE}'>{form('node_config', max_items='7')}</configure>", owner=True)
        assert inner(asked(component, wrapped("set", narrow))).get("type") == "result"


BOOKMARKS, OTHER = f"<items node='{NODE}'/>", "<items node='urn:xmpp:vcard4'/>"


@pytest.mark.parametrize(("kind", "inside"), [
    ("get", pubsub(OTHER)), ("get", pubsub(BOOKMARKS, OTHER)), ("get", pubsub()), ("get", pubsub("<items/>")),
    ("set", pubsub(publish("r@threads.localhost", "urn:xmpp:vcard4"))), ("set", pubsub(publish("r@threads.localhost"), publish("r", "x"))),
    ("set", pubsub(f"<subscribe node='{NODE}' jid='threads.localhost'/>")), ("set", pubsub(f"<create node='{NODE}'/>")), ("set", pubsub(BOOKMARKS)),
    ("get", pubsub(f"<configure node='{NODE}'/>", owner=True)), ("set", pubsub(f"<delete node='{NODE}'/>", owner=True)),
    ("set", pubsub(f"<purge node='{NODE}'/>", owner=True)), ("set", pubsub("<configure node='urn:xmpp:vcard4'/>", owner=True)),
    ("set", pubsub(f"<affiliations node='{NODE}'><affiliation jid='eve@localhost' affiliation='owner'/></affiliations>", owner=True)),
    ("get", "<query xmlns='jabber:iq:roster'/>"), ("set", "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>"),
    ("get", "<vCard xmlns='vcard-temp'/>"),
])
def test_the_clinic_itself_does_nothing_else_for_anybody(prosody: Prosody, web: StubWeb, kind: str, inside: str) -> None:
    with prosody.component() as component:
        answer = asked(component, wrapped(kind, inside))
        assert answer.get("type") == "error" and answer.find(f".//{STANZAS}forbidden") is not None
        assert inner(asked(component, wrapped("get", pubsub(BOOKMARKS)))).get("type")  # the control: this is answered


@pytest.mark.parametrize("attributes", ["from='eve@localhost'", "from='ana@localhost/home'"])
def test_the_account_that_is_asked_is_the_one_that_is_acted_for(prosody: Prosody, web: StubWeb, attributes: str) -> None:
    with prosody.component() as component:
        assert asked(component, wrapped("get", pubsub(BOOKMARKS), attributes=attributes)).find(f".//{STANZAS}bad-request") is not None
        assert inner(asked(component, wrapped("get", pubsub(BOOKMARKS), attributes="from='ana@localhost'"))).get("type")


@pytest.mark.parametrize("broken", [
    "<privileged_iq xmlns='urn:xmpp:privilege:2'/>", "<privileged_iq xmlns='urn:xmpp:privilege:2'>text</privileged_iq>",
    "<privileged_iq xmlns='urn:xmpp:privilege:2'><iq type='get' id='w'/></privileged_iq>",
    "<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get' id='w'/></privileged_iq>",
    f"<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='set' id='w'>{pubsub(BOOKMARKS)}</iq></privileged_iq>",
    f"<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get'>{pubsub(BOOKMARKS)}</iq></privileged_iq>",
    f"<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get' id='w'>{pubsub(BOOKMARKS) * 2}</iq></privileged_iq>",
])
def test_what_is_wrapped_wrongly_is_refused_in_words(prosody: Prosody, web: StubWeb, broken: str) -> None:
    with prosody.component() as component:
        answer = asked(component, f"<iq type='get' id='broken' from='threads.localhost' to='ana@localhost'>{broken}</iq>")
        assert answer.get("type") == "error" and answer.findtext(f".//{STANZAS}text")


def test_nobody_else_may(prosody: Prosody, web: StubWeb) -> None:
    get, other = pubsub(BOOKMARKS), Component(prosody.layout.component_port, "other.localhost", OTHER_SECRET)
    with prosody.component() as component, other, prosody.client() as eve:
        for sender in ("other.localhost", "threads@other.localhost"):
            assert asked(other, wrapped("get", get, sender=sender)).find(f".//{STANZAS}forbidden") is not None
        assert asked(component, wrapped("get", get, sender="room@threads.localhost")).find(f".//{STANZAS}forbidden") is not None
        eve.log_in("eve", "evil", "lair")
        request = f"<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get' id='w'>{get}</iq></privileged_iq>"
        for to, condition in (("to='ana@localhost'", "not-allowed"), ("to='eve@localhost'", "forbidden"), ("", "forbidden"), ("to='localhost'", "*")):
            answer = eve.ask(f"<iq type='get' id='e' {to}>{request}</iq>", f"{CLIENT}iq", id="e")
            assert answer.get("type") == "error" and answer.find(f"{CLIENT}error/{STANZAS}{condition}" if condition != "*" else "*") is not None


def test_the_server_says_nothing_of_a_failure(prosody: Prosody) -> None:
    log = Path(prosody.log).read_text()
    assert "Traceback" not in log and "stack traceback" not in log and "Error" not in log
