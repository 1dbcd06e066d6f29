"""Groups from an XMPP client: subjects, invitations, removing, closing; and what never means leaving or closing."""

import asyncio
import xml.etree.ElementTree as ET

from clinic import Actor
from clinic.thread.relay import entries_after, relayed_thread
from tests.support.rooms import refusal
from tests.support.stage import USER, Client, Person, Stage, X, played, shown

ADMIN, OWNER = "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner"


def in_group(stage: Stage, *names: str) -> None:
    """Make the stage's room a group of Boris's with these people."""
    people = [stage.cast.uid(name) for name in names]
    stage.thread = stage.db.perform(stage.boris.actor, "group.create", title="Knee class", people=people, reason="Test").value
    stage.room = f"{stage.thread}@{stage.server.domain}"


def members(stage: Stage) -> set[str]:
    with stage.db.read(Actor.system()) as work:
        return {member.nick.split()[0].lower() for member in relayed_thread(work, stage.thread).members}


def titles(stage: Stage) -> dict[str, str]:
    with stage.db.read(Actor.system()) as work:
        return {member.handle: member.title for member in relayed_thread(work, stage.thread).members}


def said(stage: Stage) -> list[str]:
    with stage.db.read(Actor.system()) as work:
        return [entry.body for entry in entries_after(work, stage.thread, 0)]


def kept(stage: Stage) -> list[ET.Element]:
    """Return what the clinic has said to people whose apps are not there."""
    return [one for one in stage.server.stored if (one.get("id") or "").startswith("tell-")]


def changes(stage: Stage, client: Client, item: str) -> None:
    client.sends(f"<iq type='set' id='set' to='{stage.room}'><query xmlns='{ADMIN}'>{item}</query></iq>")


def address(stage: Stage, person: Person) -> str:
    return f"{person.handle}@{stage.config.domain}"


@played
async def test_the_group_admin_is_shown_as_admin_and_removes_a_member_who_is_shown_out(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    boris.sends(f"<iq type='get' id='l' to='{stage.room}'><query xmlns='{ADMIN}'><item affiliation='admin'/></query></iq>")
    await boris.finds(f"<iq type='result' id='l'><query xmlns='{ADMIN}'><item nick='Boris Brandt' affiliation='admin' role='moderator'/></query></iq>")
    changes(stage, boris, "<item nick='Ana Alvarez' role='none'/>")
    await boris.finds("<iq type='result' id='set'/>")
    await ana.finds(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'><x xmlns='{USER}'><item affiliation='none' role='none'/>"
                    "<status code='110'/><status code='321'/></x></presence>")
    assert members(stage) == {"boris", "bella", "chen"}
    stage.says(ana, "still here", "m1")
    await ana.finds(f"<message type='error' id='m1'>{refusal('item-not-found')}</message>")
    ana.sends(f"<iq type='set' id='mam' to='{stage.room}'><query xmlns='urn:xmpp:mam:2'/></iq>")
    await ana.finds("<iq type='error' id='mam'/>")


@played
async def test_by_address_too_and_a_ban_is_a_removal(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    boris = await stage.joined(stage.boris)
    changes(stage, boris, f"<item jid='{address(stage, stage.ana)}' affiliation='outcast'/>")
    await boris.finds("<iq type='result' id='set'/>")
    assert "ana" not in members(stage)


@played
async def test_nobody_else_removes_anybody_and_reads_why(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    for person in (stage.chen, stage.ana):
        client = await stage.joined(person)
        for item in ("<item nick='Bella Baptiste' affiliation='none'/>", "<item nick='Nobody Known' affiliation='none'/>"):
            changes(stage, client, item)
            answer = await client.finds(f"<iq type='error' id='set'>{refusal('forbidden')}</iq>")
            assert "Only the group admin of this thread may do this" in shown(answer)
    assert members(stage) == {"ana", "boris", "bella", "chen"}


@played
async def test_included_coordinators_strangers_and_roles_are_not_changed(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    boris = await stage.joined(stage.boris)
    for item, words in (
        ("<item nick='Chen Cheng' affiliation='none'/>", "own links"),
        ("<item nick='Eve Evans' affiliation='none'/>", "Choose one of the people"),
        ("<item nick='Ana Alvarez' affiliation='owner'/>", "roles and admins are not changed so"),
        ("<item nick='Ana Alvarez' role='visitor'/>", "roles and admins are not changed so"),
        ("", "one person at a time"),
        ("<item nick='Ana Alvarez' role='none'/><item nick='Bella Baptiste' role='none'/>", "one person at a time"),
    ):
        changes(stage, boris, item)
        assert words in shown(await boris.finds("<iq type='error' id='set'/>")), item
    assert members(stage) == {"ana", "boris", "bella", "chen"}


@played
async def test_staff_invite_by_the_rooms_own_invitation_and_by_affiliation(stage: Stage) -> None:
    in_group(stage, "ana")
    bella, chen = Person(stage.cast, "bella"), await stage.joined(stage.chen)
    chen.sends(f"<message to='{stage.room}' id='i1'><x xmlns='{USER}'><invite to='{address(stage, bella)}'><reason>Have a look</reason></invite></x></message>")
    await chen.finds(f"<message type='groupchat' from='{stage.room}/Clinic'><body/></message>")
    assert "Chen Cheng invited Bella Baptiste" in said(stage)[-1]
    changes(stage, chen, f"<item jid='{address(stage, stage.eve)}' affiliation='member'/>")
    assert "not linked to you" in shown(await chen.finds("<iq type='error' id='set'/>"))
    changes(stage, chen, f"<item jid='{address(stage, stage.eve)}' affiliation='member'><reason>Joins the class</reason></item>")
    await chen.finds("<iq type='result' id='set'/>")
    assert members(stage) == {"ana", "boris", "chen", "bella", "eve"}


@played
async def test_patients_and_foreign_addresses_are_not_invited_and_say_nothing(stage: Stage) -> None:
    in_group(stage, "ana")
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    for to in (address(stage, stage.eve), "nobody@localhost"):
        ana.sends(f"<message to='{stage.room}' id='i1'><x xmlns='{USER}'><invite to='{to}'/></x></message>")
        answer = await ana.finds(f"<message type='error' id='i1'>{refusal('forbidden')}</message>")
        assert "Your role does not allow this" in shown(answer)
    for to in ("nobody@localhost", f"{stage.eve.handle}@elsewhere.example", ""):
        boris.sends(f"<message to='{stage.room}' id='i2'><x xmlns='{USER}'><invite to='{to}'/></x></message>")
        await boris.finds(f"<message type='error' id='i2'>{refusal('item-not-found')}</message>")
    assert members(stage) == {"ana", "boris", "chen"}


@played
async def test_a_subject_from_staff_names_the_thread_and_a_patient_of_a_thread_of_two_never_hears_it(stage: Stage) -> None:
    ana, boris, chen = await stage.joined(stage.ana), await stage.joined(stage.boris), await stage.joined(stage.chen)
    for client in (ana, boris, chen):
        await client.everything()
    chen.sends(f"<message to='{stage.room}' type='groupchat' id='s1'><subject>Difficult knee</subject></message>")
    for client in (boris, chen):
        await client.finds(f"<message type='groupchat' from='{stage.room}'><subject>Difficult knee</subject></message>")
    await asyncio.sleep(0.3)
    heard = [shown(one) for one in await ana.everything()]
    ana.sends(f"<iq type='get' id='d' to='{stage.room}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    heard.append(shown(await ana.finds("<iq type='result' id='d'/>")))
    ana.sends(f"<iq type='set' id='mam' to='{stage.room}'><query xmlns='urn:xmpp:mam:2'/></iq>")
    while (one := await ana.hears()).get("id") != "mam":
        heard.append(shown(one))
    again = stage.client(stage.ana, "tablet")
    again.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    heard.append(shown(await again.finds(f"<message type='groupchat' from='{stage.room}'><subject>Boris Brandt</subject></message>")))
    assert not any("Difficult" in one for one in heard), heard
    assert titles(stage)[stage.ana.handle] == "Boris Brandt"
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='s2'><subject>Mine</subject></message>")
    await ana.finds(f"<message type='error' id='s2'>{refusal('forbidden')}</message>")
    chen.sends(f"<message to='{stage.room}' type='groupchat' id='s3'><subject/></message>")
    await chen.finds(f"<message type='groupchat' from='{stage.room}'><subject>Ana Alvarez</subject></message>")


@played
async def test_who_is_in_a_closed_group_hears_whom_to_contact_and_is_out(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    stage.db.perform(stage.boris.actor, "group.close", stage.thread)
    for client in (ana, boris):
        told = await client.finds(f"<message type='groupchat' from='{stage.room}/Clinic'><body/></message>")
        while "closed this group" not in shown(told):
            told = await client.finds(f"<message type='groupchat' from='{stage.room}/Clinic'><body/></message>")
        assert "write to Boris Brandt" in shown(told)
        gone = await client.finds(f"<presence type='unavailable'><x xmlns='{USER}'><item affiliation='none'/><destroy><reason/></destroy></x></presence>")
        assert "ask the clinic" in shown(gone)
    ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    await ana.finds("<presence type='error'/>")
    await stage.until(lambda: len(kept(stage)) == 2)  # Bella's and Chen's apps were not there
    assert {one.get("to") for one in kept(stage)} == {f"{stage.cast.handle(name)}@{stage.config.domain}" for name in ("bella", "chen")}
    assert all("write to Boris Brandt" in shown(one) for one in kept(stage))


@played
async def test_going_destroying_and_dropping_never_mean_leaving_or_closing(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    boris.sends(f"<iq type='set' id='d' to='{stage.room}'><query xmlns='{OWNER}'><destroy/></query></iq>")
    await boris.finds(f"<iq type='error' id='d'>{refusal('forbidden')}</iq>")
    boris.sends(f"<presence type='unavailable' to='{stage.room}/Boris Brandt'/>")
    ana.sends(f"<presence type='unavailable' to='{stage.room}/Ana Alvarez'/>")
    await ana.finds("<presence type='unavailable'/>")
    ana.gone(stage.room)
    boris.gone(stage.room)
    decline = f"<message to='{stage.room}'><x xmlns='{USER}'><decline to='{stage.boris.handle}@localhost'/></x></message>"
    (await stage.joined(stage.ana, "tablet")).sends(decline)
    await stage.stop()
    await stage.start()
    assert members(stage) == {"ana", "boris", "bella", "chen"}
    assert not any("left" in body or "closed" in body for body in said(stage))


@played
async def test_a_patient_who_joins_late_hears_live_what_comes_and_nothing_from_before(stage: Stage) -> None:
    in_group(stage, "ana", "bella")
    stage.writes(stage.ana, "Early", "1")
    stage.db.perform(stage.boris.actor, "thread.invite", stage.thread, people=[stage.eve.uid], reason="Test")
    eve = await stage.joined(stage.eve, history=50)
    stage.writes(stage.ana, "Late", "2")
    await eve.finds("<message type='groupchat'><body>Late</body></message>")
    eve.sends(f"<iq type='set' id='mam' to='{stage.room}'><query xmlns='urn:xmpp:mam:2'/></iq>")
    pages = []
    while (one := await eve.hears()).get("id") != "mam":
        pages.append(shown(one))
    assert any("Late" in one for one in pages)
    assert not any("Early" in one for one in pages)


@played
async def test_staff_may_change_the_subject_and_invite_and_apps_are_told_so(stage: Stage) -> None:
    for person, may in ((stage.ana, "0"), (stage.boris, "1")):
        client = await stage.joined(person)
        client.sends(f"<iq type='get' id='d' to='{stage.room}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        form = shown(await client.finds("<iq type='result' id='d'/>"))
        for name in ("muc#roominfo_changesubject", "muc#roomconfig_allowinvites"):
            assert f'var="{name}"><value>{may}</value>' in form.replace(" xmlns=\"jabber:x:data\"", ""), form
