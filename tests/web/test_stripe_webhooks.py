"""Webhooks: whose they are, which attempt they are about, and what is none."""

from __future__ import annotations

import json
import time

import pytest

from clinic.payment.money import Money
from tests.support.stripe_asking import opened
from tests.support.stripe_books import DECLINED
from tests.support.stripe_stand_in import OLD_SECRET, SECRET, StripeStandIn
from web.gateways.reading import EVENTS
from web.gateways.stripe import NotHeard, StripeProvider, heard


def test_every_event_of_a_payment_leads_to_its_attempt(stand: StripeStandIn, provider: StripeProvider) -> None:
    stand.hold()
    reference = opened(provider).reference
    stand.pay(reference, DECLINED)
    stand.pay(reference)
    intent = provider.look(reference).payment_reference
    provider.refund(reference, "refund1", Money(100, "EUR"))
    news = [heard(body, headers["Stripe-Signature"], [SECRET]) for headers, body in stand.held()]
    assert len({one.event_id for one in news}) == len(news) == 8
    assert {one.attempt for one in news} == {"attempt1"}
    assert {one.payment_reference for one in news} == {intent}
    assert {one.reference for one in news} == {"", reference}
    assert {(one.account, one.test) for one in news} == {("", True)}
    assert {one.kind for one in news} >= {"checkout.session.completed", "payment_intent.payment_failed", "charge.refunded", "refund.created"}


def test_a_refund_made_elsewhere_leads_to_its_payment(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference)
    stand.hold()
    with stand.lock:
        stand.books.refund("acct_standin1", {"payment_intent": stand.books.objects[reference]["payment_intent"], "amount": 50})
    news = {one.kind: one for one in (heard(body, headers["Stripe-Signature"], [SECRET]) for headers, body in stand.held())}
    assert news["refund.created"].attempt == ""
    assert news["refund.created"].payment_reference == provider.look(reference).payment_reference
    assert news["charge.refunded"].attempt == "attempt1"


def event(**changes: object) -> dict[str, object]:
    about = {"id": "cs_test_1", "object": "checkout.session", "metadata": {"bedside_attempt": "attempt1"}, "payment_intent": None}
    return {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1, "livemode": False, "data": {"object": about}, **changes}


def test_any_secret_in_use_will_do_and_no_other(stand: StripeStandIn) -> None:
    body = json.dumps(event()).encode()
    signed = stand.sign(body)["Stripe-Signature"]
    assert heard(body, signed, [SECRET, OLD_SECRET]).reference == "cs_test_1"
    assert heard(body, signed, [OLD_SECRET, SECRET]).attempt == "attempt1"
    for secrets in ([OLD_SECRET], [""]):
        with pytest.raises(NotHeard, match="wrong"):
            heard(body, signed, secrets)
    with pytest.raises(NotHeard, match="no webhook secret"):
        heard(body, signed, [])
    stand.secrets = [OLD_SECRET, SECRET]
    assert heard(body, stand.sign(body)["Stripe-Signature"], [SECRET]).event_id == "evt_1"


def test_a_signature_holds_for_five_minutes_and_for_its_own_body(stand: StripeStandIn) -> None:
    body = json.dumps(event()).encode()
    assert heard(body, stand.sign(body, time.time() - 290)["Stripe-Signature"], [SECRET])
    with pytest.raises(NotHeard, match="too old"):
        heard(body, stand.sign(body, time.time() - 310)["Stripe-Signature"], [SECRET, OLD_SECRET])
    with pytest.raises(NotHeard, match="wrong"):
        heard(body + b" ", stand.sign(body)["Stripe-Signature"], [SECRET])


@pytest.mark.parametrize("signature", ["", "t=1", "v1=abc", "t=x,v1=y", "nonsense", "t=1,v1=é", "t=" + "9" * 5000 + ",v1=a", ",,,==,"])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(NotHeard):
        heard(json.dumps(event()).encode(), signature, [SECRET])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"object": "event"}',
        b"\xff\xfe",
        b"[" * 100_000,
        *(json.dumps(event(**wrong)).encode() for wrong in ({"data": {}}, {"id": None}, {"created": "x"})),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_signed_body_that_is_no_event_is_refused(stand: StripeStandIn, body: bytes) -> None:
    with pytest.raises(NotHeard, match="no event"):
        heard(body, stand.sign(body)["Stripe-Signature"] if body.isascii() else "t=1,v1=a", [SECRET])


def test_strange_metadata_and_other_accounts_are_told_as_they_are(stand: StripeStandIn) -> None:
    for metadata in (None, [], {"bedside_attempt": 5}, {"bedside_attempt": {"a": 1}}):
        about = {"id": "ch_1", "object": "charge", "metadata": metadata, "payment_intent": {"id": "pi_1"}}
        body = json.dumps(event(data={"object": about}, account="acct_other", livemode=True)).encode()
        found = heard(body, stand.sign(body)["Stripe-Signature"], [SECRET])
        assert (found.attempt, found.payment_reference, found.account, found.test) == ("", "pi_1", "acct_other", False)


def test_the_events_that_the_clinic_asks_for_are_events_of_stripes() -> None:
    import stripe.params as params

    hint = str(params.WebhookEndpointCreateParams.__annotations__["enabled_events"])
    assert [name for name in EVENTS if f"'{name}'" not in hint and f'"{name}"' not in hint] == []
