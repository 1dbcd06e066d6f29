"""Correct, take back, react, answer and note: between two pages and profanity, on real parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from tests.support.browser import Person
from tests.support.clinic import RunningClinic
from tests.support.profanity import Profanity

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


@pytest.fixture
def profanity(clinic: RunningClinic, tmp_path: Path) -> Profanity:
    with Profanity(tmp_path / "home") as terminal:
        account, xmpp = clinic.ready["accounts"]["boris"], clinic.ready["xmpp"]
        terminal.connect(account["jid"], account["device_password"], xmpp["port"])
        terminal.join(clinic.ready["threads"]["ana-boris"]["room"])
        terminal.sees("joined the room as Boris Brandt")
        yield terminal


def menu(message: Locator) -> Locator:
    """Open the menu of a message."""
    message.locator(".entry-menu > summary").click()
    return message.locator(".entry-menu .menu")


def both(person: People) -> tuple[Person, Person]:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    return ana, boris


def test_what_is_corrected_answered_and_taken_back_changes_on_the_other_page_and_reaches_the_terminal(person: People, profanity: Profanity) -> None:
    ana, boris = both(person)
    ana.write("I took 50 pills")
    uid = boris.sees("I took 50 pills").get_attribute("data-uid")
    menu(ana.sees("I took 50 pills")).get_by_text("Correct", exact=True).click()
    assert ana.page.input_value("#body") == "I took 50 pills"
    assert "Correcting your message" in ana.page.inner_text(".compose .about")
    ana.page.reload()  # the draft and what it corrects survive
    ana.page.locator(".compose .about button").wait_for()
    ana.write("I took 5 pills")
    assert boris.sees("I took 5 pills").get_attribute("data-uid") == uid
    assert ana.page.input_value("#body") == ""
    profanity.sees("I took 5 pills")

    menu(boris.sees("I took 5 pills")).get_by_text("Reply", exact=True).click()
    boris.write("That is the right number")
    assert "I took 5 pills" in ana.sees("That is the right number").locator(".quote").inner_text()
    profanity.sees("That is the right number")

    ana.page.on("dialog", lambda dialog: dialog.accept())
    menu(ana.page.locator(f'#log [data-uid="{uid}"]')).get_by_text("Take back").click()
    for one in (ana, boris):
        gone = one.page.locator(f'#log [data-uid="{uid}"].gone')
        gone.wait_for(timeout=30_000)
        assert "taken back" in gone.inner_text() and "5 pills" not in gone.inner_text()
    boris.page.reload()
    assert "taken back" in boris.sees("That is the right number").locator(".quote").inner_text()
    profanity.sees("took a message back")


def test_a_reaction_shows_at_the_message_and_goes_again(person: People) -> None:
    ana, boris = both(person)
    ana.write("Better today")
    menu(boris.sees("Better today")).locator('[data-emoji="👍"]').click()
    chip = ana.sees("Better today").locator(".reaction")
    chip.wait_for(timeout=30_000)
    assert "Boris Brandt" in (chip.get_attribute("title") or "")
    boris.sees("Better today").locator(".reaction").click()
    chip.wait_for(state="detached", timeout=30_000)


def test_a_note_is_for_staff_and_the_patients_page_never_moves(person: People, profanity: Profanity) -> None:
    ana, boris = both(person)
    ana.write("Is anybody there?")
    boris.sees("Is anybody there?")
    before = ana.page.locator("#log").inner_html()
    boris.page.check("#internal-note")
    assert "Internal note" in boris.page.inner_text(".compose form .internal-mark")
    boris.write("She sounds worried")
    assert "Internal note" in boris.sees("She sounds worried").inner_text()
    profanity.sees("[Internal note, staff only] She sounds worried")
    boris.page.reload()
    assert boris.page.is_checked("#internal-note")  # so that the next one does not go to the patient by mistake
    boris.page.uncheck("#internal-note")
    boris.write("We are here")
    ana.sees("We are here")
    assert "worried" not in ana.page.content() and before.count("<article") + 1 == ana.page.locator("#log article").count()


def test_a_name_after_an_at_sign_is_chosen_by_keys_and_marked_for_who_is_named(person: People) -> None:
    ana, boris = both(person)
    ana.page.locator("#body").press_sequentially("@bor")
    ana.page.locator("#names [aria-selected=true]", has_text="Boris Brandt").wait_for()
    ana.page.press("#body", "Enter")
    assert ana.page.input_value("#body") == "@Boris Brandt "
    ana.page.locator("#body").press_sequentially("please look")
    ana.page.press("#body", "Enter")
    boris.sees("please look").get_by_text("You are mentioned").wait_for(timeout=5_000)
