"""An entry for one patient of a group, at every door that another patient's client has: nothing of it comes through."""

from clinic import Actor
from clinic.thread.relay import relayed_thread
from tests.support.addressing import addressed
from tests.support.rooms import refusal
from tests.support.stage import MARKERS, STANZA_ID, Client, Person, Stage, X, played, shown
from tests.xmpp.test_rooms_archive import ask, form, page
from tests.xmpp.test_rooms_groups import in_group

SECRET = "zebrafish"


def ada_of(stage: Stage) -> Person:
    return Person(stage.cast, "ada")


def to(stage: Stage, name: str, text: str) -> str:
    with addressed(stage.cast.uid(name)):
        return stage.cast.post("boris", stage.thread, text)


async def scene(stage: Stage) -> tuple[Client, Client, str]:
    """Returns Ana's and Ada's clients in a group, once both have heard a text, one for Ana, and a text; the uid of the one between."""
    in_group(stage, "ana", "ada")
    ana, ada = await stage.joined(stage.ana), await stage.joined(ada_of(stage))
    stage.cast.post("boris", stage.thread, "first")
    uid = to(stage, "ana", f"{SECRET} for Ana")
    stage.cast.post("boris", stage.thread, "last")
    for client, bodies in ((ana, ["first", f"{SECRET} for Ana", "last"]), (ada, ["first", "last"])):
        heard: list[str] = []
        while not heard or heard[-1] != "last":
            one = await client.hears()
            heard += [one.findtext("{*}body") or ""] if one.find(STANZA_ID) is not None else []
        assert heard == bodies
    return ana, ada, uid


@played
async def test_live_and_as_history_it_comes_to_its_addressee_alone(stage: Stage) -> None:
    _ana, ada, uid = await scene(stage)
    assert not any(SECRET in shown(one) or uid in shown(one) for one in await ada.everything())

    async def joins(person: Person) -> str:
        client = stage.client(person, "another")
        client.sends(f"<presence to='{stage.room}/{person.name}'><x xmlns='{X}'><history maxstanzas='100'/></x></presence>")
        got = []
        while not got or got[-1].find("{*}subject") is None:
            got.append(await client.hears())
        return "".join(shown(one) for one in got)
    theirs, hers = await joins(stage.ana), await joins(ada_of(stage))
    assert SECRET in theirs and uid in theirs
    assert "last" in hers and SECRET not in hers and uid not in hers


@played
async def test_the_archive_holds_it_for_its_addressee_alone(stage: Stage) -> None:
    ana, ada, uid = await scene(stage)
    for inside in (page(max="100"), page(max="2", before=""), form(start="2001-01-01T00:00:00Z")):
        for client, sees in ((ana, True), (ada, False)):
            results, end = await ask(stage, client, inside)
            whole = "".join(shown(one) for one in [*results, end])
            assert (SECRET in whole) == (uid in whole) == sees
    for inside in (form(ids=uid), page(max="5", after=uid), page(max="5", before=uid)):
        assert "item-not-found" in "".join(shown(one) for one in (await ask(stage, ada, inside))[0] + [(await ask(stage, ada, inside))[1]])
        assert "item-not-found" not in shown((await ask(stage, ana, inside))[1])


@played
async def test_a_marker_of_another_patient_at_it_moves_nothing(stage: Stage) -> None:
    ana, ada, uid = await scene(stage)
    await ada.everything()

    def read(person: Person) -> int:
        with stage.db.read(Actor.system()) as work:
            return next(one.read_seq for one in relayed_thread(work, stage.thread).members if one.handle == person.handle)
    before = read(ada_of(stage))
    for client in (ada, ana):
        client.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='{MARKERS}' id='{uid}'/></message>")
    await stage.until(lambda: read(stage.ana) > before)
    assert read(ada_of(stage)) == before
    assert not any(uid in shown(one) for one in await ada.everything())


@played
async def test_an_answer_that_would_quote_it_to_others_is_refused_and_its_author_told_why(stage: Stage) -> None:
    ana, ada, uid = await scene(stage)
    await ada.everything()
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='r1'><body>&gt; {SECRET}\nwhy?</body>"
              f"<reply xmlns='urn:xmpp:reply:0' to='{stage.room}/Boris Brandt' id='{uid}'/>"
              f"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='{len(SECRET) + 3}'/></fallback></message>")
    await ana.finds(f"<message type='error' id='r1'>{refusal('bad-request')}</message>")
    assert not any(SECRET in shown(one) for one in await ada.everything())
