"""Which threads two people are in together now: what entitles one of them to something of the other's. Plain helpers; imports clinic only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.permissions import Role
from clinic.thread.tables import memberships
from clinic.work import Work


def threads_with(work: Work, account_id: int, role: Role | None = None) -> sa.Select[Any]:
    """Return the select of the ids of the threads that the actor and an account are both in now. role: which the account has there."""
    mine, theirs = memberships.alias(), memberships.alias()
    query = (
        sa.select(mine.c.thread_id)
        .join(theirs, theirs.c.thread_id == mine.c.thread_id)
        .where(mine.c.account_id == work.person.id, mine.c.ended_at.is_(None))
        .where(theirs.c.account_id == account_id, theirs.c.ended_at.is_(None))
    )
    return query if role is None else query.where(theirs.c.role == role)


def shares_thread(work: Work, account_id: int, role: Role | None = None) -> bool:
    """Say whether there is any of `threads_with`."""
    return work.row(threads_with(work, account_id, role).limit(1)) is not None
