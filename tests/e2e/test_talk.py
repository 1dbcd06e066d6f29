"""Ana and Boris talk: two browsers and profanity at once, on real parts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.browser import Person, texts
from tests.support.clinic import RunningClinic
from tests.support.ports import eventually
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


def test_what_one_types_the_others_see_and_a_reload_shows_the_same(person: People, profanity: Profanity) -> None:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    ana.write("Hello from Ana's page")
    boris.sees("Hello from Ana's page")
    profanity.sees("Hello from Ana's page")
    boris.write("Hello from Boris's page")
    ana.sees("Hello from Boris's page")
    profanity.sees("Hello from Boris's page")
    profanity.type("Hello from Boris's terminal")
    for one in (ana, boris):
        one.sees("Hello from Boris's terminal")
    before = texts(ana.page)
    assert before == texts(boris.page)
    assert [text for text in before if text.startswith("Hello from")] == [
        "Hello from Ana's page",
        "Hello from Boris's page",
        "Hello from Boris's terminal",
    ]
    for one in (ana, boris):
        one.page.reload()
        one.sees("Hello from Boris's terminal")
        assert texts(one.page)[-3:] == before[-3:]


def test_after_a_refused_nick_profanity_still_hears(person: People, profanity: Profanity) -> None:
    profanity.type("/nick Somebody Else")
    profanity.sees("the name that the clinic has verified")  # so it is refused before anybody writes
    ana = person("ana")
    ana.open("ana-boris")
    ana.write("URGENT after the nick")
    profanity.sees("URGENT after the nick")


def test_an_own_message_goes_from_sent_to_read(person: People) -> None:
    ana = person("ana")
    ana.open("ana-boris")
    ana.live()
    ana.write("Will you see this?")
    ana.sees("Will you see this?")
    boris = person("boris")
    boris.open("ana-boris")
    boris.sees("Will you see this?").scroll_into_view_if_needed()
    ana.sees("Will you see this?").get_by_text("Read").wait_for(timeout=10_000)


def test_typing_is_shown_to_the_other_and_ends(person: People) -> None:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    ana.page.type("#body", "I am wri")
    boris.page.locator(".typing", has_text="Ana Alvarez").wait_for()
    ana.page.fill("#body", "")
    eventually(lambda: boris.page.locator(".typing").inner_text().strip() == "", 10, "the end of typing")


def test_two_tabs_and_a_client_of_one_person_stay_the_same(person: People, profanity: Profanity) -> None:
    boris = person("boris")
    first, second = boris.open("ana-boris"), boris.open("ana-boris", boris.tab())
    for tab in (first, second):
        boris.live(tab)
    for number, tab in enumerate([first, second, first]):
        boris.write(f"tab line {number}", tab)
    profanity.type("tab line from the terminal")
    for tab in (first, second):
        boris.sees("tab line from the terminal", tab)
        eventually(lambda tab=tab: sum("tab line" in text for text in texts(tab)) == 4, 10, "four lines")
    assert [t for t in texts(first) if "tab line" in t] == [t for t in texts(second) if "tab line" in t]


def test_a_message_typed_without_a_connection_is_kept_and_sent_once(person: People) -> None:
    ana, boris = person("ana"), person("boris")
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    ana.context.set_offline(True)
    ana.write("Typed in a tunnel")
    ana.page.locator("#log", has_text="Typed in a tunnel").wait_for()
    ana.page.locator("#live", has_text="Offline").wait_for(timeout=20_000)
    assert "Typed in a tunnel" not in texts(boris.page)
    ana.context.set_offline(False)
    boris.sees("Typed in a tunnel", seconds=40)
    eventually(lambda: texts(ana.page).count("Typed in a tunnel") == 1, 20, "one message, not two")
    ana.page.reload()
    ana.sees("Typed in a tunnel")
    assert texts(ana.page).count("Typed in a tunnel") == 1


def test_a_message_typed_before_a_reload_without_a_connection_is_not_lost(person: People) -> None:
    ana = person("ana")
    ana.open("ana-boris")
    ana.page.route("**/actions/**", lambda route: route.abort())
    ana.write("The lid was closed")
    ana.page.locator("#log", has_text="The lid was closed").wait_for()
    ana.page.unroute("**/actions/**")
    ana.page.reload()
    boris = person("boris")
    boris.open("ana-boris")
    boris.sees("The lid was closed", seconds=40)
    assert texts(boris.page).count("The lid was closed") == 1


def test_a_draft_stays_with_its_thread(person: People) -> None:
    boris = person("boris")
    boris.open("ana-boris")
    boris.page.fill("#body", "For Ana only")
    boris.open("boris-bella")
    assert boris.page.input_value("#body") == ""
    boris.open("ana-boris")
    eventually(lambda: boris.page.input_value("#body") == "For Ana only", what="the draft")
    boris.page.fill("#body", "")


def test_the_page_polls_and_says_so_while_live_updates_are_down(person: People) -> None:
    ana, boris = person("ana"), person("boris")
    boris.page.route_web_socket("**/*", lambda socket: socket.close())
    boris.open("ana-boris")
    boris.page.locator("#live", has_text="every 5").wait_for(timeout=30_000)
    ana.open("ana-boris")
    ana.write("Seen without live updates")
    boris.sees("Seen without live updates", seconds=12)


def test_without_scripts_one_can_log_in_read_and_write(person: People) -> None:
    ana = person("ana", java_script_enabled=False)
    ana.open("ana-boris")
    ana.page.fill("#body", "Plain as paper")
    ana.page.click("button.send")
    ana.sees("Plain as paper")  # the click waits for the next page to begin, not for its log
    ana.open("ana-boris")
    assert texts(ana.page).count("Plain as paper") == 1


def test_a_device_revoked_in_the_page_is_out_within_five_seconds(
    person: People, clinic: RunningClinic, tmp_path: Path
) -> None:
    boris = person("boris")
    boris.page.goto(f"{clinic.ready['web']}/account/devices")
    boris.page.fill("[name=name]", "Old phone")
    boris.page.press("[name=name]", "Enter")
    boris.page.locator("#xmpp-password").wait_for()
    password = boris.page.input_value("#xmpp-password")
    account, xmpp = clinic.ready["accounts"]["boris"], clinic.ready["xmpp"]
    with Profanity(tmp_path / "home") as terminal:
        terminal.connect(account["jid"], password, xmpp["port"])
        boris.page.goto(f"{clinic.ready['web']}/account/devices")
        device = boris.page.locator("li", has_text="Old phone")
        device.get_by_text("Revoke…").click()
        started = time.monotonic()
        device.get_by_role("button", name="Revoke Old phone").click()
        terminal.sees("[offline]", 5)
        print(f"out {time.monotonic() - started:.2f} s after the click")
