"""Headers, CSRF, other sites, errors in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.cast import Cast
from tests.web.browser import Browser

SignIn = Callable[[str], Browser]


def test_every_answer_carries_the_headers(app: Flask, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    for path in ("/", "/login", "/nothing-here", "/static/favicon.svg", "/threads/list"):
        answer = ana.get(path)
        answer.close()
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "ws://localhost:8604/xmpp-websocket" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert {"microphone=(self)", "camera=(self)", "geolocation=()"} <= set(headers["Permissions-Policy"].split(", "))
    assert ana.get("/").headers["Cache-Control"] == "no-store"


def test_a_host_header_cannot_write_into_the_policy(app: Flask) -> None:
    answer = app.test_client().get("/healthz", headers={"Host": "x;script-src *"})
    assert "script-src *" not in answer.headers.get("Content-Security-Policy", "")


def test_pages_hold_no_inline_script_or_style(sign_in: SignIn, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    boris = sign_in("boris")
    for path in ("/", f"/threads/{thread}", "/threads/new", "/account", "/account/devices"):
        page = boris.get(path).text
        assert "style=" not in page
        assert " onclick" not in page
        assert page.count("<script") == 1


@pytest.mark.parametrize("path", ["/login", "/logout", "/account/role", "/account/devices", "/feed/token", "/actions/thread.start", "/session"])
def test_no_unsafe_request_passes_without_the_csrf_token(sign_in: SignIn, path: str) -> None:
    ana = sign_in("ana")
    form = ana.client.post(path, data={"name": "x"}, headers={"Accept": "text/html"})
    script = ana.client.post(path, json={})
    assert form.status_code == script.status_code == 400
    assert script.get_json()["code"] == "csrf"
    assert "Reload it" in form.text


def test_a_token_of_another_browser_does_not_count(app: Flask, sign_in: SignIn) -> None:
    ana, other = sign_in("ana"), Browser(app)
    answer = ana.client.post("/feed/token", json={}, headers={"X-CSRFToken": other.token})
    assert answer.status_code == 400


def test_a_post_from_another_site_is_refused_even_with_a_token(sign_in: SignIn) -> None:
    ana = sign_in("ana")
    headers = {"X-CSRFToken": ana.token, "Sec-Fetch-Site": "cross-site"}
    assert ana.client.post("/feed/token", json={}, headers=headers).status_code == 400


def test_what_is_not_there_says_so_in_words(sign_in: SignIn) -> None:
    ana = sign_in("ana")
    page = ana.get("/nothing-here")
    assert page.status_code == 404
    assert "There is nothing here" in page.text
    assert "Back to the start" in page.text
    assert ana.client.get("/nothing-here", headers={"Accept": "application/json"}).get_json()["code"] == "not-found"
    assert ana.client.get("/login/", headers={"Accept": "text/html"}).status_code == 404
    assert ana.submit("/threads/list").status_code == 405


def test_a_fault_gives_a_number_and_no_traceback(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    from web.policies import public

    @public
    def broken() -> str:
        raise ZeroDivisionError("secret words")

    app.add_url_rule("/broken", "broken", broken)
    answer = app.test_client().get("/broken", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert "under the number" in answer.text
    assert "secret words" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_a_body_that_is_too_large_is_refused_in_words(sign_in: SignIn, cast: Cast) -> None:
    path, ana = f"/actions/text.post/{cast.start('boris', 'ana')}", sign_in("ana")
    answer = ana.send(path, body="x" * 300_000, client_id="1")
    assert answer.status_code == 413
    assert "larger" in answer.get_json()["text"]
    page = ana.submit(path, body="x" * 300_000, client_id="1")
    assert page.status_code == 413
    assert "larger" in page.text


@pytest.mark.parametrize("character", ["%", '"', "\n", "ß"])
def test_the_longest_text_fits_in_either_form_however_it_is_escaped(sign_in: SignIn, cast: Cast, character: str) -> None:
    path, ana = f"/actions/text.post/{cast.start('boris', 'ana')}", sign_in("ana")
    body = "x" + character * (65_534 // len(character.encode())) + "x"
    assert ana.send(path, body=body, client_id="1").status_code == 200
    assert ana.submit(path, body=body, client_id="2").status_code == 303
    assert ana.send(path, body=body + "xx", client_id="3").get_json()["code"] == "too-long"


def test_https_on_this_machine_does_not_forbid_plain_http_there(app: Flask) -> None:
    proxied = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "127.0.0.1", "HTTP_X_FORWARDED_PROTO": "https"}
    headers = app.test_client().get("/healthz", base_url="https://localhost:8601", environ_overrides=proxied).headers
    assert "Strict-Transport-Security" not in headers
    assert "wss://localhost:8601/xmpp-websocket" in headers["Content-Security-Policy"]
