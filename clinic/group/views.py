"""Who is in a thread and what the reader may do about it; share links seen from outside; groups that were closed. Views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from clinic.account.people import Found
from clinic.account.tables import account_roles, accounts, coordinator_links, patient_links
from clinic.actions import view
from clinic.errors import NotFound
from clinic.group.inviting import unopened
from clinic.group.managing import successors
from clinic.group.people import ANYBODY, Chosen, chosen
from clinic.group.sharing import found_link, live_links, open_requests
from clinic.permissions import Permission, Role
from clinic.thread.shown import MemberView, member_view
from clinic.thread.tables import memberships, share_requests, threads
from clinic.work import Work

CLOSED_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class PersonHere:
    """A member for the list of people. may_remove, may_uninvite: by the reader, now. included: as a practitioner's coordinator."""

    member: MemberView
    included: bool
    may_remove: bool
    may_uninvite: bool


@dataclass(frozen=True, slots=True)
class LiveLink:
    """A share link that works."""

    uid: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class People:
    """The people of a thread. name: its own one, empty where it has none or the reader does not see it.

    links, asking: of the group admin only. leaves: what leaving does to the reader: "hides" or "ends".
    heirs: to whom the reader may hand the group over.
    """

    people: tuple[PersonHere, ...]
    name: str
    links: tuple[LiveLink, ...]
    asking: tuple[Chosen, ...]
    heirs: tuple[MemberView, ...]
    leaves: str


@dataclass(frozen=True, slots=True)
class SharedGroup:
    """What a share link says to who opens it: who manages the group. state: "member", "asked", "refused" or "new"."""

    admin: str
    state: str
    thread: str | None


@dataclass(frozen=True, slots=True)
class ClosedGroup:
    """A group of the reader's that its admin closed. admin: whom to contact."""

    uid: str
    title: str
    admin: str
    closed_at: datetime


@view(Permission.THREAD_READ)
def thread_people(work: Work, uid: str) -> People:
    """Return who is in a thread and what the reader may do about it. Raises: NotFound."""
    thread = work.thread(uid)
    me = work.member(thread)
    manages = work.may(Permission.GROUP_MANAGE, thread)
    invited = {member.account_id for member in unopened(work, thread)} if me.role.is_staff else set()
    people = tuple(
        PersonHere(
            member=member_view(member, me),
            included=member.included,
            may_remove=manages and member is not me and not member.included,
            may_uninvite=member.account_id in invited,
        )
        for member in thread.members.values()
    )
    links = live_links(work, thread.id) if manages else []
    asking = [str(row.uid) for row in open_requests(work, thread.id)] if manages else []
    return People(
        people=people,
        name=(thread.title or "") if thread.kind == "group" or me.role.is_staff else "",
        links=tuple(LiveLink(row.uid, row.created_at, row.expires_at) for row in links),
        asking=tuple(chosen(work, asking, ANYBODY)),
        heirs=tuple(member_view(member, me) for member in successors(work, thread)) if manages else (),
        leaves="hides" if me.included or (thread.kind == "direct" and me.invited_by is None) else "ends",
    )


@view(Permission.THREAD_READ)
def shared_group(work: Work, token: str) -> SharedGroup:
    """Return what a share link leads to. Raises: Expired for one that is none, or none any more."""
    link = found_link(work, token)
    admins = sa.and_(memberships.c.thread_id == link.thread_id, memberships.c.group_admin.is_(True), memberships.c.ended_at.is_(None))
    admin = work.row(sa.select(accounts.c.name).join(memberships, memberships.c.account_id == accounts.c.id).where(admins))
    own = sa.and_(share_requests.c.thread_id == link.thread_id, share_requests.c.account_id == work.person.id)
    asked = work.row(sa.select(share_requests).where(own).order_by(share_requests.c.id.desc()).limit(1))
    try:
        work.thread(str(link.thread_uid))
        state = "member"
    except NotFound:
        state = "new" if asked is None else "asked" if asked.decided_at is None else "refused" if asked.accepted is False else "new"
    return SharedGroup(str(admin.name) if admin else "the clinic", state, str(link.thread_uid) if state == "member" else None)


@view(Permission.THREAD_READ)
def closed_groups(work: Work) -> list[ClosedGroup]:
    """Return the groups that were closed while the reader was in them and they have not said that they know, newest first."""
    admin, theirs = accounts.alias(), memberships.alias()
    query = (
        sa.select(threads.c.uid, threads.c.title, threads.c.closed_at, admin.c.name.label("admin"))
        .join(memberships, memberships.c.thread_id == threads.c.id)
        .join(theirs, sa.and_(theirs.c.thread_id == threads.c.id, theirs.c.group_admin.is_(True)))
        .join(admin, admin.c.id == theirs.c.account_id)
        .where(
            memberships.c.account_id == work.person.id,
            memberships.c.ended_at == threads.c.closed_at,
            memberships.c.put_away_seq == 0,
            memberships.c.group_admin.is_(False),
            threads.c.closed_at > work.now - CLOSED_FOR,
        )
        .order_by(threads.c.closed_at.desc())
    )
    return [ClosedGroup(row.uid, row.title or "Group", row.admin, row.closed_at) for row in work.rows(query)]


@view(Permission.THREAD_INVITE)
def people_chosen(work: Work, uids: Sequence[str]) -> list[Found]:
    """Return the people whom staff have chosen on a form so far, in that order; who can't be chosen any more is left out."""
    chiefs = sa.select(coordinator_links.c.practitioner_id).where(coordinator_links.c.coordinator_id == work.person.id)
    mine = sa.or_(patient_links.c.practitioner_id == work.person.id, patient_links.c.practitioner_id.in_(chiefs))
    linked = {row.patient_id for row in work.rows(sa.select(patient_links.c.patient_id).where(mine))}
    query = (
        sa.select(accounts, account_roles.c.role)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.uid.in_(uids), accounts.c.active.is_(True), account_roles.c.role.in_(ANYBODY))
    )
    found = {
        row.uid: Found(row.uid, row.name, Role(row.role), row.birth_date, row.role != Role.PATIENT or row.id in linked)
        for row in work.rows(query)
    }
    return [found[uid] for uid in dict.fromkeys(uids) if uid in found]


@view(Permission.THREAD_INVITE)
def accounts_of(work: Work, handles: Sequence[str]) -> list[str]:
    """Return the uids of the active accounts with these handles, for staff who invite by address; each that there is."""
    query = sa.select(accounts.c.uid).where(accounts.c.handle.in_(handles), accounts.c.active.is_(True))
    return [row.uid for row in work.rows(query)]
