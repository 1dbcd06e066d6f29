"""Whom the demonstration is made for: an empty clinic, or one that began as a demonstration; never a real one."""

from pathlib import Path

import pytest

from clinic import Actor
from clinic.account.admin import account_list
from clinic.account.views import clinic_settings
from ops import database, demo, keys, preflight
from ops.demo_history import PEOPLE
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
