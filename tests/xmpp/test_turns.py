"""Who asks for much waits for themselves: bounded ids, pages, histories and questions. Source: XEP-0313, XEP-0059, RFC 6120."""

import xml.etree.ElementTree as ET

import pytest

from clinic import Actor
from clinic.thread.archive import archive
from tests.support.stage import NS, Client, Stage, X, played, shown
from xmpp_components import turns

MAM, RSM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm"
LARGE, PAGE_BYTES = "&" * 60_000, 512 * 1024
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


def query(stage: Stage, id: str, paging: str = "", queryid: str = "f") -> str:
    """Returns an archive query."""
    return (f"<iq type='set' id='{id}' to='{stage.room}'><query xmlns='{MAM}' queryid='{queryid}'>"
            f"<set xmlns='{RSM}'><max>100</max>{paging}</set></query></iq>")


async def answer(client: Client, id: str) -> tuple[list[ET.Element], ET.Element]:
    """Returns the results of a query, and the iq that ends it."""
    results = []
    while (one := await client.hears()).get("id") != id:
        if one.find(f"{{{MAM}}}result") is not None:
            results.append(one)
    return results, one


def condition(stanza: ET.Element) -> str:
    """Returns the condition of an error."""
    error = stanza.find(f"{{{NS}}}error")
    assert error is not None, shown(stanza)
    return error[0].tag.rpartition("}")[2]


@played
async def test_an_id_longer_than_128_characters_is_refused_and_copied_into_the_refusal_only(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    longest, longer = "q" * 128, "q" * 129
    ana.sends(query(stage, "fits", queryid=longest))
    assert (await answer(ana, "fits"))[1].get("type") == "result"
    ana.sends(query(stage, "long", queryid=longer))
    results, end = await answer(ana, "long")
    assert results == [] and condition(end) == "bad-request" and longer not in shown(end)
    for id, copied in ((longer, longer), ("é" * 512, "é" * 512), ("é" * 513, None), ("q" * 100_000, None)):
        for text in (query(stage, id), f"<iq type='get' id='{id}' to='{stage.server.domain}'><ping xmlns='urn:xmpp:ping'/></iq>",
                     f"<message to='{stage.room}' type='groupchat' id='{id}'><body>x</body></message>",
                     f"<presence to='{stage.room}/Ana Alvarez' id='{id}'><x xmlns='{X}'/></presence>"):
            ana.sends(text)
            refused = await ana.hears()
            # By its id a client knows which of its messages it was; without, it shows it as on its way for ever.
            assert condition(refused) == "bad-request" and refused.get("id") == copied and len(shown(refused)) < 2000
    assert "qqq" not in "".join(shown(one) for one in await boris.everything())
    stage.says(ana, "a long origin", "m1", origin="o" * 400_000)
    assert len(shown(await boris.finds("<message id='m1'><body>a long origin</body></message>"))) < 1000


@played
async def test_large_pages_end_early_and_paging_on_covers_everything_once(stage: Stage) -> None:
    for number in range(6):
        stage.writes(stage.boris, f"{number}{LARGE}", f"c{number}")
    ana = stage.client(stage.ana)
    for first, step, last in (("", "after", "last"), ("<before/>", "before", "first")):
        paging, seen, pages = first, [], 0
        while True:
            ana.sends(query(stage, f"q{pages}", paging))
            results, end = await answer(ana, f"q{pages}")
            assert 0 < sum(len(ET.tostring(one)) for one in results) < PAGE_BYTES + 4096
            uids = [one.find(f"{{{MAM}}}result").get("id") for one in results]
            seen, pages = (seen + uids if step == "after" else uids + seen), pages + 1
            assert (uids[0], uids[-1]) == tuple(end.findtext(f".//{{{RSM}}}{name}") for name in ("first", "last"))
            if end.find(f"{{{MAM}}}fin").get("complete") == "true":
                break
            paging = f"<{step}>{end.findtext(f'.//{{{RSM}}}{last}')}</{step}>"
        assert pages >= 4 and len(seen) == len(set(seen)) == 8  # two notices, six texts


@played
async def test_the_history_of_a_join_ends_at_half_a_megabyte_with_the_newest(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    for number in range(6):
        stage.writes(stage.boris, f"{number}{LARGE}", f"c{number}")
    await boris.finds("<message id='c5'/>")  # so that all of it is history to who joins now, and nothing on its way
    ana = stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'><history maxstanzas='200'/></x></presence>")
    heard: list[str] = []
    while (one := await ana.hears()).find("{*}subject") is None:
        heard += [body.text[0] for body in one.iter(f"{{{NS}}}body") if body.text]
    assert heard == ["5"] or heard == ["4", "5"]


def test_too_many_questions_are_refused_for_a_while_and_nobody_else_waits(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_WAITING", 5)
    monkeypatch.setattr(turns, "BYTES_PER_SECOND", 1.0)  # whoever has asked once has to wait long for the next answer

    @played
    async def play(stage: Stage) -> None:
        ana, boris = await stage.joined(stage.ana), stage.client(stage.boris)
        for number in range(20):
            ana.sends(query(stage, f"q{number}"))
        refused = {}
        while len(refused) < 15:
            one = await ana.hears()
            if one.get("type") == "error":
                refused[one.get("id")] = condition(one)
        assert set(refused.values()) == {"resource-constraint"} and "q0" not in refused
        boris.sends(query(stage, "mine"))
        results, end = await answer(boris, "mine")
        assert results and end.get("type") == "result"
        other = stage.client(stage.ana, "laptop")
        other.sends(query(stage, "again"))
        assert condition((await answer(other, "again"))[1]) == "resource-constraint"  # a second session is no second turn
        boris.sends(f"<presence to='{stage.room}/Boris Brandt'><x xmlns='{X}'/></presence>")
        stage.says(ana, "still heard", "m1")  # what waits is her questions, not her words
        await ana.finds("<message id='m1'/>")
    play(tmp_path)


@played
async def test_the_next_large_answer_waits_until_the_server_has_read_the_last(stage: Stage) -> None:
    for number in range(20):
        stage.writes(stage.boris, f"{number}{LARGE}", f"c{number}")
    assert stage.component is not None and stage.server.writer is not None
    stage.server.reads.clear()
    clients = [stage.client(person) for person in (stage.ana, stage.boris, stage.chen)]
    for number in range(60):
        clients[number % 3].sends(query(stage, f"q{number}"))
    component, transport = stage.component, stage.component.stream.transport
    await stage.until(lambda: sum(line.waiting for line in component.turns._lines.values()) >= 50)
    for _turn in range(100):  # each is as long as reading a page takes
        await component.reader.view(Actor.xmpp(stage.ana.handle), archive, stage.thread, limit=100)
    most = transport.get_write_buffer_size()
    stage.server.reads.set()
    assert most < (turns.ANSWERS_AT_ONCE + 1) * PAGE_BYTES  # of 30 megabytes that were asked for
    for client in clients:
        await client.finds("<iq type='result'/>")
