"""Threads: who may start them, who is in them, what each sees."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from clinic import Database, errors
from clinic.audit.tables import audit_entries
from clinic.thread import archive as archives
from clinic.thread.archive import archive
from clinic.thread.views import own_states, thread_head, thread_list, thread_page
from tests.support.cast import Cast


def bodies(database: Database, cast: Cast, reader: str, thread: str) -> list[str]:
    with database.read(getattr(cast, reader)) as work:
        return [entry.body for entry in thread_page(work, thread).entries]


def test_patient_starts_a_thread_with_a_linked_practitioner(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    assert bodies(database, cast, "ana", thread)[0] == "Ana Alvarez started this thread with Boris Brandt."
    with database.read(cast.ana) as work:
        assert [row.title for row in thread_list(work)] == ["Boris Brandt"]
    with database.read(cast.boris) as work:
        assert [row.title for row in thread_list(work)] == ["Ana Alvarez"]


def test_patient_cannot_start_with_a_practitioner_not_linked(cast: Cast) -> None:
    with pytest.raises(errors.NotFound):
        cast.start("ana", "bella")


def test_patient_cannot_start_with_a_patient(cast: Cast) -> None:
    with pytest.raises(errors.NotFound):
        cast.start("ana", "ada")


def test_nobody_starts_a_thread_with_themselves_or_an_admin(cast: Cast) -> None:
    with pytest.raises(errors.Invalid):
        cast.start("boris", "boris")
    with pytest.raises(errors.NotFound):
        cast.start("boris", "dina")
    with pytest.raises(errors.NotPermitted):
        cast.start("dina", "ana")


def test_a_pair_has_one_thread_whoever_starts_it(cast: Cast) -> None:
    assert len({cast.start("ana", "boris"), cast.start("boris", "ana"), cast.start("chen", "ana")}) == 1


def test_practitioner_gives_a_reason_to_a_patient_not_linked_and_the_patient_reads_it(
    database: Database, cast: Cast
) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        cast.start("bella", "ana")
    assert refusal.value.field == "reason"
    thread = cast.start("bella", "ana", reason="On call tonight for Boris.")
    assert "On call tonight for Boris." in bodies(database, cast, "ana", thread)[0]


def test_coordinators_are_included_by_themselves_and_announced_to_everyone(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    assert "Chen Cheng is included in this thread as coordinator" in bodies(database, cast, "ana", thread)[1]
    with database.read(cast.chen) as work:
        assert thread_head(work, thread).title == "Ana Alvarez"


def test_coordinators_are_not_included_between_practitioners(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "bella")
    with database.read(cast.boris) as work:
        assert {member.name for member in thread_head(work, thread).members} == {"Boris Brandt", "Bella Baptiste"}


def test_unlinking_a_coordinator_removes_and_announces_them_everywhere(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    database.perform(cast.dina, "link.coordinator_remove", **people)
    with pytest.raises(errors.NotFound):
        bodies(database, cast, "chen", thread)
    with pytest.raises(errors.NotFound):
        cast.post("chen", thread, "still here")
    assert "no longer assists here" in bodies(database, cast, "ana", thread)[-1]
    database.perform(cast.dina, "link.coordinator_add", **people)
    assert bodies(database, cast, "chen", thread)[-1].startswith("Chen Cheng is included")


def test_coordinator_of_a_later_link_joins_threads_that_exist(database: Database, cast: Cast) -> None:
    cast.link("ada", "bella")
    thread = cast.start("ada", "bella")
    database.perform(cast.dina, "link.coordinator_add", coordinator=cast.uid("chen"), practitioner=cast.uid("bella"))
    assert len(bodies(database, cast, "chen", thread)) == 2


def test_a_coordinator_whose_account_is_opened_again_joins_what_was_started_meanwhile(database: Database, cast: Cast) -> None:
    database.perform(cast.dina, "account.deactivate", cast.uid("chen"))
    thread = cast.start("boris", "ana")
    cast.link("ada", "bella")
    other = cast.start("ada", "bella")
    database.perform(cast.dina, "link.coordinator_add", coordinator=cast.uid("chen"), practitioner=cast.uid("bella"))
    for patient, uid in (("ana", thread), ("ada", other)):
        assert not any("Chen" in body for body in bodies(database, cast, patient, uid))
    database.perform(cast.dina, "account.activate", cast.uid("chen"))
    for patient, uid in (("ana", thread), ("ada", other)):
        assert bodies(database, cast, patient, uid)[-1].startswith("Chen Cheng is included")
        assert bodies(database, cast, "chen", uid) == bodies(database, cast, patient, uid)


@pytest.mark.parametrize("action", ["link.coordinator_add", "link.coordinator_remove"])
def test_a_thread_started_while_a_coordinator_is_linked_agrees_with_the_link(
    database: Database, cast: Cast, action: str
) -> None:
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    other = "link.coordinator_remove" if action == "link.coordinator_add" else "link.coordinator_add"
    for number in range(8):
        born = f"1980-01-{number + 1:02}"
        values = {"name": f"Patient {number}", "roles": ["patient"], "birth_date": born}
        patient = database.perform(cast.dina, "account.create", **values).value.account_uid
        if number or action == "link.coordinator_add":
            database.perform(cast.dina, other, **people)
        with ThreadPoolExecutor(2) as pool:
            linked = pool.submit(database.perform, cast.dina, action, **people)
            started = pool.submit(database.perform, cast.boris, "thread.start", person=patient, reason="Test")
            linked.result()
            thread = started.result().value
        with database.read(cast.boris) as work:
            names = {member.name for member in thread_head(work, thread).members}
        assert ("Chen Cheng" in names) == (action == "link.coordinator_add"), number


def test_a_list_read_while_its_reader_is_taken_out_and_put_in_again_is_of_one_moment(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    over = threading.Event()

    def read() -> int:
        times = 0
        while not over.is_set():
            with database.read(cast.chen) as work:
                assert [row.uid for row in thread_list(work)] in ([], [thread])
            times += 1
        return times

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for _ in range(25):
                database.perform(cast.dina, "link.coordinator_remove", **people)
                database.perform(cast.dina, "link.coordinator_add", **people)
        finally:
            over.set()
        assert all(reader.result() > 0 for reader in readers)


@pytest.mark.parametrize("place", ["\x00", "a\x00b", "x" * 5000, "0" * 26])
def test_a_place_in_the_thread_that_is_none_is_not_found_on_either_database(database: Database, cast: Cast, place: str) -> None:
    thread = cast.start("boris", "ana")
    for side in ("before", "after"):
        with pytest.raises(errors.NotFound), database.read(cast.ana) as work:
            thread_page(work, thread, **{side: place})


def test_the_audit_log_tells_on_whose_behalf_and_whether_linked(database: Database, cast: Cast) -> None:
    cast.start("boris", "ana")
    cast.start("boris", "ana")
    cast.start("chen", "ada", reason="Covering.")
    query = sa.select(audit_entries.c.detail).where(audit_entries.c.action == "thread.start").order_by(audit_entries.c.id)
    with database.reading() as connection:
        details = [json.loads(detail) for detail in connection.scalars(query)]
    told = [(one["practitioner"], one["existing"], one.get("linked")) for one in details]
    boris = cast.uid("boris")
    assert told == [(boris, False, True), (boris, True, None), (boris, False, False)]
    assert not any("Covering" in json.dumps(one) for one in details)


def test_who_may_not_see_an_entry_has_never_read_it(database: Database, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    note = cast.note("boris", thread, "For staff")
    text = cast.post("boris", thread, "For everybody")
    database.perform(cast.ana, "thread.mark", thread, entry=text, state="read")

    def states() -> dict[str, tuple[str, tuple[str, ...]]]:
        with database.read(cast.boris) as work:
            return {state.uid: (state.state, state.read_by) for state in own_states(work, thread)}

    assert states() == {note: ("sent", ()), text: ("read", ("Ana Alvarez",))}
    database.perform(cast.chen, "thread.mark", thread, entry=note, state="read")
    assert states()[note] == ("read", ("Chen Cheng",))


def test_a_coordinator_starts_for_their_practitioner_and_the_notice_says_so(database: Database, cast: Cast) -> None:
    assert bodies(database, cast, "ana", cast.start("chen", "ana"))[0] == (
        "Chen Cheng started this thread for Boris Brandt with Ana Alvarez."
    )
    thread = cast.start("chen", "ada", reason="Covering.")
    assert bodies(database, cast, "ada", thread)[0] == (
        "Chen Cheng started this thread for Boris Brandt, who is not linked to Ada Almeida. Reason given: Covering."
    )


def test_hidden_and_absent_threads_answer_alike(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    answers = []
    for uid in (thread, "0" * 26, "a\x00b", ""):
        with database.read(cast.eve) as work, pytest.raises(errors.NotFound) as refusal:
            thread_page(work, uid)
        answers.append((refusal.value.code, refusal.value.text))
    assert len(set(answers)) == 1


def test_an_admin_reads_no_thread(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    with database.read(cast.dina) as work, pytest.raises(errors.NotPermitted):
        thread_page(work, thread)


def test_a_cursor_from_another_thread_is_not_known(database: Database, cast: Cast) -> None:
    cast.link("ada", "bella")
    entry = cast.post("ada", cast.start("ada", "bella"), "private")
    thread = cast.start("ana", "boris")
    with database.read(cast.ana) as work:
        for query in ({"before": entry}, {"after": entry}):
            with pytest.raises(errors.NotFound):
                thread_page(work, thread, **query)
        with pytest.raises(errors.NotFound):
            archive(work, thread, ids=[entry])


def test_patients_learn_no_birth_date_of_others_and_staff_do(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    with database.read(cast.boris) as work:
        assert str(thread_head(work, thread).patients[0].birth_date) == "1984-03-27"
    with database.read(cast.ana) as work:
        head = thread_head(work, thread)
        assert head.patients == ()
        assert [member.birth_date for member in head.members if not member.is_me] == [None, None]


def test_pages_meet_without_gap_or_overlap(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    for number in range(25):
        cast.post("ana", thread, f"line {number}")
    with database.read(cast.boris) as work:
        newest = thread_page(work, thread, limit=10)
        middle = thread_page(work, thread, before=newest.entries[0].uid, limit=10)
        oldest = thread_page(work, thread, before=middle.entries[0].uid, limit=10)
        forward = thread_page(work, thread, after=oldest.entries[-1].uid, limit=100)
    uids = [entry.uid for page in (oldest, middle, newest) for entry in page.entries]
    assert len(uids) == len(set(uids)) == 27
    assert (newest.more_before, middle.more_before, oldest.more_before) == (True, True, False)
    assert [entry.uid for entry in forward.entries] == uids[7:]
    assert not forward.more_after


def test_an_archive_is_counted_as_its_reader_sees_it_up_to_a_bound(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = cast.start("ana", "boris")
    uids = [cast.post("ana", thread, f"line {number}") for number in range(4)]
    cast.note("boris", thread, "between staff")
    for reader, number in (("ana", 6), ("boris", 7)):
        with database.read(getattr(cast, reader)) as work:
            page = archive(work, thread, limit=0)
            assert (page.entries, page.complete, page.count) == ((), False, number)
            assert archive(work, thread, after=uids[1], before=uids[3], limit=0).count == 1
            assert archive(work, thread, ids=uids[:2], limit=0).count == 2
            nothing = archive(work, thread, start=datetime(2999, 1, 1, tzinfo=UTC), limit=0)
            assert (nothing.count, nothing.complete) == (0, True)
            assert archive(work, thread, limit=1).count is None
    monkeypatch.setattr(archives, "COUNTED_AT_MOST", 3)
    with database.read(cast.ana) as work:
        assert archive(work, thread, limit=0).count == 3


def test_a_staff_only_entry_is_no_place_in_a_patients_archive(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    hidden = cast.note("boris", thread, "between staff")
    with database.read(cast.boris) as work:
        assert [entry.uid for entry in archive(work, thread, ids=[hidden]).entries] == [hidden]
    with database.read(cast.ana) as work:
        words = set()
        for uid in (hidden, "0" * 26):
            for where in ({"ids": [uid]}, {"before": uid}, {"after": uid}, {"after": uid, "limit": 0}):
                with pytest.raises(errors.NotFound) as refusal:
                    archive(work, thread, **where)
                words.add(refusal.value.text)
        assert len(words) == 1  # hidden and absent answer alike


def test_an_entry_is_found_by_its_instant_as_shown_to_the_millisecond(
    database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    thread = cast.start("ana", "boris")
    at = datetime(2027, 3, 4, 5, 6, 7, 123_456, tzinfo=UTC)
    monkeypatch.setattr(database, "now", lambda: at)
    uid = cast.post("ana", thread, "now")
    shown = at.replace(microsecond=123_000)
    with database.read(cast.ana) as work:
        assert [entry.uid for entry in archive(work, thread, start=shown, end=shown).entries] == [uid]
        assert archive(work, thread, start=shown, end=datetime.max.replace(tzinfo=UTC)).entries
        assert not archive(work, thread, start=shown - timedelta(seconds=1), end=shown - timedelta(milliseconds=1)).entries
