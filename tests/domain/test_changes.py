"""Entries that are a line of their own and change how an earlier one is shown: by every way that entries are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from clinic import KINDS, Actor
from clinic.kinds import kind
from clinic.log import allowed
from clinic.thread.archive import archive
from clinic.thread.listing import unread_in_all
from clinic.thread.relay import entries_after, relayed_thread
from clinic.thread.views import thread_entry, thread_list, thread_page
from tests.support.addressing import addressed
from tests.support.cast import Cast
from tests.support.made_up import Answer, answer, ask, made_up_kinds

OPEN, ONE, TWO = "Which knee? Open.", "Which knee? Answered: left.", "Which knee? Answered: left, both."
LEFT, BOTH = "The answer is left.", "The answer is both."


@pytest.fixture(autouse=True)
def known() -> Iterator[None]:
    with made_up_kinds():
        yield


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def asked(cast: Cast, who: str, view: Any, *given: Any, **named: Any) -> Any:
    with cast.database.read(getattr(cast, who)) as work:
        return view(work, *given, **named)


def test_a_page_shows_the_line_and_the_earlier_entry_as_it_reads_after_it(cast: Cast, thread: str) -> None:
    question = ask(cast.database, cast.boris, thread, "Which knee?")
    assert asked(cast, "ana", thread_page, thread).entries[-1].body == OPEN
    answer(cast.database, cast.ana, thread, question, "left")
    answer(cast.database, cast.ana, thread, question, "both")
    for who in ("ana", "boris", "chen"):
        page = asked(cast, who, thread_page, thread)
        assert [entry.body for entry in page.entries[-3:]] == [TWO, LEFT, BOTH]
        assert not any(entry.again for entry in page.entries) and page.seen == ()
        assert asked(cast, who, thread_entry, thread, question).body == TWO
    assert asked(cast, "boris", thread_list)[0].last_line == BOTH
    assert asked(cast, "boris", unread_in_all) == 2


def test_an_open_page_is_given_the_line_and_the_earlier_entry_anew(cast: Cast, thread: str) -> None:
    question = ask(cast.database, cast.boris, thread, "Which knee?")
    last = cast.post("boris", thread, "Please say.")
    said = answer(cast.database, cast.ana, thread, question, "left")
    page = asked(cast, "boris", thread_page, thread, after=last)
    assert [(entry.body, entry.again) for entry in page.entries] == [(ONE, (said,)), (LEFT, ())]
    assert (page.cursor, page.seen) == (said, ())
    whole = asked(cast, "boris", thread_page, thread, after=asked(cast, "boris", thread_page, thread).entries[0].uid)
    assert [(entry.body, entry.again) for entry in whole.entries[-3:]] == [(ONE, ()), ("Please say.", ()), (LEFT, ())]


def test_what_is_loaded_without_the_earlier_entry_does_not_bring_it_along(cast: Cast, thread: str) -> None:
    question = ask(cast.database, cast.boris, thread, "Which knee?")
    said = answer(cast.database, cast.ana, thread, question, "left")
    later = cast.post("boris", thread, "Thank you.")
    assert [entry.body for entry in asked(cast, "ana", thread_page, thread, limit=2).entries] == [LEFT, "Thank you."]
    assert [entry.body for entry in asked(cast, "ana", thread_page, thread, before=later, limit=1).entries] == [LEFT]
    assert LEFT in [entry.body for entry in asked(cast, "ana", thread_page, thread, around=said, limit=2).entries]
    assert asked(cast, "ana", thread_entry, thread, said).body == LEFT


def test_the_archive_and_the_live_tail_hold_the_line_as_it_is(cast: Cast, thread: str) -> None:
    question = ask(cast.database, cast.boris, thread, "Which knee?")
    said = answer(cast.database, cast.ana, thread, question, "left")
    answer(cast.database, cast.ana, thread, question, "both")
    assert [entry.body for entry in asked(cast, "boris", archive, thread).entries[-3:]] == [TWO, LEFT, BOTH]
    assert [entry.body for entry in asked(cast, "boris", archive, thread, ids=[said]).entries] == [LEFT]
    assert [entry.body for entry in asked(cast, "boris", archive, thread, ids=[question]).entries] == [TWO]
    with cast.database.read(Actor.system()) as work:
        found = entries_after(work, thread, 0)
        assert [entry.body for entry in found[-3:]] == [TWO, LEFT, BOTH]
        assert [entry.body for entry in entries_after(work, thread, found[-2].seq)] == [BOTH]


def test_a_line_that_changes_another_can_be_reacted_to_and_answered_itself(cast: Cast, thread: str) -> None:
    question = ask(cast.database, cast.boris, thread, "Which knee?")
    said = answer(cast.database, cast.ana, thread, question, "left")
    reaction = cast.amend("boris", "react", thread, said, emojis=["👍"])
    page = asked(cast, "ana", thread_page, thread)
    assert [(entry.body, [one.emoji for one in entry.reactions]) for entry in page.entries[-2:]] == [(ONE, []), (LEFT, ["👍"])]
    [again] = asked(cast, "ana", thread_page, thread, after=said).entries
    assert (again.body, again.again) == (LEFT, (reaction,))
    with cast.database.read(Actor.system()) as work:
        assert [one[0] for entry in entries_after(work, thread, 0) if entry.uid == said for one in entry.amended.reactions] == ["👍"]
    cast.amend("ana", "react", thread, emojis=["🙏"])  # the newest line is the answer
    assert {one.emoji for one in asked(cast, "ana", thread_entry, thread, said).reactions} == {"👍", "🙏"}


def test_nothing_brings_back_what_was_taken_back(cast: Cast, thread: str) -> None:
    uid = cast.post("boris", thread, "a secret", client_id="one")
    cast.amend("boris", "retract", thread, uid)
    cast.amend("ana", "correct", thread, cast.post("ana", thread, "yes"), body="no")
    said = answer(cast.database, cast.ana, thread, uid, "left")
    told = [asked(cast, "ana", view, thread) for view in (thread_page, archive)] + [asked(cast, "ana", thread_page, thread, after=said)]
    assert "a secret" not in repr(told)
    [gone] = [entry for entry in told[0].entries if entry.uid == uid]
    assert gone.gone and told[0].entries[-1].body == LEFT


def test_who_does_not_see_the_earlier_entry_sees_nothing_of_what_changes_it(cast: Cast) -> None:
    people = [cast.uid(name) for name in ("ana", "ada")]
    thread = cast.database.perform(cast.boris, "group.create", title="Knees", people=people, reason="Both hurt.").value
    with addressed(cast.uid("ana")):
        question = ask(cast.database, cast.boris, thread, "Which knee?")
    last = cast.post("boris", thread, "for all")
    cast.link("eve", "boris")
    for_all = ask(cast.database, cast.boris, thread, "Whose knee?")
    cast.database.perform(cast.boris, "thread.invite", thread, people=[cast.uid("eve")])
    answer(cast.database, cast.ana, thread, question, "left")
    answer(cast.database, cast.ana, thread, for_all, "mine")
    seen = {name: repr(asked(cast, name, thread_page, thread, limit=100)) for name in ("ana", "ada", "eve", "boris")}
    assert {name for name, told in seen.items() if "Which knee" in told or LEFT in told} == {"ana", "boris"}
    assert {name for name, told in seen.items() if "The answer is mine." in told} == {"ana", "ada", "boris"}
    [first, *_] = asked(cast, "boris", thread_page, thread, after=last).entries
    assert first.body == ONE
    with cast.database.read(Actor.system()) as work:
        members = {member.uid: member for member in relayed_thread(work, thread).members}
        [line] = [entry for entry in entries_after(work, thread, 0) if entry.body == LEFT]
    assert {name for name in ("ana", "ada", "eve", "boris") if allowed(line, members[cast.uid(name)])} == {"ana", "boris"}


def test_a_kind_without_a_line_changes_something_and_what_changes_another_is_not_taken_back() -> None:
    with pytest.raises(RuntimeError, match="changes nothing"):
        kind("made-up-nothing", fragment="text.html", amends=True)(Answer)
    with pytest.raises(RuntimeError, match="taken back"):
        kind("made-up-nothing", fragment="text.html", changes=lambda earlier, _later: earlier, retractable=True)(Answer)
    assert "made-up-nothing" not in KINDS
