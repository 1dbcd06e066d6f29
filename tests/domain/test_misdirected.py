"""Files that were sent wrongly: taken back, and sent anew to the right place. Source: product.md, Files."""

from __future__ import annotations

import re

import pytest

from clinic import Database
from clinic.errors import DomainError, NotFound
from clinic.offers import offer
from tests.support.cast import Cast
from tests.support.filing import can_read, copies_taken_back, entries_of, file_in, forwarded, group, opened, own_names, sent


def test_what_is_withdrawn_is_gone_from_every_place_that_it_was_sent_on_to(cast: Cast, database: Database) -> None:
    direct, both = cast.start("boris", "ana"), group(cast, "ana", "ada")
    document = sent(database, cast.boris, direct)
    copies = [forwarded(database, cast.ana, both, document), forwarded(database, cast.chen, both, document, "c-2")]
    entry = entries_of(database, cast.boris, direct)[-1].uid
    database.perform(cast.boris, "text.retract", direct, entry=entry, client_id="c-back")
    assert not any(can_read(database, who, file) for who in (cast.ana, cast.ada, cast.boris, cast.chen) for file in (document, *copies))
    assert own_names(database, cast.ana) == [] and opened(database, cast.boris, cast.uid("ana")).documents == ()
    copies_taken_back(database)
    copies_taken_back(database)  # a job may run twice
    shown = [entry for entry in entries_of(database, cast.ada, both) if entry.kind == "file"]
    assert [(entry.gone, "taken back where it came from" in entry.body) for entry in shown] == [(True, True)] * 2
    with pytest.raises(NotFound):
        forwarded(database, cast.boris, both, document, "c-3")


def test_withdrawing_what_was_sent_on_leaves_the_document_where_it_was(cast: Cast, database: Database) -> None:
    direct, both = cast.start("boris", "ana"), group(cast, "ana", "ada")
    document = sent(database, cast.ana, direct)
    copy = forwarded(database, cast.boris, both, document)
    database.perform(cast.boris, "text.retract", both, client_id="c-back")
    assert not can_read(database, cast.ada, copy) and can_read(database, cast.ana, document) and own_names(database, cast.ana) == ["knee.jpg"]


def test_staff_open_what_a_withdrawn_file_was_called_and_not_the_file(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    file = sent(database, cast.ana, thread)
    entry = entries_of(database, cast.ana, thread)[-1].uid
    database.perform(cast.ana, "text.retract", thread, client_id="c-back")
    found = database.perform(cast.boris, "text.original", thread, entry=entry).value
    assert found.sealed and [version.text for version in found.versions] == ["Image: knee.jpg (1 KB)"] and found.author == "Ana Alvarez"
    assert not can_read(database, cast.boris, file)
    with pytest.raises(DomainError):
        database.perform(cast.ana, "text.original", thread, entry=entry)


def test_a_misdirected_file_is_sent_anew_without_uploading_it_again(cast: Cast, database: Database) -> None:
    cast.link("ada", "boris")
    wrong, right = cast.start("boris", "ana"), cast.start("boris", "ada")
    file = sent(database, cast.boris, wrong)
    with pytest.raises(NotFound):
        database.perform(cast.boris, "file.refile", right, file=file, client_id="c-early")
    database.perform(cast.boris, "text.retract", wrong, client_id="c-back")
    for who in (cast.chen, cast.ada):
        with pytest.raises(NotFound):
            database.perform(who, "file.refile", right, file=file, client_id="c-theirs")
    done = database.perform(cast.boris, "file.refile", right, file=file, client_id="c-anew")
    assert database.perform(cast.boris, "file.refile", right, file=file, client_id="c-anew").duplicate
    new = file_in(database, right, str(done.value))
    assert can_read(database, cast.ada, new) and own_names(database, cast.ada) == ["knee.jpg"] and own_names(database, cast.ana) == []
    assert not can_read(database, cast.ana, new) and not can_read(database, cast.boris, file)


def test_files_of_one_name_that_were_taken_back_are_told_apart_by_their_thread_and_time(cast: Cast, database: Database) -> None:
    cast.link("ada", "boris")
    first, second = cast.start("boris", "ana"), cast.start("boris", "ada")
    for thread in (first, second):
        sent(database, cast.boris, thread, f"c-{thread}", name="IMG_0001.jpg")
        database.perform(cast.boris, "text.retract", thread, client_id=f"c-back-{thread}")
    with database.read(cast.boris) as work:
        [field] = [one for one in offer(work, "file.refile", second).fields if one.name == "file"]
    day, more = f"{database.now():%-d %B}", [option.more for option in field.options]
    assert [option.label for option in field.options] == ["IMG_0001.jpg"] * 2
    for words, patient in zip(more, ("Ada Almeida", "Ana Alvarez"), strict=True):
        assert re.fullmatch(rf"Image, 1 KB; sent in “{patient}” on {day}, \d\d:\d\d; taken back on {day}, \d\d:\d\d", words), words


def test_a_file_of_a_note_is_sent_anew_as_one_of_a_note(cast: Cast, database: Database) -> None:
    wrong, right = cast.start("boris", "ana"), group(cast, "ana", "ada")
    file = sent(database, cast.boris, wrong, note=True)
    database.perform(cast.boris, "text.retract", wrong, client_id="c-back")
    new = file_in(database, right, str(database.perform(cast.boris, "file.refile", right, file=file, client_id="c-anew").value))
    assert can_read(database, cast.boris, new) and not can_read(database, cast.ana, new) and own_names(database, cast.ana) == []
