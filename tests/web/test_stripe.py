"""The gateway to Stripe against the stand-in: what is asked, what the answers mean, and that nothing happens twice."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from clinic.payment.money import Money
from clinic.payment.providers import Opened, Outcome, RefundOutcome, Refused, Report, Unreachable
from tests.support.stripe_asking import BACK, SHOES, opened
from tests.support.stripe_books import BANK, DECLINED, GOOD, POOR
from tests.support.stripe_stand_in import KEY, LIVE_KEY, OTHER_KEY, RESTRICTED_KEY, StripeStandIn
from web.gateways.stripe import StripeProvider

# Opening


def test_an_open_attempt_is_paid_on_a_page_of_its_own_for_a_day(stand: StripeStandIn, provider: StripeProvider) -> None:
    found = opened(provider)
    assert found.url == f"{stand.url}/c/pay/{found.reference}"
    assert found.test
    assert timedelta(hours=23, minutes=59) < found.expires_at - datetime.now(UTC) <= timedelta(hours=24)
    assert provider.look(found.reference) == Report(found.reference, "attempt1", Outcome.OPEN, Money(5000, "EUR"), True)


def test_an_attempt_that_is_opened_again_is_the_same_one(stand: StripeStandIn, provider: StripeProvider) -> None:
    assert opened(provider) == opened(provider)
    assert len(stand.opened("attempt1")) == 1


def test_an_attempt_whose_answer_was_lost_is_opened_once(stand: StripeStandIn, provider: StripeProvider) -> None:
    stand.lose_answers()
    with pytest.raises(Unreachable):
        opened(provider)
    first = stand.opened("attempt1")
    assert [opened(provider).reference] == first == stand.opened("attempt1")


def test_an_attempt_under_the_same_key_with_another_amount_is_refused(provider: StripeProvider) -> None:
    opened(provider)
    with pytest.raises(Refused, match="same parameters"):
        opened(provider, minor=6000)


def test_an_attempt_that_failed_at_stripe_itself_can_be_opened_all_the_same(stand: StripeStandIn, provider: StripeProvider) -> None:
    stand.fail_next()
    with pytest.raises(Unreachable):
        opened(provider)
    again = opened(provider)
    assert stand.opened("attempt1") == [again.reference]


def test_nothing_of_the_patient_leaves_the_clinic(stand: StripeStandIn, provider: StripeProvider) -> None:
    opened(provider)
    asked = stand.books.asked[stand.opened("attempt1")[0]]
    assert "customer_email" not in asked and set(asked["payment_intent_data"]) == {"metadata"}
    assert asked["line_items"][0]["price_data"]["product_data"] == {"name": "Consultation"}


def test_every_object_of_a_payment_says_which_attempt_it_is_of(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference)
    provider.refund(reference, "refund1", Money(100, "EUR"))
    kept = list(stand.books.objects.values())
    assert {one["object"] for one in kept} == {"checkout.session", "payment_intent", "charge", "refund"}
    assert {one["metadata"]["bedside_attempt"] for one in kept} == {"attempt1"}
    assert stand.books.objects[reference]["client_reference_id"] == "attempt1"


def test_what_stripe_does_not_take_is_refused_in_its_words(provider: StripeProvider) -> None:
    with pytest.raises(Refused, match="too large"):
        opened(provider, minor=1_000_000, currency="ISK")
    with pytest.raises(Refused, match="Invalid currency"):
        opened(provider, currency="IQD", minor=1000)


# How an attempt stands


def test_a_declined_card_is_a_failure_that_can_be_tried_again(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    for number, words in ((DECLINED, "Your card was declined."), (POOR, "Your card has insufficient funds.")):
        assert stand.pay(reference, number) == words
        report = provider.look(reference)
        assert (report.outcome, report.why, report.payment_reference, report.receipt_url) == (Outcome.FAILED, words, "", "")
    assert stand.pay(reference, GOOD) == ""
    report = provider.look(reference)
    assert (report.outcome, report.why) == (Outcome.PAID, "")
    assert report.payment_reference.startswith("pi_")
    assert report.receipt_url.startswith(f"{stand.url}/receipts/")
    assert stand.paid_of("attempt1") == [5000]


@pytest.mark.parametrize(("arrives", "outcome", "why"), [(True, Outcome.PAID, ""), (False, Outcome.EXPIRED, "Your bank refused the payment.")])
def test_a_payment_that_takes_days_is_on_its_way_until_it_arrives_or_is_over(
    stand: StripeStandIn, provider: StripeProvider, arrives: bool, outcome: Outcome, why: str
) -> None:
    reference = opened(provider).reference
    stand.pay(reference, BANK)
    assert provider.look(reference).outcome is Outcome.PROCESSING
    stand.settle(reference, arrives)
    report = provider.look(reference)
    assert (report.outcome, report.why) == (outcome, why)


def test_money_counts_although_the_session_is_not_complete_yet(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference)
    stand.books.objects[reference].update(status="open", payment_status="unpaid")
    assert provider.look(reference).outcome is Outcome.PAID


def test_an_attempt_runs_out_after_a_day(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference, DECLINED)
    stand.pass_time(86_400)
    report = provider.look(reference)
    assert (report.outcome, report.why) == (Outcome.EXPIRED, "")
    assert stand.pay(reference) == "This page is no longer active."


def test_a_closed_attempt_takes_no_money_and_one_that_was_paid_meanwhile_says_so(stand: StripeStandIn, provider: StripeProvider) -> None:
    first, second = (opened(provider, attempt=name).reference for name in ("first", "second"))
    assert [provider.close(first).outcome for _ in range(2)] == [Outcome.EXPIRED] * 2
    assert stand.pay(first)
    stand.pay(second)
    assert provider.close(second).outcome is Outcome.PAID


def test_a_live_key_says_that_real_money_moves(stand: StripeStandIn) -> None:
    live = StripeProvider(LIVE_KEY, stand.url)
    found = opened(live)
    assert not found.test
    assert not live.look(found.reference).test
    assert live.account().test is False


# Refunds


def test_a_refund_under_the_same_key_gives_nothing_more_back(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference)
    first, second = (provider.refund(reference, "refund1", Money(2000, "EUR")) for _ in range(2))
    assert first == second
    assert (first.key, first.outcome) == ("refund1", RefundOutcome.DONE)
    assert provider.refund(reference, "refund2", Money(3000, "EUR")).reference != first.reference
    assert stand.refunded_of("attempt1") == [2000, 3000]
    report = provider.look(reference)
    assert report.outcome is Outcome.PAID
    assert {refund.key for refund in report.refunds} == {"refund1", "refund2"}


def test_a_refund_whose_answer_was_lost_is_not_repeated_days_later(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference)
    stand.lose_answers()
    with pytest.raises(Unreachable):
        provider.refund(reference, "refund1", Money(2000, "EUR"))
    stand.pass_time(3 * 86_400)
    assert provider.refund(reference, "refund1", Money(2000, "EUR")).outcome is RefundOutcome.DONE
    assert stand.refunded_of("attempt1") == [2000]


def test_a_refund_may_wait_and_may_come_back(stand: StripeStandIn, provider: StripeProvider) -> None:
    stand.books.refunds_wait = True
    reference = opened(provider).reference
    stand.pay(reference)
    made = [provider.refund(reference, key, Money(1000, "EUR")) for key in ("refund1", "refund2")]
    assert [one.outcome for one in made] == [RefundOutcome.PENDING] * 2
    stand.settle_refund(made[0].reference)
    stand.settle_refund(made[1].reference, arrives=False)
    found = {one.key: (one.outcome, one.why) for one in provider.look(reference).refunds}
    assert found == {"refund1": (RefundOutcome.DONE, ""), "refund2": (RefundOutcome.FAILED, "expired or canceled card")}


def test_a_refund_is_refused_of_what_was_not_paid_of_too_much_and_in_another_currency(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    with pytest.raises(Refused, match="Nothing was paid"):
        provider.refund(reference, "refund1", Money(1000, "EUR"))
    stand.pay(reference)
    with pytest.raises(Refused, match="greater than"):
        provider.refund(reference, "refund1", Money(5001, "EUR"))
    with pytest.raises(Refused, match="paid in EUR"):
        provider.refund(reference, "refund1", Money(1000, "USD"))
    assert stand.refunded_of("attempt1") == []


def test_refunds_made_elsewhere_and_more_than_come_with_a_charge_are_reported(stand: StripeStandIn, provider: StripeProvider) -> None:
    reference = opened(provider).reference
    stand.pay(reference)
    with stand.lock:
        stand.books.refund("acct_standin1", {"payment_intent": stand.books.objects[reference]["payment_intent"], "amount": 50})
    for number in range(12):
        provider.refund(reference, f"refund{number}", Money(100, "EUR"))
    refunds = provider.look(reference).refunds
    assert len(refunds) == 13
    assert [refund.amount.minor for refund in refunds if refund.key is None] == [50]


# Reconciling


def test_all_attempts_of_the_clinic_since_a_moment_are_found_over_several_pages(stand: StripeStandIn, provider: StripeProvider) -> None:
    stranger = stripe.StripeClient(KEY, base_addresses={"api": stand.url})
    stranger.v1.checkout.sessions.create({"mode": "payment", "success_url": BACK, "line_items": [SHOES]})
    for number in range(103):
        opened(provider, attempt=f"attempt{number}")
    stand.pay(stand.opened("attempt7")[0])
    found = provider.since(datetime.now(UTC) - timedelta(minutes=1))
    assert {report.attempt for report in found} == {f"attempt{number}" for number in range(103)}
    assert [report.attempt for report in found if report.outcome is Outcome.PAID] == ["attempt7"]
    stand.pass_time(3600)
    opened(provider, attempt="later")
    assert [report.attempt for report in provider.since(datetime.now(UTC) + timedelta(minutes=30))] == ["later"]


# What goes wrong


@pytest.mark.parametrize("how", ["refused", "error", "hang", "page"])
def test_an_outage_is_told_apart_from_a_no_and_is_over_when_it_is_over(stand: StripeStandIn, provider: StripeProvider, how: str) -> None:
    reference = opened(provider).reference
    begun = time.monotonic()
    with stand.outage(how):
        for ask in (provider.account, lambda: opened(provider, attempt="other"), lambda: provider.look(reference), lambda: provider.close(reference)):
            with pytest.raises(Unreachable):
                ask()
    assert time.monotonic() - begun < 8, "nothing waits longer than it was told to"
    assert provider.look(reference).outcome is Outcome.OPEN
    assert opened(provider, attempt="other").reference != reference


def test_a_second_request_while_the_first_is_carried_out_waits_for_later(stand: StripeStandIn) -> None:
    patient = StripeProvider(KEY, stand.url, timeout=10)
    paused = stand.pause("POST /v1/checkout/sessions")
    found: list[Opened] = []
    first = threading.Thread(target=lambda: found.append(opened(patient)))
    first.start()
    assert paused.reached.wait(10)
    with pytest.raises(Unreachable, match="409"):
        opened(patient)
    paused.go.set()
    first.join(10)
    assert found == [opened(patient)]
    assert len(stand.opened("attempt1")) == 1


def test_a_wrong_key_and_another_accounts_attempt_are_refused_without_the_key_in_words(stand: StripeStandIn, provider: StripeProvider) -> None:
    wrong = StripeProvider("sk_test_nobodyknowsthis", stand.url)
    with pytest.raises(Refused) as refused:
        wrong.account()
    assert "nobodyknowsthis" not in refused.value.words
    assert "bedside payments keys" in refused.value.words
    reference = opened(provider).reference
    with pytest.raises(Refused, match="No such"):
        StripeProvider(OTHER_KEY, stand.url).look(reference)


def test_a_restricted_key_works_although_it_may_not_name_its_account(stand: StripeStandIn) -> None:
    restricted = StripeProvider(RESTRICTED_KEY, stand.url)
    account = restricted.account()
    assert (account.reference, account.name, account.test) == ("acct_standin1", "", True)
    assert opened(restricted).test


def test_nothing_about_our_requests_or_this_machine_goes_along(stand: StripeStandIn, provider: StripeProvider) -> None:
    assert stripe.enable_telemetry is False
    sent: list[dict[str, str]] = []
    stand._app.before_request(lambda: sent.append(dict(_headers())))
    opened(provider)
    opened(provider, attempt="attempt2")
    assert all("X-Stripe-Client-Telemetry" not in headers and "platform" not in headers["X-Stripe-Client-User-Agent"] for headers in sent)


def _headers() -> dict[str, str]:
    from flask import request

    return dict(request.headers)
