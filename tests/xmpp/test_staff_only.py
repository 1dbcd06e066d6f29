"""An entry for staff only, at every door that a patient's client has: nothing of it comes through. Source: house rules 5, 9, 13."""

import xml.etree.ElementTree as ET

from clinic import Actor
from clinic.thread.relay import relayed_thread
from tests.support.stage import MARKERS, STANZA_ID, Client, Person, Stage, X, played, shown
from tests.xmpp.test_rooms_archive import MAM, RSM, ask, form, page

SECRET = "between staff"


async def scene(stage: Stage) -> tuple[Client, Client, list[str], list[str]]:
    """Returns Ana's and Boris's clients in the room; the uids of a text, a staff-only entry, a text, a staff-only entry; what Ana heard."""
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    await boris.everything()
    uids = []
    for number in range(2):
        uids += [stage.cast.post("boris", stage.thread, f"to all {number}"), stage.cast.note("boris", stage.thread, f"{SECRET} {number}")]
    await boris.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uids[-1]}'/></message>")
    stage.cast.post("boris", stage.thread, "last")
    return ana, boris, uids, [one.find(STANZA_ID).get("id", "") for one in [await ana.hears() for _text in range(3)]]


@played
async def test_nothing_of_it_is_sent_live_or_as_history(stage: Stage) -> None:
    ana, boris, uids, heard = await scene(stage)
    assert heard[:2] == [uids[0], uids[2]] and await ana.everything() == []

    async def joins(person: Person) -> str:
        client = stage.client(person, "another")
        client.sends(f"<presence to='{stage.room}/{person.name}'><x xmlns='{X}'><history maxstanzas='100'/></x></presence>")
        got = []
        while not got or got[-1].find("{*}subject") is None:
            got.append(await client.hears())
        return "".join(shown(one) for one in got)
    theirs, hers = await joins(stage.boris), await joins(stage.ana)
    assert SECRET in theirs and uids[1] in theirs
    assert "to all 1" in hers and SECRET not in hers and not any(uid in hers for uid in (uids[1], uids[3]))


@played
async def test_nothing_of_it_is_in_the_archive_its_ends_or_its_number(stage: Stage) -> None:
    ana, boris, uids, _heard = await scene(stage)
    stage.cast.note("boris", stage.thread, f"{SECRET}, the newest")
    for client, number in ((boris, 8), (ana, 5)):
        for inside in ("", page(max="100"), page(max="100", before=""), form(start="2001-01-01T00:00:00Z")):
            results, end = await ask(stage, client, inside)
            whole = "".join(shown(one) for one in [*results, end])
            assert len(results) == number and (SECRET in whole) == (client is boris) == (uids[1] in whole)
            assert end.find(f"{{{MAM}}}fin").get("complete") == "true"
        _none, end = await ask(stage, client, page(max="0"))
        assert end.findtext(f".//{{{RSM}}}count") == str(number)
        client.sends(f"<iq type='get' id='m' to='{stage.room}'><metadata xmlns='{MAM}'/></iq>")
        newest = (await client.finds("<iq type='result' id='m'/>")).find(f"{{{MAM}}}metadata/{{{MAM}}}end").get("id")
        assert newest == results[-1].find(f"{{{MAM}}}result").get("id")


@played
async def test_its_id_is_answered_like_one_that_there_is_not(stage: Stage) -> None:
    ana, boris, uids, _heard = await scene(stage)

    async def answers(client: Client, uid: str) -> list[str]:
        found = []
        for inside in (form(ids=uid), form(ids=f"{uids[0]} {uid}"), page(max="5", before=uid), page(max="5", after=uid), form(before_id=uid),
                       form(after_id=uid), form(after_id=uid) + page(max="0"), page(max="0", after=uid)):
            results, end = await ask(stage, client, inside)
            found.append("".join(ET.tostring(one, encoding="unicode") for one in [*results, end]).replace(uid, "UID"))
        return found
    hidden, absent, theirs = await answers(ana, uids[1]), await answers(ana, "0" * 26), await answers(boris, uids[1])
    assert hidden == absent
    assert all("item-not-found" in one for one in hidden[:-1]) and "count" in hidden[-1]  # what is counted has no cursor
    assert not any("item-not-found" in one for one in theirs)  # the control: whoever may see it gets an answer


@played
async def test_a_marker_at_it_moves_nothing_and_is_not_answered(stage: Stage) -> None:
    ana, boris, uids, _heard = await scene(stage)
    await boris.everything()

    def read() -> int:
        with stage.db.read(Actor.system()) as work:
            return next(one.read_seq for one in relayed_thread(work, stage.thread).members if one.handle == stage.ana.handle)
    assert read() == 0 and stage.component is not None
    known = stage.component.rooms.known(stage.thread)
    assert known is not None
    del known.recent[uids[1]]  # as it is with older ones: only the clinic knows them
    for uid in ("0" * 26, uids[1], uids[3], uids[0]):
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")
    await boris.finds(f"<message from='{stage.room}/Ana Alvarez'><displayed xmlns='{MARKERS}' id='{uids[0]}'/></message>")
    assert await ana.everything() == []
    assert read() == 3  # after two notices
