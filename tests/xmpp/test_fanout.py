"""One stanza copied to many by the XMPP server: the component asks for it, the server's module does it, for nobody else."""

import asyncio
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.support.prosody import Prosody
from tests.support.raw_xmpp import SM, Client
from tests.support.stage import Stage, played
from tests.support.stub_web import StubWeb

PING = "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"


async def spoken(stage: Stage) -> None:
    """Ana writes in a room of three, and everybody has it once."""
    phones = [await stage.joined(person) for person in (stage.ana, stage.boris, stage.chen)]
    stage.says(phones[0], "Good morning", "m1")
    for phone in phones:
        heard = [one for one in [await phone.finds("<message id='m1'><body>Good morning</body></message>"), *await phone.everything()]
                 if one.get("id") == "m1"]
        assert len(heard) == 1


@played
async def test_one_stanza_serves_everybody_present(stage: Stage) -> None:
    await spoken(stage)
    assert stage.server.copied > 0


def test_a_server_that_does_not_copy_is_sent_every_copy(tmp_path: Path) -> None:
    async def play() -> None:
        stage = Stage(tmp_path)
        stage.server.copies = False
        async with stage:
            await spoken(stage)
            assert stage.server.copied == 0
    asyncio.run(play())


@played
async def test_a_new_stream_asks_again(stage: Stage) -> None:
    await spoken(stage)
    assert stage.component is not None
    stage.server.copies = False  # from now on it is another server
    stage.server.cut()
    await stage.until(lambda: stage.server.connections == 2 and stage.component.stream.online)
    boris = stage.client(stage.boris, "tablet")
    copied = stage.server.copied
    boris.sends(f"<presence to='{stage.room}/Boris'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await boris.finds("<message><subject/></message>")
    stage.says(boris, "Still here", "m2")
    await boris.finds("<message id='m2'/>")
    assert stage.server.copied == copied


# --- the real server's module


def to_many(*addresses: str, kind: str = "message") -> str:
    """Returns a stanza of a room for these."""
    type_, listed = " type='groupchat'" if kind == "message" else "", "\n".join(addresses)
    return (f"<{kind} from='t1@threads.localhost/Boris &amp; &lt;Co&gt;' to='localhost'{type_} id='m1'>"
            "<body>1 &lt; 2 &amp; \"so\"</body><x xmlns='urn:x'><y a='&apos;'/></x>"
            f"<fanout xmlns='urn:bedside:server:1'>{listed}</fanout></{kind}>")


def heard(client: Client, kind: str = "message") -> ET.Element:
    """Returns what a client is sent, and sees that nothing but its address differs from what the room sent."""
    got = client.receive(f"{{jabber:client}}{kind}", id="m1")
    assert got.get("from") == "t1@threads.localhost/Boris & <Co>"
    assert got.findtext("{jabber:client}body") == '1 < 2 & "so"'
    assert got.find("{urn:x}x/{urn:x}y").get("a") == "'"
    assert got.find("{urn:bedside:server:1}fanout") is None
    return got


def test_every_kind_of_session_is_served_and_who_is_gone_is_told(prosody: Prosody, web: StubWeb) -> None:
    with prosody.component() as component, prosody.client() as phone, prosody.client() as laptop, prosody.client() as desk:
        phone.log_in("ana", "phone", "it&apos;s &amp; &lt;me&gt;")
        laptop.log_in("ana", "laptop", "laptop")
        laptop.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", f"{SM}enabled")
        desk.log_in("boris", "desk", "desk")
        component.send("<iq type='get' id='f' from='threads.localhost' to='localhost'><fanout xmlns='urn:bedside:server:1'/></iq>")
        assert component.receive("{jabber:component:accept}iq", id="f").get("type") == "result"
        component.send(to_many("ana@localhost/it's &amp; &lt;me&gt;", "nobody@localhost/x", "ana@localhost/laptop", "boris@localhost/desk"))
        assert heard(phone).get("to") == "ana@localhost/it's & <me>"
        assert heard(laptop).get("to") == "ana@localhost/laptop"
        assert heard(desk).get("to") == "boris@localhost/desk"
        gone = component.receive("{jabber:component:accept}message", id="m1")
        assert (gone.get("type"), gone.get("from"), gone.get("to")) == ("error", "nobody@localhost/x", "t1@threads.localhost/Boris & <Co>")
        component.send(to_many("ana@localhost/laptop", "boris@localhost/desk", kind="presence"))
        heard(laptop, "presence")
        heard(desk, "presence")


def test_a_session_that_sleeps_gets_its_copy_when_it_is_back(prosody: Prosody, web: StubWeb) -> None:
    with prosody.component() as component, prosody.client() as desk:
        with prosody.client() as phone:
            phone.log_in("ana", "phone", "sleeping")
            token = phone.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", f"{SM}enabled").get("id", "")
        desk.log_in("boris", "desk", "desk")
        component.send(to_many("ana@localhost/sleeping", "boris@localhost/desk"))
        heard(desk)
        with prosody.client() as again:
            again.log_in("ana", "phone", resource="")
            again.send(f"<resume xmlns='urn:xmpp:sm:3' h='0' previd='{token}'/>")
            again.receive(f"{SM}resumed")
            assert heard(again).get("to") == "ana@localhost/sleeping"


def test_nobody_else_is_served(prosody: Prosody, web: StubWeb) -> None:
    with prosody.component() as component, prosody.client() as phone, prosody.client() as desk:
        phone.log_in("ana", "phone", "phone")
        desk.log_in("boris", "desk", "desk")
        answer = phone.ask("<iq type='get' id='f' to='localhost'><fanout xmlns='urn:bedside:server:1'/></iq>", id="f")
        assert answer.get("type") == "error"
        for kind in ("message", "presence"):
            phone.send(to_many("boris@localhost/desk", kind=kind).replace(" from='t1@threads.localhost/Boris &amp; &lt;Co&gt;'", ""))
            phone.send(to_many("boris@localhost/desk", kind=kind).replace("to='localhost'", "to='threads.localhost'"))
        component.receive("{jabber:component:accept}message", id="m1")  # it came to the clinic as a message like any other
        desk.ask(PING, id="p", type="result")
        assert [one for one in desk.waiting if one.get("id") == "m1"] == []
