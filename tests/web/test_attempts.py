"""The counter of failed log-ins: one person's mistakes hold up neither the others of a place nor, for ever, themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask

from clinic import Actor, Config, Database
from clinic.account import views
from clinic.account.attempts import BY_ACCOUNT, BY_ADDRESS, LIMITS, NARROW, login_wait, page_keys, xmpp_keys
from tests.support.cast import Cast
from tests.web.browser import Browser
from tests.web.conftest import PASSWORD
from tests.web.test_login import words
from web.app import create_app
from web.attempts import network
from web.db import close

WRONG = "not this one, no"
ANYBODY = Actor.anonymous()


@pytest.mark.usefixtures("still")
def test_five_failures_of_one_person_hold_up_nobody_else_at_their_address(app: Flask, cast: Cast) -> None:
    answers = [Browser(app).log_in("ana@clinic.example", WRONG).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    assert Browser(app).log_in("boris@clinic.example", PASSWORD).status_code == 303


def fail(database: Database, keys: list[str], times: int) -> float:
    return max(database.perform(ANYBODY, "login.failed", keys=keys).value for _ in range(times))


def wait(database: Database, keys: list[str]) -> float:
    with database.read(ANYBODY) as work:
        return login_wait(work, keys)


def begin(database: Database, cast: Cast, name: str, network: str) -> None:
    with database.read(ANYBODY) as work:
        record = views.login_record(work, f"{name}@clinic.example")
    assert record is not None
    assert record.password_hash is not None
    keys = page_keys(record.handle, network)
    database.perform(ANYBODY, "login.begin", account_uid=record.account_uid, checked_hash=record.password_hash, keys=keys)


@pytest.mark.usefixtures("still")
def test_an_address_that_tries_many_accounts_has_to_wait_and_a_success_does_not_clear_that(database: Database, cast: Cast) -> None:
    free = LIMITS[BY_ADDRESS].free
    assert max(fail(database, page_keys(f"guess{number}", "10.0.0.7"), 1) for number in range(free - 1)) == 0
    begin(database, cast, "boris", "10.0.0.7")
    assert fail(database, page_keys("one more", "10.0.0.7"), 1) == 2
    assert wait(database, page_keys("someone else", "10.0.0.7")) > 0
    assert wait(database, page_keys("someone else", "10.0.0.8")) == 0


def test_who_has_logged_in_from_an_address_is_held_up_by_nobody_elses_failures_there(database: Database, cast: Cast) -> None:
    begin(database, cast, "boris", "10.0.0.7")
    for number in range(2 * LIMITS[BY_ADDRESS].free):
        fail(database, page_keys(f"guess{number}", "10.0.0.7"), 1)
    boris = page_keys(cast.handle("boris"), "10.0.0.7")
    assert wait(database, boris) == 0
    assert wait(database, page_keys(cast.handle("bella"), "10.0.0.7")) > 20
    assert fail(database, boris, LIMITS[NARROW].free) == 2


def test_guessing_one_account_from_many_addresses_has_a_ceiling_that_does_not_hold_its_owner_up(database: Database, cast: Cast) -> None:
    begin(database, cast, "boris", "10.0.0.7")
    handle = cast.handle("boris")
    waits = [fail(database, page_keys(handle, f"10.1.0.{number % 250}"), 1) for number in range(LIMITS[BY_ACCOUNT].free + 10)]
    assert waits.index(max(waits)) >= LIMITS[BY_ACCOUNT].free
    assert max(waits) == LIMITS[BY_ACCOUNT].longest_seconds
    assert wait(database, page_keys(handle, "10.9.9.9")) > 0
    assert wait(database, page_keys(handle, "10.0.0.7")) == 0
    assert wait(database, xmpp_keys(handle, "10.9.9.9")) == 0


def test_a_few_mistakes_a_day_never_close_an_address(database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = timedelta(0)
    monkeypatch.setattr(Database, "now", lambda self: datetime.now(UTC) + ahead)
    for hour in range(24 * 30):
        ahead = timedelta(hours=hour)
        assert fail(database, page_keys(f"person {hour % 40}", "10.0.0.7"), 3) == 0


@pytest.mark.parametrize("name", ["|ana@clinic.example", " ", "", "ana@clinic.example\x00", "@", "x" * 5000])
def test_no_name_counts_as_another_ones(name: str) -> None:
    keys = page_keys(name, "10.0.0.7")
    assert len(set(keys)) == 3
    assert not set(keys[:2]) & set(page_keys("ana@clinic.example", "10.0.0.7"))
    assert all(len(key) < 100 for key in keys)


@pytest.mark.usefixtures("still")
def test_a_bar_before_the_address_tells_nobody_who_has_an_account(app: Flask, cast: Cast) -> None:
    answers = []
    for email in ("ana@clinic.example", "nobody@clinic.example"):
        tries = [Browser(app).log_in(email, WRONG).status_code for _ in range(5)]
        answers.append([*tries, Browser(app).log_in(f"|{email}", WRONG).status_code])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("address", "place"),
    [("10.0.0.7", "10.0.0.7"), ("::ffff:10.0.0.7", "10.0.0.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("", "local"), (None, "local")],
)
def test_all_addresses_of_one_connection_are_one_place(address: str | None, place: str) -> None:
    assert network(address) == place


@pytest.fixture
def either_app(config: Config, database_url: str) -> Iterator[Flask]:
    """A clinic with no accounts, once on each engine."""
    settings = replace(config, database_url=database_url)
    made = create_app(settings)
    yield made
    close(made)


@pytest.mark.parametrize("email", ["ana\x00@clinic.example", "\x00", "a\x1bna@clinic.example", "\ud800@clinic.example", "x" * 5000])
def test_an_address_with_control_characters_reads_like_an_unknown_one(either_app: Flask, email: str, tmp_path: Path) -> None:
    unknown = Browser(either_app).log_in("nobody@clinic.example", WRONG)
    given = email.encode("utf-8", "surrogatepass")
    strange = Browser(either_app).log_in(given, WRONG)
    assert strange.status_code == unknown.status_code == 401
    assert words(strange.text) == words(unknown.text)


def test_the_xmpp_server_gets_a_plain_no_for_such_a_name(either_app: Flask) -> None:
    token = {"Authorization": f"Bearer {'i' * 64}"}
    asked = {"user": "a\x00b", "secret": "x\x00y", "ip": "10.0.0.7"}
    assert either_app.test_client().post("/internal/xmpp/check", json=asked, headers=token).get_json()["ok"] is False
    answer = either_app.test_client().get("/internal/xmpp/exists?user=a%00b", headers=token)
    assert answer.get_json() == {"exists": False}
