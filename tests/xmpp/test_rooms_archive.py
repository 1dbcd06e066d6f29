"""The archive of a room, as protocol. Source: XEP-0313, XEP-0059."""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

from clinic.thread.views import own_states
from tests.support.stage import NS, STANZA_ID, Client, Stage, played, shown

MAM, RSM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm"


async def ask(stage: Stage, client: Client, inside: str = "", kind: str = "set") -> tuple[list[ET.Element], ET.Element]:
    """Returns the results of a query, and the iq that ends it."""
    client.sends(f"<iq type='{kind}' id='q' to='{stage.room}'><query xmlns='{MAM}' queryid='f27'>{inside}</query></iq>")
    results = []
    while (one := await client.hears()).get("id") != "q":
        if one.find(f"{{{MAM}}}result") is not None:
            results.append(one)
    return results, one


def page(**parts: str) -> str:
    """Returns a set element of result paging."""
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in parts.items())
    return f"<set xmlns='{RSM}'>{inside}</set>"


def form(**fields: str) -> str:
    """Returns a query's form."""
    inside = "".join(f"<field var='{name.replace('_id', '-id')}'>" + "".join(f"<value>{value}</value>" for value in values.split()) + "</field>"
                     for name, values in {"FORM_TYPE": MAM, **fields}.items())
    return f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>"


def bodies(results: list[ET.Element]) -> list[str]:
    """Returns the texts of the messages in the results."""
    return [one.findtext(".//{jabber:client}body") or "" for one in results]


def fill(stage: Stage, number: int) -> list[str]:
    """Writes so many texts. Returns their uids."""
    return [stage.writes(stage.boris, f"line {one}", f"c{one}") for one in range(number)]


@played
async def test_archive_gives_back_what_was_said_with_the_same_ids(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "for the record", "m1")
    live = await ana.finds("<message id='m1'/>")
    results, end = await ask(stage, ana)
    assert len(results) == 3  # two notices, one text
    result = results[-1].find(f"{{{MAM}}}result")
    assert result.get("queryid") == "f27" and result.get("id") == live.find(STANZA_ID).get("id")
    forwarded = result.find("{urn:xmpp:forward:0}forwarded")
    assert forwarded.find("{urn:xmpp:delay}delay").get("stamp").endswith("Z")
    message = forwarded.find("{jabber:client}message")
    assert (message.get("from"), message.get("id"), message.get("type")) == (f"{stage.room}/Ana Alvarez", "m1", "groupchat")
    assert message.find(STANZA_ID).get("id") == result.get("id")
    assert message.find("{urn:xmpp:occupant-id:0}occupant-id").get("id") == live.find("{urn:xmpp:occupant-id:0}occupant-id").get("id")
    fin = end.find(f"{{{MAM}}}fin")
    assert end.get("type") == "result" and fin.get("complete") == "true"
    assert fin.findtext(f".//{{{RSM}}}last") == result.get("id")
    assert stage.boris.handle not in "".join(shown(one) for one in results)


@played
async def test_pages_forwards_and_backwards_cover_everything_once(stage: Stage) -> None:
    fill(stage, 23)
    ana = stage.client(stage.ana)
    for first, step, last in ((page(max="10"), "after", "last"), (page(max="10", before=""), "before", "first")):
        paging, pages = first, []
        while True:
            results, end = await ask(stage, ana, paging)
            pages.append(bodies(results))
            fin = end.find(f"{{{MAM}}}fin")
            if fin.get("complete") == "true":
                break
            paging = page(max="10", **{step: fin.findtext(f".//{{{RSM}}}{last}") or ""})
        joined = [body for one in (pages if step == "after" else reversed(pages)) for body in one]
        assert joined[2:] == [f"line {number}" for number in range(23)] and len(pages) == 3


@played
async def test_form_limits_by_id_and_by_time(stage: Stage) -> None:
    uids = fill(stage, 6)
    ana = stage.client(stage.ana)
    assert bodies((await ask(stage, ana, form(after_id=uids[1], before_id=uids[4])))[0]) == ["line 2", "line 3"]
    assert bodies((await ask(stage, ana, form(ids=f"{uids[0]} {uids[5]}")))[0]) == ["line 0", "line 5"]
    results, end = await ask(stage, ana, form(ids=" ".join(uids[:3])) + page(max="2"))
    assert bodies(results) == ["line 0", "line 1"] and end.find(f"{{{MAM}}}fin").get("complete") is None
    results, end = await ask(stage, ana, form(ids=" ".join(uids[:3])) + page(max="2", after=uids[1]))
    assert bodies(results) == ["line 2"] and end.find(f"{{{MAM}}}fin").get("complete") == "true"
    assert bodies((await ask(stage, ana, form(start="2999-01-01T00:00:00Z")))[0]) == []
    assert len((await ask(stage, ana, form(start="2001-01-01T00:00:00Z", end="2999-01-01T00:00:00+02:00")))[0]) == 8
    results, _end = await ask(stage, ana, form(after_id=uids[1]) + page(max="2") + "<flip-page/>")
    assert bodies(results) == ["line 3", "line 2"]
    assert bodies((await ask(stage, ana, form(**{"with": stage.room}) + page(max="1", before="")))[0]) == ["line 5"]


@played
async def test_wrong_queries_are_refused_with_words(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    for inside, condition in (
        (page(after="nonsense"), "item-not-found"), (page(after="0" * 26), "item-not-found"), (form(ids="0" * 26), "item-not-found"),
        (form(start="yesterday"), "bad-request"), (form(start="0001-01-01T00:00:00+14:00"), "bad-request"),
        (form(end="9999-12-31T23:59:59-14:00"), "bad-request"), (page(max="many"), "bad-request"),
        (form(**{"with": "boris@localhost"}), "feature-not-implemented"),
        (form(withtext="word"), "feature-not-implemented"), (page(index="3"), "feature-not-implemented"),
    ):
        results, end = await ask(stage, ana, inside)
        assert results == [] and end.get("type") == "error"
        error = end.find(f"{{{NS}}}error")
        assert error.find(f"{{urn:ietf:params:xml:ns:xmpp-stanzas}}{condition}") is not None, shown(end)
        assert error.findtext("{urn:ietf:params:xml:ns:xmpp-stanzas}text")


@played
async def test_form_and_metadata_can_be_asked_for(stage: Stage) -> None:
    uids = fill(stage, 2)
    ana = stage.client(stage.ana)
    _none, end = await ask(stage, ana, kind="get")
    assert {field.get("var") for field in end.iter("{jabber:x:data}field")} == {"FORM_TYPE", "with", "start", "end", "before-id", "after-id", "ids"}
    ana.sends(f"<iq type='get' id='m' to='{stage.room}'><metadata xmlns='{MAM}'/></iq>")
    await ana.receives(f"<iq type='result' id='m'><metadata xmlns='{MAM}'><start id='*' timestamp='*'/><end id='{uids[1]}' timestamp='*'/></metadata></iq>")


@played
async def test_who_joins_a_thread_later_as_staff_reads_all_and_strangers_nothing(stage: Stage) -> None:
    fill(stage, 2)
    assert len((await ask(stage, stage.client(stage.chen)))[0]) == 4
    results, end = await ask(stage, stage.client(stage.eve))
    assert results == [] and end.get("type") == "error"


@played
async def test_a_page_between_two_messages_and_a_page_behind_the_last(stage: Stage) -> None:
    uids = fill(stage, 6)
    ana = stage.client(stage.ana)
    results, end = await ask(stage, ana, page(max="10", after=uids[0], before=uids[4]))
    assert bodies(results) == ["line 3", "line 2", "line 1"][::-1] and end.find(f"{{{MAM}}}fin").get("complete") == "true"
    results, _end = await ask(stage, ana, page(max="2", after=uids[0], before=uids[4]))
    assert bodies(results) == ["line 2", "line 3"]  # with before it is read from the end, as XEP-0059 section 2.3 says
    results, end = await ask(stage, ana, page(max="10", after=uids[5]))
    fin = end.find(f"{{{MAM}}}fin")
    assert results == [] and end.get("type") == "result" and fin.get("complete") == "true"
    assert fin.find(f"{{{RSM}}}set") is not None and not list(fin.find(f"{{{RSM}}}set"))


@played
async def test_whoever_asks_for_no_message_is_told_how_many_there_are(stage: Stage) -> None:
    uids = fill(stage, 6)
    ana = stage.client(stage.ana)
    for inside, number in ((page(max="0"), "8"), (page(max="0", before=""), "8"), (page(max="0", after=uids[2]), "8"),
                           (form(after_id=uids[2]) + page(max="0"), "3"), (form(ids=f"{uids[0]} {uids[5]}") + page(max="0"), "2"),
                           (form(start="2999-01-01T00:00:00Z") + page(max="0"), "0")):
        results, end = await ask(stage, ana, inside)
        fin = end.find(f"{{{MAM}}}fin")
        assert results == [] and [part.tag for part in fin.find(f"{{{RSM}}}set")] == [f"{{{RSM}}}count"]
        assert (fin.findtext(f".//{{{RSM}}}count"), fin.get("complete")) == (number, "true" if number == "0" else None)
    assert (await ask(stage, ana, page(max="2")))[1].find(f".//{{{RSM}}}count") is None  # counting costs; whoever wants it asks


@played
async def test_the_instants_of_the_metadata_find_what_they_are_of(stage: Stage) -> None:
    at = datetime.now(UTC).replace(microsecond=123_456) + timedelta(minutes=1)
    vars(stage.db)["now"] = lambda: at
    [uid] = fill(stage, 1)
    del stage.db.now
    ana = stage.client(stage.ana)
    ana.sends(f"<iq type='get' id='m' to='{stage.room}'><metadata xmlns='{MAM}'/></iq>")
    end = (await ana.hears()).find(f"{{{MAM}}}metadata/{{{MAM}}}end")
    assert end.get("id") == uid
    results, _end = await ask(stage, ana, form(start=end.get("timestamp"), end=end.get("timestamp")))
    assert [one.find(f"{{{MAM}}}result").get("id") for one in results] == [uid]
    # Who writes whole seconds means the last one with all that happened in it.
    whole = f"{end.get('timestamp').partition('.')[0]}Z"
    results, _end = await ask(stage, ana, form(start=whole, end=whole))
    assert [one.find(f"{{{MAM}}}result").get("id") for one in results] == [uid]


@played
async def test_whoever_catches_up_from_the_archive_has_it_delivered_and_who_looks_something_up_has_not(stage: Stage) -> None:
    uids = fill(stage, 6)
    ana = stage.client(stage.ana)

    def states() -> list[str]:
        with stage.db.read(stage.boris.actor) as work:
            found = {state.uid: state.state for state in own_states(work, stage.thread)}
            return [found[uid] for uid in uids]

    async def counts_up_to(number: int) -> None:
        await stage.until(lambda: states() == ["delivered"] * number + ["sent"] * (6 - number))
    stage.server.answers_pings = False
    for inside in (form(ids=" ".join(uids)), page(max="3", before=uids[5]), page(max="0"), page(max="2", after=uids[0])):
        await ask(stage, ana, inside)
    stage.server.answer_pings()
    await counts_up_to(3)  # the last of these pages; what was only looked up was newer
    for inside, number in ((form(after_id=uids[2]) + page(max="1"), 4), (page(max="50", before=""), 6)):
        await ask(stage, ana, inside)
        await counts_up_to(number)
