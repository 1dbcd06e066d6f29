"""Who gets into the XMPP server: mod_auth_bedside with the real Prosody."""

import asyncio
import socket
import ssl
import time

import pytest
import slixmpp

from tests.support.prosody import Prosody
from tests.support.raw_xmpp import SASL, STREAMS, Client, Stream
from tests.support.stub_web import StubWeb


def failure(client: Client, *credentials: str, **more: str) -> tuple[str, str]:
    """Returns condition and words of a refused log-in."""
    answer = client.authenticate(*credentials, **more)
    assert answer.tag == f"{SASL}failure"
    return answer[0].tag.removeprefix(SASL), answer.findtext(f"{SASL}text", "")


def test_only_plain_is_offered_and_only_inside_tls(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        assert [one.text for one in client.features.iter(f"{SASL}mechanism")] == ["PLAIN"]
    with Stream(socket.create_connection(("127.0.0.1", prosody.layout.c2s_port)), "localhost") as bare:
        features = bare.receive(f"{STREAMS}features")
        assert features.find(f"{SASL}mechanisms") is None
        assert features.find("{urn:ietf:params:xml:ns:xmpp-tls}starttls/{urn:ietf:params:xml:ns:xmpp-tls}required") is not None
        bare.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFuYQBwaG9uZQ==</auth>")
        assert bare.receive(f"{SASL}failure")[0].tag == f"{SASL}encryption-required"
    assert web.asked == []


def test_old_tls_is_refused(prosody: Prosody) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(prosody.ca)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", prosody.layout.direct_tls_port)) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(plain, server_hostname="localhost")


def test_right_password_logs_in_and_web_learns_who_asked(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        client.log_in("ana", "phone")
    assert web.asked == [{"user": "ana", "secret": "phone", "ip": "127.0.0.1"}]


def test_wrong_password_is_refused_in_words(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        condition, words = failure(client, "ana", "wrong")
        assert condition == "not-authorized"
        assert "device password" in words
        client.log_in("ana", "phone")


def test_somebody_elses_password_is_refused(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        assert failure(client, "boris", "phone")[0] == "not-authorized"


def test_no_answer_is_remembered(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        client.log_in("ana", "phone")
    del web.passwords["ana", "phone"]
    with prosody.client() as client:
        assert failure(client, "ana", "phone")[0] == "not-authorized"


def test_waiting_time_is_told(prosody: Prosody, web: StubWeb) -> None:
    web.wait = 42
    with prosody.client() as client:
        assert "42 seconds" in failure(client, "ana", "wrong")[1]


@pytest.mark.parametrize("authzid", ["boris@localhost", "ana@example.org", "localhost", "ana"])
def test_nobody_acts_for_somebody_else(prosody: Prosody, web: StubWeb, authzid: str) -> None:
    with prosody.client() as client:
        assert failure(client, "ana", "phone", authzid=authzid)[0] == "invalid-authzid"
    assert web.asked == []


def test_own_address_as_authzid_is_fine(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        assert client.authenticate("ana", "phone", authzid="ana@localhost").tag == f"{SASL}success"


@pytest.mark.parametrize("secret", ["phone\0more", "", "x" * 600])
def test_broken_messages_never_reach_web(prosody: Prosody, web: StubWeb, secret: str) -> None:
    with prosody.client() as client:
        assert failure(client, "ana", secret)[0] in ("malformed-request", "not-authorized")
    assert web.asked == []


def test_other_mechanisms_are_refused(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        assert failure(client, "ana", "phone", mechanism="SCRAM-SHA-1")[0] == "invalid-mechanism"


def test_nobody_gets_in_while_web_is_down(prosody: Prosody) -> None:
    with prosody.client() as client:
        condition, words = failure(client, "ana", "phone")
    assert condition == "temporary-auth-failure"
    assert "try again" in words
    assert "Password check impossible: connection refused" in prosody.log.read_text()


def test_hanging_web_is_given_up_in_time_and_others_are_served_meanwhile(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as served, prosody.client() as waiting:
        served.log_in("boris", "desk")
        web.answers_now.clear()
        started = time.monotonic()
        waiting.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFuYQBwaG9uZQ==</auth>")
        served.ask("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>", id="p", type="result")
        waiting.pump(0)
        assert waiting.waiting == []  # the other was served before this one was given up
        assert waiting.receive(f"{SASL}failure", f"{SASL}success")[0].tag == f"{SASL}temporary-auth-failure"
        assert time.monotonic() - started < 4.5


def test_nobody_registers_or_changes_a_password_here(prosody: Prosody, web: StubWeb) -> None:
    with prosody.client() as client:
        assert client.features.find("{http://jabber.org/features/iq-register}register") is None
        client.log_in("ana", "phone")
        answer = client.ask(
            "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>ana</username><password>x</password></query></iq>", id="r"
        )
        assert answer.get("type") == "error"


def test_an_ordinary_client_logs_in_by_starttls(prosody: Prosody, web: StubWeb) -> None:
    async def go() -> str:
        client = slixmpp.ClientXMPP("ana@localhost", "phone")
        client.ca_certs = prosody.ca
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[str] = loop.create_future()
        client.add_event_handler("session_start", lambda _: outcome.set_result("in"))
        client.add_event_handler("failed_all_auth", lambda _: outcome.set_result("refused"))
        client.connect("127.0.0.1", prosody.layout.c2s_port)
        try:
            return await asyncio.wait_for(outcome, 10)
        finally:
            await client.disconnect()

    assert asyncio.run(go()) == "in"


def test_log_holds_no_password(prosody: Prosody, web: StubWeb) -> None:
    web.passwords["ana", "canary-5c1f"] = "d-canary"
    with prosody.client() as client:
        client.log_in("ana", "canary-5c1f")
    assert "canary" not in prosody.log.read_text()
