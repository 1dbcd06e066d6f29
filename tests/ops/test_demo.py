"""Whom the demonstration is made for: an empty clinic, or one that began as a demonstration; never a real one."""

import json
from pathlib import Path
from typing import Any

import pytest

from clinic import Actor, Database, Role
from clinic.account.admin import account_list
from clinic.account.views import clinic_settings, login_record
from clinic.payment.ledger import Sought, ledger
from clinic.payment.views import service_list, waiting
from clinic.thread.views import thread_page
from ops import database, demo, keys, preflight
from ops.demo_history import PEOPLE, THREADS
from ops.deployment import open_clinic
from ops.layout import Layout
from ops.problems import Problem
from tests.support.databases import DATABASES
from tests.support.ports import free_base_port


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A migrated clinic without accounts."""
    made = Layout(tmp_path, free_base_port(), database_url=DATABASES.empty(tmp_path))
    preflight.prepare_folder(tmp_path)
    keys.ensure(tmp_path / "secrets")
    database.migrate(made.database)
    return made


def state_of(layout: Layout) -> tuple[list[str], str]:
    opened = open_clinic(layout)
    with opened.read(Actor.system()) as work:
        found = [row.name for row in account_list(work)], clinic_settings(work)["clinic_name"]
    opened.engine.dispose()
    return found


def make_real(layout: Layout) -> None:
    opened = open_clinic(layout)
    opened.perform(Actor.system(), "account.create", name="Real Person", email="real@clinic.example", roles=["admin"])
    opened.engine.dispose()


def test_real_clinic_is_refused_in_words_and_left_as_it_was(layout: Layout) -> None:
    make_real(layout)
    before = state_of(layout)
    with pytest.raises(Problem, match=r"real clinic; start it without --demo \(make run DEMO=\)"):
        demo.seed(layout)
    assert state_of(layout) == before
    assert not (layout.data / "secrets" / "demo.json").exists()


def test_real_database_under_the_folder_of_a_demonstration_is_refused(layout: Layout) -> None:
    (layout.data / "secrets" / "demo.json").write_text('{"accounts": {}, "threads": {}}')
    make_real(layout)
    with pytest.raises(Problem, match="real clinic"):
        demo.seed(layout)
    assert state_of(layout)[0] == ["Real Person"]


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_demonstration_cut_off_at_its_first_steps_is_completed(layout: Layout, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    opened = open_clinic(layout)
    kind = type(opened)
    perform, done = kind.perform, 0

    def cut_off(*arguments: object, **values: object) -> object:
        nonlocal done
        done += 1
        if done > steps:
            raise KeyboardInterrupt
        return perform(*arguments, **values)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "perform", cut_off)
        with pytest.raises(KeyboardInterrupt):
            demo.seed(layout)
    opened.engine.dispose()
    demo.seed(layout)
    assert sorted(state_of(layout)[0]) == sorted(person.name for person in PEOPLE)


def payments_of(layout: Layout) -> list[tuple[object, ...]]:
    """What the demonstration's patients were asked to pay, and what is offered; nobody may be held back by it."""
    opened = open_clinic(layout)
    people = json.loads((layout.data / "secrets" / "demo.json").read_text())
    with opened.read(Actor.system()) as work:
        dina, ada = (Actor.page(record.account_uid, role, "") for name, role in (("dina", Role.ADMIN), ("ada", Role.PATIENT))
                     if (record := login_record(work, f"{name}@clinic.example")))
    with opened.read(dina) as work:
        found = [(row.patient, row.service, str(row.amount), row.state, row.receipt) for row in ledger(work, Sought())]
        offered = [(row.name, str(row.price), row.response_hours, row.price_may_change) for row in service_list(work)]
    with opened.read(ada) as work:
        entries = [entry.kind for entry in thread_page(work, people["threads"]["ada-bella"]["uid"]).entries]
        assert waiting(work, people["threads"]["ada-bella"]["uid"]) is None
    opened.engine.dispose()
    assert entries.count("payment-request") == 1 and entries.count("text") == len(THREADS["ada-bella"])
    return [*found, *offered]


WHOLE = [
    ("Ada Almeida", "Prescription renewal", "15.00 EUR", "paid", 1),
    ("Prescription renewal", "15.00 EUR", 48, False),
    ("Video consultation", "60.00 EUR", 24, False),
    ("Written report", "45.00 EUR", None, True),
]


def test_demonstration_offers_services_and_has_one_payment_that_is_done(layout: Layout) -> None:
    demo.seed(layout)
    assert payments_of(layout) == WHOLE
    demo.seed(layout)
    assert payments_of(layout) == WHOLE


@pytest.mark.parametrize("action", ["service.create", "payment.request", "payment.decide", "payment.mark_paid", "text.post"])
def test_demonstration_cut_off_later_is_completed(layout: Layout, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    """Nothing is asked for, paid or said a second time."""
    perform = Database.perform

    def cut_off(self: Database, actor: Actor, name: str, /, *arguments: Any, **values: Any) -> Any:
        done = perform(self, actor, name, *arguments, **values)
        if name == action:
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(Database, "perform", cut_off)
        with pytest.raises(KeyboardInterrupt):
            demo.seed(layout)
    demo.seed(layout)
    assert payments_of(layout) == WHOLE
