"""Posting: resending, order, marks, and text that no message can carry."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from clinic import Actor, Call, Database, Done, errors
from clinic.log import entries
from clinic.text.posting import MAX_BYTES
from clinic.thread.views import own_states, thread_list, thread_page
from tests.support.cast import Cast


def sequence(database: Database) -> list[int]:
    with database.reading() as connection:
        return list(connection.scalars(sa.select(entries.c.seq).order_by(entries.c.thread_id, entries.c.seq)))


def test_sending_again_doubles_nothing_and_gives_the_same_entry(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    first = database.perform(cast.ana, "text.post", thread, body="hello", client_id="c1")
    again = database.perform(cast.ana, "text.post", thread, body="hello", client_id="c1")
    assert (again.value, again.duplicate) == (first.value, True)
    assert again.entries == first.entries
    assert sequence(database) == [1, 2, 3]


def test_the_same_client_id_of_another_author_is_another_message(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    assert cast.post("ana", thread, "one", "c1") != cast.post("boris", thread, "two", "c1")


def test_a_resend_within_one_batch_is_recognised(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    call = Call(cast.ana, "text.post", thread, {"body": "hello", "client_id": "c1"})
    first, again = database.batch([call, call])
    assert isinstance(first, Done) and isinstance(again, Done)
    assert (again.duplicate, again.entries) == (True, first.entries)


def test_a_refused_call_in_a_batch_leaves_the_others(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    calls = [
        Call(cast.ana, "text.post", thread, {"body": "one", "client_id": "1"}),
        Call(cast.eve, "text.post", thread, {"body": "I should not", "client_id": "2"}),
        Call(cast.ana, "text.post", thread, {"body": "\x0c", "client_id": "3"}),
        Call(cast.ana, "text.post", "0" * 26, {"body": "nowhere", "client_id": "4"}),
        Call(cast.boris, "text.post", thread, {"body": "two", "client_id": "5"}),
    ]
    results = database.batch(calls)
    assert [type(result) for result in results] == [Done, errors.NotFound, errors.Invalid, errors.NotFound, Done]
    assert [entry.seq for result in results if isinstance(result, Done) for entry in result.entries] == [3, 4]


def test_writers_at_once_share_no_place_in_the_order(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")

    def write(who: str) -> None:
        for number in range(20):
            cast.post(who, thread, f"{who} {number}")

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, ["ana", "boris", "chen"]))
    assert sequence(database) == list(range(1, 63))


def test_a_pair_that_starts_at_once_gets_one_thread(database: Database, cast: Cast) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(lambda pair: cast.start(*pair), [("ana", "boris"), ("boris", "ana")] * 3))
    assert len(set(started)) == 1


@pytest.mark.parametrize("text", ["\x0c", "a\x00b", "bell \x07", "\ud800", "\ufffe"])
def test_text_that_xml_cannot_carry_is_refused_with_its_place(cast: Cast, text: str) -> None:
    thread = cast.start("ana", "boris")
    with pytest.raises(errors.Invalid) as refusal:
        cast.post("ana", thread, text)
    assert "position" in refusal.value.text


def test_text_up_to_the_limit_is_taken_and_one_byte_more_is_not(cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "é" * (MAX_BYTES // 2), "c1")
    with pytest.raises(errors.TooLong) as refusal:
        cast.post("ana", thread, "é" * (MAX_BYTES // 2) + "x", "c2")
    assert "65,537 bytes" in refusal.value.text


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_empty_text_is_refused(cast: Cast, text: str) -> None:
    thread = cast.start("ana", "boris")
    with pytest.raises(errors.Invalid):
        cast.post("ana", thread, text)


def test_lines_and_blanks_are_kept_as_typed(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    cast.post("ana", thread, "  one\r\n\n  two ")
    with database.read(cast.boris) as work:
        assert thread_page(work, thread).entries[-1].body == "  one\n\n  two "


def test_marks_move_forward_only_and_tell_the_author(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    first, second = cast.post("ana", thread, "one"), cast.post("ana", thread, "two")

    def states() -> list[str]:
        with database.read(cast.ana) as work:
            return [state.state for state in own_states(work, thread)]

    assert states() == ["sent", "sent"]
    assert database.perform(cast.boris, "thread.mark", thread, entry=second, state="delivered").value
    assert states() == ["delivered", "delivered"]
    assert database.perform(cast.boris, "thread.mark", thread, entry=first, state="read").value
    assert states() == ["delivered", "read"]
    assert not database.perform(cast.boris, "thread.mark", thread, entry=first, state="read").value
    assert states() == ["delivered", "read"]


def test_unread_counts_what_others_wrote_since_the_marker(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    seen = cast.post("ana", thread, "one")
    database.perform(cast.boris, "thread.mark", thread, entry=seen, state="read")
    cast.post("ana", thread, "two")
    cast.post("boris", thread, "mine")
    cast.post("chen", thread, "three")
    with database.read(cast.boris) as work:
        [row] = thread_list(work)
        assert (row.unread, row.last_line, row.last_author) == (2, "three", "Chen Cheng")
        page = thread_page(work, thread)
    assert [entry.body for entry in page.entries if entry.uid == page.first_unread] == ["two"]


def test_what_one_did_oneself_is_not_unread(database: Database, cast: Cast) -> None:
    cast.start("boris", "ana")
    with database.read(cast.boris) as work:
        assert [row.unread for row in thread_list(work)] == [0]
    with database.read(cast.ana) as work:
        assert [row.unread for row in thread_list(work)] == [2]


def test_nobody_marks_an_entry_that_is_not_theirs_to_see(database: Database, cast: Cast) -> None:
    cast.link("ada", "bella")
    foreign = cast.post("ada", cast.start("ada", "bella"), "private")
    thread = cast.start("ana", "boris")
    with pytest.raises(errors.NotFound):
        database.perform(cast.boris, "thread.mark", thread, entry=foreign, state="read")


def test_a_deactivated_account_acts_no_more(database: Database, cast: Cast) -> None:
    thread = cast.start("ana", "boris")
    handle = cast.handle("ana")
    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    for actor in (cast.ana, Actor.xmpp(handle)):
        with pytest.raises(errors.NotSignedIn):
            database.perform(actor, "text.post", thread, body="hello", client_id="c")
