"""Revoking a device ends its sessions: mod_bedside_sessions with the real Prosody."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.ports import eventually
from tests.support.prosody import Prosody
from tests.support.raw_xmpp import SM, Client, Component
from tests.support.stub_web import StubWeb

LogIn = Callable[[str, str], Client]


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


@pytest.fixture
def log_in(prosody: Prosody, web: StubWeb) -> Iterator[LogIn]:
    """How ana gets sessions, which stay open until the end of the test."""
    with ExitStack() as open_ones:
        yield lambda secret, resource: open_ones.enter_context(prosody.client()).log_in("ana", secret, resource)


def gone(component: Component, *resources: str) -> set[str]:
    """Asks which of ana's sessions are there. Returns the resources of those that are not."""
    asked = "".join(f"<session jid='ana@localhost/{resource}'/>" for resource in resources)
    component.send(f"<iq type='get' id='s' from='threads.localhost' to='localhost'><sessions xmlns='urn:bedside:server:1'>{asked}</sessions></iq>")
    answer = component.receive("{jabber:component:accept}iq", id="s")
    assert answer.get("type") == "result", ET.tostring(answer)
    return {one.get("jid", "").partition("/")[2] for one in answer.iter("{urn:bedside:server:1}gone")}


def test_the_server_says_which_sessions_are_there_asleep_or_awake(prosody: Prosody, web: StubWeb, component: Component, log_in: LogIn) -> None:
    log_in("phone", "awake")
    hibernate(prosody, "phone", "asleep")
    assert gone(component, "awake", "asleep", "never") == {"never"}
    assert gone(component) == set()


def test_clients_are_not_told_whose_sessions_are_there(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as eve:
        eve.log_in("eve", "evil")
        answer = eve.ask("<iq type='get' id='x' to='localhost'><sessions xmlns='urn:bedside:server:1'><session jid='ana@localhost/x'/></sessions></iq>", id="x")
        assert answer.find(".//{urn:ietf:params:xml:ns:xmpp-stanzas}forbidden") is not None
        assert "gone" not in ET.tostring(answer, encoding="unicode")


def test_of_one_device_only_the_newest_sessions_stay_and_those_that_sleep_go_first(prosody: Prosody, web: StubWeb, component: Component, log_in: LogIn) -> None:
    oldest, _laptop = log_in("phone", "oldest"), log_in("laptop", "other device")
    names = [f"asleep {number}" for number in range(30)]
    for name in names:
        hibernate(prosody, "phone", name)
        assert gone(component, "oldest", name) == set()
    assert gone(component, "oldest", "other device", *names) == set(names[:-4])
    for number in range(4):
        log_in("phone", f"awake {number}")
    assert gone(component, "oldest", *names) == set(names)
    log_in("phone", "one more")
    assert gone(component, "oldest", "awake 0", "one more", "other device") == {"oldest"}
    assert oldest.wait_closed().error == "policy-violation"


def test_a_device_that_has_all_its_sessions_can_still_resume_the_oldest(prosody: Prosody, web: StubWeb, component: Component, log_in: LogIn) -> None:
    tokens = [hibernate(prosody, "phone", f"asleep {number}") for number in range(5)]
    with prosody.client() as phone:
        phone.log_in("ana", "phone", resource="")
        assert resume(phone, tokens[0]) == "resumed"
        hibernate(prosody, "phone", "one more")
        assert gone(component, "asleep 0", "asleep 1", "asleep 2", "one more") == {"asleep 1"}


def test_sessions_that_never_take_a_resource_are_few_too(prosody: Prosody, web: StubWeb, component: Component, log_in: LogIn) -> None:
    clients = [log_in("phone", "") for _ in range(7)]
    assert [clients[number].wait_closed().error for number in range(2)] == ["policy-violation", "policy-violation"]
    assert disconnect(component, "ana") == 5


def test_an_account_with_many_devices_keeps_the_newest_twenty_sessions(prosody: Prosody, web: StubWeb, component: Component, log_in: LogIn) -> None:
    web.passwords |= {("ana", f"device {number}"): f"d-{number}" for number in range(22)}
    names = [f"r{number}" for number in range(22)]
    for number, name in enumerate(names):
        hibernate(prosody, f"device {number}", name)
    assert gone(component, *names) == {"r0", "r1"}


def test_twenty_tabs_of_one_browser_stay_open_and_push_out_no_phone(prosody: Prosody, web: StubWeb, component: Component, log_in: LogIn) -> None:
    web.passwords |= {("ana", f"token {number}"): "page:session" for number in range(31)}
    phones, tabs = [f"phone {number}" for number in range(5)], [f"tab {number}" for number in range(31)]
    for phone in phones:
        log_in("phone", phone)
    for number, tab in enumerate(tabs[:30]):
        log_in(f"token {number}", tab)
    assert gone(component, *phones, *tabs[:30]) == set()
    log_in("token 30", tabs[30])
    assert gone(component, *phones, *tabs) == {"tab 0"}


def test_a_session_sleeps_no_longer_than_the_configuration_says(log_in: LogIn) -> None:
    enabled = log_in("phone", "asking").ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", f"{SM}enabled")
    assert enabled.get("max") == "300"


PRESENCE = "{jabber:component:accept}presence"
ROOM = "<presence to='t1@threads.localhost/ana'/>"


def test_a_room_hears_once_that_a_session_ended_and_none_of_what_it_had_not_taken(prosody: Prosody, web: StubWeb, component: Component) -> None:
    with prosody.client() as killed:
        killed.log_in("ana", "phone", "same")
        killed.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", f"{SM}enabled")
        killed.send(ROOM)
        assert component.receive(PRESENCE).get("type") is None
        for number in range(3):
            component.send(f"<message type='groupchat' id='m{number}' from='t1@threads.localhost/boris' to='ana@localhost/same'><body>hello</body></message>")
            killed.receive("{jabber:client}message", id=f"m{number}")
        killed.sock.close()
    with prosody.client() as again:
        again.log_in("ana", "phone", "same")
        again.send(ROOM)
        ended, joined = (component.receive(PRESENCE, "{jabber:component:accept}message") for _ in range(2))
        assert (ended.tag, ended.get("type"), joined.tag, joined.get("type")) == (PRESENCE, "unavailable", PRESENCE, None)
        assert [child.tag for child in ended] == ["{jabber:component:accept}status", "{urn:bedside:server:1}gone"]
        again.send("<presence type='unavailable' to='t1@threads.localhost/ana'><gone xmlns='urn:bedside:server:1'/></presence>")
        assert component.receive(PRESENCE, type="unavailable").find("{*}gone") is None, "only the server says so"
