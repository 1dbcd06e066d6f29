"""Commands typed as messages: never posted, done once, answered to their sender alone. Source: house rule 15."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from clinic.actions import Offer
from clinic.errors import Busy, Invalid
from clinic.fields import Option
from clinic.offers import Offered, OfferedField, Shape
from clinic.thread.views import thread_page
from tests.support.rooms import archived
from tests.support.stage import Client, Stage, played
from tests.support.tried import PEOPLE, Tried, offered_actions
from xmpp_components.command_words import matching, tomorrow, understood
from xmpp_components.text_commands import looks_like_one

LINK = "http://clinic.example/do"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    return offered_actions(monkeypatch)


def on_stage(test: Callable[[Stage, Tried], Awaitable[None]]) -> Callable[[Path, Tried], None]:
    def run(tmp_path: Path, tried: Tried) -> None:
        @played
        async def play(stage: Stage) -> None:
            await test(stage, tried)
        play(tmp_path)
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


COUNT = iter(range(10**6))


async def types(stage: Stage, client: Client, text: str, id: str | None = None) -> str:
    """Types a message. Returns what only this client is told of it."""
    id = id or f"typed-{next(COUNT)}"
    stage.says(client, text.replace("<", "&lt;").replace("\n", "&#10;"), id, origin=id)
    told = len(client.told)
    while True:
        one = await client.hears()
        if (one.get("id") or "").startswith("told-"):
            assert one.get("from") == f"{stage.room}/Clinic" and one.find("{urn:xmpp:hints}no-store") is not None
            break
        if one.get("type") == "error" and one.get("id") == id:
            while len(client.told) == told:
                await client.everything()
            one = client.told[-1]
            break
    text = one.findtext("{*}body") or ""
    assert text.endswith(" (Only you see this.)") and not text.startswith("Not sent.")
    return text.removesuffix(" (Only you see this.)")


@on_stage
async def test_a_command_is_done_and_answered_to_the_session_that_typed_it_alone(stage: Stage, tried: Tried) -> None:
    ana, tablet, boris = await stage.joined(stage.ana), await stage.joined(stage.ana, "tablet"), await stage.joined(stage.boris)
    for client in (ana, tablet, boris):
        await client.everything()
    assert await types(stage, ana, "!now") == "Done now."
    assert tried.calls == [("t.now", {})]
    assert await types(stage, ana, "  !NOW ") == "Done now."
    assert await types(stage, ana, "!say  It hurts ; here\nand there") == "Said."
    assert tried.calls[-1] == ("t.say", {"words": "It hurts ; here\nand there"})
    for other in (tablet, boris):
        assert await other.everything() == [] and other.told == []
    assert archived(stage) == []


@on_stage
async def test_its_sender_gets_back_what_they_typed_so_that_no_app_waits_for_it(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "!now", "m1", origin="o1")
    mine = await ana.finds(f"<message id='m1' type='groupchat' from='{stage.room}/Ana Alvarez'><body>!now</body>"
                           "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/><no-store xmlns='urn:xmpp:hints'/></message>")
    assert mine.find("{urn:xmpp:sid:0}stanza-id") is None


@on_stage
async def test_the_same_message_again_is_answered_and_not_done_again(stage: Stage, tried: Tried) -> None:
    ana, tablet = await stage.joined(stage.ana), await stage.joined(stage.ana, "tablet")
    for client in (ana, ana, tablet):
        assert await types(stage, client, "!say once", "m1") == "Said."
    assert tried.calls == [("t.say", {"words": "once"})]
    stage.says(ana, "!say twice", "m2")
    stage.says(ana, "!say twice", "m2")
    for _ in range(2):
        await ana.finds("<message id='m2'/>")
        await ana.finds(f"<message from='{stage.room}/Clinic'/>")
    assert [values["words"] for _, values in tried.calls] == ["once", "twice"]
    await types(stage, ana, "!say once", "m3")
    assert len(tried.calls) == 3


@on_stage
async def test_a_command_that_was_refused_may_come_again_under_its_id(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    perform = stage.db.perform
    stage.db.perform = lambda *_given, **_named: (_ for _ in ()).throw(Busy())
    assert "could not store" in await types(stage, ana, "!now", "m1")
    stage.db.perform = perform
    assert await types(stage, ana, "!now", "m1") == "Done now."
    assert tried.calls == [("t.now", {})]


@on_stage
async def test_help_tells_what_this_person_may_do_here_with_an_example_each(stage: Stage, tried: Tried) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    said = (await types(stage, ana, "!help")).split("\n")
    assert "!now – do it now" in said and "!who Boris Brandt – choose somebody" in said and "!mute yes – mute or unmute the thread" in said
    assert f"!try <words> ; <story> ; Boris Brandt ; Boris Brandt ; Red ; {tomorrow()} ; yes – try it" in said
    assert not any(line.startswith("!staff") for line in said)
    assert any(line.startswith("!start ") for line in said)  # what is done in no thread: some apps know rooms only
    assert any(line.startswith("!staff") for line in (await types(stage, boris, "!help")).split("\n"))
    more = await types(stage, ana, "!help who")
    assert more == (f"Choose somebody.\nWrite: !who <person>\nPerson: Boris Brandt, Bella Baptiste or Bellamy; Ana.\n"
                    f"Or fill it in here: {LINK}/t.who/{stage.thread}")


@on_stage
async def test_one_value_is_the_rest_of_the_line_and_people_are_meant_by_how_their_names_begin(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    for text, value in (("!who boris", "1"), ("!who Bella baptiste", "2"), ("!who bellam", "3"), ("!who BAPT", "2"), ("!who Bellamy; Ana", "3")):
        assert await types(stage, ana, text) == "Chosen."
        assert tried.calls[-1] == ("t.who", {"one": value})
    ambiguous = await types(stage, ana, "!who bell")
    assert ambiguous.startswith("Person: “bell” may be Bella Baptiste or Bellamy; Ana. Write more of it.\nWrite: !who <person>")
    assert f"{LINK}/t.who/{stage.thread}" in ambiguous
    assert (await types(stage, ana, "!who Eve")).startswith("Person: there is no “Eve”.")
    assert (await types(stage, ana, "!who")).startswith("Person is missing.\nWrite: !who <person>")
    assert len(tried.calls) == 5


@on_stage
async def test_several_values_stand_between_semicolons_in_order_and_optional_ones_may_be_left_out(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    await types(stage, ana, "!try a; b ; long story ; bor ; bella b, boris ; dark ; 2026-12-01 09:00 ; yes")
    _name, values = tried.calls[-1]
    assert (values["words"], values["story"], values["one"], values["some"], values["colour"], values["sure"]) == (
        "a; b", "long story", "1", ("2", "1"), "dark-blue", True)
    await types(stage, ana, "!try words ; bor ; no")  # as many as must be said
    _name, values = tried.calls[-1]
    assert (values["words"], values["story"], values["one"], values["some"], values["sure"]) == ("words", None, "1", None, False)
    await types(stage, ana, "!try words ; ; bor ; ; ; ; no")
    assert tried.calls[-1][1] | {"client_id": ""} == values | {"client_id": ""}
    missing = await types(stage, ana, "!try words ; story ; boris")
    assert missing.startswith("Person: there is no “story”.") and f"{LINK}/t.try/{stage.thread}?words=words" in missing
    refused = await types(stage, ana, "!try refuse ; bor ; no")
    assert refused.startswith("These words are not right.\nWrite: !try <words> ; [story] ; <person> ; [others]")
    assert f"{LINK}/t.try/{stage.thread}?words=refuse&one=1&sure=no" in refused
    assert len(tried.calls) == 3


@on_stage
async def test_what_takes_no_value_is_not_done_with_one(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    assert (await types(stage, ana, "!now is the time to go")).startswith("These are more values than it takes.")
    assert tried.calls == []


@on_stage
async def test_an_unknown_word_is_refused_naming_the_nearest_and_what_is_not_ones_own_is_unknown(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    assert (await types(stage, ana, "!mut yes")).startswith("There is no command !mut here. Did you mean !mute? !help lists what there is.")
    assert (await types(stage, ana, "!staff")).startswith("There is no command !staff here. Did you mean !start?")
    assert (await types(stage, ana, "!wholly-other")).startswith("There is no command !wholly-other here. !help lists what there is.")
    assert "Nothing was sent" in await types(stage, ana, "!Hola Boris")
    assert archived(stage) == [] and tried.calls == []


@on_stage
async def test_what_is_grave_is_asked_back_and_done_by_yes_of_the_same_session(stage: Stage, tried: Tried) -> None:
    ana, tablet = await stage.joined(stage.ana), await stage.joined(stage.ana, "tablet")
    asked = await types(stage, ana, "!end")
    assert asked == "End it all? It is over for everybody then. Nothing has happened yet: send !yes within five minutes to do it."
    assert "nothing to confirm" in await types(stage, tablet, "!yes")
    assert tried.calls == []
    await types(stage, ana, "!now")  # whoever does something else first has not confirmed
    assert "nothing to confirm" in await types(stage, ana, "!yes")
    await types(stage, ana, "!end")
    assert await types(stage, ana, "!yes", "y1") == "Over."
    assert await types(stage, ana, "!yes", "y1") == "Over."
    assert "nothing to confirm" in await types(stage, ana, "!yes")
    assert [name for name, _ in tried.calls] == ["t.now", "t.end"]


@on_stage
async def test_a_question_does_not_wait_for_its_yes_for_ever(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    await types(stage, ana, "!end")
    assert stage.component is not None
    [asked] = stage.component.text_commands._asked.values()
    asked.until = time.monotonic() - 1
    assert "nothing to confirm" in await types(stage, ana, "!yes")
    assert tried.calls == []


@on_stage
async def test_a_correction_that_is_a_command_does_nothing(stage: Stage, tried: Tried) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "now", "m1", origin="m1")
    await ana.finds("<message id='m1'/>")
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='m2'><body>!now</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>")
    answer = await ana.finds("<message id='m2' type='error'/>")
    assert "in the place of a message" in "".join(answer.itertext())
    assert tried.calls == [] and archived(stage) == ["now"]


@on_stage
async def test_whoever_is_not_in_the_room_or_not_in_the_thread_does_nothing(stage: Stage, tried: Tried) -> None:
    for person in (stage.ana, stage.eve):
        client = stage.client(person)
        stage.says(client, "!now", "m1")
        await client.finds("<message id='m1' type='error'/>")
    assert tried.calls == []


@on_stage
async def test_the_room_goes_on_while_a_command_waits(stage: Stage, tried: Tried) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    waits = asyncio.Event()
    assert stage.component is not None
    do = stage.component.doer.do

    async def slowly(*given: object) -> str:
        await waits.wait()
        return await do(*given)
    stage.component.doer.do = slowly
    stage.says(ana, "!now", "m1")
    stage.says(ana, "meanwhile", "m2")
    await boris.finds("<message id='m2'><body>meanwhile</body></message>")
    waits.set()
    await ana.finds("<message id='m1'/>")
    assert tried.calls == [("t.now", {})]


def test_exclamations_are_text() -> None:
    assert [text for text in ("!!!", "! no", "!", "!1", "!_x", "¡Hola!", "Hi !now", "!now", " !Ärzte", "\n!now") if looks_like_one(text)] == [
        "!now", " !Ärzte", "\n!now"]


def test_two_of_one_label_are_told_apart_by_what_stands_beside_them() -> None:
    twins = (Option("1", "Ana Alvarez", "born 27 March 1984"), Option("2", "Ana Alvarez", "born 2 May 1990"))
    field = OfferedField("one", "Person", Shape.ONE, True, twins)
    assert [one.value for one in matching(field, "ana alvarez")] == ["1", "2"]
    assert [one.value for one in matching(field, "Ana Alvarez  born 2 May 1990")] == ["2"]
    offered = Offered("t.who", Offer("Choose", "who"), "x", (field,), None)
    with pytest.raises(Invalid, match="born 27 March 1984 or Ana Alvarez born 2 May 1990"):
        understood(offered, "ana", "")
    assert [one.value for one in matching(OfferedField("x", "X", Shape.ONE, True, PEOPLE), "3")] == ["3"]




@played
async def test_what_a_clinic_does_by_message(stage: Stage) -> None:
    """The real actions, as somebody with an app without forms gives them."""
    stage.db.perform(stage.cast.dina, "status.add_examples")
    stage.cast.link("ada", "boris")
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    assert await types(stage, boris, "!status disch") == "The status is changed."
    assert await types(stage, boris, "!rename Knee ; left") == "Renamed."
    await boris.finds(f"<message type='groupchat' from='{stage.room}'><subject>Knee ; left</subject></message>")
    assert "Intake form received" in await types(stage, boris, "!status nonsense")
    made = await types(stage, boris, "!group Knee class ; Ana, Ada, Bella")
    assert made.startswith("The group is there. http://clinic.example/threads/")
    stage.says(ana, "It hurts, I take 2", "m1", origin="m1")
    await ana.finds("<message id='m1'/>")
    assert await types(stage, ana, "!correct It hurts, I take 3") == "Corrected. It was “It hurts, I take 2”."
    assert (await types(stage, ana, "!status disch")).startswith("There is no command !status here.")
    assert (await types(stage, ana, "!urgent I can't breathe")).startswith("Urgent: I need help (I can't breathe)?")
    assert (await types(stage, ana, "!yes")).startswith("Sent.")
    assert (await types(stage, boris, "!seen")).startswith("The patient reads")
    stage.room = f"{made.rpartition('/')[2]}@{stage.server.domain}"
    there = await stage.joined(stage.boris, "desk")
    asked = await types(stage, there, "!remove ada")
    assert asked.startswith("Remove a member (Ada Almeida") and asked.endswith("send !yes within five minutes to do it.")
    assert await types(stage, there, "!yes") == "Removed."
    assert (await types(stage, there, "!share")).startswith("Copy the link now: it is shown this once. http://clinic.example/join/")


@played
async def test_a_correction_may_hold_semicolons_and_names_another_message_only_by_how_it_begins(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    for number, text in enumerate(("I take 2 in the morning", "take care", "It hurts")):
        stage.says(ana, text, f"m{number}", origin=f"m{number}")
        await ana.finds(f"<message id='m{number}'/>")
    for text, wanted, before in (
        ("It hurts ; here", ["I take 2 in the morning", "take care", "It hurts ; here"], "It hurts"),
        ("It hurts ; I stay in bed ; morning", ["I take 2 in the morning", "take care", "It hurts ; I stay in bed ; morning"], "It hurts ; here"),
        ("It hurts ; take", ["I take 2 in the morning", "take care", "It hurts ; take"], "It hurts ; I stay in bed ; morning"),
        ("It hurts ; take care ;", ["I take 2 in the morning", "take care", "It hurts ; take care"], "It hurts ; take"),
        ("I take 3 ; at noon ; i TAKE  2", ["I take 3 ; at noon", "take care", "It hurts ; take care"],
         "I take 2 in the morning"),
        ("Take good care ; take care", ["I take 3 ; at noon", "Take good care", "It hurts ; take care"], "take care"),
    ):
        assert await types(stage, ana, f"!correct {text}") == f"Corrected. It was “{before}”."
        assert shown_to(stage) == wanted


def shown_to(stage: Stage) -> list[str]:
    """Returns what Boris's page shows of what people wrote."""
    with stage.db.read(stage.boris.actor) as work:
        return [entry.body for entry in thread_page(work, stage.thread).entries if entry.kind == "text"]


@played
async def test_what_is_taken_back_is_the_message_that_was_asked_about_though_another_came_meanwhile(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "wrong", "m1", origin="m1")
    await ana.finds("<message id='m1'/>")
    assert (await types(stage, ana, "!retract")).startswith("Take a message of yours back (“wrong”)?")
    stage.db.perform(stage.ana.actor, "text.post", stage.thread, body="right", client_id="m2")
    assert await types(stage, ana, "!yes") == "Taken back."
    assert shown_to(stage)[1:] == ["right"] and "wrong" not in shown_to(stage)


@played
async def test_a_word_alone_that_would_take_something_away_is_asked_back_and_no_is_an_answer(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    await types(stage, boris, "!rename Knee")
    asked = await types(stage, boris, "!rename ")
    assert asked.startswith("Rename the thread? ") and asked.endswith("send !yes within five minutes to do it.")
    assert await types(stage, boris, "!no") == "Nothing was done."
    assert "nothing to confirm" in await types(stage, boris, "!yes")
    assert (await types(stage, boris, "!no")).startswith("There is no command !no here.")
    with stage.db.read(stage.boris.actor) as work:
        assert work.thread(stage.thread).title == "Knee"
    await types(stage, boris, "!rename")
    assert await types(stage, boris, "!yes") == "Renamed."
    with stage.db.read(stage.boris.actor) as work:
        assert not work.thread(stage.thread).title


@played
async def test_a_refusal_stays_short_however_much_was_typed(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    for text in ("!" + "y" * 60_000, "!status " + "z" * 60_000, "!schedule " + "word " * 12_000, "!rename " + "n" * 60_000, "!invite " + "é, " * 20_000):
        answer = await types(stage, boris, text)
        assert len(answer) < 2000, answer[:300]
    assert archived(stage) == []
