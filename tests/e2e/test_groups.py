"""Groups in real browsers: one is made, somebody is shown out at once, and who was in a closed one reads whom to contact."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.browser import Person, axe_problems, misplaced

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def make(boris: Person, title: str, *people: str) -> str:
    """Make a group by the page, choosing people one after the other. Returns: its address."""
    page = boris.page
    page.goto(f"{boris.clinic.ready['web']}/threads/group")
    page.get_by_label("Name of the group").fill(title)
    for name in people:
        page.locator("#q").fill(name)
        page.get_by_role("button", name=f"Add {name}").click()
        page.get_by_role("button", name=f"Take {name} out").wait_for()
        assert page.get_by_label("Name of the group").input_value() == title
    if page.locator("#reason").count():
        page.locator("#reason").fill("The same class")
    page.get_by_role("button", name="Create the group").click()
    page.locator("#body").wait_for()
    return page.url


def test_who_is_removed_is_out_at_once_and_who_was_in_a_closed_group_reads_whom_to_contact(person: People) -> None:
    boris, ana, ada = person("boris"), person("ana"), person("ada")
    for one in (ana, ada):
        one.page.goto(one.clinic.ready["web"])
        one.live()
    address = make(boris, "Knee class", "Ana Alvarez", "Ada Almeida", "Bella Baptiste")
    for one in (ana, ada):
        one.page.get_by_role("link", name="Knee class").click()
        one.live()
        assert "born" not in one.page.locator(".thread > header").inner_text()
    boris.write("Good morning, all")
    ada.sees("Good morning, all")
    boris.page.goto(f"{address}/people")
    row = boris.page.locator("li", has_text="Ada Almeida")
    row.get_by_text("Remove…").click()
    row.get_by_role("button", name="Remove Ada Almeida").click()
    ada.page.locator(".thread").wait_for(state="detached", timeout=5_000)
    assert ada.page.get_by_text("Good morning, all").count() == 0
    ana.page.locator(".members").get_by_text("Ada Almeida").wait_for(state="detached")
    boris.page.get_by_text("Close for everyone…").click()
    boris.page.get_by_role("button", name="Close the group for everyone").click()
    ana.page.get_by_text("closed the group Knee class for everyone").wait_for(timeout=5_000)
    assert axe_problems(ana.page) == []
    ana.page.get_by_role("button", name="I have read this").click()
    ana.page.get_by_text("closed the group").wait_for(state="detached")


def test_a_name_typed_before_the_form_has_come_to_life_is_looked_for(person: People) -> None:
    boris = person("boris")
    page = boris.page
    # htmx lets what it has put into the page settle for 20 ms before it listens there; a busy machine makes more of it.
    page.add_init_script("{ const later = setTimeout; window.setTimeout = (work, ms, ...rest) => later(work, ms === 20 ? 500 : ms, ...rest); }")
    page.goto(f"{boris.clinic.ready['web']}/threads/group")
    for name in ("Ana Alvarez", "Ada Almeida"):
        page.locator("#q").fill(name)
        page.get_by_role("button", name=f"Add {name}").click()
        page.get_by_role("button", name=f"Take {name} out").wait_for()


@pytest.mark.parametrize("width", [320, 1280])
def test_the_pages_of_groups_fit_and_can_be_used_by_everybody(person: People, width: int) -> None:
    boris = person("boris", viewport={"width": width, "height": 700})
    address = make(boris, f"Class of {width}", "Ana Alvarez", "Bella Baptiste")
    page = boris.page
    page.locator("#options-menu").click()
    assert axe_problems(page) == []
    assert misplaced(page) == []
    page.get_by_role("link", name="Share link").click()
    page.get_by_role("button", name="Make a share link").click()
    link = page.locator("#share-link").input_value()
    page.locator("#q").press_sequentially("Eve")
    page.wait_for_timeout(500)
    assert axe_problems(page) == []
    assert misplaced(page) == []
    page.goto(f"{boris.clinic.ready['web']}/threads/group")
    assert axe_problems(page) == []
    assert misplaced(page) == []
    ada = person("ada", viewport={"width": width, "height": 700})
    ada.page.goto(link)
    ada.page.get_by_role("button", name="Ask to be let in").click()
    ada.page.get_by_text("You have asked.").first.wait_for()
    assert axe_problems(ada.page) == []
    assert misplaced(ada.page) == []
    page.goto(f"{address}/people")
    page.get_by_role("button", name="Let in", exact=True).click()
    page.get_by_text("They are in.").wait_for()
    ada.page.goto(link)
    ada.page.locator("#body").wait_for()
    assert ada.page.locator("#log .entry").count() == 1
