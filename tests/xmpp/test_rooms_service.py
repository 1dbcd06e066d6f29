"""What the service and its rooms say of themselves and what they refuse, as protocol. Source: XEP-0030, XEP-0045, rule 6."""

from pathlib import Path

import pytest

from tests.support.databases import size
from tests.support.stage import Client, Stage, played, shown
from xmpp_components import handlers
from xmpp_components.component import Threads
from xmpp_components.request import Target

INFO, ITEMS = "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items"
STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
INVENTORY = Path(__file__).with_name("handlers.txt")


@played
async def test_service_lists_each_persons_own_threads_only(stage: Stage) -> None:
    ana, eve = stage.client(stage.ana), stage.client(stage.eve)
    for client in (ana, eve):
        client.sends(f"<iq type='get' id='i' to='{stage.server.domain}'><query xmlns='{ITEMS}'/></iq>")
        client.sends(f"<iq type='get' id='s' to='{stage.server.domain}'><query xmlns='{INFO}'/></iq>")
    mine = await ana.finds(f"<iq id='i' type='result'><query xmlns='{ITEMS}'><item jid='{stage.room}' name='Boris Brandt'/></query></iq>")
    assert len(mine[0]) == 1
    theirs = await eve.finds("<iq id='i' type='result'/>")
    assert len(theirs[0]) == 0
    ana.sends(f"<iq type='get' id='s' to='{stage.server.domain}'><query xmlns='{INFO}'/></iq>")
    await ana.finds(f"<iq id='s'><query xmlns='{INFO}'><identity category='conference' type='text'/>"
                    "<feature var='http://jabber.org/protocol/muc'/></query></iq>")


@played
async def test_room_describes_itself_to_its_members(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    ana.sends(f"<iq type='get' id='r' to='{stage.room}'><query xmlns='{INFO}'/></iq>")
    features = ("muc_membersonly", "muc_semianonymous", "muc_persistent", "muc_hidden", "urn:xmpp:mam:2", "urn:xmpp:mam:2#extended", "urn:xmpp:sid:0",
                "urn:xmpp:occupant-id:0", "http://jabber.org/protocol/muc#stable_id", "http://jabber.org/protocol/muc#self-ping-optimization")
    got = await ana.receives(
        f"<iq id='r' type='result'><query xmlns='{INFO}'><identity category='conference' type='text' name='Boris Brandt'/>"
        + "".join(f"<feature var='{feature}'/>" for feature in features)
        + "<x xmlns='jabber:x:data' type='result'><field var='muc#roominfo_occupants'><value>1</value></field></x></query></iq>")
    assert "muc_nonanonymous" not in shown(got)
    ana.sends(f"<iq type='get' id='n' to='{stage.room}'><query xmlns='{INFO}' node='x-roomuser-item'/></iq>")
    await ana.receives(f"<iq id='n'><query xmlns='{INFO}' node='x-roomuser-item'><identity name='Ana Alvarez'/></query></iq>")
    ana.sends(f"<iq type='get' id='i' to='{stage.room}'><query xmlns='{ITEMS}'/></iq>")
    await ana.receives(f"<iq id='i'><query xmlns='{ITEMS}'><item jid='{stage.room}/Ana Alvarez'/></query></iq>")
    ana.sends(f"<iq type='get' id='o' to='{stage.room}/Boris Brandt'><query xmlns='{INFO}'/></iq>")
    await ana.receives(f"<iq id='o' type='error'><error><service-unavailable {STANZAS}/></error></iq>")


@played
async def test_running_the_room_from_a_client_is_refused_in_words_and_changes_nothing(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    admin, owner = "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner"
    before = size(stage.config.database_url)
    for kind, inside in (
        ("set", f"<query xmlns='{admin}'><item nick='Ana Alvarez' role='none'/></query>"),
        ("set", f"<query xmlns='{admin}'><item jid='{stage.ana.handle}@localhost' affiliation='outcast'/></query>"),
        ("get", f"<query xmlns='{owner}'/>"), ("set", f"<query xmlns='{owner}'><destroy/></query>"),
        ("set", f"<query xmlns='{owner}'><x xmlns='jabber:x:data' type='submit'/></query>"),
        ("get", "<query xmlns='jabber:iq:register'/>"), ("set", "<query xmlns='jabber:iq:register'><username>B</username></query>"),
    ):
        boris.sends(f"<iq type='{kind}' id='a' to='{stage.room}'>{inside}</iq>")
        answer = await boris.finds(f"<iq type='error' id='a'><error><forbidden {STANZAS}/><text {STANZAS}>*</text></error></iq>")
        assert len("".join(answer.itertext())) > 30
    boris.sends(f"<iq type='get' id='a' to='{stage.room}'><query xmlns='{admin}'><item affiliation='member'/></query></iq>")
    listed = await boris.finds("<iq type='result' id='a'/>")
    assert {item.get("nick") for item in listed[0]} == {"Ana Alvarez", "Boris Brandt", "Chen Cheng"}
    assert size(stage.config.database_url) >= before


@played
async def test_every_question_has_one_answer_and_no_answer_has_any(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    await ana.everything()
    for to in (stage.server.domain, stage.room, f"{stage.room}/Ana Alvarez", f"feed-{stage.ana.handle}@{stage.server.domain}"):
        for kind in ("get", "set"):
            ana.sends(f"<iq type='{kind}' id='u' to='{to}'><unheard xmlns='urn:of'/></iq>")
            await ana.receives(f"<iq type='error' id='u' from='{to}'><error><service-unavailable {STANZAS}/></error></iq>")
        ana.sends(f"<iq type='result' id='u' to='{to}'/>")
        ana.sends(f"<iq type='error' id='u' to='{to}'><error type='cancel'/></iq>")
        if to == stage.server.domain:
            ana.sends(f"<message type='error' id='u' to='{to}'><body>x</body><error type='cancel'/></message>")
    assert await ana.everything() == []


@played
async def test_somebody_from_another_server_is_nobody(stage: Stage) -> None:
    stranger = f"{stage.ana.handle}@elsewhere.example/phone"
    other = Client(stage.server, stranger)
    other.sends(f"<presence id='j' to='{stage.room}/Ana Alvarez'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await other.receives(f"<presence type='error' id='j'><error><forbidden {STANZAS}/></error></presence>")


def test_a_handler_without_a_policy_stops_the_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    handlers.handles("iq get", Target.SERVICE, "{urn:x}undeclared")(lambda component, request: None)
    try:
        with pytest.raises(handlers.UndeclaredPolicy, match="undeclared"):
            Threads(stage.config, stage.db)
    finally:
        del handlers.REGISTER[("iq get", Target.SERVICE, "{urn:x}undeclared")]
        stage.db.engine.dispose()


def test_the_inventory_of_handlers_is_the_one_that_was_agreed() -> None:
    found = [f"{name}: {policy}" for name, policy in handlers.inventory()]
    assert found == INVENTORY.read_text(encoding="utf-8").splitlines()


@played
async def test_nothing_of_the_library_answers_beside_the_declared_handlers(stage: Stage) -> None:
    assert stage.component is not None
    assert stage.component.stream.leftovers() == ["Handshake", "Stream Error"]
    assert not list(stage.component.stream.plugin)
