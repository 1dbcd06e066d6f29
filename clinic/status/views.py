"""Views of statuses: the administrator's list, and where a thread stands for its staff. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.actions import view
from clinic.permissions import Permission
from clinic.status.actions import offered_rows
from clinic.status.palette import StatusView
from clinic.status.tables import statuses
from clinic.thread.tables import threads
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status of the administrator's list. threads: how many stand there now."""

    status: StatusView
    threads: int


@dataclass(frozen=True, slots=True)
class StatusList:
    """What the administrator keeps, in the order in which it is offered; the archived ones after it."""

    offered: tuple[StatusRow, ...]
    archived: tuple[StatusRow, ...]
    coordinators: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a thread stands. offered: what the reader may change it to, and nothing where they may not."""

    status: StatusView | None
    offered: tuple[StatusView, ...]


def _shown(row: sa.Row[Any]) -> StatusView:
    return StatusView(row.uid, row.name, row.colour, row.archived_at is not None)


@view(Permission.STATUS_MANAGE)
def status_list(work: Work) -> StatusList:
    """Return all statuses with how many threads stand at each. Nothing of a thread but that number."""
    counted = sa.select(threads.c.status_id, sa.func.count().label("number")).where(threads.c.status_id.is_not(None))
    numbers = {row.status_id: row.number for row in work.rows(counted.group_by(threads.c.status_id))}
    rows = work.rows(sa.select(statuses).order_by(statuses.c.position, statuses.c.id))
    found = [StatusRow(_shown(row), numbers.get(row.id, 0)) for row in rows]
    offered = tuple(one for one in found if not one.status.archived)
    archived = tuple(one for one in found if one.status.archived)
    return StatusList(offered, archived, setting(work, "coordinators_change_status") == "1")


@view(Permission.STATUS_SEE)
def offered_statuses(work: Work) -> tuple[StatusView, ...]:
    """Return the statuses that are offered, for the filter of staff's list."""
    return tuple(_shown(row) for row in offered_rows(work))


@view(Permission.STATUS_SEE)
def standing(work: Work, uid: str) -> Standing:
    """Return where a thread stands. Raises: NotFound."""
    thread = work.thread(uid)
    row = None if thread.status_id is None else work.row(sa.select(statuses).where(statuses.c.id == thread.status_id))
    may = work.may(Permission.STATUS_CHANGE, thread)
    return Standing(_shown(row) if row else None, offered_statuses(work) if may else ())
