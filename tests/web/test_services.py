"""The administrator's page of services without a script: added, changed, archived, restored; who takes payments; what heads receipts."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pytest

from clinic import Config
from clinic.payment.money import CURRENCIES
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, service
from tests.support.stripe_stand_in import KEY, SECRET
from tests.web.browser import Browser
from web.currencies import NAMES, choices
from web.gateways.keys import Keys

SignIn = Callable[[str], Browser]
CONSULTATION = {"name": "Video consultation", "price": "60", "currency": "EUR", "response_hours": "24", "next": "/admin/services"}


@pytest.fixture
def dina(sign_in: SignIn) -> Browser:
    return sign_in("dina")


def uid_of(page: str) -> str:
    return re.findall(r"service\.(?:describe|restore)/(\w+)", page)[0]


def shown(browser: Browser) -> str:
    return html.unescape(browser.get("/admin/services").text)


def give_keys(config: Config, *, test: bool = True, secrets: tuple[str, ...] = (SECRET,)) -> None:
    config.payments_file.parent.mkdir(parents=True, exist_ok=True)
    key = KEY if test else KEY.replace("_test_", "_live_")
    config.payments_file.write_text(Keys(key, secrets).text())


def test_the_empty_page_says_what_to_do_next(dina: Browser) -> None:
    page = shown(dina)
    assert "No service is offered yet, so staff cannot ask for payments. Add the first one below" in page
    assert "Often used" in page and '<option value="EUR" selected>EUR, Euro</option>' in page


def test_a_service_is_added_changed_archived_and_restored(dina: Browser) -> None:
    assert "Added. Staff can ask for it now." in dina.submit("/actions/service.create", follow=True, **CONSULTATION).text
    page = shown(dina)
    assert "60.00 EUR" in page and "Answered within 24 hours after payment · fixed price" in page
    uid = uid_of(page)
    changed = {"name": "Video visit", "price": "7500", "currency": "JPY", "tax_note": "VAT exempt", "price_may_change": "1", "next": "/admin/services"}
    dina.submit(f"/actions/service.describe/{uid}", **changed)
    page = shown(dina)
    assert "7500 JPY" in page and "No response time promised · staff may ask for another amount · VAT exempt" in page
    assert '<optgroup label="Used here"><option value="JPY" selected>JPY, Japanese yen</option></optgroup>' in page
    dina.submit(f"/actions/service.archive/{uid}", next="/admin/services")
    page = shown(dina)
    assert "No service is offered yet" in page and ">Archived</h2>" in page
    dina.submit(f"/actions/service.restore/{uid_of(page)}", next="/admin/services")
    assert ">Archived</h2>" not in shown(dina)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"price": "1.000,00"}, "Price: Write an amount in digits, such as 50.00"),
        ({"price": "60.555"}, "Price: EUR has 2 decimal places."),
        ({"price": "60.5", "currency": "JPY"}, "Price: JPY has no decimal places."),
        ({"response_hours": "a day"}, "Response time: write whole hours"),
        ({"name": " "}, "Name is empty."),
    ],
)
def test_what_was_typed_for_a_service_is_never_lost(dina: Browser, wrong: dict[str, str], words: str) -> None:
    typed = CONSULTATION | {"description": "It took long to write", "tax_note": "VAT exempt", "price_may_change": "1"} | wrong
    again = dina.submit("/actions/service.create", **typed)
    page = html.unescape(again.text)
    assert again.status_code == 422 and words in page
    for kept in ("description", "price", "tax_note"):
        assert f'value="{typed[kept]}"' in page
    assert f'<option value="{typed["currency"]}" selected>' in page and 'value="1" checked>' in page


def test_a_refused_change_is_shown_at_its_service_with_what_was_typed(dina: Browser, cast: Cast) -> None:
    service(cast, "Consultation")
    uid = service(cast, "Prescription", "15.00")
    again = dina.submit(f"/actions/service.describe/{uid}", **CONSULTATION | {"name": "Consultation"})
    assert again.status_code == 409 and "There is a service “Consultation” already" in again.text
    assert f'id="s-{uid}-name-problem"' in again.text and "<details class=\"ask\" open>" in again.text


def test_without_keys_payments_are_at_the_desk_and_the_page_says_how_to_take_cards(dina: Browser) -> None:
    page = shown(dina)
    assert "Paid at the desk." in page and "<code>bedside payments keys</code>" in page and "Take payments by card" not in page


def test_with_keys_an_administrator_switches_to_cards_and_back_and_sees_no_key(dina: Browser, config: Config, cast: Cast) -> None:
    give_keys(config)
    page = shown(dina)
    assert "Take payments by card…" in page and "Test mode" in page and "No news from the card service heard yet." in page
    dina.submit("/actions/payment.provide", provider="stripe", next="/admin/services")
    cast.database.perform(SYSTEM, "payment.heard", provider="stripe", event="evt_1", attempt="")
    page = shown(dina)
    assert "By card, on the card service’s own page" in page and "News from the card service heard last" in page
    for secret in (KEY, SECRET, KEY[-6:], SECRET[-6:]):
        assert secret not in page
    dina.submit("/actions/payment.provide", provider="manual", next="/admin/services")
    assert "Paid at the desk." in shown(dina)


def test_real_keys_are_not_called_a_test_and_a_missing_webhook_secret_is_named(dina: Browser, config: Config) -> None:
    give_keys(config, test=False, secrets=())
    page = shown(dina)
    assert "Test mode" not in page and "No webhook secret is set" in page


def test_cards_without_keys_are_a_fault_that_says_what_to_do(dina: Browser, config: Config, cast: Cast) -> None:
    cast.database.perform(cast.dina, "payment.provide", provider="stripe")
    assert "this clinic’s machine has no keys for it" in shown(dina)
    config.payments_file.parent.mkdir(parents=True, exist_ok=True)
    config.payments_file.write_text("{")
    page = shown(dina)
    assert "are damaged" in page and "Take payments at the desk" in page


def test_what_heads_receipts_is_kept_as_typed(dina: Browser) -> None:
    again = dina.submit("/actions/payment.head_receipts", receipt_header="line\n" * 9 + "last", next="/admin/services")
    assert again.status_code == 422 and "There is room for 8 lines" in again.text and "line\nline" in again.text
    dina.submit("/actions/payment.head_receipts", receipt_header="Harbour Street 1\r\n1234 Haven\r\nTax 12/345", next="/admin/services")
    assert "Harbour Street 1\n1234 Haven\nTax 12/345</textarea>" in shown(dina)
    dina.submit("/actions/payment.head_receipts", receipt_header="", next="/admin/services")
    assert "Harbour Street" not in shown(dina)


def test_every_currency_has_a_name_and_is_offered_once() -> None:
    assert set(NAMES) == set(CURRENCIES)
    offered = [code for _, group in choices(["KWD", "EUR"]) for code, _ in group]
    assert offered[:2] == ["KWD", "EUR"] and sorted(offered) == sorted(CURRENCIES)
