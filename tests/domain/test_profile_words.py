"""What apps are told of a profile and a folder: short lines, the newest first, cut with the page where the rest is. Source: product.md, Patient profile."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clinic import ACTIONS, Database
from clinic.actions import Telling
from clinic.offers import telling
from clinic.profile.words import MOST_CHANGES, MOST_ITEMS, MOST_LETTERS, MOST_NOTES
from tests.domain.test_profiles import do
from tests.support.cast import Cast
from tests.support.filing import sent

BASE = "https://clinic.example"


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def to(cast: Cast, who: str) -> Telling:
    with cast.database.read(getattr(cast, who)) as work:
        return telling(work, BASE, lambda file, account, name: f"{BASE}/f/{file}/{account}/{name}")


def told(cast: Cast, who: str, action: str, of: str = "ana", **values: object) -> list[str]:
    """Return what somebody's app is told of a patient, by lines."""
    value = cast.database.perform(getattr(cast, who), action, cast.uid(of), **values).value
    offer = ACTIONS[action].offer
    assert offer is not None and offer.tells is not None
    return offer.tells(value, to(cast, who)).split("\n")


def test_an_empty_profile_says_of_each_part_that_nothing_is_recorded(cast: Cast, thread: str) -> None:
    lines = told(cast, "boris", "profile.open")
    assert "Allergies: nothing recorded, which does not mean that there are none" in lines
    assert {"Conditions: nothing recorded", "Body and habits: nothing recorded", "Demographics: nothing recorded", "Notes, for staff only: none"} <= set(lines)
    assert told(cast, "ana", "profile.history")[0] == "Nothing was changed in your profile yet."


def test_that_none_is_known_and_what_is_over_is_told_as_such(cast: Cast, thread: str) -> None:
    do(cast, "boris", "none_known", kind="allergy")
    item = do(cast, "boris", "add", kind="condition", name="Asthma")
    do(cast, "boris", "change", item=item, version=1, name="Asthma", standing="past")
    mistaken = do(cast, "boris", "add", kind="medication", name="Zolpidem")
    do(cast, "boris", "change", item=mistaken, version=1, name="Zolpidem", standing="mistaken")
    lines = told(cast, "ana", "profile.open")
    at = lines.index("Allergies:")
    assert lines[at + 1].startswith("- no known allergies (staff: Boris Brandt, ")
    at = lines.index("Conditions: nothing recorded")
    assert lines[at + 1].startswith("- Asthma, over (staff: ") and not [line for line in lines if "Zolpidem" in line]


def test_what_is_long_is_cut_and_says_that_there_is_more(cast: Cast, thread: str) -> None:
    for number in range(MOST_ITEMS + 2):
        do(cast, "boris", "add", kind="medication", name=f"Drops {number}", detail="each\nmorning")
    for number in range(MOST_NOTES + 1):
        do(cast, "boris", "note", body=f"Note {number} " + "very " * MOST_LETTERS)
    lines = told(cast, "boris", "profile.open")
    at = lines.index("Medications:")
    assert lines[at + 1].startswith(f"- Drops {MOST_ITEMS + 1}, each morning (staff: ")  # the newest first
    assert lines[at + MOST_ITEMS + 1] == "- … and 2 more on the page"
    at = lines.index("Notes, for staff only:")
    assert f"Note {MOST_NOTES} " in lines[at + 1] and lines[at + 1].endswith("…") and len(lines[at + 1]) < MOST_LETTERS + 60
    assert lines[at + MOST_NOTES + 1] == "- … and 1 more on the page" and lines[-1] == f"All of it: {BASE}/patients/{cast.uid('ana')}"
    lines = told(cast, "boris", "profile.history")
    assert len(lines) == MOST_CHANGES + 3 and lines[-2:] == ["- … and 2 more on the page", f"All of it: {BASE}/patients/{cast.uid('ana')}/history"]


def test_days_are_the_clinics(cast: Cast, thread: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "now", lambda: datetime(2027, 12, 31, 23, 30, tzinfo=UTC))
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="Haven", emergency_number="112", time_zone="Europe/Berlin")
    do(cast, "ana", "describe", version=0, phone="112")
    assert "- Telephone: 112 (Ana Alvarez, 1 January 2028)" in told(cast, "boris", "profile.open")


def test_a_note_for_one_threads_staff_is_told_to_nobody_else(cast: Cast, thread: str) -> None:
    cast.link("ana", "bella")
    cast.start("bella", "ana")
    do(cast, "boris", "note", body="Between us", thread=thread)
    for who, reads in (("boris", True), ("chen", True), ("bella", False), ("ana", False)):
        assert ("Between us" in "\n".join(told(cast, who, "profile.open"))) == reads, who
    assert not [line for line in told(cast, "ana", "profile.open") if "Notes" in line]


def test_documents_come_with_links_of_the_readers_own_and_say_where_older_ones_are(cast: Cast, thread: str) -> None:
    kept = [sent(cast.database, cast.ana, thread, f"c-{number}", name=f"knee {number}.jpg") for number in range(21)]
    lines = told(cast, "chen", "file.open_folder")
    assert lines[0] == "In Ana Alvarez’s Images & Documents, the newest first:"
    assert lines[1].startswith("- knee 20.jpg: Image, 1 KB; Ana Alvarez, ") and lines[2] == f"{BASE}/f/{kept[20]}/{cast.uid('chen')}/knee 20.jpg"
    assert len(lines) == 43 and lines[-2] == f"There is more, older: {BASE}/patients/{cast.uid('ana')}/documents"
    assert told(cast, "ana", "file.open_folder", form="audio") == [f"Nothing to list in your Images & Documents: {BASE}/documents"]
