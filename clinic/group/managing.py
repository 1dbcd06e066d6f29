"""Groups and who manages them: creating, removing, handing over, closing. Actions, and the helpers that leaving shares.

Imports clinic only. The group admin is a practitioner in the group; a group has one until it is closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from clinic.account.people import is_active
from clinic.account.tables import accounts
from clinic.actions import Offer, action
from clinic.errors import Invalid, NotFound, NotPermitted
from clinic.fields import Option, PickPeople, PickPerson, Text, Uid
from clinic.group.people import REASON, TREATED, Chosen, chosen, for_group, member_of, options, require_reason
from clinic.loading import LoadedMember, LoadedThread
from clinic.permissions import Permission, Role
from clinic.thread.actions import thread_for
from clinic.thread.kinds import Notice
from clinic.thread.live import live_in
from clinic.thread.members import (
    add_member,
    bring_coordinators,
    end_membership,
    invite_live,
    members_changed,
    new_thread,
    practitioners_in,
    release_coordinators,
)
from clinic.thread.tables import memberships, share_links, share_requests, threads
from clinic.work import Work

TITLE = Text("title", "Name of the group", max_bytes=200)
SAME_FOR = timedelta(minutes=2)
CLOSED = (
    "{name} has closed {group} for everyone. The clinic keeps the record. To go on, write to {name} or to your practitioner in a thread "
    "of your own, or ask the clinic."
)
INCLUDED = (
    "{name} is in this group as a coordinator of a practitioner here, by the clinic's own links. They leave with that practitioner, "
    "or when the clinic's administrator unlinks them."
)


@action(
    "group.create",
    Permission.GROUP_CREATE,
    fields=(TITLE, PickPeople("people", "People", options=for_group), REASON),
    offer=Offer(
        "Create a group",
        "group",
        "Patients see the names of everybody in it, and nothing else of each other.",
        "The group is there.",
        leads=lambda uid: f"/threads/{uid}",
    ),
)
def create(work: Work, title: str, people: Sequence[str], reason: str | None) -> str:
    """Start a group thread with patients and practitioners; the actor becomes its group admin.

    reason: needed where a patient is not linked to the actor; everybody in the group reads it. The same again within two
    minutes is the same group. Returns: the thread's uid. Raises: Invalid. Source: product.md, Threads.
    """
    for_them = [one for one in chosen(work, people, TREATED) if one.id != work.person.id]
    if not for_them:
        raise Invalid("A group needs somebody else. Choose people.", field="people")
    note = require_reason(work, None, for_them, reason)
    uid = new_group(work, title, for_them, note)
    work.audit_subject(uid)
    return uid


def new_group(work: Work, title: str | None, people: Sequence[Chosen], reason: str) -> str:
    """Make a group of the actor and `people`, announced; the actor is its admin. Returns: its uid."""
    if (same := _just_made(work, title, {work.person.id, *(one.id for one in people)})) is not None:
        return same
    thread = new_thread(work, "group", title=title)
    add_member(work, thread, work.person, Role.PRACTITIONER, group_admin=True)
    for one in people:
        add_member(work, thread, one, one.role, invited_by=work.person.id)
        invite_live(work, thread, one)
    names = tuple(member.nick for member in thread.members.values())
    work.append(thread, Notice("group-created-unlinked" if reason else "group-created", names, reason))
    bring_coordinators(work, thread)
    invite_live(work, thread, work.person)
    seen = len(work.pending)  # what one did oneself is not news to oneself
    work.update(memberships, work.member(thread).id, read_seq=seen, delivered_seq=seen, opened_at=work.now)
    return thread.uid


def _just_made(work: Work, title: str | None, people: set[int]) -> str | None:
    """Return the group that the actor has made of the same people under the same name a moment ago: a form sent twice."""
    own = sa.select(memberships.c.thread_id).where(memberships.c.account_id == work.person.id, memberships.c.group_admin.is_(True))
    query = sa.select(threads.c.id, threads.c.uid, threads.c.title).where(
        threads.c.id.in_(own), threads.c.kind == "group", threads.c.created_at > work.now - SAME_FOR, threads.c.closed_at.is_(None)
    )
    for row in work.rows(query):
        here = sa.and_(memberships.c.thread_id == row.id, memberships.c.role != Role.COORDINATOR, memberships.c.ended_at.is_(None))
        if row.title == title and people == {one.account_id for one in work.rows(sa.select(memberships.c.account_id).where(here))}:
            return str(row.uid)
    return None


def _removable(work: Work, thread: LoadedThread | None) -> list[Option]:
    members = thread.members.values() if thread else ()
    return options([member for member in members if member.account_id != work.person.id and not member.included])


def is_group(_work: Work, thread: LoadedThread) -> bool:
    """Say whether a thread is a group."""
    return thread.kind == "group"


@action(
    "group.remove",
    Permission.GROUP_MANAGE,
    on=thread_for,
    fields=(PickPerson("person", "Member", options=_removable),),
    offer=Offer("Remove a member", "remove", "They can't see this thread any more.", "Removed.", when=is_group, grave=True,
                takes_away=True),
)
def remove(work: Work, thread: LoadedThread, person: str) -> None:
    """End somebody's membership of a group. Raises: Invalid for who is no member; NotPermitted for an included coordinator."""
    member = member_of(thread, person)
    if member.account_id == work.person.id:
        raise Invalid("You can't remove yourself: leave the group instead.", field="person")
    if member.included:
        raise NotPermitted(INCLUDED.format(name=member.nick))
    work.audit_detail(member=member.uid)
    depart(work, thread, member, Notice("removed", (work.member(thread).nick, member.nick)))


def depart(work: Work, thread: LoadedThread, member: LoadedMember, notice: Notice) -> None:
    """End a membership, announced, and with a practitioner's those of coordinators who are here for them alone."""
    end_membership(work, thread, member.account_id)
    work.append(thread, notice)
    if member.role is Role.PRACTITIONER:
        release_coordinators(work, thread)


def successors(work: Work, thread: LoadedThread | None) -> list[LoadedMember]:
    """Return the other practitioners of a group, who may become its admin, in order of joining."""
    if thread is None:
        return []
    return [thread.members[one] for one in practitioners_in(thread) if one != work.person.id]


@action(
    "group.hand_over",
    Permission.GROUP_MANAGE,
    on=thread_for,
    fields=(PickPerson("person", "New group admin", options=lambda work, thread: options(successors(work, thread))),),
    offer=Offer("Hand the group over", "handover", "You stay a member; the other practitioner manages the group.", "Handed over.",
                when=lambda work, thread: bool(successors(work, thread)), grave=True, takes_away=True),
)
def hand_over(work: Work, thread: LoadedThread, person: str) -> None:
    """Make another practitioner of the group its admin. Raises: Invalid for anybody else."""
    to = successor(work, thread, person, "person")
    work.audit_detail(to=to.uid)
    pass_on(work, thread, to, Notice("handed-over", (work.member(thread).nick, to.nick)))


def successor(work: Work, thread: LoadedThread, uid: str, field: str) -> LoadedMember:
    """Return the practitioner of the group to whom the actor hands it over. Raises: Invalid."""
    found = next((member for member in successors(work, thread) if member.uid == uid), None)
    if found is None or not is_active(work, found.account_id):
        raise Invalid("Hand the group over to another practitioner who is in it. Choose one of the list.", field=field)
    return found


def pass_on(work: Work, thread: LoadedThread, to: LoadedMember, notice: Notice) -> None:
    """Make `to` the only admin of a group, announced."""
    for member in thread.members.values():
        if member.group_admin != (member is to):
            member.group_admin = member is to
            work.update(memberships, member.id, group_admin=member.group_admin)
    members_changed(work, thread)
    work.append(thread, notice)


def adopt(work: Work, thread: LoadedThread) -> None:
    """Where the admin's account is deactivated, the practitioner who has been here longest takes the group over, announced."""
    admin = next((member for member in thread.members.values() if member.group_admin), None)
    if admin is not None and not is_active(work, admin.account_id):
        _replace(work, thread, admin)


def _replace(work: Work, thread: LoadedThread, admin: LoadedMember) -> bool:
    others = [one for one in practitioners_in(thread) if one != admin.account_id]
    active = {row.id for row in work.rows(sa.select(accounts.c.id).where(accounts.c.id.in_(others), accounts.c.active.is_(True)))}
    heir = next((thread.members[one] for one in others if one in active), None)
    if heir is not None:
        pass_on(work, thread, heir, Notice("took-over", (admin.nick, heir.nick)))
    return heir is not None


def managed(work: Work, account_id: int) -> list[str]:
    """Return the uids of the groups whose admin somebody is."""
    query = (
        sa.select(threads.c.uid)
        .join(memberships, memberships.c.thread_id == threads.c.id)
        .where(memberships.c.account_id == account_id, memberships.c.group_admin.is_(True), memberships.c.ended_at.is_(None))
    )
    return [row.uid for row in work.rows(query)]


def let_go(work: Work, account_id: int) -> None:
    """Hand over the groups that somebody manages whose account is being deactivated; say where nobody can take one over."""
    for thread in work.threads(managed(work, account_id)):
        admin = thread.members.get(account_id)
        if admin is not None and admin.group_admin and not _replace(work, thread, admin):
            work.append(thread, Notice("nobody-manages", (admin.nick,)))


@action(
    "group.close",
    Permission.GROUP_MANAGE,
    on=thread_for,
    offer=Offer("Close the group for everyone", "close", "It is gone from everybody's lists and apps; the clinic keeps the record. "
                "This can't be undone.", "The group is closed.", when=is_group, grave=True, leads=lambda _: "/"),
)
def close(work: Work, thread: LoadedThread) -> None:
    """End a group for everybody; its log stays in the clinic's record, where nobody is a member."""
    if thread.kind != "group":
        raise NotFound()
    shut(work, thread)


def shut(work: Work, thread: LoadedThread) -> None:
    """Close a group: memberships, share links and requests end. Members read whom to contact (clinic.group.views.closed_groups)."""
    by = work.member(thread)
    work.append(thread, Notice("group-closed", (by.nick,)))
    here = live_in(work, thread.uid)
    for member in list(thread.members.values()):
        if member is not by and member.handle not in here:  # who is in it hears at once; others' apps when they come
            words = CLOSED.format(name=by.name, group="a group that you were in")
            work.enqueue("threads", "xmpp.tell", handle=member.handle, words=words)
        end_membership(work, thread, member.account_id)
        work.update(memberships, member.id, put_away_seq=0, group_admin=member.account_id == work.person.id)
    work.update(threads, thread.id, closed_at=work.now)
    for table, over in ((share_links, {"revoked_at": work.now}), (share_requests, {"decided_at": work.now, "accepted": False})):
        open_ones = sa.and_(table.c.thread_id == thread.id, table.c[next(iter(over))].is_(None))
        for row in work.rows(sa.select(table.c.id).where(open_ones)):
            work.update(table, row.id, **over)


@action("group.forget_closed", Permission.THREAD_LEAVE, fields=(Uid("group", "Group"),), audited=False)
def forget_closed(work: Work, group: str) -> None:
    """Have read that a group was closed, and whom to contact: it is not said again. Raises: NotFound."""
    query = (
        sa.select(memberships.c.id, threads.c.last_seq)
        .join(threads, threads.c.id == memberships.c.thread_id)
        .where(threads.c.uid == group, memberships.c.account_id == work.person.id, memberships.c.ended_at == threads.c.closed_at)
    )
    row = work.row(query)
    if row is None:
        raise NotFound()
    work.update(memberships, row.id, put_away_seq=row.last_seq)
