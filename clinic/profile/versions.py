"""What all parts of a profile share: versions that are only added, and who said what stands now. Plain helpers; imports clinic only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.errors import Conflict
from clinic.permissions import Role
from clinic.storage import new_id
from clinic.work import Work

CHANGED = "Somebody has saved this meanwhile, so nothing was stored yet. Look at what stands there now, and save again what you still want."


@dataclass(frozen=True, slots=True)
class Datum:
    """One thing that is said of somebody: its value in words, and by whom it was said last. name: its field's."""

    name: str
    value: str
    by: str
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """That something was changed. part: whose list it is in ("demographics", "basics", an item's kind). before: "" where nothing was there.

    after: "" where nothing is left. source: "staff" or "patient" of health data, "" of others.
    """

    part: str
    name: str
    before: str
    after: str
    source: str
    by: str
    role: Role
    at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a part that is stored whole stands: its version (0: nothing yet), the raw values for its form, what is said of them."""

    version: int
    values: Mapping[str, Any]
    data: tuple[Datum, ...]

    def get(self, name: str) -> Datum | None:
        """Return what is said of one field, or None."""
        return next((datum for datum in self.data if datum.name == name), None)


Shown = Callable[[sa.Row[Any]], Mapping[str, str]]
"""What makes of a stored version the words of each of its fields: "" for what it does not say."""


def versions(work: Work, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> Sequence[sa.Row[Any]]:
    """Return the stored versions, the oldest first, each with the name of who said it as `by`."""
    query = sa.select(table, accounts.c.name.label("by")).join(accounts, accounts.c.id == table.c.author_id)
    return work.rows(query.where(*conditions).order_by(table.c.version, table.c.id))


def snapshot(rows: Sequence[sa.Row[Any]], columns: Iterable[str], shown: Shown) -> Snapshot:
    """Return how a part stands whose versions are `rows`: each field by who has changed it last."""
    data: dict[str, Datum] = {}
    for row in rows:
        for name, words in shown(row).items():
            if not words:
                data.pop(name, None)
            elif name not in data or data[name].value != words:
                data[name] = Datum(name, words, row.by, Role(row.role), row.at)
    newest = rows[-1]._mapping if rows else {}
    order = list(shown(rows[-1])) if rows else []
    return Snapshot(
        newest["version"] if rows else 0,
        {name: newest.get(name) for name in columns},
        tuple(data[name] for name in order if name in data),
    )


def changes(rows: Sequence[sa.Row[Any]], part: str, shown: Shown, source: str = "") -> list[Change]:
    """Return what each of `rows`, versions of one part from the oldest, changed."""
    found: list[Change] = []
    known: Mapping[str, str] = {}
    for row in rows:
        now = shown(row)
        for name, words in now.items():
            if (earlier := known.get(name, "")) != words:
                found.append(Change(part, name, earlier, words, source, row.by, Role(row.role), row.at))
        known = now
    return found


def shortened(text: str, most: int) -> str:
    """Return a text in one line of at most so many letters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def require_newest(stored: int, read: int) -> None:
    """Refuse what was written by an older version than the one that is stored. Raises: Conflict."""
    if stored != read:
        raise Conflict(CHANGED, field="version")


def add(work: Work, table: sa.Table, **values: Any) -> None:
    """Buffer a version, said by the actor now."""
    work.insert(table, id=new_id(), **values, author_id=work.person.id, role=work.role, at=work.now)
