"""Ad-hoc commands, as protocol. Source: XEP-0050, XEP-0004, house rule 15."""

import time
from pathlib import Path

import pytest

from clinic import Actor
from clinic.thread.relay import relayed_thread
from tests.support.cast import Cast
from tests.support.rooms import STANZAS
from tests.support.stage import Client, Stage, played, shown
from tests.support.tried import Tried, offered_actions
from xmpp_components import commands

COMMANDS, DATA = "http://jabber.org/protocol/commands", "jabber:x:data"
ITEMS, INFO = "http://jabber.org/protocol/disco#items", "http://jabber.org/protocol/disco#info"


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> Tried:
    return offered_actions(monkeypatch)


async def nodes(client: Client, to: str) -> dict[str, str]:
    client.sends(f"<iq type='get' id='n' to='{to}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>")
    got = await client.finds(f"<iq id='n' type='result'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>")
    return {item.get("node", ""): item.get("name", "") for item in got[0]}


async def gives(client: Client, to: str, node: str, inside: str = "", session: str | None = None, step: str | None = None) -> object:
    """Gives one step of a command. Returns the answer, whatever it is."""
    more = (f" sessionid='{session}'" if session else "") + (f" action='{step}'" if step else "")
    client.sends(f"<iq type='set' id='c' to='{to}'><command xmlns='{COMMANDS}' node='{node}'{more}>{inside}</command></iq>")
    return await client.finds("<iq id='c'/>")


def command(answer):
    assert answer.get("type") == "result", shown(answer)
    return answer[0]


def submitted(**fields: str | list[str] | None) -> str:
    """Returns a form as profanity and poezio submit it: without types."""
    return f"<x xmlns='{DATA}' type='submit'>" + "".join(
        f"<field var='{name}'>" + "".join(f"<value>{value}</value>" for value in ([values] if isinstance(values, str) else values or [])) + "</field>"
        for name, values in fields.items()) + "</x>"


def note(answer) -> tuple[str, str]:
    found = command(answer).find(f"{{{COMMANDS}}}note")
    return found.get("type"), found.text


def asked(answer) -> dict[str, tuple[str, list[str], list[str], bool]]:
    """Returns the form's fields: type, values, options, whether required."""
    return {field.get("var"): (field.get("type"), [one.text or "" for one in field.findall(f"{{{DATA}}}value")],
                               [one.get("label") for one in field.findall(f"{{{DATA}}}option")],
                               field.find(f"{{{DATA}}}required") is not None)
            for field in command(answer).find(f"{{{DATA}}}x").findall(f"{{{DATA}}}field")}


def on_stage(test):
    def run(tmp_path: Path, tried: Tried) -> None:
        @played
        async def play(stage: Stage) -> None:
            await test(stage, tried)
        play(tmp_path)
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


@on_stage
async def test_each_person_finds_what_they_may_do_there_and_nothing_else(stage: Stage, tried: Tried) -> None:
    ana, boris, eve = stage.client(stage.ana), stage.client(stage.boris), stage.client(stage.eve)
    for_ana, for_boris = await nodes(ana, stage.room), await nodes(boris, stage.room)
    assert for_ana["mute"] == "Mute or unmute the thread" and "staff" not in for_ana and "start" not in for_ana
    assert for_boris["staff"] == "Staff things"
    assert "start" in await nodes(ana, stage.server.domain)
    for node in (COMMANDS, "now"):
        eve.sends(f"<iq type='get' id='x' to='{stage.room}'><query xmlns='{ITEMS}' node='{node}'/></iq>")
        await eve.finds(f"<iq id='x' type='error'><error><item-not-found {STANZAS}/></error></iq>")
    hidden, absent = await gives(eve, stage.room, "now"), await gives(eve, f"{'0' * 26}@{stage.server.domain}", "now")
    assert shown(hidden).replace(stage.thread, "0" * 26) == shown(absent)
    assert tried.calls == []


@on_stage
async def test_a_command_describes_itself(stage: Stage, tried: Tried) -> None:
    ana = stage.client(stage.ana)
    for to, node, category, name in ((stage.room, COMMANDS, "command-list", "Commands"), (stage.room, "try", "command-node", "Try it"),
                                     (stage.server.domain, "start", "command-node", "Start a thread")):
        ana.sends(f"<iq type='get' id='d' to='{to}'><query xmlns='{INFO}' node='{node}'/></iq>")
        await ana.receives(f"<iq id='d' type='result'><query xmlns='{INFO}' node='{node}'><identity category='automation' type='{category}' name='{name}'/>"
                           f"<feature var='{COMMANDS}'/></query></iq>")
    for to in (stage.room, stage.server.domain):
        ana.sends(f"<iq type='get' id='f' to='{to}'><query xmlns='{INFO}'/></iq>")
        await ana.receives(f"<iq id='f' type='result'><query xmlns='{INFO}'><feature var='{COMMANDS}'/></query></iq>")
        for node in ("staff", "no.such", "text.post"):
            ana.sends(f"<iq type='get' id='g' to='{to}'><query xmlns='{INFO}' node='{node}'/></iq>")
            await ana.receives(f"<iq id='g' type='error'><error><item-not-found {STANZAS}/></error></iq>")


@on_stage
async def test_a_form_asks_every_field_and_submitting_it_does_the_action_once(stage: Stage, tried: Tried) -> None:
    ana = stage.client(stage.ana)
    first = await gives(ana, stage.room, "try")
    assert command(first).get("status") == "executing"
    actions = command(first).find(f"{{{COMMANDS}}}actions")
    assert actions.get("execute") == "complete" and [one.tag for one in actions] == [f"{{{COMMANDS}}}complete"]
    people = ["Boris Brandt · practitioner", "Bella Baptiste", "Bellamy; Ana"]
    assert asked(first) == {
        "words": ("text-single", [], [], True), "story": ("text-multi", [], [], False), "one": ("list-single", [], people, True),
        "some": ("list-multi", [], people, False), "colour": ("list-single", ["-"], ["No choice", "Red", "Dark blue"], False),
        "at": ("text-single", [], [], False), "sure": ("boolean", [], [], True)}
    session = command(first).get("sessionid")
    form = submitted(words="a  b", story=["one", "two"], one="2", some=["1", "2"], colour="", at="2026-12-01 09:00", sure="true")
    done = await gives(ana, stage.room, "try", form, session)
    assert command(done).get("status") == "completed" and note(done) == ("info", "Tried.")
    [(name, values)] = tried.calls
    assert name == "t.try" and values["at"].isoformat() == "2026-12-01T09:00:00" and values["client_id"] == f"command-{session}"
    assert {key: values[key] for key in ("words", "story", "one", "some", "colour", "sure")} == {
        "words": "a b", "story": "one\ntwo", "one": "2", "some": ("1", "2"), "colour": None, "sure": True}
    again = await gives(ana, stage.room, "try", form, session)
    assert again.find(f".//{{{COMMANDS}}}bad-sessionid") is not None and "Start it again" in "".join(again.itertext())
    assert len(tried.calls) == 1


@on_stage
async def test_clients_may_submit_as_they_do(stage: Stage, tried: Tried) -> None:
    """One string for several values, nothing for what is blank, no field at all for a box that is not ticked, types or none."""
    ana = stage.client(stage.ana)
    for form, wanted in (
        (submitted(words="w", story="one\ntwo", one="1", some="1\n2", colour="-"), ("one\ntwo", ("1", "2"), False)),
        (submitted(FORM_TYPE="x", words="w", story=[], one="1", some=[""], sure="1", at=""), (None, None, True)),
        (submitted(words="w", one="1", sure="0").replace("<field var='sure'", "<field type='boolean' var='sure'"), (None, None, False)),
    ):
        first = await gives(ana, stage.room, "try")
        done = await gives(ana, stage.room, "try", form, command(first).get("sessionid"), "complete")
        assert note(done) == ("info", "Tried."), shown(done)
        _name, values = tried.calls[-1]
        assert (values["story"], values["some"] or None, values["sure"]) == wanted and values["colour"] is None


@on_stage
async def test_a_refused_form_comes_again_with_the_reason_and_what_was_typed(stage: Stage, tried: Tried) -> None:
    ana = stage.client(stage.ana)
    session = command(await gives(ana, stage.room, "try")).get("sessionid")
    for words, reason in (("refuse", "These words are not right."), ("too late", "Somebody else did it."), ("", "Words is missing.")):
        refused = await gives(ana, stage.room, "try", submitted(words=words, story=["a", "b"], one="2", some="1", sure="1"), session)
        assert (command(refused).get("status"), command(refused).get("sessionid"), note(refused)) == ("executing", session, ("error", reason))
        assert command(refused).find(f"{{{COMMANDS}}}actions/{{{COMMANDS}}}complete") is not None
        found = asked(refused)
        assert (found["words"][1], found["story"][1], found["one"][1], found["some"][1]) == ([words], ["a", "b"], ["2"], ["1"])
    unknown = await gives(ana, stage.room, "try", submitted(words="w", one="1", sure="1", account="x"), session)
    assert note(unknown)[0] == "error"
    assert tried.calls == []
    await gives(ana, stage.room, "try", submitted(words="w", one="1", sure="1"), session)
    assert len(tried.calls) == 1


@on_stage
async def test_what_needs_no_word_is_done_at_once_and_what_is_grave_asks_first(stage: Stage, tried: Tried) -> None:
    ana = stage.client(stage.ana)
    done = await gives(ana, stage.room, "now")
    assert command(done).get("status") == "completed" and note(done) == ("info", "Done now.") and tried.calls == [("t.now", {})]
    first = await gives(ana, stage.room, "end")
    said = [one.text for one in command(first).find(f"{{{DATA}}}x").findall(f"{{{DATA}}}instructions")]
    assert command(first).get("status") == "executing" and said[1:] == [
        "It is over for everybody then.", "Nothing has happened yet: to do it, submit this form."]
    assert len(tried.calls) == 1
    session = command(first).get("sessionid")
    cancelled = await gives(ana, stage.room, "end", session=session, step="cancel")
    assert command(cancelled).get("status") == "canceled"
    late = await gives(ana, stage.room, "end", session=session)
    assert late.get("type") == "error" and len(tried.calls) == 1
    session = command(await gives(ana, stage.room, "end")).get("sessionid")
    assert note(await gives(ana, stage.room, "end", f"<x xmlns='{DATA}' type='submit'/>", session)) == ("info", "Over.")
    assert tried.calls[1:] == [("t.end", {})]


@on_stage
async def test_a_step_that_is_not_possible_or_not_ones_own_is_refused_and_does_nothing(stage: Stage, tried: Tried) -> None:
    ana, tablet, boris = stage.client(stage.ana), stage.client(stage.ana, "tablet"), stage.client(stage.boris)
    session = command(await gives(ana, stage.room, "say")).get("sessionid")
    form = submitted(words="hello")
    for client, to, node, given in ((tablet, stage.room, "say", session), (boris, stage.room, "say", session), (ana, stage.room, "say", "0" * 32),
                                    (ana, stage.server.domain, "say", session), (ana, stage.room, "end", session)):
        answer = await gives(client, to, node, form, given)
        assert answer.find(f".//{{{COMMANDS}}}bad-sessionid") is not None, shown(answer)
    for step in ("prev", "next", "nonsense"):
        answer = await gives(ana, stage.room, "say", form, session, step)
        assert answer.find(f".//{{{COMMANDS}}}bad-action") is not None
    answer = await gives(ana, stage.room, "say", "", session)
    assert answer.find(f".//{{{COMMANDS}}}bad-payload") is not None
    assert tried.calls == []
    await gives(ana, stage.room, "say", form, session)
    assert tried.calls == [("t.say", {"words": "hello"})]


@on_stage
async def test_who_may_not_any_more_is_refused_at_the_last_step(stage: Stage, tried: Tried) -> None:
    chen = stage.client(stage.chen)
    session = command(await gives(chen, stage.room, "say")).get("sessionid")
    people = {"coordinator": stage.chen.uid, "practitioner": stage.boris.uid}
    stage.db.perform(stage.cast.dina, "link.coordinator_remove", **people)

    def out() -> bool:
        with stage.db.read(Actor.system()) as work:
            return all(member.handle != stage.chen.handle for member in relayed_thread(work, stage.thread).members)
    await stage.until(out)
    answer = await gives(chen, stage.room, "say", submitted(words="still here"), session)
    assert answer.get("type") == "error" and tried.calls == []


@on_stage
async def test_commands_left_alone_end_and_nobody_holds_many(stage: Stage, tried: Tried) -> None:
    ana = stage.client(stage.ana)
    first = [command(await gives(ana, stage.room, "say")).get("sessionid") for _ in range(commands.MOST_OWN_SESSIONS + 1)]
    assert (await gives(ana, stage.room, "say", submitted(words="a"), first[0])).get("type") == "error"
    assert note(await gives(ana, stage.room, "say", submitted(words="b"), first[1])) == ("info", "Said.")
    assert stage.component is not None
    stage.component.commands._going[first[2]].until = time.monotonic() - 1
    assert (await gives(ana, stage.room, "say", submitted(words="c"), first[2])).get("type") == "error"
    assert [values["words"] for _, values in tried.calls] == ["b"]


@played
async def test_starting_a_thread_by_command_tells_where_it_is(stage: Stage) -> None:
    bella = stage.client(stage.ana)
    first = await gives(bella, stage.server.domain, "start")
    assert asked(first)["person"][2] == ["Boris Brandt · practitioner"]
    done = await gives(bella, stage.server.domain, "start", submitted(person=Cast.uid(stage.cast, "boris")), command(first).get("sessionid"))
    assert note(done) == ("info", f"The thread is there. http://clinic.example/threads/{stage.thread}")


@played
async def test_muting_by_command_mutes(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    session = command(await gives(ana, stage.room, "mute")).get("sessionid")
    await gives(ana, stage.room, "mute", submitted(muted="1"), session)
    with stage.db.read(stage.ana.actor) as work:
        thread = work.thread(stage.thread)
        assert work.member(thread).muted


@played
async def test_a_form_left_open_over_a_crash_says_to_start_again_and_its_message_stays_the_one_that_was_shown(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    stage.writes(stage.ana, "wrong", "m1")
    first = await gives(ana, stage.room, "retract")
    await stage.crash()
    await stage.start()
    late = await gives(ana, stage.room, "retract", submitted(), command(first).get("sessionid"))
    assert late.get("type") == "error" and "Start it again." in "".join(late.itertext())
    shown_first = await gives(ana, stage.room, "retract")
    kind, [chosen], labels, _required = asked(shown_first)["entry"]
    assert (kind, labels) == ("list-single", ["wrong"])
    stage.writes(stage.ana, "right", "m2")
    done = await gives(ana, stage.room, "retract", submitted(entry=chosen), command(shown_first).get("sessionid"))
    assert note(done) == ("info", "Taken back.")
    assert asked(await gives(ana, stage.room, "retract"))["entry"][2] == ["right"]
