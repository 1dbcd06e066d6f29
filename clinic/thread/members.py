"""Who is in a thread: the plain helpers that actions share to add and end memberships. Imports clinic only.

They change the loaded thread and buffer the rows; the caller's action appends the notices through them too, so that
nobody joins or leaves unannounced.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Protocol

import sqlalchemy as sa

from clinic.account.tables import accounts, coordinator_links
from clinic.loading import LoadedMember, LoadedThread
from clinic.outbox import BOOKMARK, BOOKMARKS
from clinic.permissions import Role
from clinic.storage import new_id
from clinic.thread import nicks
from clinic.thread.kinds import Notice
from clinic.thread.tables import memberships
from clinic.work import Work

# Apps open a thread that appears in their list at once, some (Gajim) after ten seconds.
INVITED_AFTER = timedelta(seconds=20)


class Joining(Protocol):
    """What a membership needs of an account: a Person or an account's row."""

    @property
    def id(self) -> int: ...
    @property
    def uid(self) -> str: ...
    @property
    def handle(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def birth_date(self) -> Any: ...


def add_member(work: Work, thread: LoadedThread, joining: Joining, role: Role, *, group_admin: bool = False) -> None:
    """Add an account to a thread, or bring a former member back; the shown name is made unique in the thread.

    Staff see the whole log; a patient who joins later sees what comes after (product.md, Threads).
    """
    former = None
    if thread.last_seq:  # a thread just made has no former members
        query = sa.select(memberships).where(
            memberships.c.thread_id == thread.id, memberships.c.account_id == joining.id
        )
        former = work.row(query)
    member = LoadedMember(
        id=former.id if former else new_id(),
        account_id=joining.id,
        uid=joining.uid,
        handle=joining.handle,
        name=joining.name,
        nick=former.nick if former else free_nick(work, thread, joining.name),
        role=role,
        group_admin=group_admin,
        from_seq=0 if role.is_staff else thread.last_seq,
        delivered_seq=thread.last_seq,
        read_seq=thread.last_seq,
        muted=False,
        birth_date=joining.birth_date,
    )
    thread.members[joining.id] = member
    values: dict[str, Any] = {
        "role": role,
        "group_admin": group_admin,
        "from_seq": member.from_seq,
        "delivered_seq": member.delivered_seq,
        "read_seq": member.read_seq,
        "ended_at": None,
    }
    if former:
        work.update(memberships, member.id, **values)
    else:
        work.insert(
            memberships,
            id=member.id,
            thread_id=thread.id,
            account_id=joining.id,
            nick=member.nick,
            muted=False,
            joined_at=work.now,
            **values,
        )
    members_changed(work, thread)


def end_membership(work: Work, thread: LoadedThread, account_id: int) -> None:
    """End a membership: from now on the thread does not exist for that account."""
    member = thread.members.pop(account_id)
    work.update(memberships, member.id, ended_at=work.now)
    members_changed(work, thread)


def include_coordinators(work: Work, thread: LoadedThread, coordinators: Sequence[Joining]) -> None:
    """Add the coordinators who are not members yet and say so in one notice, visible to everyone."""
    new = [coordinator for coordinator in coordinators if coordinator.id not in thread.members]
    if not new:
        return
    for coordinator in new:
        add_member(work, thread, coordinator, Role.COORDINATOR)
        invite_live(work, thread, coordinator)
    work.append(thread, Notice("coordinators-included", tuple(thread.members[c.id].nick for c in new)))


def exclude_coordinator(work: Work, thread: LoadedThread, coordinator_id: int) -> None:
    """End a coordinator's membership, announced, unless another practitioner here is still assisted by them."""
    member = thread.members.get(coordinator_id)
    if member is None or member.role is not Role.COORDINATOR:
        return
    # The link that is being removed is still in the table: with more than one, another practitioner keeps them here.
    chiefs = [other.account_id for other in thread.members.values() if other.role is Role.PRACTITIONER]
    links = sa.select(coordinator_links.c.id).where(
        coordinator_links.c.practitioner_id.in_(chiefs), coordinator_links.c.coordinator_id == coordinator_id
    )
    if len(work.rows(links)) > 1:
        return
    end_membership(work, thread, coordinator_id)
    work.append(thread, Notice("coordinator-excluded", (member.nick,)))


def coordinators_of(work: Work, practitioners: Sequence[int]) -> Sequence[sa.Row[Any]]:
    """Return the active coordinators who assist any of `practitioners` (account ids), one row a link."""
    query = (
        sa.select(accounts)
        .join(coordinator_links, coordinator_links.c.coordinator_id == accounts.c.id)
        .where(coordinator_links.c.practitioner_id.in_(practitioners), accounts.c.active.is_(True))
        .order_by(coordinator_links.c.id)
    )
    return work.rows(query)


def members_changed(work: Work, thread: LoadedThread) -> None:
    """Let readers look at who is in a thread and what they are called, and so their apps' lists of threads."""
    work.touch(thread, members=True)
    work.enqueue(BOOKMARKS, BOOKMARK, thread=thread.uid)


def invite_live(work: Work, thread: LoadedThread, joining: Joining) -> None:
    """Queue the invitation for a member's apps that have not opened the thread from their list by then."""
    work.enqueue("threads", "xmpp.invite", after=INVITED_AFTER, thread=thread.uid, handle=joining.handle)


def free_nick(work: Work, thread: LoadedThread, name: str, *, but: int | None = None) -> str:
    """Return `name`, numbered where another member of `thread` is called so; `but`: the account that is named anew.

    Two names are one when messaging apps could not tell them apart (clinic.thread.nicks).
    """
    taken = {nicks.folded(member.nick) for member in thread.members.values() if member.account_id != but}
    taken.add(nicks.folded(nicks.CLINIC))
    if thread.last_seq:  # nor a former member's: old entries carry it
        query = sa.select(memberships.c.nick).where(
            memberships.c.thread_id == thread.id, memberships.c.account_id != (but or 0)
        )
        taken |= {nicks.folded(row.nick) for row in work.rows(query)}
    candidates = (nicks.numbered(name, number) for number in itertools.count(1))
    return next(nick for nick in candidates if nicks.folded(nick) not in taken)
