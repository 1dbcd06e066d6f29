"""What an administrator reads before a step is what the step does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.browser import Person
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def test_who_is_unlinked_writes_on_in_the_thread_that_is_there_as_the_page_says(person: People, clinic: RunningClinic) -> None:
    dina, bella = person("dina"), person("bella")
    dina.page.goto(f"{clinic.ready['web']}/admin/links")
    row = dina.page.locator("li", has_text="Ada Almeida")
    row.get_by_text("Unlink…").click()
    row.get_by_text("The two keep the thread they have, and write there as before. Starting a new one then needs a reason.").wait_for()
    row.get_by_role("button", name="Unlink Ada Almeida").click()
    dina.page.get_by_text("The link is removed.").wait_for()
    bella.open("ada-bella")
    bella.write("Written after the link was gone")
    bella.sees("Written after the link was gone")
    bella.page.goto(f"{clinic.ready['web']}/threads/new?q=Ada")
    found = bella.page.locator("#found li", has_text="Ada Almeida")
    found.get_by_text("Write…").click()
    found.get_by_label("Why do you contact Ada Almeida?").wait_for()
    form = dina.page.locator("form[action$='link.patient_add']")
    patient = form.locator("[name=patient]")
    patient.select_option(patient.locator("option", has_text="Ada Almeida").get_attribute("value"))
    form.locator("[name=practitioner]").select_option(label="Bella Baptiste")
    form.get_by_role("button", name="Link").click()
    dina.page.get_by_text("Linked.").wait_for()


def test_a_person_without_an_e_mail_address_is_added_and_the_page_says_what_that_means(person: People, clinic: RunningClinic) -> None:
    dina = person("dina")
    page = dina.page
    page.goto(f"{clinic.ready['web']}/admin/accounts")
    form = page.locator("form", has=page.get_by_role("button", name="Add and show the invitation link"))
    email = form.get_by_label("E-mail address")
    said = f"#{email.get_attribute('aria-describedby')}".strip()
    assert page.locator(said).inner_text() == "Without one they cannot log in to the page again after the invitation"
    form.get_by_label("Full name").fill("Finn Falk")
    form.get_by_label("Birth date").fill("1990-05-06")
    form.get_by_role("button").click()
    page.locator("#invitation-link").wait_for()
    row = page.locator(".items > li", has_text="Finn Falk")
    row.get_by_text("no e-mail address").wait_for()
    row.get_by_text("Correct…").click()
    row.get_by_text("Without one they cannot log in").wait_for()
    row.get_by_text("Deactivate…").click()
    row.get_by_role("button", name="Deactivate Finn Falk").click()
    row.get_by_text("Deactivated").wait_for()
