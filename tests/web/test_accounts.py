"""Joining, own account, devices, the administrator's pages, and what the XMPP server asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from flask import Flask

from clinic import Actor, Database
from ops import certificates
from tests.support.cast import Cast
from tests.web.browser import Browser
from tests.web.conftest import PASSWORD
from web.db import clinic_db
from web.passwords import problem_with

SignIn = Callable[[str], Browser]
NEW = "four green windows open"



def invitation_in(page: str) -> str:
    found = re.search(r'id="invitation-link" value="http://localhost([^"]+)"', page)
    assert found
    return found.group(1)


def test_the_set_up_link_makes_the_first_administrator_once(empty_app: Flask) -> None:
    with empty_app.app_context():
        token = clinic_db().perform(Actor.system(), "clinic.open_set_up").value
    browser = Browser(empty_app)
    assert "Set up your clinic" in browser.get(f"/setup/{token}").text
    values = {"clinic_name": "Riverside", "emergency_number": "112", "name": "Dina Dunn", "email": "dina@clinic.example"}
    short = browser.submit(f"/setup/{token}", password="short", again="short", **values)
    assert short.status_code == 422
    assert "at least 12" in short.text
    assert 'value="Riverside"' in short.text
    wrong = browser.submit(f"/setup/{token}", password=NEW, again=NEW, **{**values, "email": "dina"})
    assert "not an e-mail address" in wrong.text
    done = browser.submit(f"/setup/{token}", password=NEW, again=NEW, **values)
    assert done.location == "/admin/accounts"
    page = browser.get("/admin/accounts").text
    assert "To the first message" in page
    assert "Riverside" in page
    used = Browser(empty_app).get(f"/setup/{token}")
    assert used.status_code == 410
    assert "Ask whoever runs the clinic" in used.text


def test_an_invitation_sets_the_password_once_and_logs_in(app: Flask, sign_in: SignIn) -> None:
    dina = sign_in("dina")
    page = dina.submit("/admin/accounts", name="Finn Falk", email="finn@clinic.example", birth_date="1990-05-06", roles="patient").text
    path = invitation_in(page)
    assert path not in dina.get("/admin/accounts").text
    finn = Browser(app)
    assert "Welcome, Finn Falk" in finn.get(path).text
    assert "do not match" in finn.submit(path, password=NEW, again="other").text
    assert finn.submit(path, password=NEW, again=NEW).location == "/"
    assert "Finn Falk" in finn.get("/").text
    gone = Browser(app).get(path)
    assert gone.status_code == 410
    assert "Ask the clinic" in gone.text
    assert Browser(app).log_in("finn@clinic.example", NEW).status_code == 303


def test_a_new_link_ends_the_earlier_one(app: Flask, sign_in: SignIn, cast: Cast) -> None:
    dina = sign_in("dina")
    first = invitation_in(dina.submit(f"/admin/accounts/{cast.uid('ada')}/invite").text)
    second = invitation_in(dina.submit(f"/admin/accounts/{cast.uid('ada')}/invite").text)
    assert Browser(app).get(first).status_code == 410
    assert Browser(app).get(second).status_code == 200


def test_a_wrong_new_account_keeps_what_was_typed(sign_in: SignIn) -> None:
    dina = sign_in("dina")
    answer = dina.submit("/admin/accounts", name="Finn Falk", email="finn@clinic.example", birth_date="", roles="patient")
    assert answer.status_code == 422
    assert "needs a birth date" in answer.text
    assert 'value="Finn Falk"' in answer.text
    taken = dina.submit("/admin/accounts", name="Finn", email="ana@clinic.example", birth_date="1990-05-06", roles="patient")
    assert taken.status_code == 409
    assert "exists already" in taken.text


def test_deactivating_ends_the_session_at_once(sign_in: SignIn, cast: Cast) -> None:
    ana, dina = sign_in("ana"), sign_in("dina")
    assert dina.submit(f"/actions/account.deactivate/{cast.uid('ana')}", next="/admin/accounts").location == "/admin/accounts"
    assert "Deactivated" in dina.get("/admin/accounts").text
    assert ana.get("/").location == "/login"
    assert ana.send("/feed/token").status_code == 401


@pytest.mark.parametrize(
    ("password", "fine"),
    [
        ("short", False),
        ("passwordpassword", False),
        ("Password Password 123", False),
        ("aaaaaaaaaaaaaa", False),
        ("Ana Alvarez 1984", False),
        (NEW, True),
        ("пет тихи зелени реки", True),
    ],
)
def test_what_a_new_password_must_be(password: str, fine: bool) -> None:
    assert (problem_with(password, about=("Ana Alvarez", "ana@clinic.example")) is None) is fine


def test_changing_the_password_needs_the_present_one_and_ends_other_sessions(app: Flask, sign_in: SignIn) -> None:
    here, elsewhere = sign_in("ana"), sign_in("ana")
    wrong = here.submit("/account/password", current="not this one, no", password=NEW, again=NEW)
    assert wrong.status_code == 422
    assert "not your present password" in wrong.text
    assert here.submit("/account/password", current=PASSWORD, password=NEW, again=NEW).status_code == 303
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").location == "/login"
    assert Browser(app).log_in("ana@clinic.example", PASSWORD).status_code == 401
    assert Browser(app).log_in("ana@clinic.example", NEW).status_code == 303


def test_light_and_dark_are_kept_for_the_browser(sign_in: SignIn) -> None:
    ana = sign_in("ana")
    assert 'data-theme="dark"' not in ana.get("/account").text
    ana.submit("/account/look", theme="dark")
    assert 'data-theme="dark"' in ana.get("/account").text
    ana.submit("/account/look", theme="")
    assert 'data-theme="dark"' not in ana.get("/account").text


def shown(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input id="xmpp-([\w-]+)" value="([^"]+)"', page))


def check(app: Flask, **asked: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {'i' * 64}"}
    found: dict[str, Any] = app.test_client().post("/internal/xmpp/check", json=asked, headers=headers).get_json()
    return found


def test_a_device_password_is_shown_once_and_opens_xmpp_until_it_is_revoked(app: Flask, sign_in: SignIn, cast: Cast) -> None:
    ana, handle = sign_in("ana"), cast.handle("ana")
    device = shown(ana.submit("/account/devices", name="Phone").text)
    assert device["address"] == f"{handle}@clinic.example"
    assert (device["port"], device["tls-port"], device["threads"]) == ("8602", "8603", "threads.clinic.example")
    assert device["password"] not in ana.get("/account/devices").text
    yes = check(app, user=handle, secret=device["password"], ip="10.0.0.7")
    assert yes["ok"] is True
    assert "last used" in ana.get("/account/devices").text
    assert ana.submit(f"/actions/device.revoke/{yes['device']}", next="/account/devices").location == "/account/devices"
    assert "Revoked" in ana.get("/account/devices").text
    for _ in range(20):
        assert check(app, user=handle, secret=device["password"], ip="127.0.0.1") == {"ok": False, "wait": 0.0}
    assert Browser(app).log_in("ana@clinic.example", PASSWORD).status_code == 303


def test_a_second_device_of_the_same_name_is_refused_in_words(sign_in: SignIn) -> None:
    ana = sign_in("ana")
    ana.submit("/account/devices", name="Phone")
    again = ana.submit("/account/devices", name="Phone")
    assert again.status_code == 409
    assert "Choose another name" in again.text


def test_nobody_revokes_a_device_of_somebody_else(app: Flask, sign_in: SignIn, cast: Cast) -> None:
    device = shown(sign_in("ana").submit("/account/devices", name="Phone").text)
    uid = check(app, user=cast.handle("ana"), secret=device["password"], ip="1.1.1.1")["device"]
    assert sign_in("boris").send(f"/actions/device.revoke/{uid}").status_code == 404
    assert check(app, user=cast.handle("ana"), secret=device["password"], ip="1.1.1.1")["ok"] is True


def test_the_account_password_never_opens_xmpp_and_failures_count_with_the_page(app: Flask, cast: Cast) -> None:
    handle = cast.handle("ana")
    for _ in range(6):
        assert check(app, user=handle, secret=PASSWORD, ip="127.0.0.1")["ok"] is False
    assert check(app, user=handle, secret=PASSWORD, ip="127.0.0.1")["wait"] > 0
    assert Browser(app).log_in("ana@clinic.example", PASSWORD).status_code == 429
    # Another network address, and another person at this one, are not kept waiting.
    assert check(app, user=handle, secret=PASSWORD, ip="10.0.0.8").get("wait", 0) == 0
    assert Browser(app).log_in("ada@clinic.example", PASSWORD).status_code == 303


def test_a_page_token_opens_xmpp_for_its_own_session_only(app: Flask, sign_in: SignIn, cast: Cast) -> None:
    ana = sign_in("ana")
    ticket = ana.send("/feed/token").get_json()
    handle = cast.handle("ana")
    assert ticket["jid"] == f"{handle}@clinic.example"
    assert ticket["feed"] == f"feed-{handle}@threads.clinic.example"
    assert ticket["websocket"] == "ws://localhost:8604/xmpp-websocket"
    yes = check(app, user=handle, secret=ticket["token"], ip="10.0.0.7")
    assert yes["ok"] is True
    assert yes["device"].startswith("page:")
    assert check(app, user=cast.handle("boris"), secret=ticket["token"], ip="10.0.0.7")["ok"] is False
    ana.submit("/logout")
    for _ in range(20):
        assert check(app, user=handle, secret=ticket["token"], ip="10.0.0.7")["ok"] is False
    assert Browser(app).log_in("ana@clinic.example", PASSWORD).status_code == 303


@pytest.mark.parametrize("token", ["page.x.99999999999999999999.y", "page.x.1.é", "page.x.\u0664.y", "page...", "page.x.-1.y", "page.\ud800.1.y"])
def test_a_made_up_page_token_is_a_plain_no(app: Flask, cast: Cast, token: str) -> None:
    assert check(app, user=cast.handle("ana"), secret=token, ip="10.0.0.7") == {"ok": False, "wait": 0}


def test_who_has_no_e_mail_address_changes_their_password_too(app: Flask, database: Database, cast: Cast, hashed: str) -> None:
    invited = database.perform(cast.dina, "account.create", name="Otto Ohm", email=None, birth_date="1950-01-01", roles=["patient"]).value
    browser = Browser(app)
    assert browser.submit(f"/invite/{invited.token}", password=PASSWORD, again=PASSWORD).status_code == 303
    changed = browser.submit("/account/password", current=PASSWORD, password="nine other rivers", again="nine other rivers")
    assert (changed.status_code, changed.location) == (303, "/account")


def test_an_administrator_has_no_feed(sign_in: SignIn) -> None:
    assert sign_in("dina").send("/feed/token").status_code == 404


def test_the_administrators_pages_never_show_a_message(sign_in: SignIn, cast: Cast, database: Database) -> None:
    thread = cast.start("boris", "ana")
    cast.post("ana", thread, "canary of a message")
    dina = sign_in("dina")
    for path in ("/admin/accounts", "/admin/links", "/account"):
        assert "canary" not in dina.get(path).text


def focused(page: str) -> list[str]:
    return re.findall(r'<input[^>]* name="(\w+)"[^>]* autofocus', page)


def test_a_form_with_problems_says_so_at_the_top_and_focuses_the_first(empty_app: Flask) -> None:
    with empty_app.app_context():
        token = clinic_db().perform(Actor.system(), "clinic.open_set_up").value
    browser = Browser(empty_app)
    assert focused(browser.get(f"/setup/{token}").text) == ["clinic_name"]
    values = {"clinic_name": "Riverside", "emergency_number": "112", "name": "Dina Dunn", "email": "dina@clinic.example"}
    short = browser.submit(f"/setup/{token}", password="short", again="short", **values).text
    assert focused(short) == ["password"]
    assert "Nothing is saved yet: correct the marked field below." in short
    wrong = browser.submit(f"/setup/{token}", password=NEW, again=NEW, **{**values, "email": "dina"}).text
    assert focused(wrong) == ["email"]


def test_a_new_account_without_a_role_is_asked_for_one_beside_the_roles(sign_in: SignIn) -> None:
    answer = sign_in("dina").submit("/admin/accounts", name="Finn Falk", email="finn@clinic.example")
    assert answer.status_code == 422
    assert "Choose a role." in answer.text
    assert focused(answer.text)[:1] == ["roles"]
    assert "Nothing is saved yet" in answer.text


def test_an_administrator_corrects_a_person_and_keeps_what_was_typed_wrong(sign_in: SignIn, cast: Cast) -> None:
    dina, path = sign_in("dina"), f"/actions/account.describe/{cast.uid('ana')}"
    wrong = dina.submit(path, name="Anna Alvarez", email="boris@clinic.example", birth_date="1984-03-27", next="/admin/accounts")
    assert wrong.status_code == 409
    assert 'value="Anna Alvarez"' in wrong.text
    assert "New link" in wrong.text
    assert focused(wrong.text) == ["email"]
    done = dina.submit(path, name="Anna Alvarez", email="anna@clinic.example", birth_date="1984-03-28", next="/admin/accounts")
    assert done.location == "/admin/accounts"
    page = dina.get("/admin/accounts").text
    assert "Saved." in page
    assert "<strong>Anna Alvarez</strong>" in page
    assert "born 28 March 1984" in page
    assert sign_in("boris").submit(path, name="Eve", email="", birth_date="1984-03-28").status_code != 200
    assert "<strong>Anna Alvarez</strong>" in dina.get("/admin/accounts").text


def test_the_authoritys_certificate_is_there_to_take_along_and_to_compare(app: Flask, sign_in: SignIn, cast: Cast, tmp_path: Path) -> None:
    ana = sign_in("ana")
    assert Browser(app).get("/authority.pem").status_code == 404
    assert "fingerprint" not in ana.get("/account/devices").text
    (tmp_path / "ca").mkdir()
    certificates.ensure(tmp_path / "ca", "localhost", ["localhost"])
    given = Browser(app).get("/authority.pem")
    assert given.data == (tmp_path / "ca" / "ca.pem").read_bytes()
    assert "attachment" in given.headers["Content-Disposition"]
    digest = x509.load_pem_x509_certificate(given.data).fingerprint(hashes.SHA256()).hex(":").upper()
    invited = invitation_in(sign_in("dina").submit(f"/admin/accounts/{cast.uid('ada')}/invite").text)
    for page in (ana.get("/account/devices").text, ana.submit("/account/devices", name="Phone").text, Browser(app).get(invited).text):
        assert page.count(digest) == 1
        assert "/authority.pem" in page


def test_the_log_in_page_of_an_empty_clinic_says_where_its_link_is(empty_app: Flask) -> None:
    words = "This clinic is not set up yet. The link is on the console of its machine; bedside account set-up prints a new one there."
    assert words in Browser(empty_app).get("/login").text


def test_the_log_in_page_of_a_clinic_says_nothing_of_set_up(app: Flask) -> None:
    assert "not set up" not in Browser(app).get("/login").text
