"""Search: what is found, for whom, and that the index follows the log."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clinic import Actor, Database
from clinic.errors import NotFound
from clinic.search import index, views
from clinic.search.index import Indexer
from clinic.search.tables import search_rows
from clinic.search.views import Found, search
from clinic.search.words import marked, parse
from clinic.storage import new_id
from clinic.thread.tables import memberships, threads
from tests.support.cast import Cast


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def found(database: Database, who: Actor, query: str, **filters: Any) -> Found:
    with database.read(who) as work:
        return search(work, query, **filters)


def snippets(database: Database, who: Actor, query: str, **filters: Any) -> list[str]:
    return [hit.snippet for hit in found(database, who, query, **filters).hits]


def indexed(database: Database) -> None:
    while Indexer()(database):
        pass


def test_own_words_are_found_by_all_words_and_the_beginning_of_the_last_newest_first(database: Database, cast: Cast, thread: str) -> None:
    for text in ("Take one tablet daily", "Tablets twice", "The tablet is daily"):
        cast.post("boris", thread, text)
    indexed(database)
    assert snippets(database, cast.ana, "tab") == ["The tablet is daily", "Tablets twice", "Take one tablet daily"]
    assert snippets(database, cast.ana, "DAILY tablet") == ["The tablet is daily", "Take one tablet daily"]
    assert snippets(database, cast.ana, "tablet daily") == ["The tablet is daily", "Take one tablet daily"]
    assert snippets(database, cast.ana, '"tablet daily"') == ["Take one tablet daily"]
    assert snippets(database, cast.ana, '"tablet dai') == []
    assert snippets(database, cast.ana, "tab twice") == []


def test_accents_case_and_languages_without_blanks_do_not_matter(database: Database, cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "Überweisung für die Kardiologie: café, naïve")
    cast.post("boris", thread, "头痛和发烧 ですか")
    indexed(database)
    for query in ("uberweisung", "FÜR", "cafe", "NAIVE", "kardio"):
        assert len(found(database, cast.ana, query).hits) == 1, query
    assert snippets(database, cast.ana, "头痛") == ["头痛和发烧 ですか"]
    assert snippets(database, cast.ana, "发") == ["头痛和发烧 ですか"]
    assert snippets(database, cast.ana, "痛头") == []


def test_a_snippet_marks_what_was_asked_for(database: Database, cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "x " * 300 + "the Fièvre is gone " + "y " * 300)
    indexed(database)
    [hit] = found(database, cast.ana, "fiev").hits
    assert [hit.snippet[start:end] for start, end in hit.ranges] == ["Fièvre"]
    assert hit.snippet.startswith("… ") and hit.snippet.endswith(" …") and len(hit.snippet) < 300
    assert (hit.thread, hit.title, hit.mine, hit.author and hit.author.nick) == (thread, "Boris Brandt", False, "Boris Brandt")


def test_nobody_finds_what_they_may_not_see(database: Database, cast: Cast, thread: str) -> None:
    """The canary: it stands in a note of staff, before a patient came, in others' threads, and in what one left."""
    cast.post("ana", thread, "canary for both")
    cast.note("boris", thread, "canary for staff only")
    cast.link("ada", "bella")
    other = cast.start("bella", "ada")
    cast.post("ada", other, "canary of another thread")
    indexed(database)
    assert snippets(database, cast.ana, "canary") == ["canary for both"]
    assert snippets(database, cast.boris, "canary") == ["canary for staff only", "canary for both"]
    assert snippets(database, cast.chen, "canary") == ["canary for staff only", "canary for both"]
    assert snippets(database, cast.ada, "canary") == ["canary of another thread"]
    assert snippets(database, cast.eve, "canary") == []
    for kind in ("internal-note", "text"):
        assert "canary for staff only" not in snippets(database, cast.ana, "canary", kind=kind)
    with pytest.raises(NotFound):
        found(database, cast.ana, "canary", thread=other)


def test_what_was_corrected_is_found_by_its_words_now_and_what_was_taken_back_by_none(database: Database, cast: Cast, thread: str) -> None:
    first = cast.post("boris", thread, "Take canary daily")
    second = cast.post("boris", thread, "canary to be taken back")
    indexed(database)
    database.perform(cast.boris, "text.correct", thread, entry=first, body="Take aspirin daily", client_id="c1")
    database.perform(cast.boris, "text.retract", thread, entry=second, client_id="c2")
    # Before the index has followed, too, nothing is shown that is no more.
    assert not any("canary" in snippet for who in (cast.ana, cast.boris) for snippet in snippets(database, who, "canary"))
    indexed(database)
    for who in (cast.ana, cast.boris):
        assert snippets(database, who, "canary") == []
        assert snippets(database, who, "aspirin") == ["Take aspirin daily"]


def _alter(database: Database, thread: str, who: Actor, **values: Any) -> None:
    with database.writing() as connection:
        here = sa.select(threads.c.id).where(threads.c.uid == thread).scalar_subquery()
        account = sa.text(f"account_id = (SELECT id FROM accounts WHERE uid = '{who.account}')")
        connection.execute(sa.update(memberships).where(memberships.c.thread_id == here, account).values(**values))


def test_who_came_later_as_a_patient_and_who_left_find_nothing_of_it(database: Database, cast: Cast, thread: str) -> None:
    cast.post("boris", thread, "canary before")
    _alter(database, thread, cast.ana, from_seq=3)
    cast.post("boris", thread, "canary after")
    indexed(database)
    assert snippets(database, cast.ana, "canary") == ["canary after"]
    assert len(found(database, cast.boris, "canary").hits) == 2
    _alter(database, thread, cast.ana, ended_at=database.now())
    assert snippets(database, cast.ana, "canary") == []
    with pytest.raises(NotFound):
        found(database, cast.ana, "canary", thread=thread)
    _alter(database, thread, cast.boris, put_away_seq=9)
    assert snippets(database, cast.boris, "canary") == []


def test_somebody_in_very_many_threads_finds_the_same(database: Database, cast: Cast, thread: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cast.post("ana", thread, "canary for both")
    cast.note("boris", thread, "canary for staff only")
    cast.link("ada", "bella")
    other = cast.start("bella", "ada")
    for number in range(20):
        cast.post("ada", other, f"canary {number} of another thread")
    indexed(database)
    monkeypatch.setattr(views, "THREADS_NAMED", {"sqlite": 0, "postgresql": 0})
    monkeypatch.setattr(views, "_WALKS", (2, 3))
    first = found(database, cast.ana, "canary")
    assert (first.hits, first.asked) == ((), True) and first.older is not None
    pages = [first]
    while (older := pages[-1].older) is not None:
        pages.append(found(database, cast.ana, "canary", before=older))
    assert [hit.snippet for page in pages for hit in page.hits] == ["canary for both"]


def test_filters_narrow_by_thread_person_kind_and_time(database: Database, cast: Cast, thread: str) -> None:
    second = cast.start("boris", "bella")
    cast.post("ana", thread, "pain one")
    cast.post("boris", thread, "pain two")
    cast.post("boris", second, "pain three")
    indexed(database)
    assert snippets(database, cast.boris, "pain", thread=thread) == ["pain two", "pain one"]
    assert snippets(database, cast.boris, "pain", person="alva") == ["pain one"]
    assert snippets(database, cast.boris, "pain", person="Nobody") == []
    assert snippets(database, cast.boris, "pain", kind="notice") == []
    newest = found(database, cast.boris, "pain").hits[0].at
    assert snippets(database, cast.boris, "pain", start=newest)[0] == "pain three"
    assert "pain three" not in snippets(database, cast.boris, "pain", end=newest)


def test_results_come_in_pages_without_gaps_or_repeats(database: Database, cast: Cast, thread: str) -> None:
    for number in range(7):
        cast.post("ana", thread, f"number {number}")
    indexed(database)
    seen, before = [], None
    while True:
        page = found(database, cast.ana, "number", before=before, limit=3)
        seen += [hit.snippet for hit in page.hits]
        before = page.older
        if before is None:
            break
    assert seen == [f"number {number}" for number in reversed(range(7))]
    with pytest.raises(NotFound):
        found(database, cast.ana, "number", before="not a place!")


def test_the_index_goes_on_where_it_was_after_a_crash_and_starts_again_where_it_is_lost(database: Database, cast: Cast, thread: str) -> None:
    for number in range(5):
        cast.post("ana", thread, f"before {number}")
    indexed(database)
    cast.post("ana", thread, "after")
    fresh = Indexer()
    assert fresh(database) == 1
    cast.post("ana", thread, "after that")
    assert fresh(database) == 1 and fresh(database) == 0
    assert len(found(database, cast.ana, "after").hits) == 2
    with database.writing() as connection:
        on_sqlite = database.engine.dialect.name == "sqlite"
        connection.execute(sa.text("INSERT INTO search_index (search_index) VALUES ('delete-all')" if on_sqlite else "DELETE FROM search_index"))
    assert found(database, cast.ana, "after").hits == ()
    indexed(database)
    assert len(found(database, cast.ana, "after").hits) == 2
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(search_rows)) == 7


def test_entries_of_one_moment_that_draw_one_number_are_written_anyway(database: Database, cast: Cast, thread: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cast.post("ana", thread, "one")
    cast.post("ana", thread, "two")
    numbers = iter([7, 7, 7, new_id()])
    monkeypatch.setattr(index, "_id", lambda one: next(numbers))
    indexed(database)
    assert len(found(database, cast.ana, "o").hits) == 0 and len(found(database, cast.ana, "on").hits) == 1


ODD = st.one_of(st.text(max_size=60), st.text(alphabet='"*()^-:+{}ANDORNOT NEAR\'\\&|!<>_.%/🙂头', max_size=40))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=ODD)
def test_nothing_that_is_typed_fails(database: Database, cast: Cast, query: str) -> None:
    found(database, cast.boris, query)


def test_long_and_empty_questions_fail_neither(database: Database, cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "a word")
    indexed(database)
    assert found(database, cast.ana, "").asked is False
    assert found(database, cast.ana, '"" ** ()').asked is False
    assert found(database, cast.ana, "x" * 10_000).hits == ()
    assert found(database, cast.ana, "word " * 5_000).hits != ()
    assert found(database, cast.ana, "\x00\ud7ff").hits == ()


def test_ranges_do_not_overlap() -> None:
    assert marked("a b a b", parse('"a b" "b a"')) == [(0, 7)]
    assert marked("Tablets tab", parse("tab")) == [(0, 7), (8, 11)]
