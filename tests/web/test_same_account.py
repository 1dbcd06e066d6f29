"""A page is one person's and the cookie is the browser's: nothing is done or told under the name of whoever logged in last."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from clinic import Database
from clinic.account.tables import login_sessions
from tests.support.cast import Cast
from tests.web.browser import Browser
from tests.web.conftest import PASSWORD

SignIn = Callable[[str], Browser]
ACCOUNT = "X-Bedside-Account"


def bodies(database: Database) -> str:
    """Return everything that the log of every thread holds."""
    with database.engine.connect() as connection:
        return str(connection.execute(sa.text("SELECT * FROM entries")).all())


def test_a_text_of_one_persons_page_is_not_stored_under_the_next_ones_name(
    sign_in: SignIn, cast: Cast, database: Database
) -> None:
    thread = cast.start("boris", "ana")
    browser = sign_in("chen")
    browser.log_in("boris@clinic.example", PASSWORD)
    headers = {"X-CSRFToken": browser.token, "X-Bedside-Script": "1", ACCOUNT: cast.uid("chen")}
    answer = browser.client.post(f"/actions/text.post/{thread}", json={"body": "typed by Chen", "client_id": "1"}, headers=headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "not-signed-in")
    assert "another person is signed in" in answer.get_json()["text"]
    assert "typed by Chen" not in bodies(database)
    browser.log_in("chen@clinic.example", PASSWORD)
    headers["X-CSRFToken"] = browser.token
    answer = browser.client.post(f"/actions/text.post/{thread}", json={"body": "typed by Chen", "client_id": "1"}, headers=headers)
    assert answer.status_code == 200
    assert "typed by Chen" in bodies(database)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/session"),
        ("POST", "/session"),
        ("POST", "/feed/token"),
        ("GET", "/threads/list"),
        ("GET", "/threads/{thread}/entries"),
        ("GET", "/threads/{thread}/marks"),
        ("POST", "/actions/thread.mark/{thread}"),
        ("GET", "/threads/{thread}"),
    ],
)
def test_a_script_of_another_persons_page_gets_nothing(sign_in: SignIn, cast: Cast, method: str, path: str) -> None:
    path = path.format(thread=cast.start("boris", "ana"))
    boris = sign_in("boris")
    headers = {"X-CSRFToken": boris.token, "X-Bedside-Script": "1", "Accept": "application/json"}
    for account, refused in ((cast.uid("chen"), True), ("", True), (cast.uid("boris"), False)):
        options = {"json": {}} if method == "POST" else {}
        answer = boris.client.open(path, method=method, headers={**headers, ACCOUNT: account}, **options)
        assert (answer.status_code == 401) is refused, account


def test_a_page_whose_session_ended_gets_no_new_token(app: Flask, cast: Cast) -> None:
    answer = Browser(app).client.get("/session", headers={"X-Bedside-Script": "1", ACCOUNT: cast.uid("chen")})
    assert answer.status_code == 401


def test_a_boosted_link_of_another_persons_page_loads_the_whole_page(sign_in: SignIn, cast: Cast) -> None:
    boris = sign_in("boris")
    answer = boris.get("/account", headers={"HX-Request": "true", ACCOUNT: cast.uid("chen")})
    assert answer.text == ""
    going = boris.get(answer.headers["HX-Redirect"])
    assert going.location == "/account"
    assert "another person is signed in" in boris.get(going.location).text


def test_logging_in_over_a_live_session_ends_that_session(sign_in: SignIn, cast: Cast, database: Database) -> None:
    browser = sign_in("chen")
    old = browser.client.get_cookie("bedside_8600")
    browser.log_in("boris@clinic.example", PASSWORD)
    assert "Boris Brandt" in browser.get("/").text
    with database.engine.connect() as connection:
        ended = connection.execute(sa.select(login_sessions.c.ended_at).order_by(login_sessions.c.created_at)).scalars().all()
    assert [at is not None for at in ended] == [True, False]
    assert old
    browser.client.set_cookie("bedside_8600", old.value)
    assert browser.get("/").location == "/login"
