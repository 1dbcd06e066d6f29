"""Nothing passes between accounts, and no OMEMO keys: mod_bedside_isolation, _no_omemo and _origin with the real Prosody."""

import http.client
from collections.abc import Iterator

import pytest

from tests.support.prosody import Prosody
from tests.support.raw_xmpp import CLIENT, Client
from tests.support.stub_web import StubWeb

STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


@pytest.fixture
def pair(prosody: Prosody, web: StubWeb) -> Iterator[tuple[Client, Client]]:
    """Ana and Eve, both online."""
    with prosody.client() as ana, prosody.client() as eve:
        ana.log_in("ana", "phone", "home")
        eve.log_in("eve", "evil", "lair")
        for one in (ana, eve):
            one.ask("<presence/>", f"{CLIENT}presence")
        yield ana, eve


def assert_nothing_arrived(client: Client) -> None:
    """Asks the server something: all that was sent before has arrived when the answer does."""
    client.ask("<iq type='get' id='flush' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="flush")
    assert client.waiting == []


@pytest.mark.parametrize(
    "stanza",
    [
        "<message id='m' to='ana@localhost' type='chat'><body>psst</body></message>",
        "<message id='m' to='ana@localhost/home' type='chat'><body>psst</body></message>",
        "<message id='m' to='ana@localhost/home'><x xmlns='jabber:x:conference' jid='r@threads.localhost'/></message>",
        "<message id='m' to='ana@localhost' type='headline'><body>psst</body></message>",
        "<message id='m' to='ANA@LocalHost' type='chat'><body>psst</body></message>",
        "<message id='m' to='nobody@localhost' type='chat'><body>psst</body></message>",
        "<message id='m' to='ana@example.org' type='chat'><body>psst</body></message>",
        "<presence id='m' to='ana@localhost/home'><status>psst</status></presence>",
        "<presence id='m' to='ana@localhost' type='subscribe'/>",
        "<presence id='m' to='ana@localhost' type='probe'/>",
        "<iq id='m' to='ana@localhost' type='get'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        "<iq id='m' to='ana@localhost/home' type='set'><query xmlns='jabber:iq:version'/></iq>",
        "<iq id='m' to='ana@localhost' type='get'><vCard xmlns='vcard-temp'/></iq>",
        "<iq id='m' to='ana@localhost' type='get'>"
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'/></pubsub></iq>",
    ],
)
def test_nothing_reaches_another_account(pair: tuple[Client, Client], stanza: str) -> None:
    ana, eve = pair
    eve.send(stanza)
    answer = eve.receive(id="m")
    assert answer.get("type") == "error"
    assert answer.find(f".//{STANZAS}not-allowed") is not None
    assert "thread" in answer.findtext(f".//{STANZAS}text", "")
    assert_nothing_arrived(ana)


def test_bounces_of_one_account_reach_no_other(pair: tuple[Client, Client]) -> None:
    ana, eve = pair
    eve.send(
        "<message to='ana@localhost/home' type='error'><error type='cancel'>"
        "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>psst</gone></error></message>"
    )
    assert_nothing_arrived(eve)
    assert_nothing_arrived(ana)


def test_contacts_are_not_subscribed_to(pair: tuple[Client, Client]) -> None:
    ana, _ = pair
    for kind in ("subscribe", "subscribed"):
        ana.send(f"<presence id='s' to='room@threads.localhost' type='{kind}'/>")
        assert ana.receive(f"{CLIENT}presence", id="s").find(f".//{STANZAS}not-allowed") is not None


def test_own_account_server_and_threads_are_reached(prosody: Prosody, pair: tuple[Client, Client]) -> None:
    ana, _ = pair
    ana.ask("<iq type='get' id='h' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", id="h", type="result")
    ana.ask("<iq type='get' id='o'><query xmlns='jabber:iq:roster'/></iq>", id="o", type="result")
    ana.ask("<iq type='get' id='b' to='ana@localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", id="b", type="result")
    ana.ask("<message id='me' to='ana@localhost/home' type='chat'><body>note</body></message>", f"{CLIENT}message", id="me")
    with prosody.component() as component:
        ana.send("<message id='t' to='room@threads.localhost' type='groupchat'><body>hello</body></message>")
        assert component.receive("{jabber:component:accept}message", id="t").get("from") == "ana@localhost/home"
        component.send("<message id='r' from='room@threads.localhost/Boris' to='ana@localhost/home' type='groupchat'><body>hi</body></message>")
        ana.receive(f"{CLIENT}message", id="r")


def test_component_learns_that_a_session_is_gone(prosody: Prosody, web: StubWeb) -> None:
    with prosody.component() as component:
        component.send("<message id='g' from='room@threads.localhost/Boris' to='ana@localhost/gone' type='groupchat'><body>hi</body></message>")
        assert component.receive("{jabber:component:accept}message", id="g").get("type") == "error"


@pytest.mark.parametrize(
    "node",
    [
        "eu.siacs.conversations.axolotl.devicelist",
        "eu.siacs.conversations.axolotl.bundles:31415",
        "urn:xmpp:omemo:2:devices",
        "urn:xmpp:omemo:2:bundles",
    ],
)
@pytest.mark.parametrize("to", ["", " to='ana@localhost'"])
def test_omemo_keys_are_refused_in_words(pair: tuple[Client, Client], node: str, to: str) -> None:
    ana, _ = pair
    answer = ana.ask(
        f"<iq type='set' id='k'{to}><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'>"
        "<item id='current'><list xmlns='eu.siacs.conversations.axolotl'><device id='1'/></list></item></publish></pubsub></iq>",
        id="k",
    )
    assert answer.get("type") == "error"
    assert "record" in answer.findtext(f".//{STANZAS}text", "")
    answer = ana.ask(f"<iq type='get' id='q'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='{node}'/></pubsub></iq>", id="q")
    assert answer.get("type") == "error"


def test_bookmarks_are_published(pair: tuple[Client, Client]) -> None:
    ana, _ = pair
    ana.ask(
        "<iq type='set' id='k'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>"
        "<item id='r@threads.localhost'><conference xmlns='urn:xmpp:bookmarks:1'/></item></publish></pubsub></iq>",
        id="k",
        type="result",
    )


def handshake(prosody: Prosody, origin: str | None) -> int:
    """Returns the status of a WebSocket's opening."""
    connection = http.client.HTTPConnection("127.0.0.1", prosody.layout.xmpp_http_port, timeout=5)
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol": "xmpp",
    }
    if origin:
        headers["Origin"] = origin
    connection.request("GET", "/xmpp-websocket", headers=headers)
    try:
        return connection.getresponse().status
    finally:
        connection.close()


def test_websocket_opens_for_own_pages_only(prosody: Prosody) -> None:
    layout = prosody.layout
    assert handshake(prosody, layout.public_url) == 101
    assert handshake(prosody, layout.https_url) == 101
    assert handshake(prosody, None) == 101
    assert handshake(prosody, "https://evil.example") == 403
    assert handshake(prosody, f"http://localhost:{layout.base_port + 9}") == 403
    assert handshake(prosody, "null") == 403
