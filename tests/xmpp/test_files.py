"""Files in rooms, as protocol: the message that names an upload, everybody's own link, live, as history and from the archive.

Bytes do not move here: the upload counts as checked where the domain is told so. Source: XEP-0066, XEP-0447, XEP-0428, XEP-0461, XEP-0424.
"""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

from clinic import Actor
from clinic.file.media import Form, Inspection
from clinic.file.uploading import upload_state
from tests.support import filing
from tests.support.app_files import META, OOB, SFS, URL_DATA, entries, is_own, link_in, oob, opened, posts, sends, slot, uploaded
from tests.support.databases import rows
from tests.support.rooms import archived, refusal
from tests.support.stage import STANZA_ID, Client, Person, Stage, X, played, shown
from tests.xmpp.test_rooms_archive import ask, page
from tests.xmpp.test_rooms_groups import in_group
from xmpp_components.rooms import checks

SOUND = Inspection("audio/mp4", Form.AUDIO, duration_ms=65_000, waveform=(1, 2, 3))
LARGE = Inspection("image/heic", Form.IMAGE, 4000, 3000, shown_type="image/jpeg", shown_bytes=300, thumb_type="image/jpeg")


@played
async def test_a_file_reaches_everybody_under_their_own_link_alone(stage: Stage) -> None:
    _ana, _boris, uid, heard = await posts(stage)
    for person, message in ((stage.ana, heard["ana"]), (stage.boris, heard["boris"])):
        is_own(message, person, uid)
        assert message.findtext("{*}body") == link_in(message)
        [sharing] = message.findall(f"{{{SFS}}}file-sharing")
        told = {one.tag.rpartition("}")[2]: one.text for one in sharing.find(f"{{{META}}}file")}
        assert told == {"media-type": "image/webp", "name": "knee.webp", "size": "100", "width": "40", "height": "30"}
        assert sharing.find(f"{{{SFS}}}sources/{{{URL_DATA}}}url-data").get("target") == link_in(message)
        assert message.find("{urn:xmpp:fallback:0}fallback").get("for") == SFS
        assert message.find("{urn:bedside:file:1}file").get("id") == uid
    assert stage.ana.uid not in shown(heard["boris"]) and stage.boris.uid not in shown(heard["ana"])
    [entry] = [one for one in entries(stage) if one.kind == "file"]
    assert (entry.client_id, entry.message_id, entry.uid) == ("f1", "f1", heard["ana"].find(STANZA_ID).get("id"))
    assert all("/f/" not in payload for [payload] in rows(stage.config.database_url, "SELECT payload FROM entries"))


@played
async def test_several_apps_of_one_person_are_sent_one_copy_and_texts_go_to_all_at_once(stage: Stage) -> None:
    ana, _tablet, boris = await stage.joined(stage.ana), await stage.joined(stage.ana, "tablet"), await stage.joined(stage.boris)
    _uid, get = await uploaded(stage, ana)
    before = stage.server.copied
    sends(stage, ana, "f1", get)
    await boris.finds("<message id='f1'/>")
    assert stage.server.copied == before + 1  # Ana's two; Boris's own goes to him directly
    sends(stage, ana, "t1", "look")
    await boris.finds("<message id='t1'/>")
    assert stage.server.copied == before + 2


@played
async def test_history_and_the_archive_hold_links_made_anew_for_who_asks(stage: Stage) -> None:
    _ana, boris, uid, heard = await posts(stage)
    later = stage.db.now() + timedelta(days=30)
    stage.db.now = lambda: later
    for person in (stage.boris, stage.ana, stage.chen):
        client = stage.client(person, "another")
        client.sends(f"<presence to='{stage.room}/{person.name}'><x xmlns='{X}'><history maxstanzas='100'/></x></presence>")
        is_own(await client.finds("<message id='f1'><delay xmlns='urn:xmpp:delay'/></message>"), person, uid)
    results, _end = await ask(stage, boris, page(max="50"))
    [found] = [one for one in results if link_in(one)]
    is_own(found, stage.boris, uid)
    assert opened(link_in(found)).expires_at > later > opened(link_in(heard["boris"])).expires_at


@played
async def test_a_sound_of_an_app_is_a_voice_message_with_its_length(stage: Stage) -> None:
    _ana, _boris, _uid, heard = await posts(stage, SOUND, filename="memo.m4a", content_type="audio/mp4")
    assert [one.kind for one in entries(stage)][-1] == "voice"
    metadata = heard["boris"].find(f"{{{SFS}}}file-sharing/{{{META}}}file")
    assert (metadata.findtext(f"{{{META}}}media-type"), metadata.findtext(f"{{{META}}}length")) == ("audio/mp4", "65000")
    assert heard["boris"].findtext("{*}body") == link_in(heard["boris"])


@played
async def test_a_voice_message_that_is_sent_on_is_one_in_apps_and_says_so(stage: Stage) -> None:
    _ana, boris, uid, heard = await posts(stage, SOUND, filename="memo.m4a", content_type="audio/mp4")
    stage.db.perform(Actor.xmpp(stage.boris.handle), "file.forward", stage.thread, document=uid, client_id="on", message_id="on")
    message = await boris.finds("<message id='on'/>")
    metadata = message.find(f"{{{SFS}}}file-sharing/{{{META}}}file")
    told = [metadata.findtext(f"{{{META}}}{name}") for name in ("media-type", "length", "desc")]
    assert told == ["audio/mp4", "65000", "Sent on"] and message.findtext("{*}body") == link_in(message)
    voice, first = (one.find("{urn:bedside:file:1}voice") for one in (message, heard["boris"]))
    assert (voice.get("sent-on"), voice.get("duration-ms"), first.get("sent-on")) == ("true", "65000", None)


@played
async def test_a_large_picture_is_described_as_it_is_shown(stage: Stage) -> None:
    _ana, _boris, _uid, heard = await posts(stage, LARGE, filename="IMG 1.HEIC")
    metadata = heard["boris"].find(f"{{{SFS}}}file-sharing/{{{META}}}file")
    assert [metadata.findtext(f"{{{META}}}{name}") for name in ("name", "size", "width", "height")] == ["IMG 1.jpg", "300", "2048", "1536"]


@played
async def test_every_way_in_which_apps_name_an_upload_is_understood(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    for number, form in enumerate(("<body>{0}</body>", oob("{0}"), "<body/>" + oob("{0}"), "<body>{0}</body>" + oob("{0}"),
                                   f"<file-sharing xmlns='{SFS}'><sources><url-data xmlns='{URL_DATA}' target='{{0}}'/></sources></file-sharing>",
                                   f"<body>{{0}}</body><fallback xmlns='urn:xmpp:fallback:0' for='{SFS}'><body/></fallback>" + oob("{0}"))):
        uid, get = await uploaded(stage, ana)
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='w{number}'>{form.format(get)}</message>")
        is_own(await boris.finds(f"<message id='w{number}'/>"), stage.boris, uid)
    assert [one.kind for one in entries(stage)].count("file") == 6


@played
async def test_words_beside_an_upload_are_posted_after_it_and_pass_on_nobodys_link(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uid, get = await uploaded(stage, ana)
    sends(stage, ana, "w1", f"My knee: {get}")
    is_own(await boris.finds(f"<message><x xmlns='{OOB}'/></message>"), stage.boris, uid)
    await boris.finds(f"<message id='w1'><body>My knee: https://clinic.example/files/{uid}</body></message>")
    caption, get = await uploaded(stage, ana)
    body = f"{get} the other knee"
    marks = f"<fallback xmlns='urn:xmpp:fallback:0' for='{SFS}'><body start='0' end='{len(get) + 1}'/></fallback>"
    sends(stage, ana, "w2", body, oob(get) + marks)
    is_own(await boris.finds(f"<message><x xmlns='{OOB}'/></message>"), stage.boris, caption)
    await boris.finds("<message id='w2'><body>the other knee</body></message>")
    sends(stage, ana, "w4", f"{get} !urgent", marks)
    await ana.finds(f"<message type='error' id='w4'>{refusal('not-acceptable')}</message>")
    sends(stage, ana, "w3", f"As I said: {get}")
    await boris.finds(f"<message id='w3'><body>As I said: https://clinic.example/files/{caption}</body></message>")
    assert [one.kind for one in entries(stage)][-5:] == ["file", "text", "file", "text", "text"]


@played
async def test_a_link_to_another_site_is_a_text_like_any_other(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    there = f"https://elsewhere.example/f/{'a' * 26}/x"
    sends(stage, ana, "t1", "https://example.org/knee.jpg", oob("https://example.org/knee.jpg"))
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='t2'>{oob('https://example.org/2.jpg')}</message>")
    sends(stage, ana, "t3", "https://example.org/knee.jpg")
    for number in (1, 2, 3):
        await boris.finds(f"<message id='t{number}'><body>*</body></message>")
    assert archived(stage) == ["https://example.org/knee.jpg", "https://example.org/2.jpg", "https://example.org/knee.jpg"]
    sends(stage, ana, "t4", there)
    assert "elsewhere.example" in ((await boris.finds("<message id='t4'/>")).findtext("{*}body") or "")


@played
async def test_what_is_encrypted_or_nothing_is_refused_in_words_and_not_stored(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    for number, inside in enumerate(("<body>aesgcm://clinic.example/slots/x#00</body>", oob("aesgcm://clinic.example/x#00"), oob("cid:photo"), oob(""),
                                     f"<file-sharing xmlns='{SFS}'/>")):
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='e{number}'>{inside}</message>")
        answer = await ana.finds(f"<message type='error' id='e{number}'>{refusal('not-acceptable')}</message>")
        assert len("".join(answer.itertext())) > 40
    assert entries(stage) == [] or archived(stage) == []


@played
async def test_an_upload_that_never_came_or_takes_too_long_is_refused_for_now(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    uid, _put, get = await slot(stage, ana)

    async def refused(id: str, body: str) -> None:
        sends(stage, ana, id, body)
        answer = await ana.finds(f"<message type='error' id='{id}'>{refusal('resource-constraint')}</message>")
        assert answer.find("{*}error").get("type") == "wait"
    await refused("f1", get)
    await refused("f2", f"look {get}")
    stage.db.perform(Actor.system(), "file.received", uid)
    with patch.object(checks, "CHECKED_WITHIN_SECONDS", 0.01):
        await refused("f3", get)
    filing.checked(stage.db, uid)
    sends(stage, ana, "f1", get)
    is_own(await ana.finds("<message id='f1' type='groupchat'/>"), stage.ana, uid)
    assert archived(stage) == []


@played
async def test_a_message_waits_for_its_file_to_be_checked(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uid, _put, get = await slot(stage, ana)
    stage.db.perform(Actor.system(), "file.received", uid)
    sends(stage, ana, "f1", get)
    sends(stage, ana, "t1", "in a moment")
    await boris.finds("<message id='t1'/>")  # nothing else waits for it
    filing.checked(stage.db, uid)
    is_own(await boris.finds("<message id='f1'/>"), stage.boris, uid)


async def looked_at(stage: Stage, client: Client) -> tuple[str, str]:
    """Returns the uid of an upload that is looked at just now, and its sender's link to it."""
    uid, _put, get = await slot(stage, client)
    stage.db.perform(Actor.system(), "file.received", uid)
    return uid, get


@played
async def test_files_of_one_message_come_in_its_order_however_long_the_first_is_looked_at(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    (first, get_first), (second, get_second) = await looked_at(stage, ana), await uploaded(stage, ana)
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='f1'>{oob(get_first)}{oob(get_second)}</message>")
    sends(stage, ana, "t1", "two pictures, in a moment")
    await boris.finds("<message id='t1'/>")
    assert [one.kind for one in entries(stage)][-1] == "text" and "file" not in [one.kind for one in entries(stage)]
    filing.checked(stage.db, first)
    heard = [opened(link_in(await boris.finds(f"<message><x xmlns='{OOB}'/></message>"))).file for _number in range(2)]
    assert heard == [first, second]


@played
async def test_messages_that_wait_for_the_same_upload_ask_once_for_all_of_them(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uid, get = await looked_at(stage, ana)
    assert stage.component is not None
    real, looks = stage.component.reader.view, []

    async def view(actor: Actor, what: Any, *given: Any, **named: Any) -> Any:
        if what is upload_state:
            looks.append(given)
        return await real(actor, what, *given, **named)
    with patch.object(stage.component.reader, "view", view), patch.object(checks, "LOOK_SECONDS", 3600.0):
        for number in range(5):
            sends(stage, ana, f"f{number}", get)
        await stage.until(lambda: looks)
        sends(stage, ana, "t1", "behind them")
        await boris.finds("<message id='t1'/>")
        assert looks == [(uid,)]


@played
async def test_so_many_messages_of_one_person_wait_for_files_and_no_more(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    made = [await looked_at(stage, ana) for _number in range(3)]
    with patch.object(checks, "MOST_EACH", 2):
        for number, (_uid, get) in enumerate(made):
            sends(stage, ana, f"f{number}", get)
        answer = await ana.finds(f"<message type='error'>{refusal('resource-constraint')}</message>")
        assert "Too many of your messages wait for their files" in "".join(answer.itertext())
        others, get = await looked_at(stage, boris)
        sends(stage, boris, "b1", get)
        for uid in (others, *(uid for uid, _get in made)):
            filing.checked(stage.db, uid)
        is_own(await ana.finds("<message id='b1' type='groupchat'/>"), stage.ana, others)
    sends(stage, ana, answer.get("id", ""), made[int(answer.get("id", "")[1:])][1])
    await stage.until(lambda: {one.message_id for one in entries(stage)} >= {"b1", "f0", "f1", "f2"})


@played
async def test_a_refused_upload_and_anothers_are_refused_in_words(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uid, _put, get = await slot(stage, ana)
    stage.db.perform(Actor.system(), "file.refuse", uid, words="A film of ten minutes is not taken here.")
    sends(stage, ana, "f1", get)
    answer = await ana.finds(f"<message type='error' id='f1'>{refusal('not-acceptable')}</message>")
    assert "ten minutes" in "".join(answer.itertext())
    _uid, get = await uploaded(stage, ana)
    sends(stage, boris, "f2", get)
    await boris.finds(f"<message type='error' id='f2'>{refusal('item-not-found')}</message>")
    assert not [one for one in entries(stage) if one.kind == "file"]


@played
async def test_a_resent_file_goes_back_to_its_sender_under_their_link_only(stage: Stage) -> None:
    ana, boris, uid, heard = await posts(stage)
    sends(stage, ana, "f1", link_in(heard["ana"]), oob(link_in(heard["ana"])))
    again = await ana.finds("<message id='f1' type='groupchat'/>")
    is_own(again, stage.ana, uid)
    assert again.find(STANZA_ID).get("id") == heard["ana"].find(STANZA_ID).get("id")
    assert not [one for one in await boris.everything() if one.get("id") == "f1"]
    assert [one.kind for one in entries(stage)].count("file") == 1


@played
async def test_a_file_of_an_internal_note_says_so_first_and_is_for_staff_alone(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uid = filing.sent(stage.db, stage.boris.actor, stage.thread, note=True)
    message = await boris.finds("<message id='c-file'/>")
    body = message.findtext("{*}body") or ""
    assert body.startswith("[Internal note, staff only] Image: knee.jpg") and body.endswith(f"\n{link_in(message)}")
    assert message.find(f"{{{SFS}}}file-sharing") is None and message.find("{urn:bedside:file:1}file").get("note") == "true"
    is_own(message, stage.boris, uid)
    assert uid not in "".join(shown(one) for one in await ana.everything())


@played
async def test_an_answer_to_a_file_quotes_words_and_no_link(stage: Stage) -> None:
    ana, boris, _uid, heard = await posts(stage)
    target, link = heard["boris"].find(STANZA_ID).get("id"), link_in(heard["boris"])
    quote = f"&gt; {link}\n"
    sends(stage, boris, "r1", f"{quote}Thank you", f"<reply xmlns='urn:xmpp:reply:0' to='{stage.room}/Ana Alvarez' id='{target}'/>"
          f"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='{len(link) + 3}'/></fallback>")
    body = (await ana.finds("<message id='r1'/>")).findtext("{*}body") or ""
    assert body == "> Ana Alvarez: Image: knee.jpg (1 KB)\nThank you"


@played
async def test_a_file_taken_back_by_an_app_is_gone_from_room_and_archive(stage: Stage) -> None:
    ana, boris, uid, _heard = await posts(stage)
    ana.sends(f"<message to='{stage.room}' type='groupchat' id='b1'><retract xmlns='urn:xmpp:message-retract:1' id='f1'/></message>")
    await boris.finds("<message id='b1'><retract xmlns='urn:xmpp:message-retract:1'/></message>")
    assert not filing.can_read(stage.db, stage.boris.actor, uid)
    results, _end = await ask(stage, boris, page(max="50"))
    assert "/f/" not in "".join(shown(one) for one in results)


@played
async def test_a_link_to_a_file_that_is_here_already_is_sent_on_once_that_was_asked_back(stage: Stage) -> None:
    _ana, boris, uid, heard = await posts(stage)
    stage.cast.link("ada", "boris")
    in_group(stage, "ana", "ada")
    boris, ada = await stage.joined(stage.boris), await stage.joined(Person(stage.cast, "ada"))
    sends(stage, boris, "on", link_in(heard["boris"]), oob(link_in(heard["boris"])))
    answer = await boris.finds(f"<message type='error' id='on'>{refusal('not-acceptable')}</message>")
    assert "knee.jpg" in (asked := "".join(answer.itertext())) and "Ada Almeida will see it" in asked and "send !yes" in asked
    assert rows(stage.config.database_url, "SELECT subject FROM audit_entries WHERE action = 'file.choose'") == [(stage.thread,)]
    assert not [one for one in entries(stage) if one.kind == "file"]
    stage.says(boris, "!yes", "yes")
    theirs = opened(link_in(await ada.finds(f"<message><x xmlns='{OOB}'/></message>")))
    assert theirs.recipient == stage.cast.uid("ada") and theirs.file != uid
    assert filing.can_read(stage.db, stage.cast.ada, theirs.file) and not filing.can_read(stage.db, stage.cast.ada, uid)


@played
async def test_staff_who_send_to_several_patients_by_an_app_are_asked_whose_it_is_and_patients_are_not(stage: Stage) -> None:
    stage.cast.link("ada", "boris")
    in_group(stage, "ana", "ada")
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    uid, get = await uploaded(stage, boris)
    sends(stage, boris, "f1", get, oob(get))
    seen, asked = await ana.finds("<message id='f1'/>"), await boris.finds("<message id='f1'/>")
    assert seen.findtext("{*}body") == link_in(seen)
    words, link, question = (asked.findtext("{*}body") or "").split("\n")
    assert (words, link) == ("Image: knee.jpg (1 KB)", link_in(asked)) and f"/do/file.put_under/{stage.thread}?" in question and uid in question


@played
async def test_a_message_is_not_corrected_into_a_file(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "look", "m1")
    await ana.finds("<message id='m1'/>")
    _uid, get = await uploaded(stage, ana)
    sends(stage, ana, "c1", get, "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>")
    await ana.finds(f"<message type='error' id='c1'>{refusal('not-acceptable')}</message>")


@played
async def test_files_and_texts_of_one_app_keep_their_order(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    made = [await uploaded(stage, ana) for _number in range(5)]
    for number, (_uid, get) in enumerate(made):
        sends(stage, ana, f"f{number}", get)
        sends(stage, ana, f"t{number}", f"picture {number}")
    heard: list[str] = []
    while len(heard) < 10:
        one = await boris.hears()
        heard += [one.get("id", "")] if one.find(STANZA_ID) is not None else []
    assert heard == [f"{kind}{number}" for number in range(5) for kind in "ft"]
