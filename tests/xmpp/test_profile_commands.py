"""Patients' profiles and folders by command: who reads and adds what, for whoever asks alone. Source: product.md, Patient profile; XEP-0050."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import ACTIONS
from clinic.audit.tables import audit_entries
from clinic.errors import Busy, NotFound
from clinic.file import links
from clinic.profile.opening import Profile
from clinic.storage import new_uid
from tests.support.filing import can_read, sent
from tests.support.stage import Client, Person, Stage, played, shown
from tests.xmpp.test_payment_commands import options, runs
from tests.xmpp.test_payments import stored
from tests.xmpp.test_rooms_groups import in_group
from tests.xmpp.test_text_commands import types
from xmpp_components.commands import NOT_OFFERED

MAM = "urn:xmpp:mam:2"
SECRETS = ("Penicillin", "Heartburn", "Lighthouse", "Quietly worried", "Between us")
AUDITED = "That you opened this is in the audit log."


def do(stage: Stage, who: str, action: str, of: str = "ana", **values: Any) -> Any:
    """Has somebody do something to a patient's profile on the page. Returns: its value."""
    return stage.db.perform(getattr(stage.cast, who), f"profile.{action}", stage.cast.uid(of), **values).value


def filled(stage: Stage) -> str:
    """Fills Ana's profile. Returns the uid of Boris's note."""
    do(stage, "ana", "describe", version=0, phone="+351 21 555 0114", address="14 Lighthouse Lane\n1000 Haven")
    do(stage, "boris", "add", kind="allergy", name="Penicillin", severity="severe", since="2011")
    do(stage, "ana", "add", kind="condition", name="Heartburn", detail="after meals")
    do(stage, "boris", "measure", version=0, weight="64.5", weight_unit="kg", blood_group="A-")
    return str(do(stage, "boris", "note", body="Quietly worried\nabout the stairs"))


def profile(stage: Stage) -> Profile:
    opened: Profile = do(stage, "boris", "open")
    return opened


def looks(stage: Stage, *actions: str) -> list[tuple[str, str, str, str]]:
    """Returns what was done of these by app: action, subject, role, detail."""
    columns = (audit_entries.c.action, audit_entries.c.subject, audit_entries.c.role, audit_entries.c.detail)
    with stage.db.reading() as connection:
        rows = connection.execute(sa.select(*columns).where(audit_entries.c.door == "xmpp").order_by(audit_entries.c.id))
        return [tuple(row) for row in rows if row.action in actions]


async def whole_archive(client: Client, room: str) -> str:
    """Returns all that the archive of a room answers."""
    client.sends(f"<iq type='set' id='mam' to='{room}'><query xmlns='{MAM}'/></iq>")
    heard = []
    while not heard or heard[-1].get("id") != "mam":
        heard.append(await client.hears())
    assert heard[-1].get("type") == "result"
    return "".join(shown(one) for one in heard)


@played
async def test_staff_read_a_profile_in_words_which_nobody_else_hears_nor_finds_in_the_archive(stage: Stage) -> None:
    filled(stage)
    do(stage, "boris", "note", body="Between us", thread=stage.thread)
    ana, boris, chen = [await stage.joined(one) for one in (stage.ana, stage.boris, stage.chen)]
    other = await stage.joined(stage.boris, "laptop")
    before = stored(stage)
    said = await types(stage, boris, "!profile")
    day = f"{stage.db.now():%-d %B %Y}"
    assert said.split("\n") == [
        "Profile: Ana Alvarez, born 27 March 1984 (42), verified by the clinic.",
        "Allergies:",
        f"- Penicillin, severe, since 2011 (staff: Boris Brandt, {day})",
        "Conditions:",
        f"- Heartburn, after meals (patient says, {day})",
        "Medications: nothing recorded",
        "Procedures: nothing recorded",
        "Body and habits:",
        f"- Weight: 64.5 kg (staff: Boris Brandt, {day})",
        f"- Blood group: A− (staff: Boris Brandt, {day})",
        "Demographics:",
        f"- Telephone: +351 21 555 0114 (Ana Alvarez, {day})",
        f"- Address: 14 Lighthouse Lane 1000 Haven (Ana Alvarez, {day})",
        "Notes, for staff only:",
        f"- {day}, Boris Brandt, only for the staff of “Ana Alvarez”: Between us",
        f"- {day}, Boris Brandt: Quietly worried about the stairs",
        "Images & Documents: the command list-documents lists them.",
        f"All of it: http://clinic.example/patients/{stage.ana.uid}",
        AUDITED,
    ]
    done = await runs(stage.client(stage.boris, "desk"), stage.room, "profile")
    assert (done.get("status"), done.findtext("{*}note")) == ("completed", said)
    assert "Penicillin" in await types(stage, chen, "!profile-history") and "Quietly" not in said.split("Notes")[0]
    assert looks(stage, "profile.open", "profile.history") == [
        ("profile.open", stage.ana.uid, "practitioner", "{}"), ("profile.open", stage.ana.uid, "practitioner", "{}"),
        ("profile.history", stage.ana.uid, "coordinator", "{}"),
    ]
    assert stored(stage) == before
    for client in (ana, other, chen):
        heard = "".join(shown(one) for one in await client.everything())
        assert not [secret for secret in SECRETS if secret in heard]
    for client in (ana, boris):
        found = await whole_archive(client, stage.room)
        assert not [secret for secret in (*SECRETS, "!profile", AUDITED) if secret in found]


@played
async def test_what_comes_again_under_its_id_is_read_anew_and_audited_anew(stage: Stage) -> None:
    filled(stage)
    boris = await stage.joined(stage.boris)
    first = await types(stage, boris, "!profile", "p1")
    do(stage, "boris", "add", kind="medication", name="Zolpidem")
    assert "Zolpidem" not in first and "Zolpidem" in await types(stage, boris, "!profile", "p1")
    assert len(looks(stage, "profile.open")) == 2
    assert stage.component is not None and not stage.component.text_commands._answers


@played
async def test_of_several_patients_staff_say_which_and_each_patient_comes_to_themselves_alone(stage: Stage) -> None:
    filled(stage)
    in_group(stage, "ana", "ada")
    do(stage, "boris", "add", of="ada", kind="allergy", name="Latex")
    boris, ada = await stage.joined(stage.boris), await stage.joined(Person(stage.cast, "ada"))
    assert (await types(stage, boris, "!profile")).startswith("Patient is missing.\nWrite: !profile <patient>\nPatient: Ana Alvarez or Ada Almeida.")
    assert "Penicillin" in (said := await types(stage, boris, "!profile ana")) and "Latex" not in said
    nobody = await types(stage, boris, "!profile eve")
    assert nobody.startswith("Patient: there is no “eve”.") and nobody == (await types(stage, boris, "!profile xyz")).replace("xyz", "eve")
    said = await types(stage, ada, "!profile")
    assert said.startswith("Your profile: Ada Almeida") and "Latex" in said and "Penicillin" not in said and "Notes" not in said
    about_ana, about_nobody = await types(stage, ada, "!profile Ana Alvarez"), await types(stage, ada, "!profile Xyz")
    assert about_ana == about_nobody and about_ana.startswith("These are more values than it takes.\nWrite: !profile\n")
    assert (await types(stage, boris, "!health ada ; condition ; Asthma")).startswith("Added.")
    assert [one.name for one in do(stage, "ada", "open", of="ada").health.of("condition")] == ["Asthma"]
    assert {subject for _action, subject, *_ in looks(stage, "profile.open")} == {stage.ana.uid, stage.cast.uid("ada")}


@played
async def test_a_form_asks_first_whom_and_whoever_is_not_there_is_nobody(stage: Stage) -> None:
    filled(stage)
    in_group(stage, "ana", "ada")
    boris, ada = stage.client(stage.boris), stage.client(Person(stage.cast, "ada"))

    async def asks(subject: str) -> ET.Element:
        asking = await runs(boris, stage.room, "profile")
        assert asking.get("status") == "executing" and options(asking, "patient") == {
            "Ana Alvarez · born 27 March 1984": stage.ana.uid, "Ada Almeida · born 2 November 1991": stage.cast.uid("ada")}
        return await runs(boris, stage.room, "profile", asking.get("sessionid", ""), {"patient": subject})

    assert "Penicillin" in shown(await asks(stage.ana.uid))
    answers = [await asks(subject) for subject in (stage.eve.uid, new_uid(), "nobody")]
    assert len({shown(one) for one in answers}) == 1 and NOT_OFFERED in shown(answers[0])
    assert len(looks(stage, "profile.open")) == 1
    mine = await runs(ada, stage.room, "demographics")
    assert ", about Ada Almeida, born 2 November 1991." in shown(mine) and "Lighthouse" not in shown(mine)
    refused = await runs(ada, stage.room, "demographics", mine.get("sessionid", ""), {"patient": stage.ana.uid, "phone": "112"})
    assert "Nobody asked for patient" in shown(refused)
    # Who was chosen and has left meanwhile is nobody, however it goes on with who is still there.
    asking = await runs(boris, stage.room, "demographics")
    form = await runs(boris, stage.room, "demographics", asking.get("sessionid", ""), {"patient": stage.ana.uid})
    assert "Lighthouse" in shown(form)
    stage.db.perform(stage.ana.actor, "thread.leave", stage.thread)
    gone = await runs(boris, stage.room, "demographics", form.get("sessionid", ""), {"phone": "112"})
    assert NOT_OFFERED in shown(gone)
    assert profile(stage).demographics.get("phone").value == "+351 21 555 0114" and do(stage, "ada", "open", of="ada").demographics.data == ()


@played
async def test_who_shares_no_thread_is_answered_as_if_there_were_nobody(stage: Stage) -> None:
    filled(stage)
    bella = stage.client(Person(stage.cast, "bella"))
    nowhere = f"{new_uid()}@{stage.server.domain}"
    for word in ("profile", "profile-history", "demographics", "list-documents", "health"):
        answers = {shown(await runs(bella, room, word)).replace(room.partition("@")[0], "ROOM") for room in (stage.room, nowhere)}
        assert len(answers) == 1 and "item-not-found" in answers.pop()
    assert "item-not-found" in shown(await runs(bella, stage.server.domain, "profile"))
    # Of a thread of her own she comes to its patients, and not by their address to others.
    stage.cast.link("eve", "bella")
    own = f"{stage.cast.start('bella', 'eve')}@{stage.server.domain}"
    assert "Eve Evans" in shown(await runs(bella, own, "profile"))
    form = await runs(bella, own, "demographics")
    refused = await runs(bella, own, "demographics", form.get("sessionid", ""), {"patient": stage.ana.uid})
    assert "Nobody asked for patient" in shown(refused)
    with pytest.raises(NotFound):
        do(stage, "bella", "open")


@played
async def test_staff_add_by_message_and_are_refused_in_words(stage: Stage) -> None:
    ana, boris, chen = [await stage.joined(one) for one in (stage.ana, stage.boris, stage.chen)]
    assert await types(stage, boris, "!health allergy ; Penicillin ; a rash, in the face ; severe ; 2011", "h1") == "Added."
    assert await types(stage, boris, "!health allergy ; Penicillin ; a rash, in the face ; severe ; 2011", "h1") == "Added."
    assert (await types(stage, boris, "!health allergy ; penicillin")).startswith("“penicillin” stands there already. Change that entry")
    refused = await types(stage, boris, "!health condition ; Asthma ; ; ; 2999")
    assert refused.startswith("Since: 2999 is still to come. Check the year.\nWrite: !health <kind> ; <what it is> ; ")
    assert "Asthma" not in refused  # no address holds what is said of somebody's health
    assert await types(stage, boris, "!none-known procedure") == "Saved."
    assert (await types(stage, boris, "!none-known allergy")).startswith("Something stands there. Mark it as over or mistaken first")
    assert (await types(stage, boris, "!none-known rash")).startswith("Kind: there is no “rash”.")
    assert await types(stage, chen, "!profile-note Called, no answer") == "The note is saved, for staff only."
    assert await types(stage, boris, "!profile-note Between us ; this thread") == "The note is saved, for staff only."
    for client, word in ((chen, "health"), (chen, "body"), (chen, "demographics"), (chen, "none-known"), (ana, "profile-note")):
        assert f"There is no command !{word} here." in await types(stage, client, f"!{word} allergy ; Dust")
    found = profile(stage)
    assert [(one.name, one.detail, one.severity, one.since) for one in found.health.of("allergy")] == [
        ("Penicillin", "a rash, in the face", "severe", "2011")]
    assert [(note.body, note.by, bool(note.thread)) for note in found.notes] == [
        ("Between us", "Boris Brandt", True), ("Called, no answer", "Chen Cheng", False)]
    assert [subject for _action, subject, *_ in looks(stage, "profile.add", "profile.note")] == [stage.ana.uid] * 3
    assert "text" not in [kind for _seq, kind in stored(stage)]


@played
async def test_a_form_shows_what_stands_there_and_takes_nothing_that_somebody_has_saved_meanwhile(stage: Stage) -> None:
    filled(stage)
    boris = stage.client(stage.boris)
    form = await runs(boris, stage.room, "body")
    values = {one.get("var"): one.findtext("{jabber:x:data}value") for one in form.iter("{jabber:x:data}field")}
    assert values["weight"] == "64.5" and values["blood_group"] == "A-" and values["smoking"] == "-" and "version" not in values
    assert options(form, "blood_group")["A−"] == "A-"
    assert looks(stage, "profile.open") == [("profile.open", stage.ana.uid, "practitioner", "{}")]
    refused = await runs(boris, stage.room, "body", form.get("sessionid", ""), {"weight": "645", "weight_unit": "kg", "blood_group": "A-"})
    assert refused.get("status") == "executing" and refused.findtext("{*}note") == "645 kg is not possible. Check the number and the unit."
    again = form.get("sessionid", "")
    slip = {"weight": "6.5", "weight_unit": "kg", "blood_group": "A-"}
    asked = await runs(boris, stage.room, "body", again, slip)
    assert (asked.findtext("{*}note") or "").startswith("Weight 6.5 kg would stand in the place of 64.5 kg (Boris Brandt).")
    assert (await runs(boris, stage.room, "body", again, slip | {"sure": "1"})).findtext("{*}note") == "Saved."
    again = (await runs(boris, stage.room, "body")).get("sessionid", "")
    done = await runs(boris, stage.room, "body", again, {"weight": "66", "weight_unit": "kg", "blood_group": "A-", "sure": "1"})
    assert done.findtext("{*}note") == "Saved."
    form = await runs(boris, stage.room, "body")
    do(stage, "boris", "measure", version=3, weight="67", weight_unit="kg", blood_group="A-")
    late = await runs(boris, stage.room, "body", form.get("sessionid", ""), {"weight": "68", "weight_unit": "kg"})
    assert (late.findtext("{*}note") or "").startswith("Somebody has saved this meanwhile") and "Start this command again" in shown(late)
    now = profile(stage).health.staff
    assert (now.version, now.get("weight").value, now.get("blood_group").value) == (4, "67 kg", "A−")
    boris = await stage.joined(stage.boris, "laptop")
    assert "choose “Change body and habits in the health data” (body)." in await types(stage, boris, "!body 70 kg")
    assert profile(stage).health.staff.version == 4


@played
async def test_an_entry_or_a_note_of_ones_own_is_chosen_first_and_then_changed(stage: Stage) -> None:
    note = filled(stage)
    boris, chen = stage.client(stage.boris), stage.client(stage.chen)
    which = await runs(boris, stage.room, "change-health")
    assert list(options(which, "entry")) == ["Penicillin, severe · allergy"] and which.find("{*}actions/{*}next") is not None
    form = await runs(boris, stage.room, "change-health", which.get("sessionid", ""), {"entry": options(which, "entry").popitem()[1]})
    assert "Penicillin" in shown(form) and "It was entered by mistake" in options(form, "standing")
    said = {"name": "Penicillin", "severity": "mild", "standing": "past"}
    assert (await runs(boris, stage.room, "change-health", form.get("sessionid", ""), said)).get("status") == "completed"
    assert [(one.severity, one.standing) for one in profile(stage).health.items if one.source == "staff"] == [("mild", "past")]
    none = await runs(chen, stage.room, "correct-profile-note")
    assert "There is no note of yours in this profile." in shown(none)
    which = await runs(boris, stage.room, "correct-profile-note")
    theirs = next(one.uid for one in profile(stage).health.items if one.source == "patient")
    still = await runs(boris, stage.room, "correct-profile-note", which.get("sessionid", ""), {"entry": theirs})
    assert list(options(still, "entry")) == list(options(which, "entry")) == [f"Quietly worried about the stairs · {stage.db.now():%-d %B %Y}"]
    form = await runs(boris, stage.room, "correct-profile-note", still.get("sessionid", ""), {"entry": note})
    lines = [one.text for one in form.iterfind(".//{jabber:x:data}field[@var='body']/{jabber:x:data}value")]
    assert lines == ["Quietly worried", "about the stairs"]
    done = await runs(boris, stage.room, "correct-profile-note", form.get("sessionid", ""), {"body": "Not worried"})
    assert done.findtext("{*}note") == "Corrected." and profile(stage).notes[0].body == "Not worried"
    which = await runs(boris, stage.room, "withdraw-profile-note")
    form = await runs(boris, stage.room, "withdraw-profile-note", which.get("sessionid", ""), {"entry": note})
    assert "Nothing has happened yet" in shown(form) and profile(stage).notes[0].body == "Not worried"
    await runs(boris, stage.room, "withdraw-profile-note", form.get("sessionid", ""), {})
    assert profile(stage).notes[0].body == ""


@played
async def test_patients_see_and_add_to_their_own_side_and_nothing_of_staffs_notes(stage: Stage) -> None:
    filled(stage)
    ana = await stage.joined(stage.ana)
    said = await types(stage, ana, "!profile")
    assert said.startswith("Your profile: Ana Alvarez") and "Penicillin" in said and "\nAbout you:\n" in said
    assert "worried" not in said and "Notes" not in said and "for staff" not in await types(stage, ana, "!help")
    assert await types(stage, ana, "!health allergy ; Penicillin ; a rash") == "Added."
    app = stage.client(stage.ana, "laptop")
    form = await runs(app, stage.room, "demographics")
    given = {"phone": "+351 21 555 0200", "address": "1 Harbour Road"}
    assert (await runs(app, stage.room, "demographics", form.get("sessionid", ""), given)).get("status") == "completed"
    found = profile(stage)
    assert [(one.source, one.name) for one in found.health.of("allergy")] == [("staff", "Penicillin"), ("patient", "Penicillin")]
    assert (found.demographics.get("phone").value, found.demographics.get("phone").role) == ("+351 21 555 0200", "patient")
    assert list(options(await runs(app, stage.room, "change-health"), "entry")) == ["Penicillin · allergy", "Heartburn · condition"]


@played
async def test_documents_are_listed_with_links_for_their_reader_alone_and_the_look_is_audited(stage: Stage) -> None:
    file = sent(stage.db, stage.ana.actor, stage.thread, name="knee.jpg")
    away = sent(stage.db, stage.boris.actor, stage.thread, "c-2", name="plan.jpg")
    stage.db.perform(stage.boris.actor, "file.put_away", away)
    key, signed = links.key_of(stage.config.pepper), {}
    for person, whose, page in ((stage.boris, "Ana Alvarez’s", f"/patients/{stage.ana.uid}/documents"), (stage.ana, "your", "/documents")):
        client = await stage.joined(person)
        title, name, link, more, *_rest = (await types(stage, client, "!list-documents")).split("\n")
        assert title == f"In {whose} Images & Documents, the newest first:" and more == f"All of it, with pictures: http://clinic.example{page}"
        by = "you" if person is stage.ana else "Ana Alvarez"
        assert name.startswith("- knee.jpg: Image, 1 KB; ") and name.endswith(f"{by}, {stage.db.now():%-d %B %Y}")
        uid, recipient, expiry, mac, called = link.removeprefix("https://clinic.example/f/").split("/")
        found = links.opened(key, uid, recipient, expiry, mac, called)
        assert found is not None and (found.file, found.recipient) == (file, person.uid) and can_read(stage.db, person.actor, file)
        signed[person.name] = link
        heard = (await types(stage, client, "!list-documents ; ; ; yes")).split("\n")[1]
        assert heard.startswith("- plan.jpg: ")
        assert (await types(stage, client, "!list-documents sound")).startswith(f"Nothing to list in {whose} Images & Documents: ")
    assert len(set(signed.values())) == 2
    seen = looks(stage, "file.open_folder")
    assert [(subject, role) for _action, subject, role, _detail in seen] == [(stage.ana.uid, "practitioner")] * 3 + [(stage.ana.uid, "patient")] * 3
    archive = await whole_archive(await stage.joined(stage.chen), stage.room)
    assert not [link for link in signed.values() if link in archive]


SEEN = "file.choose"


@played
async def test_to_be_shown_what_there_is_to_send_on_is_a_look_at_a_patients_documents_and_audited(stage: Stage) -> None:
    sent(stage.db, stage.ana.actor, stage.thread, name="knee.jpg")
    boris, desk = await stage.joined(stage.boris), stage.client(stage.boris, "desk")
    help = await types(stage, boris, "!help")
    assert "!document <document> – send from Images & Documents" in help and "knee.jpg" not in help and looks(stage, SEEN) == []
    for number, command in enumerate(("!help document", "!document", "!document elbow"), 1):
        assert "Document: knee.jpg." in await types(stage, boris, command)
        assert looks(stage, SEEN) == [(SEEN, stage.thread, "practitioner", '{"before": null}')] * number
    await types(stage, boris, "!help document", "again")
    await types(stage, boris, "!help document", "again")
    assert len(looks(stage, SEEN)) == 5  # what comes again is read again
    for _twice in range(2):
        assert "(knee.jpg" in await types(stage, boris, "!document knee", "question")
    assert len(looks(stage, SEEN)) == 7
    form = await runs(desk, stage.room, "document")
    assert list(options(form, "document")) == ["knee.jpg · Image, 1 KB"] and len(looks(stage, SEEN)) == 8
    sent(stage.db, stage.ana.actor, stage.thread, "c-2", name="plan.jpg")
    refused = await runs(desk, stage.room, "document", form.get("sessionid", ""), {"document": ""})
    assert "plan.jpg" in shown(refused) and len(looks(stage, SEEN)) == 9  # a form that is shown again shows what there is now


@played
async def test_while_the_look_cannot_be_stored_nobody_reads_what_there_is_to_send_on(stage: Stage) -> None:
    sent(stage.db, stage.ana.actor, stage.thread, name="knee.jpg")
    boris, desk = await stage.joined(stage.boris), stage.client(stage.boris, "desk")

    def full(*_: object, **__: object) -> None:
        raise Busy()

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ACTIONS, SEEN, replace(ACTIONS[SEEN], function=full))
        answers = [await types(stage, boris, command) for command in ("!help document", "!document", "!document knee")]
        answers.append(shown(await runs(desk, stage.room, "document")))
    assert [Busy.default in answer and "knee.jpg" not in answer for answer in answers] == [True] * 4
    assert not (stage.component and stage.component.commands._going)  # nobody was told of one
    assert "knee.jpg" in await types(stage, boris, "!document knee")


@played
async def test_what_is_not_there_any_more_when_it_is_confirmed_is_refused_without_a_list_of_what_there_is(stage: Stage) -> None:
    in_group(stage, "ana", "ada")
    sent(stage.db, stage.ana.actor, stage.thread, name="knee.jpg")
    sent(stage.db, stage.cast.ada, stage.thread, "c-2", name="plan.jpg")
    boris = await stage.joined(stage.boris)
    assert (await types(stage, boris, "!document knee.jpg")).startswith("Send from Images & Documents (knee.jpg")
    stage.db.perform(stage.ana.actor, "thread.leave", stage.thread)
    refused = await types(stage, boris, "!yes")
    assert "who is not in this thread" in refused and "plan.jpg" not in refused
