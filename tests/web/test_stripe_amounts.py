"""Amounts on their way to Stripe and back, in every currency."""

from __future__ import annotations

import pytest

from clinic.payment.money import DECIMALS, MOST_MINOR, Money, by_card
from clinic.payment.providers import Refused
from tests.support.stripe_asking import opened
from tests.support.stripe_stand_in import StripeStandIn
from web.gateways.amounts import from_stripe, to_stripe
from web.gateways.stripe import StripeProvider


@pytest.mark.parametrize("currency", sorted(DECIMALS))
def test_an_amount_of_every_currency_comes_back_as_it_went(currency: str) -> None:
    for minor in (100, 1200, 5000, 123_400, MOST_MINOR // 100 * 100):
        amount, code = to_stripe(Money(minor, currency))
        assert from_stripe(amount, code) == Money(minor, currency)
        assert isinstance(amount, int)


@pytest.mark.parametrize("currency", sorted(DECIMALS))
def test_the_clinic_asks_by_card_for_what_stripe_takes_and_for_nothing_else(currency: str) -> None:
    for minor in (1, 99, 100, 12_345, 12_350, 99_950, MOST_MINOR):
        money = Money(minor, currency)
        to_stripe(by_card(money))
        if by_card(money) != money:
            with pytest.raises(Refused):
                to_stripe(money)


@pytest.mark.parametrize(
    ("minor", "currency", "at_stripe"),
    [
        (1050, "EUR", 1050),
        (500, "JPY", 500),
        (500, "ISK", 50_000),
        (500, "UGX", 50_000),
        (50_000, "MGA", 500),
        (5120, "KWD", 5120),
        (1001, "HUF", 1001),
        (1001, "TWD", 1001),
    ],
)
def test_amounts_are_those_that_stripe_counts_in(minor: int, currency: str, at_stripe: int) -> None:
    assert to_stripe(Money(minor, currency)) == (at_stripe, currency.lower())


@pytest.mark.parametrize(
    ("minor", "currency", "words"),
    [
        (5124, "KWD", "5.120 instead of 5.124"),
        (5125, "BHD", "5.130 instead of 5.125"),
        (3, "OMR", "0.010"),
        (50_050, "MGA", "500.00"),
        (0, "EUR", "above nothing"),
        (5, "XXX", "no currency"),
    ],
)
def test_an_amount_that_stripe_cannot_take_is_refused_with_one_that_it_can(minor: int, currency: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        to_stripe(Money(minor, currency))


def test_an_amount_that_the_currency_does_not_have_is_not_rounded() -> None:
    with pytest.raises(Refused, match="ISK"):
        from_stripe(1050, "isk")
    with pytest.raises(Refused, match="ZZZ"):
        from_stripe(100, "zzz")


@pytest.mark.parametrize("currency", ["EUR", "JPY", "ISK", "UGX", "MGA", "KWD", "HUF"])
def test_a_payment_and_a_refund_keep_their_amount_in_every_kind_of_currency(stand: StripeStandIn, provider: StripeProvider, currency: str) -> None:
    reference = opened(provider, minor=12_300, currency=currency).reference
    stand.pay(reference)
    assert provider.look(reference).amount == Money(12_300, currency)
    assert provider.refund(reference, "refund1", Money(2300, currency)).amount == Money(2300, currency)
