"""Revoking a device ends its sessions: mod_bedside_sessions with the real Prosody."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from tests.support.ports import eventually
from tests.support.prosody import Prosody
from tests.support.raw_xmpp import SM, Client, Component
from tests.support.stub_web import StubWeb


@pytest.fixture
def component(prosody: Prosody) -> Iterator[Component]:
    """The threads component; nobody is logged in."""
    with prosody.component() as one:
        disconnect(one, "ana")
        yield one


def disconnect(component: Component, user: str, device: str | None = None) -> int:
    """Asks for the end of sessions. Returns how many were ended."""
    attribute = f" device='{device}'" if device else ""
    component.send(
        f"<iq type='set' id='d' from='threads.localhost' to='localhost'><disconnect xmlns='urn:bedside:server:1' user='{user}'{attribute}/></iq>"
    )
    answer = component.receive("{jabber:component:accept}iq", id="d")
    assert answer.get("type") == "result", ET.tostring(answer)
    return int(answer[0].get("count", "-1"))


def test_live_session_of_the_device_ends_with_words(prosody: Prosody, web: StubWeb, component: Component) -> None:
    with prosody.client() as phone, prosody.client() as laptop:
        phone.log_in("ana", "phone", "phone")
        laptop.log_in("ana", "laptop", "laptop")
        assert disconnect(component, "ana", "d-phone") == 1
        end = phone.wait_closed()
        assert (end.error, end.text) == ("not-authorized", "This device was revoked")
        laptop.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="p", type="result")


def test_without_a_device_all_sessions_of_the_account_end(prosody: Prosody, web: StubWeb, component: Component) -> None:
    with prosody.client() as phone, prosody.client() as laptop, prosody.client() as boris:
        phone.log_in("ana", "phone", "phone")
        laptop.log_in("ana", "laptop", "laptop")
        boris.log_in("boris", "desk")
        assert disconnect(component, "ana") == 2
        assert phone.wait_closed().error == laptop.wait_closed().error == "not-authorized"
        boris.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="p", type="result")


def test_session_without_a_resource_ends_too(prosody: Prosody, web: StubWeb, component: Component) -> None:
    with prosody.client() as client:
        client.log_in("ana", "phone", resource="")
        assert disconnect(component, "ana", "d-phone") == 1
        assert client.wait_closed().error == "not-authorized"


def hibernate(prosody: Prosody, secret: str, resource: str) -> str:
    """Logs ana in, cuts the connection without a word. Returns the id by which the session could be resumed."""
    with prosody.client() as client:
        client.log_in("ana", secret, resource)
        token = client.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", f"{SM}enabled").get("id", "")
        client.sock.close()
    return token


def resume(client: Client, token: str) -> str:
    """Returns `resumed` or `failed`."""
    client.send(f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{token}'/>")
    return client.receive(f"{SM}resumed", f"{SM}failed").tag.removeprefix(SM)


def test_hibernating_session_cannot_be_resumed_after_revocation(prosody: Prosody, web: StubWeb, component: Component) -> None:
    token = hibernate(prosody, "phone", "sleeping")
    assert disconnect(component, "ana", "d-phone") == 1
    with prosody.client() as laptop:
        laptop.log_in("ana", "laptop", resource="")
        assert resume(laptop, token) == "failed"


def test_hibernating_session_of_another_device_is_kept(prosody: Prosody, web: StubWeb, component: Component) -> None:
    token = hibernate(prosody, "laptop", "sleeping-laptop")
    assert disconnect(component, "ana", "d-phone") == 0
    with prosody.client() as laptop:
        laptop.log_in("ana", "laptop", resource="")
        assert resume(laptop, token) == "resumed"


def test_resumed_session_belongs_to_the_device_that_resumed_it(prosody: Prosody, web: StubWeb, component: Component) -> None:
    token = hibernate(prosody, "phone", "handed-over")
    with prosody.client() as laptop:
        laptop.log_in("ana", "laptop", resource="")
        assert resume(laptop, token) == "resumed"
        assert disconnect(component, "ana", "d-laptop") == 1
        assert laptop.wait_closed().error == "not-authorized"


def test_login_checked_before_the_revocation_does_not_slip_through(prosody: Prosody, web: StubWeb, component: Component) -> None:
    web.answers_now.clear()
    before = len(web.asked)
    with prosody.client() as client:
        client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFuYQBwaG9uZQ==</auth>")
        eventually(lambda: len(web.asked) > before, what="the check under way")
        assert disconnect(component, "ana", "d-phone") == 0
        web.answers_now.set()
        heard = b""
        while chunk := client.sock.recv(65536):
            heard += chunk
        assert b"<success" in heard
        assert b"not-authorized" in heard


def test_clients_may_not_end_sessions(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as eve, prosody.client() as ana:
        ana.log_in("ana", "phone")
        eve.log_in("eve", "evil")
        answer = eve.ask("<iq type='set' id='x' to='localhost'><disconnect xmlns='urn:bedside:server:1' user='ana'/></iq>", id="x")
        assert answer.get("type") == "error"
        assert answer.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}forbidden") is not None
        ana.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="p", type="result")


def test_a_new_component_replaces_the_one_before(prosody: Prosody, component: Component) -> None:
    with prosody.component() as successor:
        assert component.wait_closed().error == "conflict"
        assert disconnect(successor, "nobody") == 0
