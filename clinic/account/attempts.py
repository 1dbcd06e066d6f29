"""Failed log-ins: under which names they are counted, for page and XMPP alike, and how long the next try has to wait.

Imports clinic only. Three counters see a try on the page: the account at this network address (somebody who mistypes, or
guesses), the account from anywhere (who guesses from many addresses), the address alone (who tries many accounts). The two
broad ones hold up people who did nothing wrong: they allow more, forget a failure a minute, let nobody wait long, and are
not asked where the account has logged in lately.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from clinic.account.tables import login_failures
from clinic.actions import action, view
from clinic.fields import Computed
from clinic.permissions import Permission
from clinic.work import Work

FORGOTTEN = timedelta(days=1)
KNOWN_FOR = timedelta(days=30)
_LEAK = timedelta(minutes=1)


class Limit(NamedTuple):
    """What one kind of counter allows. free: failures without a wait; leaks: whether it forgets one a minute."""

    free: int
    longest_seconds: int
    leaks: bool


NARROW, BY_ACCOUNT, BY_ADDRESS, KNOWN = "both:", "account:", "address:", "known:"
LIMITS = {NARROW: Limit(5, 900, False), BY_ACCOUNT: Limit(50, 30, True), BY_ADDRESS: Limit(50, 30, True)}


def _name(given: str) -> str:
    # A digest fits every key and every database, and no two names share one: a shared one would tell who has an account.
    return hashlib.sha256(given.strip().casefold().encode(errors="surrogatepass")).hexdigest()[:32]


def xmpp_keys(handle: str, network: str) -> list[str]:
    """Return the counter of a try over XMPP: the narrow one alone.

    A phone that retries an old password must not hold up a clinic, and what it would guess has 138 bits.
    """
    return [f"{NARROW}{_name(handle)}@{network}"]


def page_keys(account: str, network: str) -> list[str]:
    """Return the counters of a try on the page. account: its handle, or an e-mail address that nobody has; network: whence."""
    return [*xmpp_keys(account, network), f"{BY_ACCOUNT}{_name(account)}", f"{BY_ADDRESS}{network}"]


def _limit(key: str) -> Limit:
    return LIMITS[key[: key.index(":") + 1]]


def _failures(row: sa.Row[Any] | None, now: datetime) -> int:
    """Return how many failures of a counter's row still count."""
    if row is None or row.last_at <= now - FORGOTTEN:
        return 0
    return max(0, row.failures - (now - row.last_at) // _LEAK) if _limit(row.key).leaks else int(row.failures)


def wait_seconds(key: str, failures: int) -> float:
    """Return how long to wait after so many failures under `key`: nothing for the free ones, then 2, 4, 8 … s, never for ever."""
    limit = _limit(key)
    # 2 to the tenth is past the longest wait; a large exponent would not fit into a float.
    return 0.0 if failures < limit.free else min(limit.longest_seconds, 2.0 ** min(failures - limit.free + 1, 10))


def _asked(work: Work, keys: list[str]) -> list[str]:
    """Return those of `keys` that may hold a try up."""
    known = [KNOWN + key.removeprefix(NARROW) for key in keys if key.startswith(NARROW)]
    query = sa.select(login_failures.c.key).where(
        login_failures.c.key.in_(known), login_failures.c.last_at > work.now - KNOWN_FOR
    )
    return [key for key in keys if key.startswith(NARROW)] if work.row(query) else keys


@view(Permission.SIGN_IN)
def login_wait(work: Work, keys: list[str]) -> float:
    """Return for how many seconds the next try under `keys` is not looked at; 0 when it may come."""
    waits = [0.0]
    for row in work.rows(sa.select(login_failures).where(login_failures.c.key.in_(_asked(work, keys)))):
        passed = (work.now - row.last_at).total_seconds()
        waits.append(wait_seconds(row.key, _failures(row, work.now)) - passed)
    return max(waits)


@action("login.failed", Permission.SIGN_IN, fields=(Computed("keys", kind=list),), audited=False)
def failed(work: Work, keys: list[str]) -> float:
    """Count a failed login under every key. Returns: seconds until the next try is looked at."""
    counted = sa.select(login_failures).where(login_failures.c.key.in_(keys)).order_by(login_failures.c.key)
    rows = {row.key: row for row in work.rows(counted.with_for_update())}
    asked, worst = _asked(work, keys), 0.0
    for key in keys:
        failures = _failures(rows.get(key), work.now) + 1
        if key in rows:
            work.update(login_failures, key, failures=failures, last_at=work.now)
        else:
            work.insert(login_failures, key=key, failures=failures, last_at=work.now)
        if key in asked:
            worst = max(worst, wait_seconds(key, failures))
    return worst


def forget(work: Work, keys: list[str] | None) -> None:
    """Forget the failures of who has proved who they are; the broad counters stay, or a guesser's own account would clear them."""
    for key in keys or []:
        if key.startswith(NARROW):
            work.delete(login_failures, key)


def remember(work: Work, keys: list[str] | None) -> None:
    """Note that the account has logged in from here: what others fail at does not hold it up here."""
    for key in keys or []:
        if key.startswith(NARROW):
            known = KNOWN + key.removeprefix(NARROW)
            if work.row(sa.select(login_failures.c.key).where(login_failures.c.key == known)):
                work.update(login_failures, known, last_at=work.now)
            else:
                work.insert(login_failures, key=known, failures=0, last_at=work.now)


def stale(now: datetime) -> sa.ColumnElement[bool]:
    """Return the condition on login_failures that a row counts no more at `now`."""
    known = login_failures.c.key.startswith(KNOWN)
    return sa.or_(
        sa.and_(~known, login_failures.c.last_at < now - FORGOTTEN),
        sa.and_(known, login_failures.c.last_at < now - KNOWN_FOR),
    )
