"""The search page: hits lead to their place in the thread, nothing typed breaks it, patients see theirs only."""

from __future__ import annotations

import re
from collections.abc import Callable

from clinic import Database
from clinic.search.index import Indexer
from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


def test_a_hit_leads_to_its_place_in_the_thread(cast: Cast, database: Database, sign_in: SignIn) -> None:
    thread = cast.start("boris", "ana")
    wanted = cast.post("boris", thread, "Take <b>amoxicillin</b> at eight")
    for number in range(80):
        cast.post("ana", thread, f"and then {number}")
    Indexer()(database)
    browser = sign_in("ana")
    page = browser.get("/search?q=amoxi").text
    assert "&lt;b&gt;<mark>amoxicillin</mark>&lt;/b&gt;" in page and "Boris Brandt" in page
    link = re.search(rf'href="(/threads/{thread}\?around={wanted})#e-{wanted}"', page)
    assert link
    opened = browser.get(link.group(1)).text
    uids = re.findall(r'<article[^>]* data-uid="(\w+)"', opened)
    assert wanted in uids and len(uids) < 60 and f'data-around="{wanted}"' in opened and "To the newest messages" in opened


def test_everybody_has_a_box_and_reads_what_to_do(cast: Cast, sign_in: SignIn) -> None:
    for name in ("ana", "boris", "chen"):
        browser = sign_in(name)
        assert 'action="/search"' in browser.get("/").text
        assert "Type a word" in browser.get("/search").text
        assert "Nothing found" in browser.get("/search?q=nowhere").text
    assert sign_in("dina").get("/search").status_code == 404


def test_nothing_in_the_address_breaks_the_page(cast: Cast, sign_in: SignIn) -> None:
    browser = sign_in("boris")
    cast.start("boris", "ana")
    for query in ("q=%22%2A%28&since=x&until=9999-12-31&kind=nope", "q=a%00b", "q=" + "w" * 10_000, "q=x&who=%25"):
        assert browser.get(f"/search?{query}").status_code == 200, query
    assert browser.get("/search?q=x&before=%21").status_code == 404
    assert browser.get(f"/search?q=x&thread={'z' * 26}").status_code == 404


def test_a_page_around_what_one_may_not_see_answers_like_one_that_is_not_there(cast: Cast, sign_in: SignIn) -> None:
    thread = cast.start("boris", "ana")
    hidden = cast.note("boris", thread, "for staff")
    assert sign_in("ana").get(f"/threads/{thread}?around={hidden}").status_code == 404
    assert sign_in("boris").get(f"/threads/{thread}?around={hidden}").status_code == 200


def test_results_go_on_with_the_same_question(cast: Cast, database: Database, sign_in: SignIn) -> None:
    thread = cast.start("boris", "ana")
    for number in range(25):
        cast.post("ana", thread, f"word {number}")
    Indexer()(database)
    browser = sign_in("boris")
    first = browser.get("/search?q=word&who=ana").text
    older = re.search(r'href="(/search\?[^"]*before=[^"]*)"', first)
    assert older
    second = browser.get(older.group(1).replace("&amp;", "&")).text
    assert first.count("<mark>") == 20 and second.count("<mark>") == 5 and "Older results" not in second
