"""Actions on one's own absences: away from when to when, and back. Imports clinic only."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from clinic.absence.tables import absences
from clinic.account.people import staff_options
from clinic.account.settings import instant
from clinic.account.tables import accounts
from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Moment, Pick, Text, Uid
from clinic.permissions import Permission, Role
from clinic.storage import new_id, new_uid
from clinic.work import Work

LONGEST = timedelta(days=366)


def own_absences(work: Work) -> sa.Select[tuple[int]]:
    """Return the select of the actor's absences that are not over, the next one first."""
    open_ = sa.and_(absences.c.account_id == work.person.id, absences.c.ended_at.is_(None), absences.c.ends_at > work.now)
    return sa.select(absences).where(open_).order_by(absences.c.starts_at)


@action(
    "absence.begin",
    Permission.ABSENCE_OWN,
    fields=(
        Moment("until", "Until"),
        Text("words", "What patients read", required=False, max_bytes=2000, multiline=True),
        Pick(
            "cover",
            "Colleague who covers",
            required=False,
            options=lambda work, _: [one for one in staff_options(work, Role.PRACTITIONER) if one.value != work.person.uid],
        ),
        Moment("since", "From", required=False),
    ),
    offer=Offer(
        "Be away",
        "away",
        "Patients who write to you meanwhile are answered once, with your words and the emergency number.",
        "You are away then. Say !back when you are here again.",
    ),
)
def begin(work: Work, until: datetime, words: str | None, cover: str | None, since: datetime | None) -> str:
    """Be away from `since` (None: now) to `until`; in each thread where all practitioners are away, a patient who writes is told once.

    cover: a practitioner's uid, named to patients; they join no thread by it. Returns: the absence's uid. Raises: Invalid, Conflict.
    """
    starts_at = max(work.now, instant(work, since)) if since else work.now
    ends_at = instant(work, until)
    if ends_at <= starts_at:
        raise Invalid("The end lies before the beginning, or is over already. Choose a later one.", field="until")
    if ends_at - work.now > LONGEST:
        raise Invalid("This is more than a year away. Choose an earlier end.", field="until")
    cover_id = _cover(work, cover) if cover else None
    work.lock_account(work.person.id)
    if any(row.starts_at < ends_at and row.ends_at > starts_at for row in work.rows(own_absences(work))):
        raise Conflict("You are away in this time already. End that absence first, then enter the new one.")
    uid = new_uid()
    work.insert(
        absences,
        id=new_id(),
        uid=uid,
        account_id=work.person.id,
        starts_at=starts_at,
        ends_at=ends_at,
        words=words or "",
        cover_id=cover_id,
        created_at=work.now,
    )
    work.audit_subject(uid)
    return uid


def _cover(work: Work, uid: str) -> int:
    if uid == work.person.uid or uid not in {one.value for one in staff_options(work, Role.PRACTITIONER)}:
        raise Invalid("Choose another practitioner of this clinic.", field="cover")
    row = work.row(sa.select(accounts.c.id).where(accounts.c.uid == uid))
    assert row is not None
    return int(row.id)


@action(
    "absence.end",
    Permission.ABSENCE_OWN,
    fields=(Uid("absence", "Absence", required=False),),
    offer=Offer("Be back", "back", done="You are back: patients are not told any more that you are away."),
)
def end(work: Work, absence: str | None) -> None:
    """End one's own absence, or without a uid the one that runs now (else the next). Raises: NotFound when there is none."""
    rows = [row for row in work.rows(own_absences(work)) if absence in (None, row.uid)]
    if not rows:
        raise NotFound("You are not away, and no absence is planned.")
    work.update(absences, rows[0].id, ended_at=work.now)
    work.audit_subject(rows[0].uid)
