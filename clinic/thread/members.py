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

from clinic.account.settings import setting
from clinic.account.tables import accounts, coordinator_links
from clinic.endings import membership_ended
from clinic.loading import LoadedMember, LoadedThread
from clinic.outbox import BOOKMARK, BOOKMARKS
from clinic.permissions import Role
from clinic.storage import new_id, new_uid
from clinic.thread import nicks
from clinic.thread.kinds import Notice
from clinic.thread.tables import memberships, threads
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


def new_thread(work: Work, kind: str, *, pair_key: str | None = None, title: str | None = None) -> LoadedThread:
    """Make a thread without members; `kind` is "direct" (then `pair_key` is of the two) or "group"."""
    thread = LoadedThread(new_id(), new_uid(), kind, 0, work.now, 0, 0, title=title)
    work.insert(
        threads,
        id=thread.id,
        uid=thread.uid,
        kind=kind,
        pair_key=pair_key,
        title=title,
        created_at=work.now,
        last_seq=0,
        last_entry_at=work.now,
        relayed_seq=0,
        version=0,
        changed_at=work.now,
    )
    return thread


def add_member(
    work: Work, thread: LoadedThread, joining: Joining, role: Role, *, group_admin: bool = False, invited_by: int | None = None
) -> None:
    """Add an account to a thread, or bring a former member back; the shown name is made unique in the thread.

    invited_by: the account id of the member who wants them here. Staff see the whole log; a patient who joins later sees
    what comes after (product.md, Threads).
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
        invited_by=invited_by,
        opened_at=None,
    )
    thread.members[joining.id] = member
    values: dict[str, Any] = {
        "role": role,
        "group_admin": group_admin,
        "from_seq": member.from_seq,
        "delivered_seq": member.delivered_seq,
        "read_seq": member.read_seq,
        "muted": False,
        "ended_at": None,
        "put_away_seq": 0,
        "invited_by": invited_by,
        "opened_at": None,
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
            joined_at=work.now,
            **values,
        )
    members_changed(work, thread)


def end_membership(work: Work, thread: LoadedThread, account_id: int) -> None:
    """End a membership: from now on the thread does not exist for that account."""
    member = thread.members.pop(account_id)
    work.update(memberships, member.id, ended_at=work.now)
    if thread.claimed_by == account_id:
        put_claim(work, thread, None)
    members_changed(work, thread)
    membership_ended(work, thread, member)


def put_claim(work: Work, thread: LoadedThread, account_id: int | None) -> None:
    """Keep who of the staff answers in a thread; None: nobody has said so."""
    thread.claimed_by = account_id
    work.update(threads, thread.id, claimed_by=account_id)


def include_coordinators(work: Work, thread: LoadedThread, coordinators: Sequence[Joining]) -> None:
    """Add the coordinators who are not members yet and say so in one notice, visible to everyone."""
    # Who assists several practitioners here comes once.
    new = list({one.id: one for one in coordinators if one.id not in thread.members}.values())
    if not new:
        return
    for coordinator in new:
        add_member(work, thread, coordinator, Role.COORDINATOR)
        invite_live(work, thread, coordinator)
    work.append(thread, Notice("coordinators-included", tuple(thread.members[c.id].nick for c in new)))


def exclude_coordinator(work: Work, thread: LoadedThread, coordinator_id: int) -> None:
    """End a coordinator's membership, announced, unless another practitioner here is still assisted by them.

    Nor does it end where they were invited into a group: its admin removes them. In a 1:1 nobody else could.
    """
    member = thread.members.get(coordinator_id)
    if member is None or member.role is not Role.COORDINATOR or (thread.kind == "group" and not member.included):
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


def bring_coordinators(work: Work, thread: LoadedThread) -> None:
    """Include the coordinators of everybody who treats here, where a patient is present and, in a group, the clinic has it so."""
    if thread.patients and (thread.kind == "direct" or setting(work, "coordinators_in_groups") == "1"):
        include_coordinators(work, thread, coordinators_of(work, practitioners_in(thread)))


def release_coordinators(work: Work, thread: LoadedThread) -> None:
    """End the memberships of included coordinators none of whose practitioners is here any more, announced."""
    included = [member for member in thread.members.values() if member.included]
    if not included:
        return
    links = sa.select(coordinator_links.c.coordinator_id).where(coordinator_links.c.practitioner_id.in_(practitioners_in(thread)))
    assisting = {row.coordinator_id for row in work.rows(links)}
    for member in included:
        if member.account_id not in assisting:
            end_membership(work, thread, member.account_id)
            work.append(thread, Notice("coordinator-excluded", (member.nick,)))


def practitioners_in(thread: LoadedThread) -> list[int]:
    """Return the account ids of the practitioners who are members, in order of joining."""
    return [member.account_id for member in thread.members.values() if member.role is Role.PRACTITIONER]


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
