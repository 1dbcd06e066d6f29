"""Patients' profiles: who says what of whom, nothing ever written over, each view audited. Source: product.md, Patient profile."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Database, errors
from clinic.audit.tables import audit_entries
from clinic.profile import tables
from clinic.profile.opening import Profile
from clinic.search.index import Indexer
from tests.support.cast import Cast

ADDRESS = {"called": "Annie", "phone": "+351 21 555 0114", "address": "14 Lighthouse Lane\n1000 Haven", "emergency_name": "Rui Alvarez"}
SECRETS = ("Zolpidem", "Heartburn", "Lighthouse", "Quietly worried")


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def do(cast: Cast, who: str, action: str, of: str = "ana", **values: Any) -> Any:
    """Have somebody do something to a patient's profile. Returns: its value."""
    return cast.database.perform(getattr(cast, who), f"profile.{action}", cast.uid(of), **values).value


def opened(cast: Cast, who: str, of: str = "ana") -> Profile:
    profile: Profile = do(cast, who, "open", of)
    return profile


def fill(cast: Cast) -> None:
    """Fill Ana's profile with what nobody but she and her staff may read."""
    do(cast, "ana", "describe", version=0, **ADDRESS)
    do(cast, "boris", "add", kind="medication", name="Zolpidem", detail="one at night")
    do(cast, "ana", "add", kind="condition", name="Heartburn")
    do(cast, "boris", "note", body="Quietly worried about the stairs")


def test_each_datum_says_who_has_said_it_and_what_stood_there_is_kept(cast: Cast, thread: str) -> None:
    do(cast, "ana", "describe", version=0, **ADDRESS)
    assert do(cast, "boris", "describe", version=1, **ADDRESS | {"phone": "+351 21 555 0200"}) == 2
    said = opened(cast, "boris").demographics
    assert (said.version, said.get("phone").by, said.get("called").by) == (2, "Boris Brandt", "Ana Alvarez")
    changed = next(one for one in do(cast, "ana", "history").changes if one.name == "phone")
    assert (changed.before, changed.after, changed.role) == ("+351 21 555 0114", "+351 21 555 0200", "practitioner")
    assert do(cast, "dina", "describe", version=2, **ADDRESS | {"phone": None}) == 3
    assert opened(cast, "ana").demographics.get("phone") is None
    with cast.database.reading() as connection:
        assert connection.execute(sa.select(tables.demographics.c.phone).order_by(tables.demographics.c.version)).scalars().all() == [
            "+351 21 555 0114", "+351 21 555 0200", None,
        ]  # fmt: skip


def test_of_two_who_edit_at_once_the_second_is_told_and_nothing_is_lost(cast: Cast, thread: str) -> None:
    do(cast, "ana", "describe", version=0, **ADDRESS)
    do(cast, "boris", "describe", version=1, **ADDRESS | {"language": "Portuguese"})
    with pytest.raises(errors.Conflict, match="saved this meanwhile") as refused:
        do(cast, "ana", "describe", version=1, **ADDRESS | {"sex": "female"})
    assert refused.value.field == "version"
    assert opened(cast, "ana").demographics.values["language"] == "Portuguese"
    # The same again, by who pressed twice, is no conflict and no version.
    assert do(cast, "boris", "describe", version=1, **ADDRESS | {"language": "Portuguese"}) == 2


def test_what_patients_say_stands_beside_what_staff_say_and_never_over_it(cast: Cast, thread: str) -> None:
    do(cast, "boris", "measure", version=0, weight="64,5", weight_unit="kg", blood_group="A+")
    do(cast, "ana", "measure", version=0, weight="63", weight_unit="kg")
    do(cast, "boris", "add", kind="allergy", name="Penicillin", severity="severe", since="2011")
    theirs = do(cast, "ana", "add", kind="allergy", name="Penicillin", detail="a rash")
    health = opened(cast, "chen").health
    assert (health.staff.get("weight").value, health.patient.get("weight").value) == ("64.5 kg", "63 kg")
    assert [(one.source, one.name, one.severity, one.by) for one in health.of("allergy")] == [
        ("staff", "Penicillin", "severe", "Boris Brandt"), ("patient", "Penicillin", "", "Ana Alvarez"),
    ]  # fmt: skip
    with pytest.raises(errors.NotFound):  # nobody changes what the other side has said
        do(cast, "boris", "change", item=theirs, version=1, name="Nothing", standing="mistaken")
    do(cast, "ana", "change", item=theirs, version=1, name="Penicillin", standing="mistaken")
    assert [one.source for one in opened(cast, "ana").health.of("allergy")] == ["staff"]
    assert any("entered by mistake" in one.after and one.source == "patient" for one in do(cast, "boris", "history").changes)


@pytest.mark.parametrize(("before", "now", "asks"), [
    ({"weight": "64.5", "weight_unit": "kg"}, {"weight": "6,5", "weight_unit": "kg"}, "Weight 6.5 kg would stand in the place of 64.5 kg (Boris Brandt)."),
    ({"weight": "64.5", "weight_unit": "kg"}, {"weight": "142", "weight_unit": "lb"}, ""),
    ({"weight": "64.5", "weight_unit": "kg"}, {"weight": "64.5", "weight_unit": "lb"}, "Weight 64.5 lb would"),
    ({"weight": "64.5", "weight_unit": "kg"}, {"weight": "83", "weight_unit": "kg"}, ""),
    ({"height": "172", "height_unit": "cm"}, {"height": "127", "height_unit": "cm"}, "Height 127 cm would stand in the place of 172 cm"),
    ({"height": "172", "height_unit": "cm"}, {"height": "162", "height_unit": "cm"}, ""),
])
def test_a_measure_that_is_unlikely_beside_the_former_one_is_asked_about_and_stored_where_it_is_right(
    cast: Cast, thread: str, before: dict[str, str], now: dict[str, str], asks: str
) -> None:
    do(cast, "boris", "measure", version=0, **before)
    if asks:
        with pytest.raises(errors.Invalid) as refused:
            do(cast, "boris", "measure", version=1, **now)
        assert refused.value.field == "sure" and refused.value.text.startswith(asks)
        with pytest.raises(errors.Invalid):  # beside what the other side says, too
            do(cast, "ana", "measure", version=0, **now)
        assert opened(cast, "boris").health.staff.version == 1
    assert do(cast, "boris", "measure", version=1, sure=bool(asks), **now) == 2


def test_that_none_is_known_is_said_and_ends_with_the_first_that_is(cast: Cast, thread: str) -> None:
    assert opened(cast, "ana").health.of("allergy") == ()
    do(cast, "boris", "none_known", kind="allergy")
    do(cast, "boris", "none_known", kind="allergy")
    assert [one.name for one in opened(cast, "ana").health.of("allergy")] == [""]
    do(cast, "boris", "add", kind="allergy", name="Latex")
    assert [one.name for one in opened(cast, "ana").health.of("allergy")] == ["Latex"]
    with pytest.raises(errors.Conflict, match="Mark it as over"):
        do(cast, "boris", "none_known", kind="allergy")
    with pytest.raises(errors.Conflict, match="stands there already"):
        do(cast, "boris", "add", kind="allergy", name="  latex ")


def test_what_comes_twice_from_one_form_is_there_once(cast: Cast, thread: str) -> None:
    first = do(cast, "boris", "note", body="Called, no answer", client_id="form-1")
    assert do(cast, "boris", "note", body="Called, no answer", client_id="form-1") == first
    # Who goes back to the form and writes something else, or for others, has written another.
    do(cast, "boris", "note", body="Called, no answer", client_id="form-1", thread=thread)
    do(cast, "boris", "note", body="Called, will come", client_id="form-1")
    do(cast, "boris", "note", body="Called, no answer", client_id="form-2")
    do(cast, "chen", "note", body="Called, no answer", client_id="form-1")
    assert len(opened(cast, "boris").notes) == 5
    said = {"kind": "allergy", "name": "Latex", "detail": "a rash", "severity": "mild", "since": "2011"}
    item = do(cast, "boris", "add", **said)
    assert do(cast, "boris", "add", **said) == item
    with pytest.raises(errors.Conflict, match="stands there already"):
        do(cast, "boris", "add", **said | {"severity": "severe"})
    assert [one.severity for one in opened(cast, "boris").health.of("allergy")] == ["mild"]


def test_what_has_begun_is_seen_by_the_clinics_own_clock(cast: Cast, thread: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "now", lambda: datetime(2027, 12, 31, 23, 30, tzinfo=UTC))
    add = {"kind": "condition", "detail": "", "severity": None}
    with pytest.raises(errors.Invalid, match="still to come"):
        do(cast, "boris", "add", name="Cough", since="2028-01-01", **add)
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="Haven", emergency_number="112", time_zone="Europe/Berlin")
    item = do(cast, "boris", "add", name="Cough", since="2028-01-01", **add)
    assert do(cast, "boris", "change", item=item, version=1, name="Cough", since="2028", standing="now") == 2
    with pytest.raises(errors.Invalid, match="still to come") as refused:
        do(cast, "boris", "change", item=item, version=2, name="Cough", since="2028-02", standing="now")
    assert refused.value.field == "since"


@pytest.mark.parametrize(
    ("action", "values", "field"),
    [
        ("describe", {"phone": "ask my son"}, "phone"),
        ("describe", {"time_zone": "Mars/Olympus"}, "time_zone"),
        ("describe", {"email": "nobody"}, "email"),
        ("measure", {"height": "1,72", "height_unit": "cm"}, "height"),  # two decimals: metres
        ("measure", {"height": "1.7", "height_unit": "cm"}, "height"),
        ("measure", {"weight": "63"}, "weight"),
        ("add", {"kind": "condition", "name": "Asthma", "since": "2019-13"}, "since"),
        ("add", {"kind": "condition", "name": "Asthma", "since": "2999"}, "since"),
        ("add", {"kind": "condition", "name": " "}, "name"),
    ],
)
def test_what_cannot_be_is_refused_in_words(cast: Cast, thread: str, action: str, values: dict[str, Any], field: str) -> None:
    version = {} if action == "add" else {"version": 0}
    with pytest.raises(errors.Invalid) as refused:
        do(cast, "ana", action, **values, **version)
    assert refused.value.field == field and refused.value.text.endswith((".", "it."))


def test_notes_are_for_staff_and_of_one_thread_for_its_staff_only(cast: Cast, thread: str) -> None:
    cast.link("ana", "bella")
    other = cast.start("bella", "ana")
    do(cast, "boris", "note", body="For everybody")
    do(cast, "boris", "note", body="Between us", thread=thread)
    assert [note.body for note in opened(cast, "chen").notes] == ["Between us", "For everybody"]
    assert [note.body for note in opened(cast, "bella").notes] == ["For everybody"]
    assert opened(cast, "ana").notes == do(cast, "ana", "export", notes=True).notes == ()
    with pytest.raises(errors.Invalid):
        do(cast, "boris", "note", body="Not mine to say", thread=other)
    for who in ("ana", "dina"):
        with pytest.raises(errors.NotPermitted):
            do(cast, who, "note", body="x")


def test_a_note_is_corrected_by_its_author_with_what_it_said_before(cast: Cast, thread: str) -> None:
    uid = do(cast, "boris", "note", body="Take 10 mg")
    with pytest.raises(errors.NotPermitted, match="Only its author"):
        do(cast, "chen", "correct_note", note=uid, version=1, body="Take 5 mg")
    do(cast, "boris", "correct_note", note=uid, version=1, body="Take 5 mg")
    [note] = opened(cast, "chen").notes
    assert (note.body, [said.body for said in note.earlier]) == ("Take 5 mg", ["Take 10 mg"])
    with pytest.raises(errors.Conflict):
        do(cast, "boris", "correct_note", note=uid, version=1, body="Take 20 mg")
    do(cast, "boris", "withdraw_note", note=uid, version=2)
    [note] = opened(cast, "chen").notes
    assert (note.body, len(note.earlier)) == ("", 2)
    with pytest.raises(errors.Conflict, match="took this note back"):
        do(cast, "boris", "correct_note", note=uid, version=3, body="Take 5 mg")
    only = do(cast, "boris", "note", body="Between us", thread=thread)
    cast.link("ana", "bella")
    cast.start("bella", "ana")
    with pytest.raises(errors.NotFound):  # not even that there is one
        do(cast, "bella", "correct_note", note=only, version=1, body="Mine now")


def test_coordinators_read_and_do_not_edit_and_others_find_nothing(cast: Cast, thread: str) -> None:
    fill(cast)
    assert opened(cast, "chen").may == {"profile.note"}
    for action, values in (("describe", {"version": 1}), ("measure", {"version": 0}), ("add", {"kind": "allergy", "name": "x"}), ("export", {})):
        with pytest.raises(errors.NotPermitted):
            do(cast, "chen", action, **values)
    for who in ("bella", "ada", "eve"):
        for action, values in (("open", {}), ("history", {}), ("export", {}), ("describe", {"version": 1})):
            with pytest.raises(errors.NotFound):
                do(cast, who, action, **values)
    people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
    cast.database.perform(cast.dina, "link.coordinator_remove", **people)
    with pytest.raises(errors.NotFound):
        opened(cast, "chen")


def test_administrators_read_demographics_and_nothing_of_health(cast: Cast, thread: str) -> None:
    fill(cast)
    register = do(cast, "dina", "register")
    assert register.demographics.get("address").value == ADDRESS["address"]
    assert not any(secret in repr(register) for secret in ("Zolpidem", "Heartburn", "Quietly"))
    for action, values in (("open", {}), ("history", {}), ("export", {}), ("measure", {"version": 0}), ("add", {"kind": "allergy", "name": "x"})):
        with pytest.raises(errors.NotPermitted):
            do(cast, "dina", action, **values)
    for who in ("ana", "boris", "chen"):
        with pytest.raises(errors.NotPermitted):
            do(cast, who, "register")
    with pytest.raises(errors.NotFound):
        do(cast, "dina", "register", of="boris")


def test_the_audit_log_says_who_opened_and_exported_and_never_what_was_said(cast: Cast, thread: str) -> None:
    fill(cast)
    do(cast, "ana", "measure", version=0, blood_group="AB-", smoking="daily", weight="63.7", weight_unit="kg")
    opened(cast, "chen")
    do(cast, "boris", "export", notes=True)
    with cast.database.reading() as connection:
        rows = connection.execute(sa.select(audit_entries).where(audit_entries.c.action.startswith("profile.", autoescape=True))).all()
    assert {row.action for row in rows if row.role == "coordinator"} == {"profile.open"}
    assert all(row.subject == cast.uid("ana") for row in rows)
    assert [json.loads(row.detail) for row in rows if row.action == "profile.export"] == [{"notes": True}]
    told = " ".join(row.detail for row in rows)
    assert not any(word in told for word in (*SECRETS, "AB-", "daily", "63.7", "medication", "condition"))


def test_nothing_of_a_profile_is_found_by_the_search_or_in_a_job(cast: Cast, thread: str, database: Database) -> None:
    fill(cast)
    Indexer()(database)
    with database.reading() as connection:
        held = {
            name: " ".join(str(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"'))
            for name in sa.inspect(connection).get_table_names()
            if name not in ("demographics", "health_items", "profile_notes")
        }
    assert not [(name, secret) for name, said in held.items() for secret in SECRETS if secret.casefold() in said.casefold()]
