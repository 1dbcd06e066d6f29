"""The gateway against Stripe itself, in test mode: that our reading of Stripe, and so the stand-in, is right. Not run in CI.

    STRIPE_LIVE_TEST=1 STRIPE_TEST_KEY=sk_test_… python -m pytest tests/stripe_live -q
    STRIPE_TEST_KEY=sk_test_… python -m tests.stripe_live     (a session to pay by hand, for the last test: STRIPE_PAID_SESSION)

It takes about a minute, leaves some test payments in the account, and moves no money: a live key is refused. Nobody can fill in Stripe's hosted page
here, so payments are made by confirming a PaymentIntent with the test cards of Stripe; one session somebody pays by hand, or the last test is skipped.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from clinic.payment.money import Money
from clinic.payment.providers import Outcome, Refused
from tests.support.stripe_asking import BACK, asking
from web.gateways.reading import ATTEMPT, EVENTS
from web.gateways.stripe import StripeProvider

KEY = os.environ.get("STRIPE_TEST_KEY", "")
PAID = os.environ.get("STRIPE_PAID_SESSION", "")
pytestmark = [
    pytest.mark.skipif(os.environ.get("STRIPE_LIVE_TEST") != "1" or not KEY, reason="needs a Stripe test key and the internet; not run in CI"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture
def provider() -> StripeProvider:
    if not KEY.startswith(("sk_test_", "rk_test_")):
        pytest.fail("STRIPE_TEST_KEY is no test key (sk_test_… or rk_test_…): nothing is done with it.")
    return StripeProvider(KEY)


@pytest.fixture
def client(provider: StripeProvider) -> stripe.StripeClient:
    return provider._client


@pytest.fixture
def attempt() -> str:
    return f"live{time.time_ns()}"


def test_the_account_is_one_in_test_mode(provider: StripeProvider) -> None:
    account = provider.account()
    assert account.test
    assert account.reference.startswith("acct_")


def test_a_wrong_key_is_refused() -> None:
    with pytest.raises(Refused, match="does not know"):
        StripeProvider("sk_test_nobodyknowsthiskey").account()


def test_a_session_opens_once_is_found_and_closes(provider: StripeProvider, attempt: str) -> None:
    first = provider.open(asking(attempt))
    assert first == provider.open(asking(attempt))
    assert first.test
    assert timedelta(hours=23) < first.expires_at - datetime.now(UTC) <= timedelta(hours=24, minutes=1)
    report = provider.look(first.reference)
    assert (report.attempt, report.outcome, report.amount, report.test) == (attempt, Outcome.OPEN, Money(5000, "EUR"), True)
    assert attempt in {found.attempt for found in provider.since(datetime.now(UTC) - timedelta(minutes=5))}
    with pytest.raises(Refused, match="Nothing was paid"):
        provider.refund(first.reference, f"{attempt}-refund", Money(100, "EUR"))
    assert [provider.close(first.reference).outcome for _ in range(2)] == [Outcome.EXPIRED] * 2


def test_another_amount_under_the_same_key_is_refused(provider: StripeProvider, attempt: str) -> None:
    provider.open(asking(attempt))
    with pytest.raises(Refused):
        provider.open(asking(attempt, minor=6000))


AMOUNTS = [(5000, "JPY"), (50_000, "ISK"), (500_000, "UGX"), (5_000_000, "MGA"), (12_340, "KWD"), (500_000, "HUF"), (50_000, "TWD")]


@pytest.mark.parametrize(("minor", "currency"), AMOUNTS)
def test_amounts_are_read_as_we_wrote_them(provider: StripeProvider, attempt: str, minor: int, currency: str) -> None:
    opened = provider.open(asking(attempt, minor, currency))
    assert provider.look(opened.reference).amount == Money(minor, currency)


def test_an_amount_in_three_decimals_that_does_not_end_in_0_is_refused_at_stripe_too(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": 5124, "currency": "kwd"})


def test_a_misspelt_parameter_is_refused(client: stripe.StripeClient) -> None:
    misspelt: Any = {"sucess_url": BACK}
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        client.v1.checkout.sessions.create(misspelt)


def test_a_decline_and_a_refund_are_written_as_the_stand_in_writes_them(client: stripe.StripeClient, attempt: str) -> None:
    intent = client.v1.payment_intents.create({
        "amount": 5000,
        "currency": "eur",
        "metadata": {ATTEMPT: attempt},
        "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    })
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa_chargeDeclined"})
    refused = client.v1.payment_intents.retrieve(intent.id).to_dict()
    assert refused["status"] == "requires_payment_method"
    assert refused["last_payment_error"]["message"]
    client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    paid = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge.refunds"]}).to_dict()
    assert (paid["status"], paid["amount_received"], paid["last_payment_error"]) == ("succeeded", 5000, None)
    assert paid["latest_charge"]["metadata"] == {ATTEMPT: attempt}
    assert paid["latest_charge"]["receipt_url"].startswith("https://")
    assert paid["latest_charge"]["refunds"] == {**paid["latest_charge"]["refunds"], "data": [], "has_more": False}
    made = [client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000}, {"idempotency_key": f"{attempt}-r"}).id for _ in range(2)]
    assert made[0] == made[1]
    assert [one.id for one in client.v1.refunds.list({"payment_intent": intent.id})] == made[:1]


def test_the_events_that_the_clinic_asks_for_exist(client: stripe.StripeClient) -> None:
    wanted: Any = {"url": "https://clinic.example/never", "enabled_events": list(EVENTS)}
    endpoint = client.v1.webhook_endpoints.create(wanted)
    client.v1.webhook_endpoints.delete(endpoint.id)


@pytest.mark.skipif(not PAID, reason="needs STRIPE_PAID_SESSION, a session that somebody opened with this suite's key and paid with 4242 4242 4242 4242")
def test_a_session_that_somebody_paid_is_paid_and_gives_back_once(provider: StripeProvider) -> None:
    report = provider.look(PAID)
    assert report.outcome is Outcome.PAID
    assert report.payment_reference.startswith("pi_")
    assert report.receipt_url.startswith("https://")
    key = f"refund-{PAID[-20:]}"
    first, second = (provider.refund(PAID, key, Money(100, report.amount.currency)) for _ in range(2))
    assert first.reference == second.reference
    assert [one.key for one in provider.look(PAID).refunds].count(key) == 1
