"""Amounts of money: an integer of the currency's smallest unit, never a float. Imports the standard library only.

Source: ISO 4217, list one (2026): the alphabetic codes in use and their minor units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_TWO = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE CZK DKK
DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR
RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED
VES WST XCD XCG YER ZAR ZMW ZWG
"""
_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"

DECIMALS: dict[str, int] = dict.fromkeys(_TWO.split(), 2) | dict.fromkeys(_NONE.split(), 0) | dict.fromkeys(_THREE.split(), 3)
"""How many decimal places each currency has."""

CURRENCIES = tuple(sorted(DECIMALS))
MOST_MINOR = 99_999_999
"""The largest amount of one request: what every provider takes."""
_PLAIN = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount. minor: in the currency's smallest unit. currency: an ISO 4217 code."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    @property
    def amount(self) -> str:
        """The amount alone, with as many decimal places as the currency has: "50.00", "5000", "1.500"."""
        return amount_of(self.minor, self.currency)


def amount_of(minor: int, currency: str) -> str:
    """Return an amount in the currency's unit, in plain digits. Raises: KeyError for a currency that is none."""
    places = DECIMALS[currency]
    return f"{Decimal(minor).scaleb(-places):.{places}f}"


def minor_of(text: str, currency: str) -> int:
    """Return what somebody wrote ("50", "50.00", "50,00") in the currency's smallest unit.

    Raises: ValueError, with words, for what is no amount, more decimal places than the currency has, nothing, or too much.
    """
    places = DECIMALS[currency]
    written = text.strip()
    if not _PLAIN.fullmatch(written) or not written.isascii():
        raise ValueError(f"Write an amount in digits, such as {amount_of(50 * 10**places, currency)}, without separators of thousands.")
    whole, _, rest = written.replace(",", ".").partition(".")
    # "1.000 EUR" is a thousand to many: zeros too many are refused like other digits.
    if len(rest) > places:
        many = "no decimal places" if places == 0 else f"{places} decimal places"
        raise ValueError(f"{currency} has {many}.")
    if len(whole) > 12:
        raise ValueError(f"{amount_of(MOST_MINOR, currency)} {currency} is the most.")
    minor = int(whole + rest.ljust(places, "0"))
    if minor == 0:
        raise ValueError("An amount of nothing cannot be asked for.")
    if minor > MOST_MINOR:
        raise ValueError(f"{amount_of(MOST_MINOR, currency)} {currency} is the most.")
    return minor


def by_card(money: Money) -> Money:
    """Return the nearest amount that can be paid by card: of three decimal places cards carry two, and of the ariary whole ones.

    Source: docs.stripe.com/currencies (special cases), which follows the card networks.
    """
    step = 10 if DECIMALS[money.currency] == 3 else 100 if money.currency == "MGA" else 1
    return Money(max(1, min((money.minor + step // 2) // step, MOST_MINOR // step)) * step, money.currency)


def check_by_card(money: Money) -> None:
    """Do nothing for an amount that can be paid by card. Raises: ValueError, with words that name one which can."""
    nearest = by_card(money)
    if nearest != money:
        raise ValueError(f"Cards take {nearest}, not {money}.")
