"""Actions on statuses: the administrator's list, and where a thread stands. Imports clinic only.

What a thread's status is and was, patients never learn (rule 13): the change is an entry for staff, and nothing else of the thread moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from clinic.account.folding import fold_name
from clinic.account.settings import put_setting
from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Choice, Flag, Option, Pick, Text
from clinic.loading import LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission
from clinic.status.kinds import StatusChange
from clinic.status.palette import COLOURS
from clinic.status.tables import NAME_LENGTH, statuses
from clinic.storage import new_id, new_uid
from clinic.thread.actions import thread_for
from clinic.thread.listing import NO_STATUS
from clinic.thread.tables import threads
from clinic.work import Work

NAME = Text("name", "Name", max_bytes=NAME_LENGTH)
COLOUR = Choice("colour", "Colour", options=tuple(COLOURS))
# The seed's example list. Source: seed/message-threads.txt, "Thread status".
EXAMPLES = (("Intake form received", "blue"), ("Onboarding in progress", "amber"), ("Patient discharged", "green"))
NO_LONGER = "This status is no longer offered. Choose another one of the list."


def status_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return a status of the clinic, archived or not. Raises: NotFound."""
    row = work.row(sa.select(statuses).where(statuses.c.uid == uid))
    if row is None:
        raise NotFound()
    return row


def offered_rows(work: Work) -> Sequence[sa.Row[Any]]:
    """Return the statuses that are offered, in the administrator's order."""
    offered = sa.select(statuses).where(statuses.c.archived_at.is_(None))
    return work.rows(offered.order_by(statuses.c.position, statuses.c.id))


def _refuse_taken(work: Work, name: str, *, but: int = 0) -> None:
    if any(fold_name(row.name) == fold_name(name) and row.id != but for row in offered_rows(work)):
        raise Conflict(f"There is a status “{name}” already. Choose another name.", field="name")


def _last_position(work: Work) -> int:
    row = work.row(sa.select(sa.func.max(statuses.c.position).label("last")))
    return row.last if row and row.last is not None else 0


def _insert(work: Work, name: str, colour: str, position: int) -> str:
    uid = new_uid()
    work.insert(statuses, id=new_id(), uid=uid, name=name, colour=colour, position=position, created_at=work.now)
    return uid


@action("status.create", Permission.STATUS_MANAGE, fields=(NAME, COLOUR))
def create(work: Work, name: str, colour: str) -> str:
    """Add a status at the end of the clinic's list. Returns: its uid. Raises: Conflict for a name that is offered already."""
    _refuse_taken(work, name)
    uid = _insert(work, name, colour, _last_position(work) + 1)
    work.audit_subject(uid)
    return uid


@action("status.add_examples", Permission.STATUS_MANAGE)
def add_examples(work: Work) -> int:
    """Add the example statuses that the clinic does not offer yet. Returns: how many."""
    taken = {fold_name(row.name) for row in offered_rows(work)}
    missing = [example for example in EXAMPLES if fold_name(example[0]) not in taken]
    first = _last_position(work) + 1
    for position, (name, colour) in enumerate(missing, first):
        _insert(work, name, colour, position)
    return len(missing)


@action("status.describe", Permission.STATUS_MANAGE, on=status_for, fields=(NAME, COLOUR))
def describe(work: Work, status: sa.Row[Any], name: str, colour: str) -> None:
    """Change a status's name and colour. Threads show them at once; what their history says stays. Raises: Conflict."""
    if status.archived_at is None:
        _refuse_taken(work, name, but=status.id)
    work.update(statuses, status.id, name=name, colour=colour)


@action("status.order", Permission.STATUS_MANAGE, on=status_for, fields=(Choice("direction", "Direction", options=("up", "down")),))
def order(work: Work, status: sa.Row[Any], direction: str) -> None:
    """Move an offered status one place up or down; nothing happens at the end of the list."""
    ids = [row.id for row in offered_rows(work)]
    if status.id not in ids:
        raise Conflict(NO_LONGER)
    place = ids.index(status.id)
    ids.insert(max(0, place - 1) if direction == "up" else place + 1, ids.pop(place))
    for position, id_ in enumerate(ids, 1):
        work.update(statuses, id_, position=position)


@action("status.archive", Permission.STATUS_MANAGE, on=status_for)
def archive(work: Work, status: sa.Row[Any]) -> None:
    """Offer a status no more. Threads that have it keep it, and so does every history."""
    if status.archived_at is None:
        work.update(statuses, status.id, archived_at=work.now)


@action("status.restore", Permission.STATUS_MANAGE, on=status_for)
def restore(work: Work, status: sa.Row[Any]) -> None:
    """Offer an archived status again, at the end of the list. Raises: Conflict where another one has its name meanwhile."""
    if status.archived_at is not None:
        _refuse_taken(work, status.name, but=status.id)
        work.update(statuses, status.id, archived_at=None, position=_last_position(work) + 1)


@action("status.permit", Permission.STATUS_MANAGE, fields=(Flag("coordinators", "Coordinators change statuses"),))
def permit(work: Work, coordinators: bool) -> None:
    """Let coordinators change statuses too, or leave it to practitioners. Source: product.md, Coordinators may."""
    put_setting(work, "coordinators_change_status", "1" if coordinators else "0")


def _options(work: Work, thread: LoadedThread | None) -> list[Option]:
    found = [Option(row.uid, row.name) for row in offered_rows(work)]
    return [*found, Option(NO_STATUS, "No status")] if thread is None or thread.status_id is not None else found


def _some(work: Work, thread: LoadedThread) -> bool:
    return thread.status_id is not None or bool(offered_rows(work))


@action(
    "thread.set_status",
    Permission.STATUS_CHANGE,
    on=thread_for,
    fields=(Pick("status", "Status", options=_options),),
    offer=Offer("Change the status", "status", "Patients never see it.", "The status is changed.", when=_some),
)
def set_status(work: Work, thread: LoadedThread, status: str) -> bool:
    """Say where a thread stands: a status of the clinic's list by its uid, or NO_STATUS. What it was and is, staff alone read.

    Returns: whether anything changed. Raises: Invalid for what is not offered. Source: product.md, Threads ("Status").
    """
    wanted = None if status == NO_STATUS else next((row for row in offered_rows(work) if row.uid == status), None)
    if wanted is None and status != NO_STATUS:
        raise Invalid(NO_LONGER, field="status")
    if (wanted.id if wanted else None) == thread.status_id:
        return False
    before = None if thread.status_id is None else work.row(sa.select(statuses.c.name).where(statuses.c.id == thread.status_id))
    me = work.member(thread)
    now = {"status": wanted.name, "uid": wanted.uid, "colour": wanted.colour} if wanted else {}
    thread.status_id = wanted.id if wanted else None
    # No touch: what moves of the thread beside this entry could be seen by a patient.
    work.update(threads, thread.id, status_id=thread.status_id)
    work.append(thread, StatusChange(me.nick, before=before.name if before else "", **now), Audience.STAFF, author=me)
    return True
