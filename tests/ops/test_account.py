"""`bedside account`: what it prints leads people to the clinic, and an empty clinic gets a new set-up link while it runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clinic import Actor
from clinic.account.views import set_up_open
from ops import database, deployment, keys, preflight
from ops.account import account
from ops.layout import Layout
from ops.problems import Problem
from tests.support.databases import DATABASES


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A clinic that was started once and has no account yet."""
    made = Layout(tmp_path, 8600, database_url=DATABASES.empty(tmp_path))
    preflight.prepare_folder(tmp_path)
    keys.ensure(tmp_path / "secrets")
    database.migrate(made.database)
    deployment.remember(made)
    return made


def run(layout: Layout, command: str, *arguments: str) -> Result:
    return CliRunner().invoke(account, [command, "--data", str(layout.data), *arguments])


def create(layout: Layout, email: str, role: str) -> Result:
    return run(layout, "create", "--name", "Dina Diaz", "--email", email, "--role", role)


def test_empty_clinic_gets_a_new_set_up_link_and_the_one_before_is_void(layout: Layout) -> None:
    first, second = (run(layout, "set-up").output.split()[-1] for _ in range(2))
    assert second.startswith("http://localhost:8600/setup/")
    opened = deployment.open_clinic(layout)
    with opened.read(Actor.anonymous()) as work:
        assert [set_up_open(work, link.rpartition("/")[2]) for link in (first, second)] == [False, True]
    opened.engine.dispose()


def test_clinic_with_an_account_gets_no_set_up_link_and_is_told_what_helps(layout: Layout) -> None:
    assert create(layout, "dina@clinic.example", "admin").exit_code == 0
    refused = run(layout, "set-up")
    assert isinstance(refused.exception, Problem)
    assert "set up already" in str(refused.exception)
    assert "bedside account reset EMAIL" in str(refused.exception)


def test_help_names_the_set_up_link() -> None:
    shown = CliRunner().invoke(account, ["--help"]).output
    assert "set-up" in shown
    assert "empty clinic" in shown


def test_links_of_a_clinic_on_a_network_lead_to_its_address_there(layout: Layout) -> None:
    deployment.remember(replace(layout, host="192.168.1.10"))
    assert "\nhttps://192.168.1.10:8601/setup/" in run(layout, "set-up").output
    assert "\nhttps://192.168.1.10:8601/invite/" in create(layout, "dina@clinic.example", "admin").output
    assert "\nhttps://192.168.1.10:8601/invite/" in run(layout, "reset", "dina@clinic.example").output


def test_links_of_a_clinic_on_this_machine_alone_stay_plain(layout: Layout) -> None:
    assert "\nhttp://localhost:8600/invite/" in create(layout, "dina@clinic.example", "admin").output
