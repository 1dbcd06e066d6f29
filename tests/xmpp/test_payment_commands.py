"""Payments by command: asked for, answered, withdrawn and marked as paid, as a message or by ad-hoc command. Source: product.md, Payment; XEP-0050."""

import xml.etree.ElementTree as ET

from tests.support.paying import ask, decide, service
from tests.support.stage import Client, Person, Stage, played, shown
from tests.xmpp.test_amending import said
from tests.xmpp.test_payments import COMMANDS, DO, STANZAS, WORDS, held, in_both, stored
from tests.xmpp.test_rooms_groups import in_group
from tests.xmpp.test_text_commands import types


@played
async def test_a_whole_visit_by_commands(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    assert (await types(stage, boris, "!charge Consultation")).startswith("No payment can be asked for here: it takes a service")
    service(stage.cast)
    service(stage.cast, "Consultation, long", "90")
    service(stage.cast, "Report", "20", price_may_change="yes")
    assert "“cons” may be Consultation or Consultation, long. Write more of it." in await types(stage, boris, "!charge cons")
    help_of = await types(stage, boris, "!help charge")
    assert "Write: !charge <service> ; [another amount]\nService: Consultation; Consultation, long or Report.\n" in help_of
    assert "There is no command !charge here." in await types(stage, ana, "!charge Report")
    fixed = await types(stage, boris, "!charge consultation ; 30")
    assert fixed.startswith("Another amount does not go with Consultation (50.00 EUR, fixed price): leave it out.\n"
                            "Write: !charge <service> ; [another amount]\n")
    assert await types(stage, boris, "!yes") == "There is nothing to confirm: nothing was asked in the last minutes. Nothing was done."
    asked = await types(stage, boris, "!charge report ; 30")
    assert asked.startswith("Request a payment (Report 20.00 EUR, another amount 30)? The patient cannot write to the practitioner")
    assert "payment-request" not in [kind for _seq, kind in stored(stage)]
    assert await types(stage, boris, "!yes", "y1") == "Asked. What the patient answers stands here."
    assert await types(stage, boris, "!yes", "y1") == "Asked. What the patient answers stands here."
    assert [kind for _seq, kind in stored(stage)].count("payment-request") == 1
    said_so = (await ana.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")).findtext("{*}body") or ""
    assert said_so.startswith("Payment request for you: Report, 30.00 EUR.") and "!pay accept or !pay reject" in said_so
    assert [line.split(" ")[0] for line in said_so.split("\n")[1:]] == ["Accept:", "Reject:"] and f"{DO}/{stage.thread}?decision=accept&" in said_so
    assert "There is no command !pay here." in await types(stage, boris, "!pay accept")
    assert (await types(stage, ana, "!pay")).startswith("Your answer is missing.\nWrite: !pay <your answer>")
    assert (await types(stage, ana, "!pay yes")).startswith("Your answer: there is no “yes”.\nWrite: !pay <your answer>")
    assert (await types(stage, ana, "!pay Accept")).startswith("Answer a payment request (Accept, “Report, 30.00 EUR” of Boris Brandt)? You will pay this "
                                                               "amount at the clinic's desk. Messages are open at once, also before you have paid. Nothing has")
    assert await types(stage, ana, "!yes") == "Answered. You can write again, unless another request waits for you."
    assert await types(stage, ana, "!pay accept") == "No payment request waits for your answer here."
    assert await types(stage, ana, "!topay") == "There is nothing here that you have accepted and could pay by card."  # it is paid at the desk
    assert (await types(stage, boris, "!withdraw")).startswith("No payment request of this thread waits for an answer")
    assert (await types(stage, boris, "!paid")).startswith("Note is missing.")
    assert (await types(stage, boris, "!paid Cash at the desk")).startswith(
        "Mark a request as paid (“Report, 30.00 EUR” of Ana Alvarez, Cash at the desk)?")
    assert await types(stage, boris, "!yes") == "Marked as paid."
    await ana.finds("<message><body>Boris Brandt marked 30.00 EUR for Report as paid.</body><settlement xmlns='urn:bedside:payment:1' state='paid'/></message>")
    await types(stage, boris, "!charge report")
    await types(stage, boris, "!yes")
    assert (await types(stage, boris, "!withdraw")).startswith("Withdraw a payment request (“Report, 20.00 EUR” of Ana Alvarez)?")
    assert await types(stage, boris, "!yes") == "Withdrawn."
    assert await types(stage, ana, "!pay accept") == "No payment request waits for your answer here."


@played
async def test_of_two_open_requests_the_refusal_and_the_question_name_the_same(stage: Stage) -> None:
    ana, _boris = await in_both(stage)
    ask(stage.cast, "boris", stage.thread, service(stage.cast, "Report", "20"))
    second = ask(stage.cast, "boris", stage.thread, service(stage.cast))
    stage.says(ana, "hello", "m1")
    held(await ana.finds("<message id='m1'/>"), stage.thread, second)
    assert "(Accept, “Consultation, 50.00 EUR” of Boris Brandt)" in await types(stage, ana, "!pay accept")
    await types(stage, ana, "!yes")
    stage.says(ana, "hello", "m1")
    assert "payment request (Report, 20.00 EUR) waits" in shown(await ana.finds("<message type='error' id='m1'/>"))
    assert "(Reject, “Report, 20.00 EUR” of Boris Brandt)" in await types(stage, ana, "!pay reject ; report")
    await types(stage, ana, "!yes")
    stage.says(ana, "hello", "m1")
    await ana.finds("<message type='groupchat' id='m1'/>")


@played
async def test_where_there_are_several_patients_one_is_named_and_a_coordinator_asks_for_whom_they_assist(stage: Stage) -> None:
    in_group(stage, "ana", "ada", "bella")
    ada, chen = await stage.joined(Person(stage.cast, "ada")), await stage.joined(stage.chen)
    service(stage.cast)
    assert (await types(stage, chen, "!charge Consultation")).startswith(
        "Patient is missing.\nWrite: !charge <service> ; <patient>\nService: Consultation.\nPatient: Ana Alvarez or Ada Almeida.")
    assert "“a” may be Ana Alvarez or Ada Almeida" in await types(stage, chen, "!charge cons ; a")
    assert (await types(stage, chen, "!charge cons ; ada")).startswith("Request a payment (Consultation 50.00 EUR, Ada Almeida born 2 November 1991)?")
    await types(stage, chen, "!yes")
    await ada.finds(f"<message from='{stage.room}/Chen Cheng'><payment-request xmlns='urn:bedside:payment:1'/></message>")
    stage.says(ada, "hello", "m1")
    assert WORDS in shown(await ada.finds("<message type='error' id='m1'/>"))  # it is Boris's, whom Chen assists


@played
async def test_what_was_answered_or_withdrawn_meanwhile_is_not_done_once_more(stage: Stage) -> None:
    ana, _boris = await in_both(stage)
    wanted = service(stage.cast)
    for meanwhile, words in (
        (lambda request: decide(stage.cast, "ana", stage.thread, "reject", request), "This request was rejected already. Nothing is to be paid."),
        (lambda request: stage.db.perform(stage.chen.actor, "payment.withdraw", stage.thread, request=request),
         "This request was withdrawn already. Nothing is to be paid."),
    ):
        request = ask(stage.cast, "boris", stage.thread, wanted)
        await types(stage, ana, "!pay accept")
        meanwhile(request)
        after = stored(stage)
        assert await types(stage, ana, "!yes") == words
        stage.says(ana, "hello", f"m-{request}")
        await ana.finds(f"<message type='groupchat' id='m-{request}'/>")
        assert [kind for _seq, kind in stored(stage)[len(after):]] == ["text"]
    request = ask(stage.cast, "boris", stage.thread, wanted)
    await types(stage, ana, "!pay accept")
    decide(stage.cast, "ana", stage.thread, "accept", request)  # the same answer, on the page
    after = stored(stage)
    assert (await types(stage, ana, "!yes")).startswith("Answered.")
    assert stored(stage) == after


async def runs(client: Client, to: str, word: str, session: str = "", fields: dict[str, str] | None = None) -> ET.Element:
    """Takes one step of an ad-hoc command. Returns the command element, or the whole iq where it was refused."""
    given = "".join(f"<field var='{name}'><value>{value}</value></field>" for name, value in (fields or {}).items())
    form = f"<x xmlns='jabber:x:data' type='submit'>{given}</x>" if fields is not None else ""
    which = f"sessionid='{session}' action='complete'" if session else "action='execute'"
    client.sends(f"<iq type='set' id='a' to='{to}'><command xmlns='{COMMANDS}' node='{word}' {which}>{form}</command></iq>")
    got = await client.finds("<iq id='a'/>")
    return got if got.get("type") == "error" else got[0]


def options(command: ET.Element, name: str) -> dict[str, str]:
    """Returns a field's choices by what they are called, but for that of none."""
    field = next(one for one in command.iter("{jabber:x:data}field") if one.get("var") == name)
    return {one.get("label", ""): one.findtext("{jabber:x:data}value") or "" for one in field.iter("{jabber:x:data}option")
            if one.findtext("{jabber:x:data}value") != "-"}


@played
async def test_the_same_by_ad_hoc_commands(stage: Stage) -> None:
    ana, boris = stage.client(stage.ana), stage.client(stage.boris)
    await said(stage, await stage.joined(stage.boris, "b"), "read me", "b0")
    service(stage.cast)
    assert "amount" not in [field.get("var") for field in (await runs(boris, stage.room, "charge")).iter("{jabber:x:data}field")]
    assert "item-not-found" in shown(await runs(ana, stage.room, "charge"))
    nothing = await runs(ana, stage.room, "pay")
    assert nothing.find(f".//{{{STANZAS}}}text").text == "No payment request waits for your answer here."
    asking = await runs(boris, stage.room, "charge")
    assert "Nothing has happened yet: to do it, submit this form." in shown(asking)
    done = await runs(boris, stage.room, "charge", asking.get("sessionid", ""), {"service": options(asking, "service")["Consultation · 50.00 EUR"]})
    assert done.get("status") == "completed" and done.findtext("{*}note") == "Asked. What the patient answers stands here."
    service(stage.cast, "Report", "20", price_may_change="yes")
    asking = await runs(boris, stage.room, "charge")
    assert list(options(asking, "service")) == ["Consultation · 50.00 EUR, fixed price", "Report · 20.00 EUR"]
    assert "Another amount, where the price is not fixed" in shown(asking)
    fixed = {"service": options(asking, "service")["Consultation · 50.00 EUR, fixed price"], "amount": "20"}
    refused = await runs(boris, stage.room, "charge", asking.get("sessionid", ""), fixed)
    assert refused.get("status") == "executing"
    assert (refused.findtext("{*}note") or "").startswith("The price of Consultation is 50.00 EUR and cannot be changed.")
    reacting = await runs(ana, stage.room, "react")
    refused = await runs(ana, stage.room, "react", reacting.get("sessionid", ""), {"emojis": "👍"})
    note = refused.find(f"{{{COMMANDS}}}note")
    assert refused.get("status") == "executing" and note is not None and note.get("type") == "error"
    lines = (note.text or "").split("\n")
    assert lines[0].startswith(WORDS) and [line.partition("?")[0] for line in lines[1:]] == [f"{one}: {DO}/{stage.thread}" for one in ("Accept", "Reject")]
    assert "item-not-found" in shown(await runs(boris, stage.room, "pay"))
    answering = await runs(ana, stage.room, "pay")
    assert list(options(answering, "decision")) == ["Accept", "Reject"]
    assert "Accept: You will pay this amount at the clinic's desk." in shown(answering) and "Reject: Nothing is to be paid" in shown(answering)
    given = options(answering, "request")["Consultation, 50.00 EUR · Boris Brandt"]
    done = await runs(ana, stage.room, "pay", answering.get("sessionid", ""), {"decision": "accept", "request": given})
    assert done.get("status") == "completed" and (done.findtext("{*}note") or "").startswith("Answered.")
    again = await runs(ana, stage.room, "react", reacting.get("sessionid", ""), {"emojis": "👍"})  # the form that was held back is sent again
    assert again.get("status") == "completed"
    assert [kind for _seq, kind in stored(stage)][-3:] == ["payment-request", "payment-decision", "reaction"]
