"""Every route has a policy, and it holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.cast import Cast
from tests.web.browser import Browser
from web.policies import Access, policy_of, require_policies

SignIn = Callable[[str], Browser]
UID = "0" * 26


def without_tokens(page: str, uid: str) -> str:
    """Return the page without the uid that was asked for and the CSRF tokens, which hold the second they were made in."""
    return re.sub(r'(content|value)="[\w.-]{60,}"', "", page.replace(uid, ""))


def routes(app: Flask) -> list[tuple[str, str, Access]]:
    """Return (method, path with placeholders filled, access) of every route."""
    found = []
    for rule in app.url_map.iter_rules():
        policy = policy_of(app.view_functions[rule.endpoint])
        assert policy is not None
        path = rule.rule.replace("<uid>", UID).replace("<name>", "text.post").replace("<token>", "x")
        path = path.replace("<path:filename>", "favicon.svg").replace("<file>", UID).replace("<recipient>", UID)
        path = path.replace("<expiry>", "0").replace("<mac>", "x").replace("<path:name>", "x")
        methods = (rule.methods or set()) - {"OPTIONS"}
        found += [(method, path, policy.access) for method in methods - ({"HEAD"} if "GET" in methods else set())]
    return found


def test_a_route_without_a_policy_stops_the_start(app: Flask) -> None:
    require_policies(app)
    app._got_first_request = False
    app.add_url_rule("/forgotten", "forgotten", lambda: "x")
    with pytest.raises(RuntimeError, match="/forgotten"):
        require_policies(app)


def test_a_route_without_a_policy_is_also_refused_when_it_is_asked_for(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "x")
    assert app.test_client().get("/forgotten").status_code == 404


def test_the_routes_are_the_ones_we_know(app: Flask) -> None:
    """A new route appears here with its access, so that nobody adds one by the way."""
    known = {
        (Access.PUBLIC, "GET"): {"/authority.pem", "/healthz", "/invite/x", "/login", "/session", "/setup/x", "/static/favicon.svg", f"/f/{UID}/{UID}/0/x/x"},
        (Access.PUBLIC, "PUT"): {f"/slots/{UID}/x/x"},
        (Access.PUBLIC, "POST"): {"/invite/x", "/login", "/logout", "/setup/x", "/webhooks/stripe"},
        (Access.INTERNAL, "GET"): {"/internal/xmpp/exists"},
        (Access.INTERNAL, "POST"): {"/internal/xmpp/check"},
        (Access.SIGNED_IN, "GET"): {
            "/",
            "/account",
            "/account/devices",
            "/admin/accounts",
            "/admin/clinic",
            "/admin/links",
            "/admin/payments",
            f"/admin/payments/{UID}",
            "/admin/payments/list.csv",
            "/admin/services",
            "/admin/statuses",
            "/do/text.post",
            f"/do/text.post/{UID}",
            f"/files/{UID}",
            f"/files/{UID}/download",
            f"/files/{UID}/shown",
            f"/files/{UID}/thumb",
            f"/patients/{UID}",
            f"/uploads/{UID}/state",
            f"/patients/{UID}/edit",
            f"/patients/{UID}/history",
            f"/patients/{UID}/profile.pdf",
            f"/practitioners/{UID}",
            f"/practitioners/{UID}/photo",
            f"/practitioners/{UID}/edit",
            "/profile",
            "/admin/files",
            "/documents",
            f"/documents/{UID}",
            f"/documents/{UID}/send",
            f"/patients/{UID}/documents",
            f"/threads/{UID}/documents",
            f"/admin/accounts/{UID}/demographics",
            "/away",
            "/duty",
            "/duty/alerts",
            "/saved-replies",
            "/saved-replies/new",
            "/later",
            "/search",
            "/payments",
            f"/payments/{UID}",
            f"/payments/{UID}/go",
            f"/payments/{UID}/receipt.pdf",
            f"/payments/{UID}/state",
            "/join/x",
            "/threads/group",
            "/threads/list",
            "/threads/new",
            f"/threads/{UID}",
            f"/threads/{UID}/entries",
            f"/threads/{UID}/later",
            f"/threads/{UID}/urgent",
            f"/threads/{UID}/head",
            f"/threads/{UID}/marks",
            f"/threads/{UID}/people",
            f"/threads/{UID}/replies",
            f"/threads/{UID}/versions",
            f"/videos/{UID}",
        },
        (Access.SIGNED_IN, "HEAD"): {f"/uploads/{UID}"},
        (Access.SIGNED_IN, "PATCH"): {f"/uploads/{UID}"},
        (Access.SIGNED_IN, "DELETE"): {f"/uploads/{UID}"},
        (Access.SIGNED_IN, "POST"): {
            "/account/devices",
            "/account/look",
            "/documents/look",
            "/account/password",
            "/account/role",
            "/actions/text.post",
            f"/actions/text.post/{UID}",
            "/admin/accounts",
            f"/admin/accounts/{UID}/invite",
            "/admin/clinic",
            f"/admin/payments/{UID}",
            "/feed/token",
            "/threads/narrow",
            "/session",
            "/threads/group",
            f"/threads/{UID}/people",
            f"/threads/{UID}/share",
            f"/threads/{UID}/versions",
        },
    }
    found: dict[tuple[Access, str], set[str]] = {}
    for method, path, access in routes(app):
        found.setdefault((access, method), set()).add(path)
    assert found == known


def test_nobody_signed_in_reaches_what_is_for_people_who_are(app: Flask, cast: Cast) -> None:
    for method, path, access in routes(app):
        if access is not Access.SIGNED_IN:
            continue
        browser = Browser(app)
        if method == "GET":
            answer = browser.get(path)
            assert answer.status_code == 303 and answer.location.startswith("/login"), path
            assert browser.client.get(path, headers={"Accept": "application/json"}).status_code == 401, path
        elif method == "POST":
            assert browser.submit(path).status_code == 303, path
            answer = browser.send(path)
            assert (answer.status_code, answer.get_json()["code"]) == (401, "not-signed-in"), path
        else:
            headers = {"Accept": "application/json", "X-CSRFToken": browser.token}
            assert browser.client.open(path, method=method, headers=headers).status_code == 401, path


def test_internal_routes_need_the_token_and_do_not_exist_without(app: Flask, cast: Cast) -> None:
    client = app.test_client()
    good = {"Authorization": f"Bearer {'i' * 64}"}
    path = f"/internal/xmpp/exists?user={cast.handle('ana')}"
    assert client.get(path).status_code == 404
    assert client.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get(path, headers=good).get_json() == {"exists": True}
    proxied = {"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "10.0.0.7"}
    assert client.get(path, headers=good, environ_overrides=proxied).status_code == 404


@pytest.mark.parametrize(
    ("name", "path", "status"),
    [
        ("dina", "/admin/accounts", 200),
        ("dina", "/admin/links", 200),
        ("dina", "/admin/clinic", 200),
        ("dina", "/admin/services", 200),
        ("boris", "/admin/services", 404),
        ("dina", "/admin/payments", 200),
        ("boris", "/admin/payments", 404),
        ("ana", "/admin/payments/list.csv", 404),
        ("dina", "/admin/statuses", 200),
        ("boris", "/admin/statuses", 404),
        ("boris", "/admin/clinic", 404),
        ("dina", "/threads/new", 404),
        ("dina", "/threads/list", 404),
        ("dina", "/account/devices", 404),
        ("dina", "/account", 200),
        ("ana", "/", 200),
        ("ana", "/threads/new", 200),
        ("ana", "/account/devices", 200),
        ("ana", "/admin/accounts", 404),
        ("boris", "/admin/accounts", 404),
        ("boris", "/threads/new", 200),
        ("chen", "/admin/links", 404),
        ("chen", "/threads/new", 200),
    ],
)
def test_a_page_is_there_for_its_roles_only(sign_in: SignIn, name: str, path: str, status: int) -> None:
    assert sign_in(name).get(path).status_code == status


def test_a_hidden_thread_answers_exactly_like_an_absent_one(sign_in: SignIn, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    eve = sign_in("eve")
    for tail in ("", "/entries", "/marks"):
        hidden, absent = eve.get(f"/threads/{thread}{tail}"), eve.get(f"/threads/{UID}{tail}")
        assert hidden.status_code == absent.status_code == 404
        assert without_tokens(hidden.text, thread) == without_tokens(absent.text, UID)
    hidden = eve.send(f"/actions/text.post/{thread}", body="x", client_id="1")
    absent = eve.send(f"/actions/text.post/{UID}", body="x", client_id="1")
    assert hidden.get_json() == absent.get_json()
    assert hidden.status_code == 404


def test_an_administrator_acting_as_one_sees_no_thread(sign_in: SignIn, cast: Cast) -> None:
    thread = cast.start("boris", "ana")
    dina = sign_in("dina")
    assert dina.get(f"/threads/{thread}").status_code == 404
    assert dina.get("/").location == "/admin/accounts"
