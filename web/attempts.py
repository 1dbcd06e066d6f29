"""The names under which failed log-ins are counted, one counter for page and XMPP, and the words about waiting.

Owns page_keys, xmpp_keys, waiting_words. Imports the standard library only.
"""

from __future__ import annotations

import math

_MINUTE = 60


def xmpp_keys(handle: str, address: str | None) -> list[str]:
    """Return the counter's key of one account from one network address.

    Not of the address alone: a phone that retries an old password must not lock a whole clinic out. What it would
    guess has 138 bits.
    """
    return [f"{handle.strip().casefold()[:254]}|{address or 'local'}"]


def page_keys(account: str, address: str | None) -> list[str]:
    """Return the counters of a log-in to the page: the account (its handle, or an unknown e-mail) there, and the address."""
    return [*xmpp_keys(account, address), f"|{address or 'local'}"]


def waiting_words(seconds: float) -> str:
    """Say how long to wait."""
    whole = math.ceil(seconds)
    if whole < _MINUTE:
        span = "1 second" if whole == 1 else f"{whole} seconds"
    else:
        minutes = math.ceil(whole / _MINUTE)
        span = "1 minute" if minutes == 1 else f"{minutes} minutes"
    return f"After several wrong tries the next one is possible in {span}."
