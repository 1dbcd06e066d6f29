"""Corrections, retractions, removals, reactions, replies, mentions and internal notes: what every reader is shown, and what nobody is."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from clinic import Actor, Call, Database, Done, errors
from clinic.audit.tables import audit_entries
from clinic.log import entries, entry_of, select_entries
from clinic.storage import new_uid
from clinic.text.amend import versions
from clinic.text.overlay import texts_now
from clinic.thread.archive import archive
from clinic.thread.relay import entries_after
from clinic.thread.tables import memberships, threads
from clinic.thread.views import EntryView, Page, own_states, thread_list, thread_page
from tests.support.cast import Cast

SECRET = "take 500 mg"


def says(cast: Cast, who: str, thread: str, text: str, action: str = "text.post") -> str:
    """Post a text under a client id that does not hold it."""
    uid: str = cast.database.perform(getattr(cast, who), action, thread, body=text, client_id=new_uid()).value
    return uid


def page(cast: Cast, who: str, thread: str, **where: str) -> Page:
    with cast.database.read(getattr(cast, who)) as work:
        return thread_page(work, thread, **where)


def shown(cast: Cast, who: str, thread: str, uid: str) -> EntryView:
    return next(entry for entry in page(cast, who, thread).entries if entry.uid == uid)


def everything(cast: Cast, who: str, thread: str) -> str:
    """Return all that the domain tells a reader of a thread, as text."""
    with cast.database.read(getattr(cast, who)) as work:
        told = [thread_page(work, thread), thread_list(work), archive(work, thread), own_states(work, thread)]
    return repr(told)


def group(cast: Cast, thread: str, admin: str, *, joined: dict[str, int] | None = None) -> str:
    """Make a thread a group with a group admin; `joined`: after which seq members came."""
    with cast.database.writing() as connection:
        connection.execute(sa.update(threads).where(threads.c.uid == thread).values(kind="group", title="Group"))
        for name, changes in [(admin, {"group_admin": True}), *((who, {"from_seq": seq}) for who, seq in (joined or {}).items())]:
            account = connection.execute(sa.text("SELECT id FROM accounts WHERE uid = :uid"), {"uid": cast.uid(name)}).scalar_one()
            connection.execute(sa.update(memberships).where(memberships.c.account_id == account).values(**changes))
    return thread


def test_a_correction_takes_the_place_of_the_text_for_everybody_and_staff_can_look_up_what_it_said(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "boris", thread, SECRET)
    cast.amend("boris", "correct", thread, uid, body="take 50 mg")
    for who in ("ana", "boris", "chen"):
        entry = shown(cast, who, thread, uid)
        assert (entry.body, entry.corrected_at is not None) == ("take 50 mg", True)
        assert SECRET not in everything(cast, who, thread)
    cast.amend("boris", "correct", thread, body="take 5 mg")
    with cast.database.read(cast.chen) as work:
        assert [version.text for version in versions(work, thread, uid).versions] == [SECRET, "take 50 mg", "take 5 mg"]
    with cast.database.read(cast.ana) as work, pytest.raises(errors.NotPermitted):
        versions(work, thread, uid)
    assert "take 50 mg" not in everything(cast, "ana", thread)  # the first correction, in the archive


def test_only_own_texts_are_corrected_and_taken_back(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "boris", thread, "mine")
    for action, values in (("correct", {"body": "yours"}), ("retract", {})):
        with pytest.raises(errors.Invalid):
            cast.amend("chen", action, thread, uid, **values)
        with pytest.raises(errors.NotFound):
            cast.amend("eve", action, thread, uid, **values)
        with pytest.raises(errors.NotFound):
            cast.amend("boris", action, thread, "0" * 26, **values)
    notice = page(cast, "boris", thread).entries[0].uid
    with pytest.raises(errors.Invalid):
        cast.amend("boris", "retract", thread, notice)
    assert shown(cast, "ana", thread, uid).body == "mine"


def test_the_newest_own_text_is_meant_where_none_is_named(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    first, second = says(cast, "ana", thread, "one"), says(cast, "ana", thread, "two")
    says(cast, "boris", thread, "another's")
    cast.amend("ana", "retract", thread)
    cast.amend("ana", "correct", thread, body="one, corrected")
    assert shown(cast, "boris", thread, second).gone
    assert shown(cast, "boris", thread, first).body == "one, corrected"


def test_what_was_taken_back_is_gone_for_everybody_and_staff_open_it_on_the_record(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "boris", thread, SECRET)
    cast.amend("boris", "correct", thread, uid, body=f"{SECRET}, twice")
    reply = database.perform(cast.ana, "text.post", thread, body="Why?", client_id="r", reply_to=uid).value
    cast.amend("boris", "retract", thread, uid)
    for who in ("ana", "boris", "chen"):
        assert SECRET not in everything(cast, who, thread)
        assert shown(cast, who, thread, uid).gone
        quote = shown(cast, who, thread, reply).quote
        assert quote is not None and "taken back" in quote.text
    with database.read(Actor.system()) as work:
        assert SECRET not in repr(entries_after(work, thread, 0))
        row = work.row(select_entries().where(threads.c.uid == thread, entries.c.seq == 3))
        assert row is not None and texts_now(work.rows, row.thread_id, [entry_of(row)]) == [None]
    with database.read(cast.chen) as work:
        assert versions(work, thread, uid).versions == ()
    with pytest.raises(errors.NotPermitted):
        database.perform(cast.ana, "text.original", thread, entry=uid)
    opened = database.perform(cast.chen, "text.original", thread, entry=uid).value
    assert [version.text for version in opened.versions] == [SECRET, f"{SECRET}, twice"]
    with database.reading() as connection:
        audited = connection.execute(sa.select(audit_entries.c.detail).where(audit_entries.c.action == "text.original")).scalars().all()
    assert [json.loads(detail)["entry"] for detail in audited] == [uid]
    for action, values in (("correct", {"body": "again"}), ("retract", {}), ("react", {"emojis": "👍"})):
        with pytest.raises(errors.Invalid):
            cast.amend("boris", action, thread, uid, **values)


def test_the_last_line_of_the_list_is_what_it_says_now_and_amending_counts_as_nothing_new(cast: Cast, database: Database) -> None:
    thread, other = cast.start("boris", "ana"), cast.start("boris", "bella")
    says(cast, "boris", other, "elsewhere")
    uid = says(cast, "boris", thread, SECRET)
    database.perform(cast.ana, "thread.mark", thread, entry=uid, state="read")
    for _again in range(60):
        cast.amend("boris", "react", thread, uid, emojis=["👍"])
    cast.amend("boris", "correct", thread, uid, body="corrected")
    with database.read(cast.ana) as work:
        [row] = thread_list(work)
        assert (row.last_line, row.unread) == ("corrected", 0)
    found = page(cast, "ana", thread)
    assert [entry.body for entry in found.entries][-1] == "corrected"
    assert (len(found.entries), found.more_before, found.first_unread) == (3, False, None)
    cast.amend("boris", "retract", thread, uid)
    with database.read(cast.boris) as work:
        lines = {row.uid: row.last_line for row in thread_list(work)}
    assert lines == {thread: "This message was taken back.", other: "elsewhere"}
    assert [state.uid for state in _states(cast, "boris", thread)] == [uid]


def _states(cast: Cast, who: str, thread: str) -> list:
    with cast.database.read(getattr(cast, who)) as work:
        return own_states(work, thread)


def test_after_a_cursor_comes_what_changed_and_any_entry_is_a_cursor(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    first, second = says(cast, "ana", thread, "one"), says(cast, "boris", thread, "two")
    at = page(cast, "boris", thread).cursor
    assert at == second
    reaction = cast.amend("boris", "react", thread, first, emojis="👍 ❤️")
    third = says(cast, "ana", thread, "three")
    correction = cast.amend("ana", "correct", thread, third, body="drei")
    found = page(cast, "boris", thread, after=second)
    assert [(entry.body, entry.again) for entry in found.entries] == [("one", (reaction,)), ("drei", ())]
    assert (found.cursor, set(found.seen)) == (correction, {reaction, correction})
    assert page(cast, "boris", thread, after=correction).entries == ()
    assert page(cast, "boris", thread, after=correction).cursor == correction
    assert [entry.body for entry in page(cast, "boris", thread, after=reaction).entries] == ["drei"]
    assert page(cast, "boris", thread).cursor == correction


def test_reactions_replace_a_persons_earlier_ones_and_none_takes_them_back(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "ana", thread, "Better today")
    cast.amend("boris", "react", thread, uid, emojis=["👍", "🎉"])
    cast.amend("chen", "react", thread, emojis="👍")
    cast.amend("boris", "react", thread, uid, emojis=["👍"])
    found = [(one.emoji, one.names, one.mine) for one in shown(cast, "boris", thread, uid).reactions]
    assert found == [("👍", ("Chen Cheng", "Boris Brandt"), True)] or found == [("👍", ("Boris Brandt", "Chen Cheng"), True)]
    cast.amend("boris", "react", thread, uid)
    assert [one.names for one in shown(cast, "ana", thread, uid).reactions] == [("Chen Cheng",)]


@pytest.mark.parametrize("emojis", ["fine", "1", ["👍"] * 0 + ["a👍"], "👍 ❤️ 🎉 😀 😢 🙏", [5], 7, "x" * 999])
def test_what_is_no_few_emojis_is_refused(cast: Cast, emojis: object) -> None:
    thread = cast.start("boris", "ana")
    with pytest.raises(errors.Invalid):
        cast.amend("boris", "react", thread, emojis=emojis)


@pytest.mark.parametrize("emoji", ["👍🏽", "❤️", "🇩🇪", "👩‍⚕️", "1️⃣", "‼️", "✅"])
def test_emojis_of_many_parts_are_taken(cast: Cast, emoji: str) -> None:
    thread = cast.start("boris", "ana")
    cast.amend("ana", "react", thread, emojis=emoji)
    assert page(cast, "boris", thread).entries[-1].reactions[0].emoji == emoji


def test_the_group_admin_removes_anothers_message_from_a_group_and_nobody_else_does(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "ana", thread, "buy my cream")
    with pytest.raises(errors.NotPermitted):
        cast.amend("boris", "moderate", thread, uid)
    group(cast, thread, "boris")
    for who in ("ana", "chen"):
        with pytest.raises(errors.NotPermitted):
            cast.amend(who, "moderate", thread, uid)
    assert "moderate" in shown(cast, "boris", thread, uid).offers
    assert "moderate" not in shown(cast, "chen", thread, uid).offers
    cast.amend("boris", "moderate", thread, uid, reason="advertising")
    entry = shown(cast, "ana", thread, uid)
    assert entry.body == "This message was removed by Boris Brandt. Reason: advertising"
    assert "buy my cream" not in everything(cast, "chen", thread)


def test_who_joined_later_learns_nothing_of_a_correction_of_what_was_said_before(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    before = says(cast, "boris", thread, "before she came")
    group(cast, thread, "boris", joined={"ana": 3})
    after = says(cast, "boris", thread, "afterwards")
    amended = [cast.amend("boris", "correct", thread, before, body=SECRET), cast.amend("boris", "react", thread, before, emojis="👍")]
    cast.amend("boris", "correct", thread, after, body="afterwards, corrected")
    told = everything(cast, "ana", thread) + repr(page(cast, "ana", thread, after=after))
    assert SECRET not in told and "before she came" not in told and not any(uid in told for uid in amended)
    assert "afterwards, corrected" in told
    for uid in amended:
        with pytest.raises(errors.NotFound):
            cast.database.perform(cast.ana, "thread.mark", thread, entry=uid, state="read")
        with pytest.raises(errors.NotFound):
            page(cast, "ana", thread, after=uid)
        with cast.database.read(cast.ana) as work, pytest.raises(errors.NotFound):
            archive(work, thread, ids=[uid])
    with pytest.raises(errors.NotFound):
        cast.amend("ana", "react", thread, before, emojis="👍")
    with pytest.raises(errors.NotFound):
        cast.database.perform(cast.ana, "text.post", thread, body="?", client_id="r", reply_to=before)
    assert SECRET in everything(cast, "chen", thread)


def test_an_app_names_a_message_by_its_own_id_also_that_of_a_correction(cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    uid = cast.post("ana", thread, "one", "origin-1")
    cast.post("boris", thread, "two", "origin-1")  # another's, under the same id
    cast.amend("ana", "correct", thread, None, known_as="origin-1", body="uno", client_id="origin-2")
    cast.amend("ana", "correct", thread, None, known_as="origin-2", body="eins")
    assert shown(cast, "boris", thread, uid).body == "eins"
    with pytest.raises(errors.NotFound):
        cast.amend("ana", "retract", thread, None, known_as="origin-9")


def test_what_is_sent_again_changes_nothing_a_second_time(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    says(cast, "ana", thread, "one"), says(cast, "ana", thread, "two")
    for action, values in (
        ("text.correct", {"body": "zwei"}), ("text.retract", {}), ("text.react", {"emojis": "👍"}), ("note.post", {"body": "note"}),
    ):
        actor = cast.boris if action == "note.post" else cast.ana
        first = database.perform(actor, action, thread, client_id=f"again-{action}", **values)
        again = database.perform(actor, action, thread, client_id=f"again-{action}", **values)
        assert (again.value, again.duplicate) == (first.value, True)
    assert [entry.body for entry in page(cast, "ana", thread).entries[-2:]] == ["one", "This message was taken back."]


def test_a_text_and_its_correction_may_share_a_transaction(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    results = database.batch([
        Call(cast.ana, "text.post", thread, {"body": "onw", "client_id": "1"}),
        Call(cast.ana, "text.correct", thread, {"body": "one", "client_id": "2", "known_as": "1"}),
        Call(cast.boris, "text.react", thread, {"emojis": "👍", "client_id": "3"}),
        Call(cast.ana, "text.retract", thread, {"client_id": "4"}),
        Call(cast.ana, "text.correct", thread, {"body": "two", "client_id": "5", "known_as": "1"}),
    ])
    assert [type(result) for result in results] == [Done, Done, Done, Done, errors.Invalid]
    assert page(cast, "boris", thread).entries[-1].gone


def test_a_reply_quotes_what_it_answers_as_it_reads_now(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "boris", thread, "How  are\nyou? " + "x" * 300)
    done = database.perform(cast.ana, "text.post", thread, body="Fine", client_id="r", reply_to=uid)
    assert done.entries[0].quote is not None and done.entries[0].quote.text.startswith("How are you? xxx")
    quote = shown(cast, "boris", thread, done.value).quote
    assert quote is not None and (quote.nick, quote.uid, len(quote.text)) == ("Boris Brandt", uid, 160)
    cast.amend("boris", "correct", thread, uid, body="How do you feel?")
    quote = shown(cast, "boris", thread, done.value).quote
    assert quote is not None and quote.text == "How do you feel?"
    with pytest.raises(errors.NotFound):
        database.perform(cast.ana, "text.post", thread, body="Fine", client_id="r2", reply_to=new_uid())
    cast.amend("ana", "correct", thread, done.value, body="Fine, thanks")
    assert shown(cast, "boris", thread, done.value).quote == quote


def test_texts_stored_before_there_were_replies_are_read_as_they_were(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "ana", thread, "plain")
    with database.reading() as connection:
        assert connection.execute(sa.select(entries.c.payload).where(entries.c.uid == uid)).scalar_one() == '{"text":"plain"}'


def test_members_are_mentioned_by_name_and_told_apart(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    for text, named in (
        ("@Boris please look", {"boris"}), ("@Boris Brandt, @chen!", {"boris", "chen"}), ("mail me@boris.example", set()),
        ("@Borislav", set()), ("@Eve", set()), ("boris", set()), ("Boris: hello", set()),
    ):
        uid = says(cast, "ana", thread, text)
        assert {who for who in ("ana", "boris", "chen") if shown(cast, who, thread, uid).names_me} == named
    app = Actor.xmpp(cast.handle("ana"))
    uid = database.perform(app, "text.post", thread, body="Boris Brandt: hello", client_id="x").value
    assert shown(cast, "boris", thread, uid).names_me
    note = says(cast, "boris", thread, "@Ana @Chen called twice", "note.post")
    assert shown(cast, "chen", thread, note).names_me
    assert cast.uid("ana") not in repr(shown(cast, "chen", thread, note).payload)


def test_a_patient_sees_no_trace_of_an_internal_note(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    uid = says(cast, "ana", thread, "Hello")
    before = everything(cast, "ana", thread), repr(page(cast, "ana", thread, after=uid))
    note = says(cast, "chen", thread, SECRET, "note.post")
    answered = database.perform(cast.boris, "note.post", thread, body="seen", client_id="a", reply_to=note).value
    cast.amend("boris", "react", thread, note, emojis="👍")
    cast.amend("chen", "correct", thread, note, body=f"{SECRET}!")
    cast.amend("boris", "retract", thread, answered)
    assert (everything(cast, "ana", thread), repr(page(cast, "ana", thread, after=uid))) == before
    entry = shown(cast, "boris", thread, note)
    assert (entry.body, entry.internal, entry.kind) == (f"{SECRET}!", True, "internal-note")
    with database.read(cast.boris) as work:
        [row] = thread_list(work)
        assert row.last_line == "This message was taken back."
    for action, values in (("react", {"emojis": "👍"}), ("correct", {"body": "x"}), ("retract", {})):
        with pytest.raises(errors.NotFound):
            cast.amend("ana", action, thread, note, **values)
    with pytest.raises(errors.NotFound):
        database.perform(cast.ana, "text.post", thread, body="what?", client_id="w", reply_to=note)
    with pytest.raises(errors.NotFound):  # nor is it quoted to everybody by staff
        database.perform(cast.boris, "text.post", thread, body="as I wrote", client_id="w", reply_to=note)
    with pytest.raises(errors.NotPermitted):
        says(cast, "ana", thread, "mine", "note.post")


def test_reading_amended_entries_takes_one_question_more_and_posting_none(cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    asked: list[str] = []
    for engine in {database.engine, database._for_writing}:
        sa.event.listen(engine, "before_cursor_execute", lambda conn, cursor, statement, *rest: asked.append(statement))
    for number in range(5):
        cast.amend("boris", "react", thread, says(cast, "boris", thread, f"text {number}"), emojis="👍")
    asked.clear()
    page(cast, "ana", thread)
    whole = [statement for statement in asked if "about_seq IN" in statement]
    assert len(whole) == 1
    asked.clear()
    says(cast, "ana", thread, "another")
    assert not [statement for statement in asked if "about_seq IN" in statement]
