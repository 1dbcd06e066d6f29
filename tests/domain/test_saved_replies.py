"""Saved replies: each their own, filled in by what the thread says, refused while anything is left open. Source: product.md, Saved replies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clinic import Database, errors
from clinic.calls import Actor
from clinic.saved_reply.placeholders import filled, placeholders, put_back
from clinic.saved_reply.views import own_replies, proposal, replies_in, reply_in
from clinic.thread.views import thread_page
from tests.support.cast import Cast

WELCOME = "Hi [PATIENT NAME], please share any relevant documentation prior to the consultation."


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def saved(cast: Cast, by: str, body: str, title: str | None = None) -> str:
    uid: str = cast.database.perform(getattr(cast, by), "saved_reply.create", title=title, body=body).value
    return uid


def last(cast: Cast, reader: str, thread: str) -> str:
    with cast.database.read(getattr(cast, reader)) as work:
        return thread_page(work, thread).entries[-1].body


def test_the_examples_of_the_specification_are_offered_once(database: Database, cast: Cast) -> None:
    assert database.perform(cast.chen, "saved_reply.add_examples").value == 2
    assert database.perform(cast.chen, "saved_reply.add_examples").value == 0
    with database.read(cast.chen) as work:
        assert [(reply.title, reply.body) for reply in own_replies(work)] == [("Delay", "I will respond in a few minutes."), ("Welcome", WELCOME)]


def test_replies_are_each_persons_own(database: Database, cast: Cast, thread: str) -> None:
    uid = saved(cast, "boris", "Mine")
    for action, values in (("describe", {"body": "Theirs"}), ("delete", {}), ("used", {})):
        with pytest.raises(errors.NotFound):
            database.perform(cast.chen, f"saved_reply.{action}", uid, **values)
    with pytest.raises(errors.Invalid):
        database.perform(cast.chen, "saved_reply.post", thread, reply=uid, client_id="c")
    with database.read(cast.chen) as work:
        assert own_replies(work) == replies_in(work, thread) == []
        with pytest.raises(errors.NotFound):
            reply_in(work, thread, uid)


@pytest.mark.parametrize("who", ["ana", "dina"])
def test_patients_and_administrators_have_none(database: Database, cast: Cast, who: str) -> None:
    with pytest.raises(errors.NotPermitted):
        saved(cast, who, "Mine")
    with database.read(getattr(cast, who)) as work, pytest.raises(errors.NotPermitted):
        own_replies(work)


def test_the_most_used_come_first_and_a_reply_without_a_title_is_called_by_its_beginning(database: Database, cast: Cast) -> None:
    saved(cast, "boris", "First", "One")
    two = saved(cast, "boris", "Second " * 20)
    database.perform(cast.boris, "saved_reply.used", two)
    with database.read(cast.boris) as work:
        first, second = own_replies(work)
    assert (first.uid, first.uses, second.called) == (two, 1, "One")
    assert first.called.startswith("Second Second") and len(first.called) == 60


def test_a_reply_is_filled_in_by_what_the_thread_says(database: Database, cast: Cast, thread: str) -> None:
    text = "[PATIENT NAME] · [PRACTITIONER NAME] · [MY NAME] · [CLINIC NAME] · [DATE] · [CASE NUMBER]"
    saved(cast, "chen", text)
    with database.read(cast.chen) as work:
        [reply] = replies_in(work, thread)
    now = datetime.now(UTC)
    assert reply.text == f"Ana Alvarez · Boris Brandt · Chen Cheng · Your clinic · {now.day} {now:%B} {now.year} · [CASE NUMBER]"
    assert reply.open == ("[CASE NUMBER]",)


def test_in_a_thread_without_one_patient_the_name_is_left_open(database: Database, cast: Cast) -> None:
    among_staff = cast.start("boris", "bella")
    uid = saved(cast, "boris", WELCOME)
    with database.read(cast.boris) as work:
        assert reply_in(work, among_staff, uid).open == ("[PATIENT NAME]",)


def test_replies_are_found_by_words_of_title_and_text(database: Database, cast: Cast, thread: str) -> None:
    saved(cast, "boris", "Please rest.", "Évening")
    saved(cast, "boris", "Please call.", "Morning")
    with database.read(cast.boris) as work:
        assert [reply.title for reply in replies_in(work, thread, "please ÉVEN")] == ["Évening"]
        assert len(replies_in(work, thread, "please")) == 2


def test_one_is_posted_filled_in_and_the_template_stays(database: Database, cast: Cast, thread: str) -> None:
    uid = saved(cast, "boris", WELCOME, "Welcome")
    for _ in range(2):  # sent again under the same id it is one message
        database.perform(Actor.xmpp(cast.handle("boris")), "saved_reply.post", thread, reply=uid, client_id="c1")
    database.perform(cast.boris, "saved_reply.post", thread, reply=uid, body="Hello Ana, bring your papers.", client_id="c2")
    with database.read(cast.ana) as work:
        said = [entry.body for entry in thread_page(work, thread).entries if entry.kind == "text"]
    assert said == [WELCOME.replace("[PATIENT NAME]", "Ana Alvarez"), "Hello Ana, bring your papers."]
    with database.read(cast.boris) as work:
        assert [(reply.body, reply.uses) for reply in own_replies(work)] == [(WELCOME, 2)]


def test_nothing_is_posted_while_a_placeholder_is_left_and_the_text_comes_back(database: Database, cast: Cast, thread: str) -> None:
    uid = saved(cast, "boris", "Hi [PATIENT NAME], your case is [CASE NUMBER].")
    before = last(cast, "ana", thread)
    with pytest.raises(errors.Invalid, match=r"complete \[CASE NUMBER\] first") as refusal:
        database.perform(cast.boris, "saved_reply.post", thread, reply=uid, client_id="c1")
    assert "Hi Ana Alvarez, your case is [CASE NUMBER]." in refusal.value.text
    with pytest.raises(errors.Invalid, match=r"\[PATIENT NAME\], \[CASE NUMBER\]"):
        database.perform(cast.boris, "saved_reply.post", thread, reply=uid, body="Hi [PATIENT NAME], it is [CASE NUMBER].", client_id="c1")
    assert last(cast, "ana", thread) == before
    database.perform(cast.boris, "saved_reply.post", thread, reply=uid, body="Hi, it is 7. [TO BE] sure", client_id="c1")
    assert last(cast, "ana", thread) == "Hi, it is 7. [TO BE] sure"  # what the reply did not ask for is the author's own


def test_an_own_message_is_proposed_with_the_patients_name_put_back(database: Database, cast: Cast, thread: str) -> None:
    typed = "Dear Ana Alvarez, see you on Friday, ANA. Banana bread is fine."
    own, theirs = cast.post("boris", thread, typed), cast.post("chen", thread, "From Chen")
    with database.read(cast.boris) as work:
        found = proposal(work, thread, own)
        assert found.replaced and found.text == "Dear [PATIENT NAME], see you on Friday, [PATIENT NAME]. Banana bread is fine."
        assert proposal(work, thread, own, names=True).text == typed
        for uid in (theirs, "0" * 26, "x"):
            with pytest.raises(errors.NotFound):
                proposal(work, thread, uid)
    with database.read(cast.bella) as work, pytest.raises(errors.NotFound):
        proposal(work, thread, own)


def test_placeholders_are_capital_words_in_brackets() -> None:
    assert placeholders("[A B] [A B] [ÄRZTIN 2] [sic] [x] [1] [AB\nCD] [[CD]]") == ("[A B]", "[ÄRZTIN 2]", "[CD]")
    assert filled("[A A] [B B]", {"[A A]": "[B B]", "[B B]": r"\1"}) == r"[B B] \1"  # what a value holds is left alone
    assert put_back("Jo O'Neil (jo)", ["Jo O'Neil"]) == "[PATIENT NAME] ([PATIENT NAME])"


def test_what_was_corrected_is_proposed_as_it_reads_now_and_what_was_taken_back_is_gone(database: Database, cast: Cast, thread: str) -> None:
    uid = cast.post("boris", thread, "Dear Ana Alvarez, see you on Friday.")
    database.perform(cast.boris, "text.correct", thread, entry=uid, body="Dear Ana Alvarez, see you on Monday.", client_id="k1")
    with database.read(cast.boris) as work:
        assert proposal(work, thread, uid).text == "Dear [PATIENT NAME], see you on Monday."
    database.perform(cast.boris, "text.retract", thread, entry=uid, client_id="k2")
    with database.read(cast.boris) as work, pytest.raises(errors.NotFound):
        proposal(work, thread, uid)
