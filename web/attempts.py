"""The names under which failed log-ins are counted, one counter for page and XMPP, and the words about waiting.

Owns page_keys, xmpp_keys, waiting_words. Imports clinic only.
"""

from __future__ import annotations

import math

from clinic.account.sessions import ADDRESS_ALONE

_MINUTE = 60
_NAME_LENGTH = 240


def _name(given: str) -> str:
    # Storable on every database, and never mistaken for the key of an address alone, which begins with a bar.
    plain = "".join(c if c.isprintable() else "?" for c in given.strip().casefold()).lstrip("|")
    return plain[:_NAME_LENGTH] or "-"


def xmpp_keys(handle: str, address: str | None) -> list[str]:
    """Return the counter's key of one account from one network address.

    Not of the address alone: a phone that retries an old password must not lock a whole clinic out. What it would
    guess has 138 bits.
    """
    return [f"{_name(handle)}|{address or 'local'}"]


def page_keys(account: str, address: str | None) -> list[str]:
    """Return the counters of a log-in to the page: the account (its handle, or an unknown e-mail) there, and the address.

    Many people may share an address: clinic gives its counter more tries, and one person's success does not clear it.
    """
    return [*xmpp_keys(account, address), f"{ADDRESS_ALONE}{address or 'local'}"]


def waiting_words(seconds: float) -> str:
    """Say how long to wait."""
    whole = math.ceil(seconds)
    if whole < _MINUTE:
        span = "1 second" if whole == 1 else f"{whole} seconds"
    else:
        minutes = math.ceil(whole / _MINUTE)
        span = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"After several wrong tries the next one is possible in {span}."
