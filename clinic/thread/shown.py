"""What a member is shown of a thread's name and people: the same in the list, on its page and in apps. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from clinic.loading import LoadedMember, LoadedThread
from clinic.log import entries
from clinic.permissions import Role


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as other members see them."""

    account_uid: str
    name: str
    nick: str
    role: Role
    group_admin: bool
    is_me: bool
    birth_date: date | None


def title_for(thread: LoadedThread, reader: int) -> str:
    """Return what a thread is called for the member `reader` (account id): as staff named it (a 1:1 for staff only), else
    the patients' names for staff, the practitioners' for a patient.
    """
    others = [member for member in thread.members.values() if member.account_id != reader]
    patients = [member.nick for member in others if member.role is Role.PATIENT]
    practitioners = [member.nick for member in others if member.role is Role.PRACTITIONER]
    me = thread.members.get(reader)
    if thread.title and (thread.kind == "group" or (me is not None and me.role.is_staff)):
        return thread.title
    names = practitioners if me is not None and me.role is Role.PATIENT else patients or practitioners
    return ", ".join(names or [member.nick for member in others]) or "Thread"


def member_view(member: LoadedMember, reader: LoadedMember) -> MemberView:
    """Return a member as `reader`, another one or the same, sees them."""
    # A patient sees of others what they are called and their role, nothing that identifies them elsewhere.
    born = member.birth_date if reader.role.is_staff or member is reader else None
    return MemberView(member.uid, member.name, member.nick, member.role, member.group_admin, member is reader, born)


def patients_shown(thread: LoadedThread, reader: LoadedMember) -> tuple[MemberView, ...]:
    """Return the patients of a thread for staff; for a patient nobody, who needs no link to themselves."""
    return tuple(member_view(p, reader) for p in thread.patients) if reader.role.is_staff else ()


def by_others(account_id: int) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry is not the account's own."""
    return sa.or_(entries.c.author_id.is_(None), entries.c.author_id != account_id)
