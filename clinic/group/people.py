"""Plain helpers around people whom somebody brings into a thread: who they are, who may be chosen, which reason is needed.

Imports clinic only. Owns no table and no action.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from clinic.account.people import find_people, told_apart
from clinic.account.tables import account_roles, accounts, coordinator_links, patient_links
from clinic.errors import Invalid
from clinic.fields import Option, Text
from clinic.loading import LoadedMember, LoadedThread
from clinic.permissions import STAFF, Role
from clinic.work import Work

REASON = Text("reason", "Reason, where a patient is not linked to you (everybody in the thread reads it)", max_bytes=2000, required=False)
TREATED = (Role.PATIENT, Role.PRACTITIONER)
ANYBODY = (Role.PATIENT, Role.PRACTITIONER, Role.COORDINATOR)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Somebody whom the actor wants in a thread, in their care role."""

    id: int
    uid: str
    handle: str
    name: str
    birth_date: date | None
    role: Role


def chosen(work: Work, uids: Sequence[str], roles: Collection[Role], field: str = "people") -> list[Chosen]:
    """Return the active accounts of `uids` in one of `roles`, in the order given. Raises: Invalid when one is none of these."""
    query = (
        sa.select(accounts, account_roles.c.role)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.uid.in_(uids), accounts.c.active.is_(True), account_roles.c.role.in_(roles))
    )
    found = {
        row.uid: Chosen(row.id, row.uid, row.handle, row.name, row.birth_date, Role(row.role)) for row in work.rows(query)
    }
    if missing := [uid for uid in uids if uid not in found]:
        several = len(uids) > len(missing)
        raise Invalid(f"{'One of those' if several else 'Whom'} you chose can't be added here. Choose from the list.", field=field)
    return [found[uid] for uid in uids]


def require_reason(work: Work, thread: LoadedThread | None, people: Sequence[Chosen], reason: str | None) -> str:
    """Return the reason that patients not linked to the actor are to read; empty where all are linked. Raises: Invalid.

    For a coordinator, the links of the practitioners whom they assist in the thread count.
    """
    patients = [one for one in people if one.role is Role.PATIENT]
    if not patients:
        return ""
    chiefs = [work.person.id]
    if work.role is Role.COORDINATOR and thread is not None:
        assisted = sa.select(coordinator_links.c.practitioner_id).where(coordinator_links.c.coordinator_id == work.person.id)
        chiefs = [row.practitioner_id for row in work.rows(assisted) if row.practitioner_id in thread.members]
    links = sa.select(patient_links.c.patient_id).where(patient_links.c.practitioner_id.in_(chiefs))
    linked = {row.patient_id for row in work.rows(links.where(patient_links.c.patient_id.in_([one.id for one in patients])))}
    unlinked = [one for one in patients if one.id not in linked]
    work.audit_detail(unlinked=[one.uid for one in unlinked])
    if unlinked and not reason:
        names = ", ".join(one.name for one in unlinked)
        raise Invalid(f"{names}: not linked to you. Write why you add them; everybody in the thread will read it.", field="reason")
    return (reason or "") if unlinked else ""


def member_of(thread: LoadedThread, uid: str, field: str = "person") -> LoadedMember:
    """Return the member with this account uid. Raises: Invalid."""
    found = next((member for member in thread.members.values() if member.uid == uid), None)
    if found is None:
        raise Invalid("Choose one of the people in this thread.", field=field)
    return found


def options(members: Sequence[LoadedMember]) -> list[Option]:
    """Return members as options of a Pick, for staff's eyes."""
    return [Option(member.uid, member.nick, told_apart(member)) for member in members]


def for_group(work: Work, thread: LoadedThread | None) -> list[Option]:
    """Return whom the actor may choose for a group without searching: who is linked, and staff whom they work with."""
    return _findable(work, thread, TREATED)


def for_invitation(work: Work, thread: LoadedThread | None) -> list[Option]:
    """Return whom the actor may invite without searching; the page's search finds everybody."""
    return _findable(work, thread, ANYBODY)


def _findable(work: Work, thread: LoadedThread | None, roles: Sequence[Role]) -> list[Option]:
    if work.role not in STAFF:
        return []
    found = find_people(work, "", roles=roles)
    here = {member.uid for member in thread.members.values()} if thread else set()
    return [Option(one.uid, one.name, told_apart(one)) for one in found if one.uid not in here]
