"""How far a member has received and read a thread: the action that moves their marks, and the helpers that others move them by. Imports clinic only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.actions import action
from clinic.errors import NotFound
from clinic.fields import Choice, Uid
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import entries, visible
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.thread.tables import memberships
from clinic.work import Work


@action(
    "thread.mark",
    Permission.THREAD_MARK,
    on=thread_for,
    gated=False,
    fields=(Uid("entry", "Entry"), Choice("state", "State", options=("delivered", "read"))),
    batchable=True,
    audited=False,
)
def mark(work: Work, thread: LoadedThread, entry: str, state: str) -> bool:
    """Move the actor's own marker up to an entry that they see; read implies delivered; it never moves back.

    Returns: whether a marker moved. Raises: NotFound for an entry that is not theirs to see.
    """
    member = work.member(thread)
    query = sa.select(entries.c.seq).where(
        entries.c.thread_id == thread.id, entries.c.uid == entry, visible(member.role, member.account_id, member.from_seq)
    )
    row = work.row(query)
    if row is None:
        raise NotFound()
    if state == "read":
        return read_up_to(work, thread, member, row.seq)
    return delivered_up_to(work, thread, member, row.seq)


def read_up_to(work: Work, thread: LoadedThread, member: LoadedMember, seq: int) -> bool:
    """Move a member's markers up to `seq`: what is read was delivered. Returns: whether one moved."""
    return _move(work, thread, member, delivered_seq=seq, read_seq=seq)


def delivered_up_to(work: Work, thread: LoadedThread, member: LoadedMember, seq: int) -> bool:
    """Move a member's delivered marker up to `seq`. Returns: whether it moved."""
    return _move(work, thread, member, delivered_seq=seq)


def _move(work: Work, thread: LoadedThread, member: LoadedMember, **markers: int) -> bool:
    moved = {name: seq for name, seq in markers.items() if seq > getattr(member, name)}
    for name, seq in moved.items():
        setattr(member, name, seq)
    if moved:
        opened = {} if member.opened_at else {"opened_at": work.now}
        member.opened_at = member.opened_at or work.now
        work.update(memberships, member.id, **moved, **opened)
        work.touch(thread, members=False)
    return bool(moved)
