"""Corrections, retractions, moderation, reactions, replies and notes, as apps send and hear them.

Source: XEP-0308, XEP-0424 and XEP-0425 in two versions each, XEP-0428, XEP-0444, XEP-0461.
"""

import sqlalchemy as sa

from clinic import Actor
from clinic.log import entries
from clinic.thread.relay import entries_after
from clinic.thread.tables import memberships, threads
from clinic.thread.views import EntryView, thread_page
from tests.support.stage import STANZA_ID, Client, Person, Stage, X, played, shown
from tests.xmpp.test_rooms_archive import ask, bodies

CORRECT, RETRACT, RETRACT_0, FASTEN = "urn:xmpp:message-correct:0", "urn:xmpp:message-retract:1", "urn:xmpp:message-retract:0", "urn:xmpp:fasten:0"
MODERATE, MODERATE_0, REACTIONS, REPLY = "urn:xmpp:message-moderate:1", "urn:xmpp:message-moderate:0", "urn:xmpp:reactions:0", "urn:xmpp:reply:0"
SECRET = "take 500 mg"


async def both(stage: Stage) -> tuple[Client, Client]:
    """Returns Ana's and Boris's clients in the room, with nothing left to hear."""
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    return ana, boris


async def said(stage: Stage, client: Client, text: str, id: str, origin: str | None = None) -> str:
    """Has a client say something. Returns its stanza-id."""
    stage.says(client, text, id, origin)
    found = (await client.finds(f"<message id='{id}' type='groupchat'/>")).find(STANZA_ID)
    return found.get("id", "") if found is not None else ""


def sends(stage: Stage, client: Client, id: str, inside: str) -> None:
    """Sends a message to the room."""
    client.sends(f"<message to='{stage.room}' type='groupchat' id='{id}'>{inside}</message>")


def line(stage: Stage, uid: str) -> EntryView:
    """Returns an entry as Boris's page shows it."""
    with stage.db.read(stage.boris.actor) as work:
        return next(entry for entry in thread_page(work, stage.thread).entries if entry.uid == uid)


def as_group(stage: Stage, admin: Person) -> None:
    """Makes the thread a group with a group admin."""
    with stage.db.writing() as connection:
        account = connection.execute(sa.text("SELECT id FROM accounts WHERE uid = :uid"), {"uid": admin.uid}).scalar_one()
        connection.execute(sa.update(memberships).where(memberships.c.account_id == account).values(group_admin=True))
        connection.execute(sa.update(threads).values(kind="group", title="Group", version=threads.c.version + 1, changed_at=stage.db.now()))


@played
async def test_a_correction_comes_to_everybody_as_apps_expect_it_and_again_for_a_correction_of_it(stage: Stage) -> None:
    ana, boris = await both(stage)
    uid = await said(stage, boris, SECRET, "m1", "o1")
    for number, (known_as, text) in enumerate([("m1", "take 50 mg"), ("o1", "take 5 mg"), ("c1", "take 4 mg")]):
        sends(stage, boris, f"c{number}", f"<body>{text}</body><replace xmlns='{CORRECT}' id='{known_as}'/>")
        await ana.finds(f"<message type='groupchat' id='c{number}' from='{stage.room}/Boris Brandt'><body>{text}</body>"
                        f"<replace xmlns='{CORRECT}' id='m1'/><stanza-id xmlns='urn:xmpp:sid:0' id='*'/></message>")
        await boris.finds(f"<message id='c{number}'><replace xmlns='{CORRECT}' id='m1'/></message>")
        assert line(stage, uid).body == text


@played
async def test_what_was_corrected_is_read_corrected_in_history_and_archive(stage: Stage) -> None:
    _ana, boris = await both(stage)
    await said(stage, boris, SECRET, "m1")
    for number in range(2):
        sends(stage, boris, f"c{number}", f"<body>take {number} mg</body><replace xmlns='{CORRECT}' id='m1'/>")
        await boris.finds(f"<message id='c{number}'/>")
    later = await stage.joined(stage.ana, "tablet", history=20)
    results, _end = await ask(stage, later)
    assert bodies(results)[-3:] == ["take 1 mg"] * 3
    assert "take 0 mg" not in await _history(stage) and SECRET not in await _history(stage)


async def _history(stage: Stage) -> str:
    client = stage.client(stage.ana, "laptop")
    client.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'><history maxstanzas='50'/></x></presence>")
    got = []
    while not got or got[-1].find("{*}subject") is None:
        got.append(await client.hears())
    client.sends(f"<presence to='{stage.room}/Ana Alvarez' type='unavailable'/>")
    return "".join(shown(one) for one in got)


@played
async def test_a_retraction_in_either_form_leaves_a_tombstone_and_nothing_of_the_words(stage: Stage) -> None:
    ana, boris = await both(stage)
    first, second = await said(stage, boris, SECRET, "m1", "o1"), await said(stage, boris, f"{SECRET} twice", "m2")
    sends(stage, boris, "c1", f"<body>{SECRET} thrice</body><replace xmlns='{CORRECT}' id='m1'/>")
    await boris.finds("<message id='c1'/>")
    sends(stage, boris, "r1", f"<retract xmlns='{RETRACT}' id='{first}'/><body>I retracted something</body>")
    await ana.finds(f"<message id='r1' from='{stage.room}/Boris Brandt'><body>*</body><retract xmlns='{RETRACT}' id='{first}'/>"
                    f"<apply-to xmlns='{FASTEN}' id='m1'><retract xmlns='{RETRACT_0}'/></apply-to>"
                    f"<fallback xmlns='urn:xmpp:fallback:0' for='{RETRACT}'/></message>")
    sends(stage, boris, "r2", f"<apply-to xmlns='{FASTEN}' id='m2'><retract xmlns='{RETRACT_0}'/></apply-to><body>retracted</body>")
    await ana.finds(f"<message id='r2'><retract xmlns='{RETRACT}' id='{second}'/></message>")
    results, _end = await ask(stage, ana)
    whole = "".join(shown(one) for one in results)
    assert SECRET not in whole and whole.count("<retracted") == 3  # two messages and a correction
    assert whole.count("<retract ") == 4  # two retractions, in both forms
    assert SECRET not in await _history(stage)
    assert line(stage, first).gone and line(stage, second).gone
    stage.says(boris, SECRET, "m1", "o1")  # the app sends it again, having heard nothing
    again = await boris.finds("<message id='m1'/>")
    assert SECRET not in shown(again)
    with stage.db.reading() as connection:  # the record
        assert SECRET in connection.execute(sa.select(entries.c.payload).where(entries.c.uid == first)).scalar_one()


@played
async def test_the_group_admin_removes_a_message_in_either_form_and_the_room_says_so(stage: Stage) -> None:
    as_group(stage, stage.boris)
    ana, boris = await both(stage)
    uids = [await said(stage, ana, f"buy cream {number}", f"m{number}") for number in range(2)]
    wanted = [
        f"<moderate xmlns='{MODERATE}' id='{uids[0]}'><retract xmlns='{RETRACT}'/><reason>spam</reason></moderate>",
        f"<apply-to xmlns='{FASTEN}' id='{uids[1]}'><moderate xmlns='{MODERATE_0}'><retract xmlns='{RETRACT_0}'/></moderate></apply-to>",
    ]
    ana.sends(f"<iq type='set' id='q' to='{stage.room}'>{wanted[0]}</iq>")
    refused = await ana.finds("<iq type='error' id='q'/>")
    assert len("".join(refused.itertext())) > 20
    for uid, inside in zip(uids, wanted, strict=True):
        boris.sends(f"<iq type='set' id='q' to='{stage.room}'>{inside}</iq>")
        await boris.finds("<iq type='result' id='q'/>")
        older = f"<apply-to xmlns='{FASTEN}' id='{uid}'><moderated xmlns='{MODERATE_0}'><retract xmlns='{RETRACT_0}'/></moderated></apply-to>"
        heard = await ana.finds(f"<message type='groupchat' from='{stage.room}'><retract xmlns='{RETRACT}' id='{uid}'>"
                                f"<moderated xmlns='{MODERATE}' by='{stage.room}/Boris Brandt'/></retract>{older}</message>")
        assert ("spam" in shown(heard)) == (uid == uids[0])
        assert line(stage, uid).gone
    results, _end = await ask(stage, ana)
    assert "buy cream" not in "".join(shown(one) for one in results)
    for inside in (f"<apply-to xmlns='{FASTEN}' id='{uids[1]}'/>", f"<moderate xmlns='{MODERATE}' id='{uids[1]}'/>", wanted[0].replace(uids[0], "none")):
        boris.sends(f"<iq type='set' id='q' to='{stage.room}'>{inside}</iq>")
        await boris.finds("<iq type='error' id='q'/>")


@played
async def test_reactions_go_both_ways_by_the_stanza_id(stage: Stage) -> None:
    ana, boris = await both(stage)
    uid = await said(stage, ana, "Better today", "m1")
    sends(stage, boris, "e1", f"<reactions xmlns='{REACTIONS}' id='{uid}'><reaction>👍</reaction><reaction>🎉</reaction></reactions>"
                              "<store xmlns='urn:xmpp:hints'/>")
    await ana.finds(f"<message id='e1' from='{stage.room}/Boris Brandt'><body>Reacted with 👍 🎉</body><reactions xmlns='{REACTIONS}' id='{uid}'>"
                    f"<reaction>👍</reaction><reaction>🎉</reaction></reactions><fallback xmlns='urn:xmpp:fallback:0' for='{REACTIONS}'/></message>")
    assert [one.emoji for one in line(stage, uid).reactions] == ["👍", "🎉"]
    sends(stage, boris, "e2", f"<reactions xmlns='{REACTIONS}' id='m1'/>")  # by the sender's id, as some do
    heard = await ana.finds(f"<message id='e2'><reactions xmlns='{REACTIONS}' id='{uid}'/></message>")
    assert heard.find(f".//{{{REACTIONS}}}reaction") is None
    assert line(stage, uid).reactions == ()


@played
async def test_a_reply_is_stored_without_its_quote_and_goes_out_with_one(stage: Stage) -> None:
    ana, boris = await both(stage)
    uid = await said(stage, boris, "How are\nyou?", "m1")
    quote = "> How are\n> you?\n"
    for number, (id, stored, answers) in enumerate([
        (uid, "Fine é 👍", True), ("m1", "Fine é 👍", True), ("unknown", f"{quote}Fine é 👍", False),
    ]):
        sends(stage, ana, f"a{number}", f"<body>{quote.replace('>', '&gt;')}Fine é 👍</body><reply xmlns='{REPLY}' to='{stage.room}/Boris Brandt' id='{id}'/>"
              f"<fallback xmlns='urn:xmpp:fallback:0' for='{REPLY}'><body start='0' end='{len(quote)}'/></fallback>")
        heard = await boris.finds(f"<message id='a{number}'/>")
        view = line(stage, heard.find(STANZA_ID).get("id"))
        assert (view.body, view.quote is not None) == (stored, answers)
        if answers:
            assert heard.find(f"{{{REPLY}}}reply").attrib == {"to": f"{stage.room}/Boris Brandt", "id": uid}
            part = heard.find("{urn:xmpp:fallback:0}fallback/{urn:xmpp:fallback:0}body")
            body = heard.findtext("{*}body")
            assert body[int(part.get("end")):] == "Fine é 👍"
            assert body[:int(part.get("end"))] == "> Boris Brandt: How are you?\n"
    results, _end = await ask(stage, ana)
    assert "How are you?" in bodies(results)[-3]
    sends(stage, boris, "r1", f"<retract xmlns='{RETRACT}' id='{uid}'/>")
    await ana.finds("<message id='r1'/>")
    results, _end = await ask(stage, ana)
    assert bodies(results)[-4] == "> Boris Brandt: This message was taken back.\nFine é 👍"


@played
async def test_a_reply_to_what_one_may_not_see_is_refused_like_one_to_nothing(stage: Stage) -> None:
    ana, boris = await both(stage)
    note = stage.cast.note("boris", stage.thread, SECRET)
    await boris.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{note}'/></message>")
    answers = []
    for id in (note, "0" * 26):
        sends(stage, ana, "a", f"<body>what?</body><reply xmlns='{REPLY}' id='{id}'/>")
        sends(stage, ana, "b", f"<reactions xmlns='{REACTIONS}' id='{id}'><reaction>👍</reaction></reactions>")
        answers.append([one for one in await ana.everything() if one.tag.endswith("}message")])
    told = [["".join(one.itertext()) for one in some] for some in answers]
    assert SECRET not in repr(told)
    with stage.db.read(Actor.system()) as work:
        assert [entry.kind for entry in entries_after(work, stage.thread, 2)] in (["internal-note"], ["internal-note", "text"])


@played
async def test_a_note_is_marked_for_staff_and_its_corrections_never_reach_a_patient(stage: Stage) -> None:
    ana, boris = await both(stage)
    chen = await stage.joined(stage.chen)
    await ana.everything()
    note = stage.db.perform(stage.boris.actor, "note.post", stage.thread, body=SECRET, client_id="n1").value
    await chen.finds(f"<message id='n1'><body>[Internal note, staff only] {SECRET}</body></message>")
    await boris.finds("<message id='n1'/>")
    sends(stage, boris, "c1", f"<body>[Internal note, staff only] {SECRET}!</body><replace xmlns='{CORRECT}' id='n1'/>")
    await chen.finds(f"<message id='c1'><body>[Internal note, staff only] {SECRET}!</body></message>")
    assert line(stage, note).body == f"{SECRET}!"
    sends(stage, chen, "e1", f"<reactions xmlns='{REACTIONS}' id='{note}'><reaction>👍</reaction></reactions>")
    await boris.finds("<message id='e1'/>")
    sends(stage, boris, "r1", f"<retract xmlns='{RETRACT}' id='{note}'/>")
    await chen.finds("<message id='r1'/>")
    assert await ana.everything() == []


@played
async def test_a_marker_that_others_are_shown_names_a_message_and_no_change_of_one(stage: Stage) -> None:
    ana, boris = await both(stage)
    uid = await said(stage, boris, "Hello", "m1")
    await ana.finds("<message id='m1'/>")
    sends(stage, boris, "c1", f"<body>Hello!</body><replace xmlns='{CORRECT}' id='m1'/>")
    correction = (await ana.finds("<message id='c1'/>")).find(STANZA_ID).get("id")
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='k'><displayed xmlns='urn:xmpp:chat-markers:0' id='{correction}'/></message>")
    await boris.finds(f"<message from='{stage.room}/Ana Alvarez'><displayed xmlns='urn:xmpp:chat-markers:0' id='{uid}'/></message>")


@played
async def test_a_correction_sent_again_is_answered_to_its_sender_and_changes_nothing(stage: Stage) -> None:
    ana, boris = await both(stage)
    uid = await said(stage, boris, "Hello", "m1")
    for _again in range(2):
        sends(stage, boris, "c1", f"<body>Hello!</body><replace xmlns='{CORRECT}' id='m1'/>")
        await boris.finds(f"<message id='c1' type='groupchat'><replace xmlns='{CORRECT}' id='m1'/></message>")
    heard = [one for one in await ana.everything() if one.tag.endswith("}message")]
    assert [one.get("id") for one in heard] == ["m1", "c1"]
    assert line(stage, uid).body == "Hello!"
