"""What calls a person back to the page: the count in the title, a tone, a desktop notification; a muted thread stays silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page

from tests.support.browser import Person
from tests.support.clinic import RunningClinic
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e
People = Callable[..., Person]

# Notes down what the page asks of the browser, and lets the browser do it.
NOTE_DOWN = """() => {
  window.told = [];
  const Real = window.Notification;
  window.Notification = class extends Real {
    constructor(title, options) { super(title, options); window.told.push(`${title}: ${options.body}`); }
  };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...rest) { window.told.push("tone"); return start.apply(this, rest); };
}"""


@pytest.fixture
def waiting(person: People, clinic: RunningClinic) -> Iterator[Page]:
    """Boris's browser, with a tone and notifications switched on, at his list of threads."""
    boris = person("boris", permissions=["notifications"])
    boris.page.add_init_script(f"({NOTE_DOWN})()")
    boris.page.goto(f"{clinic.ready['web']}/account")
    boris.page.get_by_label("A soft tone").check()
    boris.page.get_by_label("A notification on the desktop").check()
    # The browser is asked first, and answers when it likes: leaving before it has is changing one's mind.
    eventually(lambda: boris.page.evaluate("localStorage.getItem('bedside:setting:desktop')") == "on", 10, "the setting")
    home(boris.page, clinic)
    yield boris.page


def home(page: Page, clinic: RunningClinic) -> None:
    page.goto(f"{clinic.ready['web']}/")
    page.locator("#pulse").wait_for(state="visible")


def count(page: Page) -> int:
    head = page.title().partition(")")[0]
    return int(head[1:]) if head.startswith("(") else 0


def told(page: Page) -> list[str]:
    return page.evaluate("window.told")


def test_a_new_message_shows_in_the_title_by_tone_and_notification_once_without_its_text(person: People, waiting: Page) -> None:
    before = count(waiting)
    ana = person("ana")
    ana.open("ana-boris")
    for number, text in enumerate(["It is worse today", "Much worse"], 1):
        ana.write(text)
        eventually(lambda number=number: count(waiting) == before + number, 10, f"{number} more in the title")
        eventually(lambda number=number: told(waiting).count("New message: From Ana Alvarez") == number, 10, "a notification")
    assert told(waiting).count("tone") == 4  # two notes each
    assert not any("worse" in one for one in told(waiting))


def test_a_muted_thread_stays_silent(person: People, clinic: RunningClinic, waiting: Page) -> None:
    thread = clinic.ready["web"] + clinic.ready["threads"]["ana-boris"]["url"]
    waiting.goto(thread)
    waiting.get_by_role("button", name="Mute", exact=True).click()
    waiting.get_by_role("button", name="Unmute").wait_for()
    home(waiting, clinic)
    before = count(waiting)
    ana, bella = person("ana"), person("bella")
    ana.open("ana-boris")
    ana.write("Into a muted thread")
    waiting.locator(".rows", has_text="Into a muted thread").wait_for()
    bella.open("boris-bella")
    bella.write("Into a loud thread")
    eventually(lambda: count(waiting) == before + 1, 10, "one more in the title")
    eventually(lambda: told(waiting) == ["tone", "tone", "New message: From Bella Baptiste"], 10, "the loud thread's alert alone")
    waiting.goto(thread)
    waiting.get_by_role("button", name="Unmute").click()
    waiting.get_by_role("button", name="Mute", exact=True).wait_for()


def test_what_was_unread_before_is_counted_and_not_announced(person: People, clinic: RunningClinic, waiting: Page) -> None:
    bella = person("bella")
    bella.open("boris-bella")
    bella.write("While nobody looks")
    waiting.locator(".rows", has_text="While nobody looks").wait_for()
    boris = person("boris", permissions=["notifications"])
    boris.page.add_init_script(f"({NOTE_DOWN})(); localStorage.setItem('bedside:setting:sound', 'on'); localStorage.setItem('bedside:setting:desktop', 'on')")
    boris.page.goto(f"{clinic.ready['web']}/account/devices")
    eventually(lambda: count(boris.page) == count(waiting) > 0, 10, "the count in the title")
    bella.write("Now somebody does")
    eventually(lambda: len(told(boris.page)) >= 3, 10, "an alert")
    assert told(boris.page) == ["tone", "tone", "New message: From Bella Baptiste"]
