"""Housekeeping of what has run out: invitations, ended sessions, forgotten failures. Imports the tables and SQLAlchemy.

Run by the worker. It removes only what can never be used again; devices and accounts are never removed here.
"""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from clinic.account.sessions import FAILURES_FORGOTTEN
from clinic.account.tables import invitations, login_failures, login_sessions
from clinic.database import Database

KEPT = timedelta(days=30)


def sweep(database: Database) -> int:
    """Remove what ran out more than KEPT ago (failures: FAILURES_FORGOTTEN). Returns: how many rows. Raises: Busy."""
    now = database.now()
    stale = (
        sa.delete(invitations).where(invitations.c.expires_at < now - KEPT),
        sa.delete(login_sessions).where(login_sessions.c.seen_at < now - KEPT),
        sa.delete(login_failures).where(login_failures.c.last_at < now - FAILURES_FORGOTTEN),
    )
    with database.writing() as connection:
        return sum(connection.execute(statement).rowcount for statement in stale)
