"""Actions that link people: coordinators to practitioners, patients to practitioners. Admins only. Imports clinic only.

A coordinator is a member of every thread of their practitioners with a patient, now and later (of groups where the clinic has it
so); linking and unlinking therefore change those threads at once and say so in each, and so does opening a coordinator's
deactivated account again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from clinic.account.actions import account_for
from clinic.account.settings import setting
from clinic.account.tables import account_roles, accounts, coordinator_links, patient_links
from clinic.actions import action
from clinic.endings import link_ended
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Uid
from clinic.loading import LoadedThread
from clinic.permissions import Permission, Role
from clinic.storage import new_id
from clinic.thread.members import exclude_coordinator, include_coordinators
from clinic.thread.tables import memberships, threads
from clinic.work import Work

COORDINATOR = Uid("coordinator", "Coordinator")
PRACTITIONER = Uid("practitioner", "Practitioner")
PATIENT = Uid("patient", "Patient")


# Against what is being decided at the same moment (a thread started, an account opened again), the actions on coordinators
# lock accounts: the coordinator's before practitioners' in the order of ids, and threads last, so that nobody waits in a circle.


def _in_role(work: Work, uid: str, role: Role, field: str, *, lock: bool = False) -> sa.Row[Any]:
    query = (
        sa.select(accounts)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.uid == uid, account_roles.c.role == role)
    )
    row = work.row(query.with_for_update(of=accounts, key_share=True) if lock else query)
    if row is None:
        raise Invalid(f"Choose a {role} of this clinic.", field=field)
    return row


def _link_id(work: Work, table: sa.Table, **columns: int) -> int | None:
    row = work.row(sa.select(table.c.id).where(*(table.c[name] == value for name, value in columns.items())))
    return None if row is None else int(row.id)


def _shared_threads(work: Work, practitioners: Sequence[int]) -> list[LoadedThread]:
    """Return the threads, locked, in which practitioners (account ids) may have coordinators: 1:1 with patients, and groups.

    Groups without a patient too: one may be joining at this moment, and under the lock it is known.
    """
    patient = memberships.alias()
    treated = sa.exists().where(patient.c.thread_id == threads.c.id, patient.c.role == Role.PATIENT)
    query = (
        sa.select(threads.c.uid)
        .join(memberships, memberships.c.thread_id == threads.c.id)
        .where(
            sa.or_(threads.c.kind == "group", treated),
            memberships.c.account_id.in_(practitioners),
            memberships.c.ended_at.is_(None),
        )
        .distinct()
    )
    known = -1
    while known < len(found := work.threads(sorted({row.uid for row in work.rows(query)}))):
        known = len(found)  # whoever held one of them may have started another group from it
    return found


def _joined(work: Work, practitioners: Sequence[int]) -> list[LoadedThread]:
    """Return those of them that coordinators are included in as the clinic has it now."""
    in_groups = setting(work, "coordinators_in_groups") == "1"
    found = _shared_threads(work, practitioners)
    return [thread for thread in found if thread.patients and (thread.kind == "direct" or in_groups)]


@action("link.coordinator_add", Permission.LINK_MANAGE, fields=(COORDINATOR, PRACTITIONER))
def coordinator_add(work: Work, coordinator: str, practitioner: str) -> int:
    """Let a coordinator assist a practitioner: they join all of that practitioner's threads with patients, announced in each.

    Returns: how many threads they joined. Raises: Conflict when they are linked already.
    """
    assistant = _in_role(work, coordinator, Role.COORDINATOR, "coordinator", lock=True)
    chief = _in_role(work, practitioner, Role.PRACTITIONER, "practitioner", lock=True)
    if _link_id(work, coordinator_links, coordinator_id=assistant.id, practitioner_id=chief.id) is not None:
        raise Conflict("This coordinator assists this practitioner already.")
    work.insert(
        coordinator_links,
        id=new_id(),
        coordinator_id=assistant.id,
        practitioner_id=chief.id,
        created_at=work.now,
    )
    # Whose account is deactivated joins when it is opened again.
    joined = _joined(work, [chief.id]) if assistant.active else []
    for thread in joined:
        include_coordinators(work, thread, [assistant])
    return len(joined)


@action("link.coordinator_remove", Permission.LINK_MANAGE, fields=(COORDINATOR, PRACTITIONER))
def coordinator_remove(work: Work, coordinator: str, practitioner: str) -> int:
    """End a coordinator's assistance: they leave that practitioner's threads at once, announced in each.

    Also groups, however the clinic has it now; but those stay into which somebody has invited them.

    Returns: how many threads they left. Raises: NotFound when they are not linked.
    """
    assistant = _in_role(work, coordinator, Role.COORDINATOR, "coordinator", lock=True)
    chief = _in_role(work, practitioner, Role.PRACTITIONER, "practitioner", lock=True)
    link_id = _link_id(work, coordinator_links, coordinator_id=assistant.id, practitioner_id=chief.id)
    if link_id is None:
        raise NotFound("This coordinator does not assist this practitioner. Reload the page.")
    work.delete(coordinator_links, link_id)
    left = 0
    for thread in _shared_threads(work, [chief.id]):
        was_here = assistant.id in thread.members
        exclude_coordinator(work, thread, assistant.id)
        left += was_here and assistant.id not in thread.members
    link_ended(work, assistant.id, chief.id)
    return left


@action("account.activate", Permission.ACCOUNT_MANAGE, on=account_for)
def activate(work: Work, account: sa.Row[Any]) -> None:
    """Open a deactivated account again; its devices stay revoked. A coordinator joins what was started meanwhile."""
    work.lock_account(account.id)
    work.update(accounts, account.id, active=True)
    assisted = sa.select(coordinator_links.c.practitioner_id).where(coordinator_links.c.coordinator_id == account.id)
    chiefs = sorted(row.practitioner_id for row in work.rows(assisted))
    for chief in chiefs:
        work.lock_account(chief)
    for thread in _joined(work, chiefs):
        include_coordinators(work, thread, [account])


@action("link.patient_add", Permission.LINK_MANAGE, fields=(PATIENT, PRACTITIONER))
def patient_add(work: Work, patient: str, practitioner: str) -> None:
    """Link a patient to a practitioner, so that either may start their thread. Raises: Conflict when linked."""
    person = _in_role(work, patient, Role.PATIENT, "patient")
    chief = _in_role(work, practitioner, Role.PRACTITIONER, "practitioner")
    if _link_id(work, patient_links, patient_id=person.id, practitioner_id=chief.id) is not None:
        raise Conflict("This patient is linked to this practitioner already.")
    work.insert(patient_links, id=new_id(), patient_id=person.id, practitioner_id=chief.id, created_at=work.now)


@action("link.patient_remove", Permission.LINK_MANAGE, fields=(PATIENT, PRACTITIONER))
def patient_remove(work: Work, patient: str, practitioner: str) -> None:
    """Unlink a patient from a practitioner; threads they have stay. Raises: NotFound when not linked."""
    person = _in_role(work, patient, Role.PATIENT, "patient")
    chief = _in_role(work, practitioner, Role.PRACTITIONER, "practitioner")
    link_id = _link_id(work, patient_links, patient_id=person.id, practitioner_id=chief.id)
    if link_id is None:
        raise NotFound("This patient is not linked to this practitioner. Reload the page.")
    work.delete(patient_links, link_id)
    link_ended(work, person.id, chief.id)
