"""The counter of failed log-ins: one person's mistakes hold up neither the others of a place nor, for ever, themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from clinic import Actor, Config, Database
from clinic.account import views
from clinic.account.sessions import FREE_FAILURES_OF_AN_ADDRESS
from migrations.runner import upgrade
from tests.support.cast import Cast
from tests.web.browser import Browser
from tests.web.conftest import PASSWORD
from tests.web.test_login import words
from web.app import create_app
from web.attempts import page_keys, xmpp_keys
from web.db import db

WRONG = "not this one, no"


def test_five_failures_of_one_person_hold_up_nobody_else_at_their_address(app: Flask, cast: Cast) -> None:
    answers = [Browser(app).log_in("ana@clinic.example", WRONG).status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    assert Browser(app).log_in("boris@clinic.example", PASSWORD).status_code == 303


def test_an_address_that_tries_many_accounts_has_to_wait_and_a_success_does_not_clear_that(
    database: Database, cast: Cast
) -> None:
    anybody = Actor.anonymous()
    for number in range(FREE_FAILURES_OF_AN_ADDRESS - 1):
        wait = database.perform(anybody, "login.failed", keys=page_keys(f"guess{number}", "10.0.0.7")).value
        assert wait == 0
    keys = page_keys("boris", "10.0.0.7")
    with database.read(anybody) as work:
        record = views.login_record(work, "boris@clinic.example")
    assert record is not None and record.password_hash is not None
    database.perform(anybody, "login.begin", account_uid=record.account_uid, checked_hash=record.password_hash, keys=keys)
    assert database.perform(anybody, "login.failed", keys=keys).value == 2
    with database.read(anybody) as work:
        assert views.login_wait(work, page_keys("someone else", "10.0.0.7")) > 0
        assert views.login_wait(work, page_keys("someone else", "10.0.0.8")) == 0


def test_no_name_makes_the_counter_of_an_address(app: Flask) -> None:
    for name in ("", " ", "|", "||"):
        assert not xmpp_keys(name, "10.0.0.7")[0].startswith("|")
        assert len(set(page_keys(name, "10.0.0.7"))) == 2
    assert Browser(app).log_in("", "").status_code == 401


@pytest.fixture
def either_app(config: Config, database_url: str) -> Iterator[Flask]:
    """A clinic with no accounts, once on each engine."""
    settings = replace(config, database_url=database_url)
    opened = Database.open(database_url, run_dir=settings.run_dir, pepper=settings.pepper)
    upgrade(opened.engine)
    opened.engine.dispose()
    made = create_app(settings)
    yield made
    with made.app_context():
        db.engine.dispose()


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
