"""Logging in and out, sessions, and the counter of failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from clinic import Actor, Database
from clinic.account.tables import login_sessions
from tests.support.cast import Cast
from tests.web.browser import Browser
from tests.web.conftest import PASSWORD

SignIn = Callable[[str], Browser]


def words(html: str) -> str:
    """Return the page without tokens, which differ every time."""
    return re.sub(r'(content|value)="[^"]*"', "", html)


def test_the_log_in_page_has_the_two_fields_and_needs_no_script(browser: Browser, cast: Cast) -> None:
    page = browser.get("/login").text
    assert 'name="email"' in page
    assert 'name="password"' in page
    assert browser.log_in("ana@clinic.example", PASSWORD).location == "/"
    assert "Ana Alvarez" in browser.get("/").text


def test_the_address_may_be_typed_in_any_case(browser: Browser, cast: Cast) -> None:
    assert browser.log_in(" Ana@Clinic.Example ", PASSWORD).status_code == 303


def test_unknown_address_and_wrong_password_read_the_same(app: Flask, cast: Cast) -> None:
    wrong = Browser(app).log_in("ana@clinic.example", "not this one, no")
    unknown = Browser(app).log_in("nobody@clinic.example", "not this one, no")
    assert wrong.status_code == unknown.status_code == 401
    assert words(wrong.text) == words(unknown.text)
    assert "do not fit together" in wrong.text


def test_a_deactivated_account_reads_like_a_wrong_password(app: Flask, cast: Cast, database: Database) -> None:
    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    assert Browser(app).log_in("ana@clinic.example", PASSWORD).status_code == 401


@pytest.mark.usefixtures("still")
def test_after_several_failures_the_page_says_how_long_to_wait(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    answers = [browser.log_in("ana@clinic.example", "not this one, no").status_code for _ in range(6)]
    assert answers[:5] == [401] * 5
    assert answers[5] == 429
    refused = browser.log_in("ana@clinic.example", PASSWORD)
    assert refused.status_code == 429
    assert re.search(r"possible in \d+ seconds?", refused.text)


def test_a_good_password_forgets_the_failures(app: Flask, cast: Cast) -> None:
    for _ in range(3):
        browser = Browser(app)
        for _ in range(3):
            assert browser.log_in("ana@clinic.example", "not this one, no").status_code == 401
        assert browser.log_in("ana@clinic.example", PASSWORD).status_code == 303


def test_the_way_back_is_a_path_of_this_site_only(app: Flask, cast: Cast) -> None:
    for given, wanted in (
        ("/account", "/account"),
        ("//elsewhere.example", "/"),
        ("https://elsewhere.example/", "/"),
        ("/\\elsewhere.example", "/"),
        ("/a\nb", "/"),
    ):
        assert Browser(app).log_in("ana@clinic.example", PASSWORD, next=given).location == wanted


def test_logging_in_makes_a_new_cookie_and_logging_out_ends_it_in_the_database(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    browser.get("/login")
    before = browser.client.get_cookie("bedside_8600")
    browser.log_in("ana@clinic.example", PASSWORD)
    after = browser.client.get_cookie("bedside_8600")
    assert before and after and before.value != after.value
    assert browser.submit("/logout").location == "/login"
    browser.client.set_cookie("bedside_8600", after.value)
    assert browser.get("/").location == "/login"


def test_a_session_that_ended_leads_to_the_log_in_page_and_back(sign_in: SignIn, cast: Cast, database: Database) -> None:
    ana = sign_in("ana")
    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    database.perform(cast.dina, "account.activate", cast.uid("ana"))
    answer = ana.get("/account")
    assert answer.location == "/login?next=/account"
    assert "To go on, log in" in ana.get(answer.location).text
    boosted = ana.get("/account", headers={"HX-Request": "true"})
    assert boosted.headers["HX-Redirect"].startswith("/login")


def test_a_script_that_asks_by_itself_does_not_keep_a_session_alive(sign_in: SignIn, database: Database) -> None:
    ana = sign_in("ana")

    def seen() -> datetime:
        with database.engine.connect() as connection:
            return connection.execute(sa.select(login_sessions.c.seen_at)).scalar_one()

    earlier = seen() - timedelta(minutes=5)
    with database.engine.begin() as connection:
        connection.execute(sa.update(login_sessions).values(seen_at=earlier))
    before = seen()
    ana.get("/threads/list", headers={"X-Bedside-Script": "1"})
    ana.send("/feed/token")
    assert seen() == before
    ana.get("/")
    assert seen() != before


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(app: Flask, cast: Cast) -> None:
    proxied = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "10.0.0.7", "HTTP_X_FORWARDED_PROTO": "https"}
    answer = app.test_client().get("/login", base_url="https://clinic.example", environ_overrides=proxied)
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-bedside_8600=")
    assert all(part in cookie for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"))
    assert answer.headers["Strict-Transport-Security"]


def test_a_forwarded_header_from_a_plain_connection_is_not_believed(app: Flask, cast: Cast) -> None:
    answer = app.test_client().get("/login", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6"})
    assert "Strict-Transport-Security" not in answer.headers
    assert answer.headers["Set-Cookie"].startswith("bedside_8600=")


def test_switching_between_two_roles(app: Flask, cast: Cast, database: Database, hashed: str) -> None:
    invited = database.perform(
        Actor.system(), "account.create", name="Sol Duarte", email="sol@clinic.example", roles=["practitioner", "admin"]
    ).value
    database.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash=hashed)
    sol = Browser(app)
    sol.log_in("sol@clinic.example", PASSWORD)
    assert "Work as administrator" in sol.get("/").text
    assert sol.get("/admin/accounts").status_code == 404
    assert sol.submit("/account/role", role="admin").status_code == 303
    assert sol.get("/admin/accounts").status_code == 200
    assert sol.get("/threads/new").status_code == 404
    assert sol.submit("/account/role", role="patient").status_code == 403
