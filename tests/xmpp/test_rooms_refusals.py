"""What a room refuses, in words and with the standard conditions. Source: XEP-0045, RFC 6120 section 8.3, house rules 11 and 15."""

from pathlib import Path

import pytest

from clinic import Actor
from clinic.thread.relay import entries_after
from tests.support.rooms import archived, refusal
from tests.support.stage import Stage, played, shown

OMEMO = "<encrypted xmlns='{}'><header sid='1'/></encrypted><body>I sent you an OMEMO encrypted message</body>"


@played
async def test_a_refusal_is_said_in_the_room_too_to_the_refused_session_alone(stage: Stage) -> None:
    ana, tablet, boris = await stage.joined(stage.ana), await stage.joined(stage.ana, "tablet"), await stage.joined(stage.boris)
    for sent in (
        f"<message to='{stage.room}' type='groupchat' id='m1'><body>!nonsense</body></message>",
        f"<message to='{stage.room}' type='groupchat' id='m2'><body>/msg Chen psst</body></message>",
        f"<presence to='{stage.room}/Somebody Else'/>",
    ):
        ana.sends(sent)
        while (await ana.hears()).get("type") != "error":
            pass
    for client in (ana, tablet, boris):
        await client.everything()
    assert {one.get("from") for one in ana.told} == {f"{stage.room}/Clinic"}
    said = [one.findtext("{*}body") for one in ana.told]
    assert all(text.endswith("(Only you see this.)") for text in said)
    assert [text.startswith("Not sent. ") for text in said] == [False, True, False]
    assert tablet.told + boris.told == []
    assert archived(stage) == []


@played
async def test_a_refused_private_message_is_marked_as_one_of_a_room(stage: Stage) -> None:
    ana, _boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    ana.sends(f"<message to='{stage.room}/Boris Brandt' type='chat' id='p1'><body>privately</body></message>")
    answer = await ana.finds(f"<message type='error' id='p1'>{refusal('not-acceptable')}</message>")
    assert answer.find("{http://jabber.org/protocol/muc#user}x") is not None


@played
async def test_encrypted_messages_are_refused_in_words(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    for namespace in ("eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2"):
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='m1'>{OMEMO.format(namespace)}</message>")
        answer = await ana.receives(f"<message type='error' id='m1' from='{stage.room}'>{refusal('not-acceptable')}</message>")
        assert "clinic's record" in "".join(answer.itertext())
    assert archived(stage) == []


@pytest.mark.parametrize("inside", [
    "<body>taken back</body><retract xmlns='urn:xmpp:message-retract:1' id='x'/>",
    "<body>taken back</body><apply-to xmlns='urn:xmpp:fasten:0' id='x'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to>",
    "<body>taken back</body><apply-to xmlns='urn:xmpp:fasten:0' id='x'><external xmlns='urn:x'/></apply-to>",
    "<body>corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='x'/>",
    "<body>corrected</body><replace xmlns='urn:xmpp:message-correct:0'/>",
    "<replace xmlns='urn:xmpp:message-correct:0' id='theirs'/>",
    "<body>!pay accept</body><replace xmlns='urn:xmpp:message-correct:0' id='mine'/>",
    "<body>corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='theirs'/>",
    "<retract xmlns='urn:xmpp:message-retract:1' id='UID'/>",
    "<body>+</body><reactions xmlns='urn:xmpp:reactions:0' id='00000000000000000000000000'><reaction>👍</reaction></reactions>",
    "<body>+</body><reactions xmlns='urn:xmpp:reactions:0' id='UID'><reaction>fine</reaction></reactions>",
])
def test_what_changes_no_message_that_its_sender_may_change_is_refused_in_words_and_posts_nothing(inside: str, tmp_path: Path) -> None:
    @played
    async def play(stage: Stage) -> None:
        uid = stage.writes(stage.boris, "theirs", "theirs")
        ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
        stage.says(ana, "mine", "mine")
        await boris.finds("<message id='mine'/>")
        await ana.finds("<message id='mine'/>")
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='m1'>{inside.replace('UID', uid)}</message>")
        answer = await ana.finds("<message type='error' id='m1'/>")
        assert len("".join(answer.itertext())) > 20
        assert [one for one in await boris.everything() if one.tag.endswith("}message")] == []
        with stage.db.read(Actor.system()) as work:
            assert [entry.kind for entry in entries_after(work, stage.thread, 0)] == ["notice", "notice", "text", "text"]
    play(tmp_path)


@played
async def test_an_empty_body_is_nothing(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    for inside in ("<body/>", "<body></body>", ""):
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='m2'>{inside}</message>")
    assert await ana.everything() == []
    assert [shown(one) for one in await boris.everything() if one.tag.endswith("}message")] == []
    assert archived(stage) == []


@played
async def test_a_text_that_is_too_long_is_refused_in_words(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "a" * (64 * 1024 + 1), "long")
    answer = await ana.receives(f"<message type='error' id='long' from='{stage.room}'>{refusal('not-acceptable')}</message>")
    assert "65,537" in "".join(answer.itertext())
    stage.says(ana, "a" * (64 * 1024), "fits")
    await ana.receives("<message type='groupchat' id='fits'/>")


@played
async def test_what_looks_like_a_command_is_never_posted_and_exclamations_are(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.says(ana, "!nonsense", "m1")
    await ana.finds(f"<message type='error' id='m1'>{refusal('bad-request')}</message>")
    stage.says(ana, "!!! It hurts", "m2")
    await ana.finds("<message id='m2'><body>!!! It hurts</body></message>")
    assert archived(stage) == ["!!! It hurts"]


@played
async def test_a_refused_nick_does_not_look_like_a_refused_join(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    boris.sends(f"<presence to='{stage.room}/Somebody else'/>")
    refused = await boris.finds("<presence type='error'/>")
    assert refused.find("{http://jabber.org/protocol/muc}x") is None
    stage.says(boris, "Still here", "m1")
    await boris.finds("<message id='m1'><body>Still here</body></message>")


@played
async def test_private_messages_subject_and_invitations_are_refused_with_a_reason(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    await ana.everything()
    for text, condition in (
        (f"<message to='{stage.room}/Boris Brandt' type='chat' id='x'><body>psst</body></message>", "not-acceptable"),
        (f"<message to='{stage.room}/Boris Brandt' type='groupchat' id='x'><body>psst</body></message>", "not-acceptable"),
        (f"<message to='{stage.room}' type='groupchat' id='x'><subject>Mine</subject></message>", "forbidden"),
        (f"<message to='{stage.room}' id='x'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='eve@localhost'/></x></message>", "forbidden"),
        (f"<message to='{stage.room}' type='chat' id='x'><body>to the room</body></message>", "bad-request"),
        (f"<message to='{stage.server.domain}' type='chat' id='x'><body>to the service</body></message>", "bad-request"),
    ):
        ana.sends(text)
        await ana.receives(f"<message type='error' id='x'>{refusal(condition)}</message>")
    ana.sends(f"<message to='{stage.room}'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='a@b'/></x></message>")
    assert await ana.everything() == []
    assert await boris.everything() == []
    assert archived(stage) == []


@played
async def test_who_is_not_in_the_room_is_told_to_join(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    stage.says(ana, "hello", "m1")
    await ana.receives(f"<message type='error' id='m1'>{refusal('not-acceptable')}</message>")


@played
async def test_deactivated_account_posts_nothing(stage: Stage) -> None:
    ana = await stage.joined(stage.ana)
    stage.db.perform(Actor.system(), "account.deactivate", stage.ana.uid)
    stage.says(ana, "still here", "m1")
    await ana.finds("<message type='error' id='m1'/>")
    await stage.until(lambda: stage.server.disconnects)
    assert stage.server.disconnects[0] == {"user": stage.ana.handle}
    assert archived(stage) == []
