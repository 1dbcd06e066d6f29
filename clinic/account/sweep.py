"""Housekeeping of what has run out: invitations, ended sessions, forgotten failures. Imports the tables and SQLAlchemy.

Run by the worker. It removes only what can never be used again; devices and accounts are never removed here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from clinic.account import attempts
from clinic.account.tables import invitations, login_failures, login_sessions
from clinic.account.views import expired_sessions
from clinic.audit.tables import denials
from clinic.calls import Actor
from clinic.database import Database

KEPT = timedelta(days=30)
DENIALS_KEPT = timedelta(days=90)
STALE: list[Callable[[datetime], tuple[sa.Table, sa.ColumnElement[bool]]]] = []
"""What other capabilities have swept: each returns a table and which of its rows can be forgotten at an instant."""


def expire(database: Database) -> int:
    """End the login sessions that are over, so that what they opened closes. Returns: how many. Raises: Busy."""
    with database.read(Actor.system()) as work:
        over = expired_sessions(work)
    if over:
        database.perform(Actor.system(), "login.expire", uids=over)
    return len(over)


def sweep(database: Database) -> int:
    """Remove what ran out more than KEPT ago (failures: attempts.FORGOTTEN). Returns: how many rows. Raises: Busy."""
    now = database.now()
    stale = (
        (invitations, invitations.c.expires_at < now - KEPT),
        (login_sessions, login_sessions.c.seen_at < now - KEPT),
        (denials, denials.c.minute < now - DENIALS_KEPT),
        (login_failures, attempts.stale(now)),
        *(one(now) for one in STALE),
    )
    with database.writing() as connection:
        return sum(connection.execute(_removal(table, over)).rowcount for table, over in stale)


def _removal(table: sa.Table, over: sa.ColumnElement[bool]) -> sa.Delete:
    # What somebody works with is left for the next time: it is not over then, and nobody waits for anybody.
    columns = list(table.primary_key)
    key = sa.tuple_(*columns) if len(columns) > 1 else columns[0]
    return sa.delete(table).where(key.in_(sa.select(*columns).where(over).with_for_update(skip_locked=True)))
