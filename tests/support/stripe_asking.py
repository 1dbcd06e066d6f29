"""What the tests of the gateway to Stripe ask for."""

from __future__ import annotations

from clinic.payment.money import Money
from clinic.payment.providers import Asking, Opened
from web.gateways.stripe import StripeProvider

BACK = "http://localhost:8600/threads/one"
SHOES = {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 100, "product_data": {"name": "Shoes"}}}


def asking(attempt: str = "attempt1", minor: int = 5000, currency: str = "EUR") -> Asking:
    return Asking(attempt, Money(minor, currency), "Consultation", BACK)


def opened(provider: StripeProvider, attempt: str = "attempt1", minor: int = 5000, currency: str = "EUR") -> Opened:
    return provider.open(asking(attempt, minor, currency))
