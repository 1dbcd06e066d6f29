"""Profiles as people meet them in a browser: the patient says something, staff read it marked; two edit at once and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browser import Person
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
People = Callable[..., Person]


def test_what_a_patient_says_of_their_health_stands_at_the_top_for_staff_marked_as_theirs(person: People, clinic: RunningClinic) -> None:
    ada, bella = person("ada"), person("bella")
    ada.page.goto(f"{clinic.ready['web']}/profile")
    expect(ada.page.locator(".note", has_text="No known allergies")).to_be_visible()
    ada.page.get_by_role("link", name="Add allergy").click()
    ada.page.get_by_label("Allergic to").fill("Latex")
    ada.page.get_by_label("How severe").select_option("severe")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("Added.")).to_be_visible()
    bella.open("ada-bella").locator("#thread-title a").click()
    expect(bella.page.locator(".allergies")).to_contain_text("Latex (severe) patient says")
    expect(bella.page.locator("#allergy li", has_text="Latex")).to_contain_text("Patient says")
    expect(bella.page.locator("#allergy li", has_text="Latex").get_by_role("link")).to_have_count(0)


def test_who_saves_second_keeps_what_they_typed_and_sees_what_stands_there(person: People, clinic: RunningClinic) -> None:
    ada, bella = person("ada"), person("bella")
    bella.open("ada-bella").locator("#thread-title a").click()
    bella.page.get_by_role("link", name="Edit demographics").click()
    ada.page.goto(f"{clinic.ready['web']}/profile")
    ada.page.get_by_role("link", name="Edit demographics").click()
    ada.page.get_by_label("Address").fill("9 New Street")
    ada.page.get_by_role("button", name="Save").click()
    expect(ada.page.get_by_text("Saved.")).to_be_visible()
    bella.page.get_by_label("Languages").fill("Portuguese and French")
    bella.page.get_by_role("button", name="Save").click()
    expect(bella.page.get_by_role("alert")).to_contain_text("saved this meanwhile")
    expect(bella.page.get_by_label("Languages")).to_have_value("Portuguese and French")
    expect(bella.page.locator(".stored", has_text="9 New Street")).to_be_visible()
    bella.page.get_by_label("Address").fill("9 New Street")
    bella.page.get_by_role("button", name="Save").click()
    expect(bella.page.locator("#demographics")).to_contain_text("Portuguese and French")
    expect(bella.page.locator("#demographics")).to_contain_text("9 New Street")
