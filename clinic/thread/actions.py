"""Actions on threads: start a 1:1, mute. Imports clinic only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.account.people import assisted, find_people, told_apart
from clinic.account.tables import account_roles, accounts, coordinator_links, patient_links
from clinic.actions import Offer, action
from clinic.errors import Invalid, NotFound, NotPermitted
from clinic.fields import Flag, Option, Pick, Text
from clinic.gates import pass_gates_to
from clinic.loading import LoadedThread
from clinic.outbox import BOOKMARK, BOOKMARKS
from clinic.permissions import Permission, Role
from clinic.thread.kinds import Notice
from clinic.thread.members import Joining, add_member, bring_coordinators, invite_live, new_thread
from clinic.thread.tables import memberships, threads
from clinic.work import Work


def thread_for(work: Work, uid: str) -> LoadedThread:
    """Return a thread that the actor is a member of. Raises: NotFound, also where it exists (rule 5)."""
    return work.thread(uid)


def thread_or_administered(work: Work, uid: str) -> LoadedThread:
    """Return a thread that the actor is a member of or, for an administrator, any by its uid. Raises: NotFound."""
    if work.role is not Role.ADMIN:
        return work.thread(uid)
    found = work.threads([uid])
    if not found:
        raise NotFound()
    return found[0]


def _people(work: Work, _thread: LoadedThread | None) -> list[Option]:
    return [Option(one.uid, one.name, told_apart(one)) for one in find_people(work)]


def _chiefs(work: Work, _thread: LoadedThread | None) -> list[Option]:
    return [Option(one.uid, one.name) for one in assisted(work)] if work.role is Role.COORDINATOR else []


@action(
    "thread.start",
    Permission.THREAD_START,
    fields=(
        Pick("person", "Person", options=_people),
        Text("reason", "Reason", max_bytes=2000, required=False),
        Pick("practitioner", "On behalf of", required=False, options=_chiefs),
    ),
    offer=Offer(
        "Start a thread",
        "start",
        "If a thread with that person exists already, it opens. A patient who is not linked to you reads the reason.",
        "The thread is there.",
        leads=lambda uid: f"/threads/{uid}",
    ),
)
def start(work: Work, person: str, reason: str | None, practitioner: str | None) -> str:
    """Start a 1:1 thread with `person`, or find the one that the two have.

    practitioner: for a coordinator, on whose behalf; may be left out when they assist one only. reason: needed with a
    patient not linked to the practitioner; the patient reads it. Returns: the thread's uid.
    Raises: NotFound, NotPermitted, Invalid. Source: product.md, Threads and Roles.
    """
    other, other_role = _other(work, person)
    chief: Joining = _own_practitioner(work, practitioner) if work.role is Role.COORDINATOR else work.person
    patient = next((p for p, role in ((work.person, work.role), (other, other_role)) if role is Role.PATIENT), None)
    # Links must not change under us: whoever links a coordinator takes the same lock (clinic.thread.links).
    for account_id in sorted({chief.id, other.id}):
        work.lock_account(account_id)
    key = "-".join(str(number) for number in sorted((chief.id, other.id)))
    existing = work.row(sa.select(threads.c.uid).where(threads.c.pair_key == key))
    work.audit_detail(practitioner=chief.uid, existing=existing is not None)
    if existing is not None:
        _bring_back(work, existing.uid)
        work.audit_subject(existing.uid)
        return str(existing.uid)
    linked = patient is None or _linked(work, patient.id, other.id if patient is work.person else chief.id)
    if not linked and work.role is Role.PATIENT:
        raise NotFound()
    if work.role is Role.PATIENT:
        pass_gates_to(work, work.person.id, other.id)
    if not linked and not reason:
        raise Invalid(
            "This patient is not linked to you. Write why you start a thread; the patient will read it.", field="reason"
        )
    work.audit_detail(linked=linked)
    uid = _new_direct(work, chief, other, other_role, key, "" if linked else reason or "")
    work.audit_subject(uid)
    return uid


def _bring_back(work: Work, uid: str) -> None:
    """Whoever wants to write in a thread that they have put away has it in their list again."""
    query = (
        sa.select(memberships.c.id)
        .join(threads, threads.c.id == memberships.c.thread_id)
        .where(threads.c.uid == uid, memberships.c.account_id == work.person.id, memberships.c.put_away_seq > 0)
    )
    if (row := work.row(query)) is not None:
        work.update(memberships, row.id, put_away_seq=0)
        work.enqueue(BOOKMARKS, BOOKMARK, thread=uid)


def _other(work: Work, uid: str) -> tuple[sa.Row[Any], Role]:
    query = (
        sa.select(accounts, account_roles.c.role)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.uid == uid, accounts.c.active.is_(True), account_roles.c.role != Role.ADMIN)
    )
    row = work.row(query)
    if row is None:
        raise NotFound()
    role = Role(row.role)
    if row.id == work.person.id:
        raise Invalid("A thread needs somebody else. Choose another person.", field="person")
    allowed = {
        Role.PATIENT: (Role.PRACTITIONER,),
        Role.PRACTITIONER: (Role.PATIENT, Role.PRACTITIONER),
        Role.COORDINATOR: (Role.PATIENT,),
    }
    if work.role not in allowed or role not in allowed[work.role]:
        raise NotFound() if work.role is Role.PATIENT else NotPermitted(f"You cannot start a thread with a {role}.")
    return row, role


def _own_practitioner(work: Work, uid: str | None) -> sa.Row[Any]:
    query = (
        sa.select(accounts)
        .join(coordinator_links, coordinator_links.c.practitioner_id == accounts.c.id)
        .where(coordinator_links.c.coordinator_id == work.person.id, accounts.c.active.is_(True))
    )
    rows = [row for row in work.rows(query) if uid is None or row.uid == uid]
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise Invalid("You assist several practitioners. Choose on whose behalf you start.", field="practitioner")
    raise NotPermitted("You start threads on behalf of a practitioner whom you assist; this is none of them.")


def _linked(work: Work, patient_id: int, practitioner_id: int) -> bool:
    query = sa.select(patient_links.c.id).where(
        patient_links.c.patient_id == patient_id, patient_links.c.practitioner_id == practitioner_id
    )
    return work.row(query) is not None


def _new_direct(work: Work, chief: Joining, other: sa.Row[Any], other_role: Role, key: str, reason: str) -> str:
    thread = new_thread(work, "direct", pair_key=key)
    chief_role = Role.PATIENT if work.role is Role.PATIENT else Role.PRACTITIONER
    add_member(work, thread, chief, chief_role)
    add_member(work, thread, other, other_role)
    code = "thread-started"
    starter: tuple[str, ...] = ()
    if work.role is Role.COORDINATOR:
        code, starter = "thread-started-for", (work.person.name,)
    if reason:
        code += "-unlinked"
    work.append(thread, Notice(code, (*starter, *(m.nick for m in thread.members.values())), reason))
    bring_coordinators(work, thread)
    for joining in (chief, other):
        invite_live(work, thread, joining)
    starter_member = thread.members.get(work.person.id)
    if starter_member is not None:  # what one did oneself is not news to oneself
        work.update(memberships, starter_member.id, read_seq=len(work.pending), delivered_seq=len(work.pending))
    return thread.uid


@action(
    "thread.mute",
    Permission.THREAD_MUTE,
    on=thread_for,
    gated=False,
    fields=(Flag("muted", "Muted"),),
    audited=False,
    offer=Offer(
        "Mute or unmute the thread",
        "mute",
        "A muted thread makes no sound and no notification on the page. Its messages come all the same.",
        "Saved.",
    ),
)
def mute(work: Work, thread: LoadedThread, muted: bool) -> bool:
    """Silence the actor's own notifications of a thread, or let them sound again. Returns: the new setting."""
    work.update(memberships, work.member(thread).id, muted=muted)
    return muted
