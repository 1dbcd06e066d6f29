"""The gate: who has not answered a payment request cannot send to the practitioner whose request it is. Imports clinic only.

It holds in every thread of the two, through every door, for the patient who was asked alone; an open urgent call suspends it where the
patient called. It is registered in gates.py. Source: product.md, Payment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa

from clinic.errors import Gated
from clinic.gates import gate
from clinic.loading import LoadedThread
from clinic.payment.kinds import BY_MESSAGE, answers_to
from clinic.payment.money import Money
from clinic.payment.record import placed
from clinic.payment.tables import payment_requests
from clinic.permissions import Role
from clinic.prepared import Query
from clinic.urgent.calls import open_urgent
from clinic.work import Work

OPEN, MOST_REMEMBERED = "payment.open", 5000
_OPEN = Query(
    lambda keys: sa.select(payment_requests.c.addressee_id, payment_requests.c.practitioner_id, payment_requests.c.id)
    # Words, not a bound value: the partial index over open requests is then the one that is read.
    .where(payment_requests.c.addressee_id.in_(keys), sa.literal_column("payment_requests.state = 'open'"))
    .order_by(payment_requests.c.id.desc())
)


def open_requests(work: Work, patient_id: int) -> list[tuple[int, int]]:
    """Return the open requests to a patient, newest first: the practitioner's account id and the request's id of each.

    Asked once a transaction for everybody who acts in it; on SQLite a process that alone writes asks once about each, until a request is
    made or answered.
    """
    asked: dict[int, list[tuple[int, int]]] = work.kept(OPEN, payment_requests, dict)
    if len(asked) > MOST_REMEMBERED:
        asked.clear()
    if patient_id not in asked:
        patients = {person.id for person in work.acting if Role.PATIENT in person.roles} | {patient_id}
        wanted = sorted(patients - asked.keys())
        asked.update({one: [] for one in wanted})
        for addressee_id, practitioner_id, request_id in work.quick(_OPEN, wanted):
            asked[addressee_id].append((practitioner_id, request_id))
    return asked[patient_id]


def holding(work: Work, patient_id: int, practitioners: Collection[int], thread: LoadedThread | None) -> int | None:
    """Return the id of the newest request that keeps a patient from sending to any of `practitioners` (account ids), or None."""
    found = next((id_ for practitioner_id, id_ in open_requests(work, patient_id) if practitioner_id in practitioners), None)
    if found is None or (thread is not None and open_urgent(work, thread, patient_id)):
        return None
    return found


@gate
def hold(work: Work, patient_id: int, practitioners: Callable[[], Collection[int]], thread: LoadedThread | None) -> None:
    """Hold back what a patient would send while a request of one of `practitioners` waits for their answer. Raises: Gated."""
    if not open_requests(work, patient_id):
        return
    held_by = holding(work, patient_id, practitioners(), thread)
    if held_by is not None:
        raise refusal(request_row(work, held_by))


def request_row(work: Work, request_id: int) -> sa.Row[Any]:
    """Return a request as `record.placed` selects it."""
    row = work.row(placed().where(payment_requests.c.id == request_id))
    assert row is not None  # its id came from the table
    return row


def refusal(row: sa.Row[Any]) -> Gated:
    """Return what the patient reads: which request waits, and how to answer it."""
    words = (
        f"This was not sent: {row.practitioner}'s payment request ({row.service}, {Money(row.amount_minor, row.currency)}) waits for your answer. "
        "Accept or reject it first; either opens messages at once."
    )
    return Gated(words, thread=row.thread, asks=answers_to(row.uid), by_message=BY_MESSAGE)
