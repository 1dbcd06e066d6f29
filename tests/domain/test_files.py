"""Uploads and what becomes of them: posted once checked, past the gate, put into the right folder, gone when taken back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from clinic import Actor, Database, Work
from clinic.account.sweep import sweep
from clinic.errors import Conflict, DomainError, Gated, Invalid, NotFound, TooLong, TooMany
from clinic.file import links, sending
from clinic.file.media import Form, Inspection
from clinic.file.names import safe_name
from clinic.file.tables import blobs, uploads
from clinic.file.uploading import MOST_BYTES, OPEN_AT_MOST, WAITING_BYTES_AT_MOST, State, upload_state, uploads_waiting
from tests.support import paying
from tests.support.cast import Cast
from tests.support.filing import begun, can_read, checked, sent


def test_a_checked_upload_is_posted_as_its_senders_and_read_by_the_thread_alone(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.ana, thread)
    assert [can_read(database, getattr(cast, name), file) for name in ("ana", "boris", "eve", "bella")] == [True, True, False, False]


def test_a_resent_announcement_is_the_same_upload(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    first = begun(database, cast.ana, thread)
    assert begun(database, cast.ana, thread) == first
    checked(database, first)
    again = checked(database, first)
    assert not again.entries and again.value is State.SENT


def test_what_is_announced_under_an_id_of_before_is_refused_where_others_would_read_it(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    people = {"people": [cast.uid("ana"), cast.uid("ada")], "reason": "Same exercises."}
    group = str(database.perform(cast.boris, "group.create", title="Knee class", **people).value)
    open_to_ana = begun(database, cast.boris, thread)
    begun(database, cast.boris, group, "c-anas", folder=cast.uid("ana"))
    others = ((thread, "c-file", {"note": True}), (thread, "c-file", {"purpose": "voice"}), (group, "c-anas", {"folder": cast.uid("ada")}))
    for where, client_id, other in others:
        with pytest.raises(Conflict, match="Another file was announced under this id"):
            begun(database, cast.boris, where, client_id, **other)
    assert checked(database, open_to_ana).value is State.SENT
    with pytest.raises(Conflict):  # nor is it answered with what was sent, to whoever meant a note
        begun(database, cast.boris, thread, note=True)


def test_what_is_too_large_or_empty_is_refused_in_words(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    with pytest.raises(TooLong, match=r"201\.0 MB; 200\.0 MB is the most"):
        begun(database, cast.ana, thread, size_bytes=201_000_000)
    with pytest.raises(Invalid, match="empty"):
        begun(database, cast.ana, thread, size_bytes=0)


def test_taking_the_message_back_closes_the_file_for_everybody(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.boris, thread)
    assert can_read(database, cast.ana, file)
    database.perform(cast.boris, "text.retract", thread, client_id="c-back")
    assert not can_read(database, cast.ana, file) and not can_read(database, cast.boris, file)


def test_a_file_of_an_internal_note_is_for_staff_and_in_no_folder(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.boris, thread, note=True)
    assert can_read(database, cast.boris, file) and not can_read(database, cast.ana, file)


def test_what_a_gate_holds_back_waits_for_its_sender(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    upload = begun(database, cast.ana, thread)
    paying.ask(cast, "boris", thread, paying.service(cast))
    assert checked(database, upload).value is State.HELD
    with pytest.raises(Gated):
        begun(database, cast.ana, thread, "c-other")
    with database.read(cast.ana) as work:
        [waiting] = uploads_waiting(work, thread)
        assert waiting.state is State.HELD and "waits for your answer" in waiting.words
    with pytest.raises(Gated):
        database.perform(cast.ana, "file.send", thread, file=upload, client_id="c-later")


def test_a_voice_message_of_121_seconds_is_refused(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    upload = begun(database, cast.ana, thread, purpose="voice")
    long = Inspection("audio/webm", Form.AUDIO, duration_ms=121_000)
    assert checked(database, upload, long).value is State.REFUSED
    with database.read(cast.ana) as work:
        assert "120 seconds" in upload_state(work, upload).words


def test_another_persons_upload_is_not_there(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    upload = begun(database, cast.ana, thread)
    for action in ("file.cancel",):
        with pytest.raises(NotFound):
            database.perform(cast.boris, action, upload)
    with pytest.raises(DomainError):
        database.perform(cast.boris, "file.send", thread, file=upload, client_id="c-theirs")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\secret\\a.pdf", "a.pdf"),
        ("\u202egpj.exe", "gpj.exe"),
        ("a\x00b\n.txt", "ab.txt"),
        ("con.txt", "_con.txt"),
        ("...", "file"),
        ("", "file"),
        ("x" * 500 + ".jpeg", "x" * 195 + ".jpeg"),
    ],
)
def test_names_harm_nobody(given: str, kept: str) -> None:
    assert safe_name(given) == kept


@given(st.text(max_size=300))
def test_a_safe_name_is_its_own(given_name: str) -> None:
    kept = safe_name(given_name)
    assert safe_name(kept) == kept and 0 < len(kept) <= 200


def test_a_link_opens_as_it_was_made_and_in_no_other_form(cast: Cast, database: Database) -> None:
    key = links.key_of(b"p" * 32)
    path = links.sign(key, "a" * 26, "b" * 26, "knee cap.jpg", database.now())
    _, _, file, recipient, expiry, mac, name = path.split("/")
    assert name == "knee%20cap.jpg"
    assert links.opened(key, file, recipient, expiry, mac, "knee cap.jpg") is not None
    for changed in ((file, "c" * 26, expiry, mac, "knee cap.jpg"), (file, recipient, expiry, mac, "other.jpg"),
                    (file, recipient, str(int(expiry) + 1), mac, "knee cap.jpg"), (file, recipient, expiry, mac + "=", "knee cap.jpg")):
        assert links.opened(key, *changed) is None


def test_somebodys_own_link_in_a_text_becomes_the_address_that_asks_who_one_is() -> None:
    path = links.sign(links.key_of(b"p" * 32), "a" * 26, "b" * 26, "knee.jpg", datetime.now(UTC))
    assert links.canonical(f"See https://clinic.test{path}, please") == f"See https://clinic.test/files/{'a' * 26}, please"
    assert links.file_named(f" https://clinic.test{path}\n") == "a" * 26
    another_site = f"https://elsewhere.test/f/{'a' * 26}/report"
    assert links.canonical(another_site) == another_site and links.file_named(another_site) is None


def test_what_is_given_up_while_it_is_looked_at_is_not_posted(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = cast.start("boris", "ana")
    upload = begun(database, cast.boris, thread)
    given_up: list[bool] = []

    def give_up() -> None:
        try:
            database.perform(cast.boris, "file.cancel", upload)
            given_up.append(True)
        except Conflict:
            given_up.append(False)

    giving_up = Thread(target=give_up)
    read = sending.upload_row

    def meanwhile(work: Work, uid: str) -> object:
        giving_up.start()
        giving_up.join(0.5)  # SQLite lets nobody write beside: there it comes too late, and says so
        return read(work, uid)

    monkeypatch.setattr(sending, "upload_row", meanwhile)
    done = checked(database, upload)
    giving_up.join()
    assert given_up == [done.value is State.CANCELLED] and bool(done.entries) is not given_up[0]


def test_places_to_which_nothing_comes_keep_nobody_from_sending(cast: Cast, database: Database) -> None:
    for number in range(OPEN_AT_MOST):
        database.perform(cast.boris, "file.slot", name="a.jpg", size_bytes=1000, client_id=f"c-{number}")
    thread = cast.start("boris", "ana")
    with pytest.raises(TooMany):
        begun(database, cast.boris, thread)
    now = database.now()
    database.now = lambda: now + timedelta(minutes=6)
    begun(database, cast.boris, thread)


def test_places_that_stood_untouched_count_once_their_bytes_come_and_so_does_what_was_sent_nowhere(cast: Cast, database: Database) -> None:
    def slots(first: int) -> list[str]:
        values = {"name": "a.jpg", "size_bytes": MOST_BYTES}
        return [str(database.perform(cast.boris, "file.slot", **values, client_id=f"c-{number}").value) for number in range(first, first + fitting)]

    def begins(slot: str) -> None:
        database.perform(Actor.system(), "file.keep_key", slot, wrapped_key=f"key of {slot}")

    fitting, now = WAITING_BYTES_AT_MOST // MOST_BYTES, database.now()
    early = slots(0)
    database.now = lambda: now + timedelta(minutes=6)
    late = slots(fitting)
    for slot in early:
        begins(slot)
        assert checked(database, slot).value is State.READY
    with pytest.raises(TooMany):
        begins(late[0])
    database.perform(cast.boris, "file.cancel", early[0])
    begins(late[0])
    begins(late[0])  # what has begun goes on
    with pytest.raises(TooMany):
        begins(late[1])


def test_a_sound_from_the_app_of_a_coordinator_is_a_file_unless_they_may_send_voice_messages(cast: Cast, database: Database) -> None:
    thread, sound = cast.start("boris", "ana"), Inspection("audio/mp4", Form.AUDIO, duration_ms=4000)
    for allowed, kind in ((False, "file"), (True, "voice")):
        database.perform(cast.dina, "clinic.permit_coordinators", what="voice.send", may=allowed)
        slot = str(database.perform(cast.chen, "file.slot", name="talk.m4a", size_bytes=1000, client_id=f"c-{kind}").value)
        assert checked(database, slot, sound).value is State.READY
        done = database.perform(Actor.xmpp(cast.handle("chen")), "file.send", thread, file=slot, client_id=f"m-{kind}")
        assert [entry.kind for entry in done.entries] == [kind]


def test_what_became_nothing_is_forgotten_and_what_was_sent_or_is_held_stays(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.boris, thread)
    unsent = str(database.perform(cast.boris, "file.slot", name="a.jpg", size_bytes=1000, client_id="c-slot").value)
    assert checked(database, unsent).value is State.READY
    held = begun(database, cast.ana, thread)
    paying.ask(cast, "boris", thread, paying.service(cast))
    assert checked(database, held).value is State.HELD
    now = database.now()
    database.now = lambda: now + timedelta(days=3)
    sweep(database)
    sweep(database)
    with database.reading() as connection:
        assert {row.uid for row in connection.execute(sa.select(blobs.c.uid))} == {file, held}
        assert {row.uid for row in connection.execute(sa.select(uploads.c.uid))} == {file, held}
    assert can_read(database, cast.ana, file) and can_read(database, cast.ana, held)
