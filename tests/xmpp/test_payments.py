"""What a payment request holds back from people in apps, and what it does not: on the wire, with what is stored looked up in the database.

Source: product.md, Payment; XEP-0045, XEP-0308, XEP-0444, XEP-0461.
"""

import xml.etree.ElementTree as ET

import sqlalchemy as sa

from clinic import Actor
from clinic.log import entries
from clinic.thread.relay import relayed_thread
from clinic.thread.tables import threads
from tests.support.paying import ask, decide, service
from tests.support.stage import MARKERS, STANZA_ID, Client, Person, Stage, X, parse, played, shown
from tests.xmpp.test_amending import CORRECT, REACTIONS, REPLY, RETRACT, said, sends
from tests.xmpp.test_feeds import FEED, feed
from tests.xmpp.test_rooms_archive import RSM, form, page
from tests.xmpp.test_rooms_archive import ask as mam
from tests.xmpp.test_rooms_groups import in_group
from tests.xmpp.test_text_commands import types
from xmpp_components.command_words import tomorrow

NS, COMMANDS = "urn:bedside:payment:1", "http://jabber.org/protocol/commands"
DO = "http://clinic.example/do/payment.decide"
WORDS = "This was not sent: Boris Brandt's payment request (Consultation, 50.00 EUR) waits for your answer."
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


def stored(stage: Stage, thread: str | None = None) -> list[tuple[int, str]]:
    """Returns the place and kind of each entry of a thread, by SQL."""
    query = sa.select(entries.c.seq, entries.c.kind).join(threads, threads.c.id == entries.c.thread_id).order_by(entries.c.seq)
    with stage.db.reading() as connection:
        return [tuple(row) for row in connection.execute(query.where(threads.c.uid == (thread or stage.thread)))]


def read_up_to(stage: Stage, handle: str) -> int:
    with stage.db.read(Actor.system()) as work:
        return next(one.read_seq for one in relayed_thread(work, stage.thread).members if one.handle == handle)


def links(home: str, request: str) -> list[str]:
    """Returns the lines by which a request is answered."""
    return [f"{answer}: {DO}/{home}?decision={answer.lower()}&request={request}" for answer in ("Accept", "Reject")]


def held(error: ET.Element, home: str, request: str) -> None:
    """Checks the stanza that says that something was held back."""
    found = error.find("{*}error")
    assert error.get("type") == "error" and found is not None and found.get("type") == "cancel", shown(error)
    assert found.find(f"{{{STANZAS}}}not-allowed") is not None
    text = found.find(f"{{{STANZAS}}}text")
    assert text is not None and text.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"
    lines = (text.text or "").split("\n")
    assert lines[0].startswith(WORDS) and "!pay accept or !pay reject" in lines[0] and lines[1:] == links(home, request)


async def in_both(stage: Stage) -> tuple[Client, Client]:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    return ana, boris


async def quiet(*clients: Client) -> None:
    for client in clients:
        assert [shown(one) for one in await client.everything()] == []


@played
async def test_whatever_sends_is_refused_in_words_and_comes_through_under_the_same_id_once_answered(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    await said(stage, ana, "befroe", "m0", "o0")
    theirs = await said(stage, boris, "read me", "b0")
    request = ask(stage.cast, "boris", stage.thread, service(stage.cast))
    for client in (ana, boris):
        await client.finds("<message><payment-request xmlns='urn:bedside:payment:1' state='open' amount='50.00' currency='EUR'/></message>")
    forms = {
        "text": "<body>hello</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/>",
        "plain": "<body>hello again</body>",
        "reply": f"<body>> read me\nI did</body><reply xmlns='{REPLY}' id='{theirs}' to='{stage.room}/Boris Brandt'/>"
                 f"<fallback xmlns='urn:xmpp:fallback:0' for='{REPLY}'><body start='0' end='10'/></fallback>",
        "correct": f"<body>before</body><replace xmlns='{CORRECT}' id='m0'/><origin-id xmlns='urn:xmpp:sid:0' id='o2'/>",
        "react": f"<reactions xmlns='{REACTIONS}' id='{theirs}'><reaction>👍</reaction></reactions>",
    }
    before = stored(stage)
    for id, inside in forms.items():
        sends(stage, ana, id, inside)
        held(await ana.finds(f"<message id='{id}'/>"), stage.thread, request)
    await quiet(ana, boris)
    assert stored(stage) == before
    assert len(ana.told) == len(forms)
    assert all((one.findtext("{*}body") or "").startswith(WORDS) for one in ana.told)  # for apps that show no error of a group message
    assert links(stage.thread, request)[1] + " (Only you see this.)" == (ana.told[0].findtext("{*}body") or "").split("\n")[-1]
    decide(stage.cast, "ana", stage.thread)
    await boris.finds("<message><payment-decision xmlns='urn:bedside:payment:1' state='accepted'/></message>")
    for id, inside in forms.items():
        sends(stage, ana, id, inside)
        for client in (ana, boris):
            await client.finds(f"<message id='{id}' type='groupchat' from='{stage.room}/Ana Alvarez'/>")
    after = stored(stage)
    assert [kind for _seq, kind in after[len(before):]] == ["payment-decision", "text", "text", "text", "correction", "reaction"]
    for id, inside in forms.items():  # the answers got lost: the app sends each once more
        sends(stage, ana, id, inside)
        await ana.finds(f"<message id='{id}' type='groupchat'/>")
    await quiet(boris)
    assert stored(stage) == after


@played
async def test_it_holds_in_another_thread_with_the_same_practitioner_and_is_answered_from_there(stage: Stage) -> None:
    home = stage.thread
    in_group(stage, "ana", "bella")
    ana, boris = await in_both(stage)
    request = ask(stage.cast, "boris", home, service(stage.cast))
    before = stored(stage)
    stage.says(ana, "hello", "m1", "o1")
    held(await ana.finds("<message id='m1'/>"), home, request)
    await quiet(ana, boris)
    assert stored(stage) == before
    asked = await types(stage, ana, "!pay reject")
    assert asked.startswith("Answer a payment request (Reject, “Consultation, 50.00 EUR” of Boris Brandt)?") and asked.endswith("to do it.")
    assert await types(stage, ana, "!yes") == f"Answered. You can write again, unless another request waits for you. http://clinic.example/threads/{home}"
    stage.says(ana, "hello", "m1", "o1")
    await boris.finds("<message id='m1' type='groupchat'/>")
    assert stored(stage)[-1][1] == "text" and stored(stage, home)[-1][1] == "payment-decision"


@played
async def test_a_private_message_is_held_back_like_one_to_everybody_and_refused_as_ever_once_answered(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    request = ask(stage.cast, "boris", stage.thread, service(stage.cast))
    for client in (ana, boris):
        await client.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")
    before = stored(stage)
    forms = {
        "chat": f"<message to='{stage.room}/Boris Brandt' type='chat' id='chat'><body>psst</body></message>",
        "groupchat": f"<message to='{stage.room}/Boris Brandt' type='groupchat' id='groupchat'><body>psst</body></message>",
        "encrypted": f"<message to='{stage.room}/Boris Brandt' type='chat' id='encrypted'><encrypted xmlns='eu.siacs.conversations.axolotl'/></message>",
        "typed": f"<message to='{stage.room}' type='groupchat' id='typed'><body>/msg Boris psst</body></message>",
    }
    for id, sent in forms.items():
        ana.sends(sent)
        held(await ana.finds(f"<message id='{id}'/>"), stage.thread, request)
    sends(stage, ana, "everybody", "<body>psst</body>")
    held(await ana.finds("<message id='everybody'/>"), stage.thread, request)
    for silent in (f"<message to='{stage.room}/Boris Brandt' type='chat' id='t'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
                   f"<message to='{stage.room}/Ana Alvarez' type='chat' id='r'><received xmlns='urn:xmpp:receipts' id='x'/></message>"):
        ana.sends(silent)
    boris.sends(forms["chat"].replace("Boris Brandt", "Ana Alvarez"))  # the request holds its patient back, nobody else
    await refused_as_ever(boris, "chat")
    await quiet(ana, boris)
    decide(stage.cast, "ana", stage.thread, "reject")
    await ana.finds("<message><payment-decision xmlns='urn:bedside:payment:1' state='rejected'/></message>")
    for id, sent in forms.items():
        ana.sends(sent)
        await refused_as_ever(ana, id)
    assert [kind for _seq, kind in stored(stage)[len(before):]] == ["payment-decision"]


async def refused_as_ever(client: Client, id: str) -> None:
    error = await client.finds(f"<message type='error' id='{id}'><error><not-acceptable xmlns='{STANZAS}'/></error></message>")
    assert "Private messages are not possible" in shown(error) and "payment" not in shown(error)


@played
async def test_what_sends_nothing_is_not_held_back(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    mine, _theirs = await said(stage, ana, "to be taken back", "m0"), await said(stage, boris, "read me", "b0")
    ask(stage.cast, "boris", stage.thread, service(stage.cast))
    newest = (await ana.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")).find(STANZA_ID)
    await boris.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")
    assert newest is not None
    sends(stage, ana, "c1", "<composing xmlns='http://jabber.org/protocol/chatstates'/>")
    await boris.finds("<message><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    sends(stage, ana, "d1", f"<displayed xmlns='{MARKERS}' id='{newest.get('id')}'/>")
    await stage.until(lambda: read_up_to(stage, stage.ana.handle) == stored(stage)[-1][0])
    sends(stage, ana, "r1", f"<retract xmlns='{RETRACT}' id='{mine}'/>")
    await boris.finds(f"<message id='r1'><retract xmlns='{RETRACT}' id='{mine}'/></message>")
    tablet = stage.client(stage.ana, "tablet")
    tablet.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    await tablet.finds(f"<message type='groupchat' from='{stage.room}'><subject/></message>")
    for inside in ("<ping xmlns='urn:xmpp:ping'/>", "<vCard xmlns='vcard-temp'/>", "<query xmlns='http://jabber.org/protocol/disco#info'/>"):
        tablet.sends(f"<iq type='get' id='i' to='{stage.room}'>{inside}</iq>")
        await tablet.finds("<iq type='result' id='i'/>")
    tablet.sends(f"<iq type='set' id='q' to='{stage.room}'><query xmlns='urn:xmpp:mam:2'/></iq>")
    await tablet.finds("<iq type='result' id='q'/>")
    tablet.sends(f"<presence to='{stage.room}/Ana Alvarez' type='unavailable'/>")
    await tablet.finds("<presence type='unavailable'/>")
    assert ana.told == tablet.told == []


@played
async def test_commands_that_send_are_held_back_too_and_others_are_not(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    await said(stage, ana, "befroe", "m0")
    request = ask(stage.cast, "boris", stage.thread, service(stage.cast))
    await boris.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")
    await ana.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")
    before = stored(stage)
    for text in ("!correct before", "!react 👍", f"!schedule later ; {tomorrow()}"):
        answer = await types(stage, ana, text, "same")
        assert answer.startswith(WORDS) and answer.split("\n")[1:] == links(stage.thread, request), text
    assert stored(stage) == before
    await quiet(boris)
    for text, answer in (
        ("!help", "What you can do here by message:"), ("!help pay", "Answer a payment request."), ("!search knee", "This page shows what was found."),
        ("!mute yes", "Saved."), ("!retract", "Take a message of yours back"), ("!yes", "Taken back."), ("!pay accept", "Answer a payment request"),
        ("!no", "Nothing was done."), ("!leave", "Leave and delete the thread?"), ("!no", "Nothing was done."), ("!urgent My chest hurts", "Urgent"),
        ("!yes", ""),
    ):
        assert (await types(stage, ana, text)).startswith(answer), text
    stage.says(ana, "it is worse", "m1")  # the urgent call suspends it
    await boris.finds("<message id='m1' type='groupchat'/>")


@played
async def test_a_request_made_elsewhere_makes_no_noise_in_apps_and_has_the_page_look_again(stage: Stage) -> None:
    home = stage.thread
    in_group(stage, "ana", "bella")
    ana, boris = await in_both(stage)
    tab = stage.client(stage.ana, "tab")
    tab.sends(f"<presence to='{feed(stage)}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    for client in (ana, boris, tab):
        await client.everything()
    wanted, before = service(stage.cast), stored(stage)
    for act in (lambda: ask(stage.cast, "boris", home, wanted), lambda: decide(stage.cast, "ana", home)):
        act()
        await tab.finds(f"<message><news xmlns='{FEED}' thread='{home}'/></message>")
        await tab.finds(f"<message><threads xmlns='{FEED}'/></message>")
        await quiet(ana, boris)
    assert stored(stage) == before


@played
async def test_another_patient_of_the_group_hears_nothing_of_it_anywhere(stage: Stage) -> None:
    in_group(stage, "ana", "ada", "bella")
    ada_person = Person(stage.cast, "ada")
    ana, ada, boris = await stage.joined(stage.ana), await stage.joined(ada_person), await stage.joined(stage.boris)
    tab = stage.client(ada_person, "tab")
    tab.sends(f"<presence to='feed-{ada_person.handle}@{stage.server.domain}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    stage.cast.post("boris", stage.thread, "before")
    wanted = service(stage.cast, "Zebrafish")
    for client in (ana, ada, boris):
        await client.finds("<message><body>before</body></message>")
    for client in (ada, tab):
        await client.everything()
    request = ask(stage.cast, "boris", stage.thread, wanted, patient=stage.ana.uid)
    await ana.finds(f"<message><payment-request xmlns='{NS}' request='{request}' state='open'/></message>")
    assert await types(stage, ada, "!pay accept") == "No payment request waits for your answer here."
    assert "!pay" not in await types(stage, ada, "!help")
    stage.says(ana, "hello", "m1")
    await ana.finds("<message type='error' id='m1'/>")
    stage.says(ada, "from ada", "a1")  # it holds for the addressee alone
    for client in (ana, ada, boris):
        await client.finds("<message type='groupchat' id='a1'/>")
    decide(stage.cast, "ana", stage.thread)
    stage.db.perform(stage.boris.actor, "payment.mark_paid", stage.thread, request=request, note="Cash")
    for client in (ana, boris):
        await client.finds(f"<message><payment-decision xmlns='{NS}' state='accepted'/></message>")
        await client.finds(f"<message><settlement xmlns='{NS}' state='paid'/></message>")
    assert [shown(one) for one in [*await ada.everything(), *ada.told] if "Zebrafish" in shown(one)] == []
    heard_by_tab = await tab.everything()
    assert all(one.find(f"{{{FEED}}}threads") is None and "Zebrafish" not in shown(one) for one in heard_by_tab)
    stage.cast.post("boris", stage.thread, "after")
    await ada.finds("<message><body>after</body></message>")
    uids = await _seen_in_the_archive(stage, ana, ada)
    assert not any(uid in shown(one) for uid in uids for one in heard_by_tab)
    joins = {}
    for person in (stage.ana, ada_person):
        client = stage.client(person, "another")
        client.sends(f"<presence to='{stage.room}/{person.name}'><x xmlns='{X}'><history maxstanzas='100'/></x></presence>")
        got: list[ET.Element] = []
        while not got or got[-1].find("{*}subject") is None:
            got.append(await client.hears())
        joins[person.name] = "".join(shown(one) for one in got)
    assert all(uid in joins["Ana Alvarez"] and uid not in joins["Ada Almeida"] for uid in uids)
    assert "Zebrafish" not in joins["Ada Almeida"]
    for place in (stage.room, stage.server.domain):
        ada.sends(f"<iq type='get' id='c' to='{place}'><query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/></iq>")
        found = shown(await ada.finds("<iq type='result' id='c'/>"))
        assert all(f'node="{word}"' not in found for word in ("pay", "topay", "charge", "paid", "withdraw"))


async def _seen_in_the_archive(stage: Stage, ana: Client, ada: Client) -> list[str]:
    """Checks what the archive gives two patients, in every direction. Returns the uids of what is for one of them."""
    whole = {client: [one.find("{urn:xmpp:mam:2}result").get("id") for one in (await mam(stage, client))[0]] for client in (ana, ada)}
    hidden = [uid for uid in whole[ana] if uid not in whole[ada]]
    assert len(hidden) == 3 and [uid for uid in whole[ana] if uid not in hidden] == whole[ada]
    for client in (ana, ada):
        for direction in ("after", "before"):
            found: list[str] = []
            at = "" if direction == "before" else None
            while True:
                results, end = await mam(stage, client, page(max="2", **({} if at is None else {direction: at})))
                ids = [one.find("{urn:xmpp:mam:2}result").get("id") for one in results]
                found = [*found, *ids] if direction == "after" else [*ids, *found]
                assert client is ana or "Zebrafish" not in "".join(shown(one) for one in [*results, end])
                assert end.findtext(f".//{{{RSM}}}count") in (None, str(len(whole[client])))
                if end.find("{*}fin").get("complete") == "true":
                    break
                at = ids[-1] if direction == "after" else ids[0]
            assert found == whole[client], direction
    for uid in hidden:
        for inside in (form(ids=uid), page(max="5", after=uid), page(max="5", before=uid)):
            _none, end = await mam(stage, ada, inside)
            assert "item-not-found" in shown(end)
    return hidden


@played
async def test_the_archive_and_the_history_show_a_request_as_it_stands_now_and_links_to_whom_they_are_for(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    request = ask(stage.cast, "boris", stage.thread, service(stage.cast))
    for client, lines in ((ana, links(stage.thread, request)), (boris, [])):
        live = await client.finds(f"<message><payment-request xmlns='{NS}' request='{request}'/></message>")
        assert (live.findtext("{*}body") or "").split("\n")[1:] == lines

    async def stands(person: Person, client: Client) -> list[tuple[str, str]]:
        """Returns the state and the words of the request in the archive and in the history."""
        late = stage.client(person, "late")
        late.sends(f"<presence to='{stage.room}/{person.name}'><x xmlns='{X}'><history maxstanzas='50'/></x></presence>")
        shown_late = await late.finds(f"<message><payment-request xmlns='{NS}'/></message>")
        late.sends(f"<presence to='{stage.room}/{person.name}' type='unavailable'/>")
        results, _end = await mam(stage, client)
        found = [*(one for result in results for one in result.iter("{jabber:client}message")), shown_late]
        return [(child.get("state", ""), one.findtext("{*}body") or "") for one in found if (child := one.find(f"{{{NS}}}payment-request")) is not None]

    assert [(state, body.split("\n")[1:]) for state, body in await stands(stage.ana, ana)] == [("open", links(stage.thread, request))] * 2
    assert [(state, body.split("\n")[1:]) for state, body in await stands(stage.boris, boris)] == [("open", [])] * 2
    decide(stage.cast, "ana", stage.thread)
    accepted = await stands(stage.ana, ana)
    assert [state for state, _body in accepted] == ["accepted"] * 2
    assert all("\n" not in body and "!pay" not in body and "Accepted, not paid yet." in body for _state, body in accepted)
    stage.db.perform(stage.boris.actor, "payment.mark_paid", stage.thread, request=request, note="Cash")
    assert {(state, body.endswith(" Paid.")) for state, body in await stands(stage.boris, boris)} == {("paid", True)}


@played
async def test_the_app_of_who_was_asked_speaks_to_them_live_and_in_the_archive_and_staff_read_their_name(stage: Stage) -> None:
    ana, boris = await in_both(stage)
    ask(stage.cast, "boris", stage.thread, service(stage.cast))
    decide(stage.cast, "ana", stage.thread)
    for client, whom, who in ((ana, "you", "You"), (boris, "Ana Alvarez", "Ana Alvarez")):
        found = [await client.finds(f"<message><{child} xmlns='{NS}'/></message>") for child in ("payment-request", "payment-decision")]
        live = [one.findtext("{*}body") or "" for one in found]
        assert live[0].startswith(f"Payment request for {whom}: ") and live[1].startswith(f"{who} accepted the payment request")
        results, _end = await mam(stage, client)
        bodies = [one.findtext("{*}body") or "" for result in results for one in result.iter("{jabber:client}message")]
        kept = [body for body in bodies if "payment request" in body.lower()]
        assert [body.split(":")[0].split("(")[0] for body in kept] == [f"Payment request for {whom}", f"{who} accepted the payment request "]


@played
async def test_names_that_look_like_xml_stay_words(stage: Stage) -> None:
    ana, _boris = await in_both(stage)
    name = "<b>Knee & 'hip'</b> \"x\""
    ask(stage.cast, "boris", stage.thread, service(stage.cast, name))
    got = await ana.finds("<message><payment-request xmlns='urn:bedside:payment:1'/></message>")
    child = got.find("{urn:bedside:payment:1}payment-request")
    assert child is not None and child.findtext("{urn:bedside:payment:1}service") == name
    assert set(child.attrib) == {"request", "state", "amount", "currency"} and name in (got.findtext("{*}body") or "")
    stage.says(ana, "hello", "m1")
    assert name in (parse(ET.tostring(await ana.finds("<message type='error' id='m1'/>"), encoding="unicode")).findtext("{*}error/{*}text") or "")
