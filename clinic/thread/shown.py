"""What a member is shown of a thread's name and people: the same in the list, on its page and in apps. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from clinic.account.people import born
from clinic.fields import Option
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import entries, for_patient, spoken
from clinic.permissions import Role
from clinic.thread.tables import memberships, threads

if TYPE_CHECKING:
    from clinic.work import Work


@dataclass(frozen=True, slots=True)
class MemberView:
    """A member as other members see them. No birth date where a patient looks at somebody else, and an empty account_uid but of practitioners,
    whose profiles they may open.
    """

    account_uid: str
    name: str
    nick: str
    role: Role
    group_admin: bool
    is_me: bool
    birth_date: date | None


NOBODY_HERE = "There is no patient in this thread whose profile you could open."


def patients_here(work: Work, thread: LoadedThread) -> list[Option]:
    """Return of whom the actor may know more by a thread than what is said in it: of staff its patients, of a patient themselves alone."""
    here = [one for one in thread.patients if work.role is not Role.PATIENT or one.account_id == work.person.id]
    return [Option(one.uid, one.nick, born(one.birth_date)) for one in here]


def title_for(thread: LoadedThread, reader: int) -> str:
    """Return what a thread is called for the member `reader` (account id): as staff named it (a 1:1 for staff only), else
    the patients' names for staff, the practitioners' for a patient; of a group without a name everybody's.
    """
    me = thread.members.get(reader)
    if thread.title and (thread.kind == "group" or (me is not None and me.role.is_staff)):
        return thread.title
    others = [member for member in thread.members.values() if member.account_id != reader]
    patients = [member.nick for member in others if member.role is Role.PATIENT]
    practitioners = [member.nick for member in others if member.role is Role.PRACTITIONER]
    if thread.kind == "group":  # not to be taken for the 1:1 with one of them
        names = [*patients, *practitioners]
    else:
        names = practitioners if me is not None and me.role is Role.PATIENT else patients or practitioners
    return ", ".join(names or [member.nick for member in others]) or "Thread"


def member_view(member: LoadedMember, reader: LoadedMember) -> MemberView:
    """Return a member as `reader`, another one or the same, sees them."""
    # A patient sees of others what they are called and their role, nothing that identifies them elsewhere.
    open_to = reader.role.is_staff or member is reader
    birth_date = member.birth_date if open_to else None
    uid = member.uid if open_to or member.role is Role.PRACTITIONER else ""
    return MemberView(uid, member.name, member.nick, member.role, member.group_admin, member is reader, birth_date)


def patients_shown(thread: LoadedThread, reader: LoadedMember) -> tuple[MemberView, ...]:
    """Return the patients of a thread for staff; for a patient nobody, who needs no link to themselves."""
    return tuple(member_view(p, reader) for p in thread.patients) if reader.role.is_staff else ()


def patient_options(thread: LoadedThread | None) -> list[Option]:
    """Return the patients of a thread as options of a Pick, for staff's eyes."""
    return [Option(one.uid, one.nick, born(one.birth_date)) for one in thread.patients] if thread else []


def put_away() -> sa.ColumnElement[bool]:
    """Return the SQL condition that a membership's thread was put away, and nothing that its member sees was said there since."""
    seen = sa.or_(memberships.c.role != Role.PATIENT, for_patient(memberships.c.account_id))
    since = sa.and_(entries.c.thread_id == memberships.c.thread_id, entries.c.seq > memberships.c.put_away_seq, seen, spoken())
    return sa.and_(memberships.c.put_away_seq > 0, ~sa.exists().where(since).correlate(memberships))


def by_others(account_id: int) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry is not the account's own."""
    return sa.or_(entries.c.author_id.is_(None), entries.c.author_id != account_id)


def among_staff(work: Work, but: int) -> bool:
    """Say whether the actor is in an open thread, other than that of the id `but`, in which nobody is a patient."""
    mine, other = memberships.alias(), memberships.alias()
    patient = sa.select(other.c.id).where(other.c.thread_id == threads.c.id, other.c.ended_at.is_(None), other.c.role == Role.PATIENT)
    joined = sa.select(threads.c.id).join(mine, mine.c.thread_id == threads.c.id)
    here = joined.where(mine.c.account_id == work.person.id, mine.c.ended_at.is_(None), threads.c.closed_at.is_(None))
    return work.row(here.where(threads.c.id != but, ~patient.exists()).limit(1)) is not None
