"""Correcting, taking back, reacting, answering and noting in the page: fragments for the script, links and forms without it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.audit.tables import audit_entries
from clinic.storage import new_uid
from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]
SECRET = "take 500 mg"


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def says(cast: Cast, who: str, thread: str, text: str) -> str:
    """Post a text under a client id that does not hold it."""
    uid: str = cast.database.perform(getattr(cast, who), "text.post", thread, body=text, client_id=new_uid()).value
    return uid


def article(html: str, uid: str) -> str:
    """Return one entry's fragment."""
    found = re.search(rf'<article[^>]* data-uid="{uid}".*?</article>', html, re.DOTALL)
    assert found, uid
    return found.group()


def test_what_changed_comes_as_the_entry_drawn_again_with_a_mark_to_read_on_from(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid, last = says(cast, "boris", thread, SECRET), says(cast, "ana", thread, "Thank you")
    ana = sign_in("ana")
    assert f'data-cursor="{last}"' in ana.get(f"/threads/{thread}").text
    correction = cast.amend("boris", "correct", thread, uid, body="take 50 mg")
    reaction = cast.amend("chen", "react", thread, uid, emojis="👍")
    live = ana.get(f"/threads/{thread}/entries?after={last}").text
    drawn = article(live, uid)
    assert f'data-again="{correction} {reaction}"' in drawn
    assert "take 50 mg" in drawn and "Corrected" in drawn and "👍 by Chen Cheng" in drawn
    assert SECRET not in live
    assert f'<i hidden data-cursor="{reaction}" data-seen="{correction} {reaction}"></i>' in live
    assert "<article" not in ana.get(f"/threads/{thread}/entries?after={reaction}").text


def test_the_page_draws_no_line_for_what_only_changes_another(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid = says(cast, "boris", thread, SECRET)
    amended = [cast.amend("boris", "correct", thread, uid, body="take 50 mg"), cast.amend("ana", "react", thread, uid, emojis="👍")]
    page = sign_in("ana").get(f"/threads/{thread}").text
    assert not any(f'data-uid="{entry}"' in page for entry in amended)
    assert f'data-cursor="{amended[-1]}"' in page
    assert SECRET not in page


def test_the_menu_offers_what_one_may(sign_in: SignIn, cast: Cast, thread: str) -> None:
    mine = says(cast, "ana", thread, "mine")
    offered = {}
    for who in ("ana", "boris"):
        drawn = article(sign_in(who).get(f"/threads/{thread}").text, mine)
        offered[who] = set(re.findall(r'data-do="(\w+)"', drawn)) | ({"forward"} if "text.forward" in drawn else set())
    assert offered == {"ana": {"reply", "react", "correct", "retract"}, "boris": {"reply", "react"}}
    cast.start("boris", "bella")
    assert "text.forward" in article(sign_in("boris").get(f"/threads/{thread}").text, mine)
    assert "text.forward" not in article(sign_in("ana").get(f"/threads/{thread}").text, mine)


def test_without_a_script_one_corrects_answers_and_reacts_by_links_and_forms(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid = says(cast, "ana", thread, "onw")
    theirs = says(cast, "boris", thread, "How are you?")
    ana = sign_in("ana")
    page = ana.get(f"/threads/{thread}?correct={uid}").text
    composer = page[page.index('class="composer') :]
    assert "/actions/text.correct/" in composer and "Correcting your message" in composer and ">onw</textarea>" in composer
    assert ana.submit(f"/actions/text.correct/{thread}", entry=uid, body="one", client_id="c1").status_code == 303
    page = ana.get(f"/threads/{thread}?reply={theirs}").text
    assert "Answering Boris Brandt" in page and f'name="reply_to" value="{theirs}"' in page
    assert ana.submit(f"/actions/text.post/{thread}", reply_to=theirs, body="Fine", client_id="c2").status_code == 303
    assert ana.submit(f"/actions/text.react/{thread}", entry=theirs, emojis="👍", client_id="c3").status_code == 303
    page = ana.get(f"/threads/{thread}").text
    assert '<div class="body" dir="auto">one</div>' in article(page, uid)
    assert 'aria-pressed="true"' in article(page, theirs)
    assert f'href="/threads/{thread}?around={theirs}#e-{theirs}"' in page and "How are you?" in page
    # What one may not correct is no correction: a plain composer.
    assert "text.correct" not in ana.get(f"/threads/{thread}?correct={theirs}").text.partition('class="composer')[2].partition("</form>")[0]


def test_the_form_shows_which_message_is_forwarded(sign_in: SignIn, cast: Cast, thread: str) -> None:
    cast.start("boris", "bella")
    first = says(cast, "ana", thread, "The first of two")
    says(cast, "ana", thread, "The second of two")
    boris = sign_in("boris")
    shown = re.search(r'class="meant".*?</figure>|<option [^>]*selected>.*?</option>', boris.get(f"/do/text.forward/{thread}?entry={first}").text, re.DOTALL)
    assert shown and "The first of two" in shown.group() and "Ana Alvarez" in shown.group() and "The second" not in shown.group()
    cast.link("ada", "bella")
    elsewhere = says(cast, "bella", cast.start("bella", "ada"), SECRET)
    assert SECRET not in boris.get(f"/do/text.forward/{thread}?entry={elsewhere}").text


def test_a_refused_correction_keeps_what_was_typed_and_what_it_corrects(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid = says(cast, "ana", thread, "one")
    answer = sign_in("ana").submit(f"/actions/text.correct/{thread}", entry=uid, body="one \x0c two", client_id="c")
    assert answer.status_code == 422
    composer = answer.text.partition('class="composer')[2].partition("</form>")[0]
    assert "/actions/text.correct/" in composer and f'name="entry" value="{uid}"' in composer and "two</textarea>" in composer


def test_what_was_taken_back_is_a_line_that_says_so_and_staff_open_it_on_the_record(
    sign_in: SignIn, cast: Cast, thread: str, database: Database
) -> None:
    uid = says(cast, "ana", thread, SECRET)
    cast.amend("ana", "retract", thread, uid)
    boris, ana = sign_in("boris"), sign_in("ana")
    for browser in (boris, ana):
        for path in (f"/threads/{thread}", "/", "/threads/list", f"/threads/{thread}?reply={uid}", f"/search?q={SECRET.split()[0]}"):
            assert SECRET not in browser.get(path).text
    drawn = article(boris.get(f"/threads/{thread}").text, uid)
    assert "This message was taken back." in drawn and "What it said" in drawn
    assert "What it said" not in article(ana.get(f"/threads/{thread}").text, uid)
    looked = boris.get(f"/threads/{thread}/versions?entry={uid}")
    assert SECRET not in looked.text and "written down with your name" in looked.text

    def opened() -> int:
        with database.reading() as connection:
            return connection.execute(sa.select(sa.func.count()).where(audit_entries.c.action == "text.original")).scalar_one()

    assert opened() == 0
    assert SECRET in boris.submit(f"/threads/{thread}/versions", entry=uid).text
    assert opened() == 1
    assert ana.get(f"/threads/{thread}/versions?entry={uid}").status_code == 404
    assert ana.submit(f"/threads/{thread}/versions", entry=uid).status_code == 404
    assert opened() == 1


def test_earlier_versions_are_a_page_for_staff_of_the_thread(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid = says(cast, "boris", thread, SECRET)
    cast.amend("boris", "correct", thread, uid, body="take 50 mg")
    page = sign_in("chen").get(f"/threads/{thread}/versions?entry={uid}").text
    assert page.index(SECRET) < page.index("take 50 mg")
    for path in (f"/threads/{thread}/versions?entry={uid}", f"/threads/{thread}/versions?entry=none", f"/threads/{'0' * 26}/versions?entry={uid}"):
        assert sign_in("bella").get(path).status_code == 404


def test_an_internal_note_is_marked_and_no_patients_page_knows_of_it(sign_in: SignIn, cast: Cast, thread: str) -> None:
    first = says(cast, "ana", thread, "Hello")
    ana, boris = sign_in("ana"), sign_in("boris")
    assert boris.get(f"/threads/{thread}").status_code == 200  # which is delivered by that

    def told() -> str:
        paths = (f"/threads/{thread}", "/", "/threads/list", f"/threads/{thread}/entries?after={first}", f"/threads/{thread}/marks", "/search?q=worried")
        whole = "".join(ana.get(path).text for path in paths)
        return re.sub(r'value="[^"]*"|content="[^"]*"', "", whole)

    before = told()
    assert "nternal" not in before
    assert boris.submit(f"/actions/note.post/{thread}", body="She is worried", client_id="n").status_code == 303
    page = boris.get(f"/threads/{thread}").text
    note = re.findall(r'<article[^>]* data-uid="(\w+)" data-kind="internal-note"', page)[0]
    assert "Internal note, staff only" in article(page, note) and "She is worried" in article(page, note)
    assert told() == before
    for path in (f"/threads/{thread}?reply={note}", f"/threads/{thread}?around={note}", f"/threads/{thread}/versions?entry={note}"):
        answer = ana.get(path)
        assert "worried" not in answer.text and "nternal note" not in answer.text.replace("internal-note", "")
    assert 'name="reply_to"' in boris.get(f"/threads/{thread}?reply={note}").text
    assert "/actions/note.post/" in boris.get(f"/threads/{thread}?reply={note}").text.partition('class="composer internal"')[2].partition("</form>")[0]


def test_who_is_mentioned_sees_it_marked_and_nobody_else(sign_in: SignIn, cast: Cast, thread: str) -> None:
    uid = says(cast, "ana", thread, "@Boris please look")
    assert "You are mentioned" in article(sign_in("boris").get(f"/threads/{thread}").text, uid)
    for who in ("ana", "chen"):
        drawn = article(sign_in(who).get(f"/threads/{thread}").text, uid)
        assert "You are mentioned" not in drawn and cast.uid("boris") not in drawn
