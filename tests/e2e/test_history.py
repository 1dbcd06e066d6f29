"""A long thread: older entries come by scrolling, each once, and the reader keeps the place."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.browser import Person
from tests.support.clinic import RunningClinic
from tests.support.page import Page
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
ENTRIES = 120
LINES = "() => [...document.querySelectorAll('#log [data-uid] .body')].map((body) => body.innerText).filter((text) => text.startsWith('line '))"
UIDS = "() => [...document.querySelectorAll('#log [data-uid]')].map((entry) => entry.dataset.uid)"
PLACE = "(element) => element.getBoundingClientRect().top"
SCROLL_UP = "() => { const frame = document.querySelector('#log').parentElement; frame.scrollTop = 0; }"


def test_older_entries_come_by_scrolling_each_once_and_in_order(person: Callable[..., Person], clinic: RunningClinic) -> None:
    bella = Page(clinic, "bella")
    thread = clinic.ready["threads"]["boris-bella"]
    for number in range(ENTRIES):
        assert bella.act("text.post", thread["uid"], body=f"line {number}", client_id=f"line-{number}").status == 200
    bella.close()
    boris = person("boris")
    page = boris.open("boris-bella")
    boris.live()
    page.get_by_text(f"line {ENTRIES - 1}", exact=True).wait_for()
    first = page.evaluate(LINES)
    assert 0 < len(first) < ENTRIES
    top = page.locator("#log [data-uid]", has_text=first[0]).first
    page.evaluate(SCROLL_UP)
    eventually(lambda: len(page.evaluate(LINES)) > len(first), 10, "older entries")
    # What stood at the top stands before the eyes still, and not a page further down.
    assert -50 < top.evaluate(PLACE) < page.viewport_size["height"]

    def at_the_beginning() -> bool:
        page.evaluate(SCROLL_UP)
        return not page.locator(".older").count()

    eventually(at_the_beginning, 20, "the beginning of the thread")
    assert page.evaluate(LINES) == [f"line {number}" for number in range(ENTRIES)]
    uids = page.evaluate(UIDS)
    assert len(uids) == len(set(uids))
