"""Amounts as Stripe writes them, to and from ours. Imports clinic.payment alone.

Stripe counts most currencies as ISO 4217 does, but not all: it has no smaller unit for the ariary (MGA), two decimal places for ISK and
UGX whose smaller units are gone (whole amounts only), and takes of three decimal places two (the last digit is 0). Its rules for
HUF and TWD are about payouts and concern nobody here. Source: docs.stripe.com/currencies (minor units, special cases), 2026.
"""

from __future__ import annotations

from clinic.payment.money import DECIMALS, Money, amount_of
from clinic.payment.providers import Refused

PLACES: dict[str, int] = DECIMALS | {"MGA": 0, "ISK": 2, "UGX": 2}
"""How many decimal places each currency has at Stripe."""


def to_stripe(money: Money) -> tuple[int, str]:
    """Return an amount as Stripe counts it, and its currency as Stripe writes it.

    Raises: Refused, with words, for a currency that is none and for an amount that Stripe cannot take.
    """
    places = DECIMALS.get(money.currency)
    if places is None:
        raise Refused(f"{money.currency} is no currency.")
    if money.minor <= 0:
        raise Refused("Stripe takes amounts above nothing only.")
    if places == 3 and money.minor % 10:
        nearest = amount_of(max(10, (money.minor + 5) // 10 * 10), money.currency)
        raise Refused(f"Stripe takes amounts in {money.currency} that end in 0 only: ask for {nearest} instead of {money.amount}.")
    step = PLACES[money.currency] - places
    if step < 0 and money.minor % 10**-step:
        nearest = amount_of(max(1, round(money.minor / 10**-step)) * 10**-step, money.currency)
        raise Refused(f"Stripe takes whole amounts in {money.currency} only: ask for {nearest} instead of {money.amount}.")
    return money.minor * 10**step if step >= 0 else money.minor // 10**-step, money.currency.lower()


def from_stripe(amount: int, currency: str) -> Money:
    """Return what Stripe counts as `amount` in `currency` (any case). Raises: Refused for what our currencies do not have."""
    code = currency.upper()
    if code not in DECIMALS:
        raise Refused(f"Stripe names a currency that the clinic does not know: {code}.")
    step = PLACES[code] - DECIMALS[code]
    if step > 0 and amount % 10**step:
        raise Refused(f"Stripe names an amount that {code} does not have: {amount} hundredths.")
    return Money(amount // 10**step if step >= 0 else amount * 10**-step, code)
