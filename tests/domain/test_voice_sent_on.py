"""A voice message that is sent on from Images & Documents stays one, with its length and loudness, whoever sends it on; it says that it was sent on."""

from __future__ import annotations

import pytest

from clinic import Actor, Database
from clinic.errors import Invalid, NotFound, NotPermitted
from clinic.file.folders import own_folder
from clinic.file.kinds import VoicePayload
from clinic.file.media import Form, Inspection
from clinic.kinds import kind_of
from tests.support.cast import Cast
from tests.support.filing import can_read, copies_taken_back, entries_of, forwarded, sent

SPOKEN = Inspection("audio/webm", Form.AUDIO, duration_ms=12_000, waveform=(0, 12, 31))
SOUND = Inspection("audio/mpeg", Form.AUDIO, duration_ms=12_000, waveform=(0, 12, 31))


def spoken(database: Database, who: Actor, thread: str, client_id: str = "c-voice") -> str:
    return sent(database, who, thread, client_id, found=SPOKEN, purpose="voice", name="voice.webm")


def last(database: Database, who: Actor, thread: str) -> VoicePayload:
    payload = entries_of(database, who, thread)[-1].payload
    assert isinstance(payload, VoicePayload)
    return payload


def class_of(cast: Cast, *patients: str) -> str:
    people = [cast.uid(name) for name in patients]
    return str(cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value)


@pytest.mark.parametrize("who", ["ana", "boris", "chen"])
def test_it_stays_a_voice_message_whoever_sends_it_on(cast: Cast, database: Database, who: str) -> None:
    direct, both = cast.start("boris", "ana"), class_of(cast, "ana", "ada")
    document = spoken(database, cast.ana, direct)
    own = last(database, cast.boris, direct)
    assert (own.sent_on, own.origin, own.body) == (False, "", "Voice message (0:12)"), "the control: as it was spoken"
    copy = forwarded(database, getattr(cast, who), both, document)
    shown = last(database, cast.ada, both)
    assert (shown.file, shown.origin, shown.sent_on) == (copy, document, True)
    assert (shown.duration_ms, shown.waveform, shown.media_type, shown.size_bytes) == (12_000, (0, 12, 31), "audio/webm", 1000)
    assert shown.body == "Voice message (0:12), sent on" and shown.shared_file.words == "Sent on"
    assert "sent-on='true'" not in str(kind_of(own).xml(own)) and 'sent-on="true"' in str(kind_of(shown).xml(shown))
    assert can_read(database, cast.ada, copy)


def test_who_may_send_no_voice_messages_of_their_own_sends_them_on_as_before(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    document = spoken(database, cast.ana, thread)
    with pytest.raises(NotPermitted):
        spoken(database, cast.chen, thread, "c-chen")
    forwarded(database, cast.chen, thread, document)
    assert last(database, cast.ana, thread).sent_on


def test_who_might_not_send_it_on_may_not_now(cast: Cast, database: Database) -> None:
    both = class_of(cast, "ana", "ada")
    document = spoken(database, cast.ana, both)
    with pytest.raises(Invalid, match="who is not in this thread"):
        forwarded(database, cast.boris, class_of(cast, "ada"), document)
    with pytest.raises(Invalid, match="your own Images & Documents"):
        forwarded(database, cast.ada, both, document)
    note = sent(database, cast.boris, both, "c-note", found=SPOKEN, purpose="voice", name="voice.webm", note=True)
    with pytest.raises(NotFound):
        forwarded(database, cast.ada, both, note, "c-2")


def test_a_sound_that_was_sent_as_a_file_stays_a_file(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    document = sent(database, cast.ana, thread, found=SOUND, name="heart.mp3")
    forwarded(database, cast.boris, thread, document)
    assert [entry.kind for entry in entries_of(database, cast.ana, thread)][-2:] == ["file", "file"]


def test_taken_back_it_is_gone_where_it_was_sent_on_to(cast: Cast, database: Database) -> None:
    direct, both = cast.start("boris", "ana"), class_of(cast, "ana", "ada")
    copy = forwarded(database, cast.boris, both, spoken(database, cast.ana, direct))
    entry = entries_of(database, cast.ana, direct)[-1].uid
    database.perform(cast.ana, "text.retract", direct, entry=entry, client_id="c-back")
    copies_taken_back(database)
    assert not can_read(database, cast.ada, copy) and entries_of(database, cast.ada, both)[-1].gone


def test_the_folder_says_what_it_is_and_holds_it_once(cast: Cast, database: Database) -> None:
    direct = cast.start("boris", "ana")
    forwarded(database, cast.boris, direct, spoken(database, cast.ana, direct))
    with database.read(cast.ana) as work:
        [one] = own_folder(work, {}).documents
    assert (one.what, one.size, one.waveform) == ("Voice message", "0:12", (0, 12, 31))
