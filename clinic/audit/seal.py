"""Sealing of the audit log: each entry gets a MAC over itself and the seal before it. Imports clinic only.

One process (the worker) seals, afterwards, so that actions never wait on each other for the chain (rule 3). A chain
without an outside anchor stops neither root nor the cutting of its tail; `head` is what a clinic can keep elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.audit.tables import audit_entries, audit_seals
from clinic.database import Database

SEALED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check of the chain found: how many entries are sealed, the last seal, and what is broken, in words."""

    sealed: int
    head: str
    broken: str | None


def _mac(pepper: bytes, before: str, row: sa.Row[Any]) -> str:
    fields = (row.id, row.at.isoformat(), row.actor_id, row.role, row.door, row.action, row.subject, row.detail)
    return hmac.new(pepper, f"audit:{before}:{fields!r}".encode(), hashlib.sha256).hexdigest()


def seal(database: Database) -> int:
    """Seal the entries that are not yet. Returns: how many were sealed, at most SEALED_AT_ONCE. Raises: Busy."""
    unsealed = (
        sa.select(audit_entries)
        .outerjoin(audit_seals, audit_seals.c.audit_id == audit_entries.c.id)
        .where(audit_seals.c.audit_id.is_(None))
        .order_by(audit_entries.c.id)
        .limit(SEALED_AT_ONCE)
    )
    with database.reading() as connection:
        rows = connection.execute(unsealed).all()
        last = connection.execute(sa.select(audit_seals).order_by(audit_seals.c.position.desc()).limit(1)).first()
    if not rows:
        return 0
    position, before = (last.position, last.mac) if last is not None else (0, "")
    seals = []
    for row in rows:
        position, before = position + 1, _mac(database.pepper, before, row)
        seals.append({"position": position, "audit_id": row.id, "mac": before})
    with database.writing() as connection:
        connection.execute(sa.insert(audit_seals), seals)
    return len(seals)


def verify(database: Database) -> Verdict:
    """Recompute the whole chain. Returns: a Verdict; `broken` names the first position that does not fit."""
    query = (
        sa.select(audit_seals.c.position, audit_seals.c.mac, audit_entries)
        .outerjoin(audit_entries, audit_entries.c.id == audit_seals.c.audit_id)
        .order_by(audit_seals.c.position)
    )
    sealed, before = 0, ""
    with database.reading() as connection:
        for row in connection.execute(query):
            if row.position != sealed + 1:
                return Verdict(sealed, before, f"the seal at position {sealed + 1} is missing")
            if row.id is None:
                return Verdict(sealed, before, f"the entry sealed at position {row.position} is gone")
            if row.mac != _mac(database.pepper, before, row):
                return Verdict(sealed, before, f"the entry sealed at position {row.position} was changed")
            sealed, before = row.position, row.mac
    return Verdict(sealed, before, None)
