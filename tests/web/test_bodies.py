"""Bodies that nobody asked for are not read: one that comes byte by byte would hold a thread for as long as its sender likes."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.web.browser import Browser

SignIn = Callable[[str], Browser]
TEMPLATE = (Path(__file__).parents[2] / "ops" / "nginx.conf.template").read_text()
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
VALUES = {"uid": "a" * 26, "file": "a" * 26, "recipient": "b" * 26, "expiry": "1", "mac": "c" * 43, "name": "x.jpg"}


class Slow(io.BufferedIOBase):
    """A body that nobody may wait for."""

    read_by_somebody = False

    def read(self, size: int = -1) -> bytes:
        self.read_by_somebody = True
        return b""


def as_they_come() -> re.Pattern[str]:
    """The paths whose bodies the front passes on as they come. Of all others it has the whole body before the application hears of it."""
    [found] = [match[1] for match in re.finditer(r"location ~ (\S+) \{([^}]*)\}", TEMPLATE) if "proxy_request_buffering off" in match[2]]
    assert TEMPLATE.count("proxy_request_buffering off") == 1
    return re.compile(found)


def path_of(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: VALUES.get(match[1], "a" * 26), rule.rule)


def is_read(client: FlaskClient, method: str, path: str, **headers: str) -> bool:
    slow = Slow()
    environ = {"wsgi.input": slow, "wsgi.input_terminated": True, "CONTENT_LENGTH": "100000"}
    answer = client.open(path, method=method, headers=headers, environ_overrides=environ)
    assert answer.status_code < 500
    return slow.read_by_somebody


@pytest.fixture
def rules(app: Flask) -> list[Rule]:
    return list(app.url_map.iter_rules())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("who", [None, "ana"])
def test_no_form_is_read_where_the_front_passes_on_what_comes(app: Flask, rules: list[Rule], sign_in: SignIn, who: str | None, form: str) -> None:
    browser = sign_in(who) if who else Browser(app)
    token, paths = browser.token, sorted({path_of(rule) for rule in rules if as_they_come().match(path_of(rule))})
    assert len(paths) >= 7
    given = {"Content-Type": form, "X-CSRFToken": token, "Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    assert [(method, path) for path in paths for method in METHODS if is_read(browser.client, method, path, **given)] == []


@pytest.mark.parametrize("form", FORMS)
def test_no_form_is_read_of_whoever_asks_for_a_page(app: Flask, rules: list[Rule], form: str) -> None:
    asked = [(method, path_of(rule)) for rule in rules for method in ("GET", "HEAD", "OPTIONS") if method in (rule.methods or ())]
    assert len(asked) > 200
    client = app.test_client()
    assert [(method, path) for method, path in asked if is_read(client, method, path, **{"Content-Type": form})] == []


def test_whoever_asks_by_head_comes_back_to_where_they_were(app: Flask) -> None:
    answer = app.test_client().head("/files/" + "a" * 26 + "?x=1")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next=/files/{'a' * 26}%3Fx%3D1")
