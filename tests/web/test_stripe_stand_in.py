"""The stand-in for Stripe refuses and repeats as Stripe does."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import stripe

from tests.support.ports import eventually
from tests.support.stripe_asking import BACK, SHOES, opened
from tests.support.stripe_books import GOOD
from tests.support.stripe_params import ApiError, checked, decode
from tests.support.stripe_stand_in import KEY, SECRET, StripeStandIn
from web.gateways.stripe import StripeProvider, heard


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"sucess_url": BACK}, "unknown parameter: sucess_url"),
        ({"line_items": [{"price_data": {"currency": "eur", "unit_amont": 1}}]}, r"unknown parameter: line_items\[0\]\[price_data\]\[unit_amont\]"),
        ({"line_items": [{"price_data": {"unit_amount": 1}}]}, r"Missing required param: line_items\[0\]\[price_data\]\[currency\]"),
        ({"mode": "payments"}, "Invalid mode"),
        ({"mode": "payment", "expires_at": "tomorrow"}, "Invalid integer"),
        ({"mode": "payment", "metadata": {"a": "b" * 501}}, "too long"),
        ({"api_key": "a"}, "unknown parameter: api_key"),
        ({"expand": ["shoes"], "mode": "payment", "success_url": BACK, "line_items": [SHOES]}, "cannot be expanded"),
    ],
)
def test_the_stand_in_refuses_what_the_librarys_types_do_not_name(stand: StripeStandIn, body: Any, words: str) -> None:
    client = stripe.StripeClient(KEY, base_addresses={"api": stand.url})
    with pytest.raises(stripe.InvalidRequestError, match=words):
        client.v1.checkout.sessions.create(body)


def test_the_stand_in_reads_nested_parameters_as_forms_write_them() -> None:
    assert decode([("a[b][0]", "1"), ("a[b][1]", "2"), ("c[]", "3"), ("d", "")]) == {"a": {"b": {"0": "1", "1": "2"}}, "c": {"0": "3"}, "d": ""}
    for wrong in ("a[", "[a]", "a]b"):
        with pytest.raises(ApiError):
            decode([(wrong, "1")])
    assert checked("5", int) == 5


def test_webhooks_are_repeated_until_they_are_taken(stand: StripeStandIn, provider: StripeProvider) -> None:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    taken: list[str] = []
    refuse = [True]

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(500 if refuse[0] else 200)
            self.end_headers()
            if not refuse[0]:
                taken.append(heard(body, self.headers["Stripe-Signature"], [SECRET]).kind)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as door:
        threading.Thread(target=door.serve_forever, args=(0.02,), daemon=True).start()
        stand.webhook_url = f"http://127.0.0.1:{door.server_address[1]}/"
        stand.pay(opened(provider).reference)
        eventually(lambda: any(tries for _, tries, _ in list(stand._queue)))
        refuse[0] = False
        stand.wait_delivered()
        door.shutdown()
    assert sorted(taken) == ["charge.succeeded", "checkout.session.completed", "payment_intent.created", "payment_intent.succeeded"]


def test_the_hosted_page_declines_and_then_takes_the_money(stand: StripeStandIn, provider: StripeProvider) -> None:
    browser = stand._app.test_client()
    path = opened(provider).url.removeprefix(stand.url)
    assert "Consultation" in browser.get(path).text
    assert "Your card was declined." in browser.post(path, data={"number": "4000 0000 0000 0002"}).text
    paid = browser.post(path, data={"number": "4242 4242 4242 4242"})
    assert (paid.status_code, paid.location) == (303, BACK)
    assert "no longer active" in browser.post(path, data={"number": GOOD}).text
    assert stand.paid_of("attempt1") == [5000]
