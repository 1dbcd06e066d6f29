"""Requests and attempts as actions work with them: found through the actor, moved along the table of states, said in the log.

Plain helpers; imports clinic only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.account.tables import accounts, settings
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Option, is_uid
from clinic.kinds import Payload
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, entries
from clinic.payment.kinds import PaymentDecision
from clinic.payment.money import Money, check_by_card, minor_of
from clinic.payment.states import LIVE, TRANSITIONS, AttemptState, State
from clinic.payment.tables import payment_attempts, payment_requests
from clinic.storage import new_id, new_uid
from clinic.thread.tables import threads
from clinic.work import Work

MANUAL, CARD = "manual", "stripe"
PROVIDERS = (MANUAL, CARD)
"""Who takes payments: the clinic's desk, or whoever takes cards for it (web/gateways), by the name that attempts keep."""
PAYMENTS, OPEN_JOB, LOOK_JOB, CLOSE_JOB, REFUND_JOB = "payments", "payment.open", "payment.look", "payment.close", "payment.refund"
"""The queue of what providers are asked, and its jobs."""
_RECEIPTS = "last_receipt_number"


def placed() -> sa.Select[Any]:
    """Return the select of requests, each with its thread's uid (`thread`) and its practitioner's name (`practitioner`)."""
    return (
        sa.select(payment_requests, threads.c.uid.label("thread"), accounts.c.name.label("practitioner"))
        .join(threads, threads.c.id == payment_requests.c.thread_id)
        .join(accounts, accounts.c.id == payment_requests.c.practitioner_id)
    )


def request_in(work: Work, thread: LoadedThread, uid: str, states: Collection[State]) -> sa.Row[Any]:
    """Return a request that was made in a loaded thread and stands in one of `states`. Raises: Invalid, Conflict in words."""
    row = None
    if is_uid(uid):
        row = work.row(sa.select(payment_requests).where(payment_requests.c.uid == uid, payment_requests.c.thread_id == thread.id))
    if row is None:
        raise Invalid("There is no such payment request in this thread. Reload the page to see those there are.", field="request")
    if State(row.state) not in states:
        raise Conflict(ALREADY[State(row.state)], field="request")
    return row


def own_request_in(work: Work, thread: LoadedThread, uid: str, states: Collection[State]) -> sa.Row[Any]:
    """Return a request to the actor, as `request_in`. Raises: NotFound for somebody else's."""
    mine = sa.and_(payment_requests.c.uid == uid, payment_requests.c.addressee_id == work.person.id)
    if work.row(sa.select(payment_requests.c.id).where(mine)) is None:
        raise NotFound()
    return request_in(work, thread, uid, states)


ALREADY = {
    State.OPEN: "The patient has not answered this request yet.",
    State.ACCEPTED: "This request was accepted already.",
    State.REJECTED: "This request was rejected already. Nothing is to be paid.",
    State.WITHDRAWN: "This request was withdrawn already. Nothing is to be paid.",
    State.PENDING: "This request was accepted already, and can be paid.",
    State.PAID: "This request is paid already.",
    State.FAILED: "This request was accepted already; its payment has not gone through yet.",
    State.PARTLY_REFUNDED: "This request is paid already, and a part was given back.",
    State.REFUNDED: "This request was paid, and all of it was given back.",
}
"""What is said where something was asked for that a request's state does not allow."""


class Changed:
    """A row as it is after what this action has written of it: an action does not read its own writes."""

    def __init__(self, row: Any, **changed: Any) -> None:
        self._row, self._changed = row, changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._row, name)


def move(work: Work, row: Any, to: State, **values: Any) -> Changed:
    """Move a request to another state, and set other columns with it. Returns: the request as it is then.

    Raises: Conflict where the table of states does not allow it.
    """
    if to not in TRANSITIONS[State(row.state)]:
        raise Conflict(ALREADY[State(row.state)])
    work.update(payment_requests, row.id, state=to, **values)
    _moved(work).add(row.id)
    work.audit_detail(request=row.uid, before=str(row.state), state=str(to))
    return Changed(row, state=to, **values)


def _moved(work: Work) -> set[int]:
    """Return the requests that this transaction has moved: what it has written it does not read."""
    moved: set[int] = work.once("payment.moved", set)
    return moved


def say(work: Work, thread: LoadedThread, row: Any, payload: Payload, author: LoadedMember | None = None) -> str:
    """Append what became of a request to its thread's log, for the patient who was asked and for staff. Returns: the entry's uid."""
    about = work.row(sa.select(entries.c.seq).where(entries.c.uid == row.entry_uid))
    addressee = work.row(sa.select(accounts.c.uid, accounts.c.id.label("account_id")).where(accounts.c.id == row.addressee_id))
    assert about is not None and addressee is not None  # both were there when the request was made
    return work.append(thread, payload, Audience.ADDRESSEE, addressee=addressee, author=author, about=about.seq)


def named(row: Any) -> dict[str, Any]:
    """Return what every entry about a request says of it."""
    return {"request": row.uid, "service": row.service, "amount_minor": row.amount_minor, "currency": row.currency}


def label(row: sa.Row[Any]) -> str:
    """Return a request in a few words: "Consultation, 50.00 EUR"."""
    return f"{row.service}, {Money(row.amount_minor, row.currency)}"


def written_amount(text: str, currency: str) -> Money:
    """Return the amount that somebody wrote in a field `amount`, with its currency or without ("50", "50.00 EUR"). Raises: Invalid, in words."""
    try:
        return Money(minor_of(text.removesuffix(currency), currency), currency)
    except ValueError as error:
        raise Invalid(f"Amount: {error}", field="amount") from None


def refuse_where_no_card_carries(money: Money, then: str = "") -> None:
    """Do nothing for an amount that can be paid by card. then: what to do about another. Raises: Invalid, in words."""
    try:
        check_by_card(money)
    except ValueError as error:
        raise Invalid(f"Amount: {error} {then}".strip(), field="amount") from None


def options(work: Work, thread: LoadedThread, states: Collection[State]) -> list[Option]:
    """Return the requests of a thread that stand in one of `states`, newest first, for a form: each with whom it asks."""
    query = (
        sa.select(payment_requests, accounts.c.name.label("patient"))
        .join(accounts, accounts.c.id == payment_requests.c.addressee_id)
        .where(payment_requests.c.thread_id == thread.id, payment_requests.c.state.in_(states))
        .order_by(payment_requests.c.id.desc())
    )
    return [Option(row.uid, label(row), row.patient, row.entry_uid) for row in work.rows(query)]


def newest(found: Sequence[Option]) -> str:
    """Return the request that is meant where none is named: the uid of the first of the options, or "" where there is none."""
    return found[0].value if found else ""


def patient_name(work: Work, thread: LoadedThread, row: Any) -> str:
    """Return what the patient who was asked is called in the thread, or by their name where they are not in it any more."""
    if row.addressee_id in thread.members:
        return thread.members[row.addressee_id].nick
    found = work.row(sa.select(accounts.c.name).where(accounts.c.id == row.addressee_id))
    return str(found.name) if found else "The patient"


def withdraw(work: Work, thread: LoadedThread, row: sa.Row[Any], *, by: str = "", why: str = "", author: LoadedMember | None = None) -> None:
    """Withdraw an open request, said in its thread. by: the shown name of who did. why: a code of WITHDRAWN_BECAUSE."""
    move(work, row, State.WITHDRAWN, decided_at=work.now)
    say(work, thread, row, PaymentDecision(**named(row), decision=State.WITHDRAWN, by=by, why=why), author)


def withdraw_all(work: Work, condition: sa.ColumnElement[bool], why: str, *, held: bool = False) -> None:
    """Withdraw, by itself, every open request that `condition` on their table is true of. why: a code of WITHDRAWN_BECAUSE.

    held: only in threads that are locked already.
    """
    wanted = sa.and_(payment_requests.c.state == State.OPEN, condition)
    for thread in work.threads(sorted(uid for uid in open_in(work, condition) if not held or work.holds(uid))):
        for row in work.rows(sa.select(payment_requests).where(wanted, payment_requests.c.thread_id == thread.id)):
            if row.id not in _moved(work):
                withdraw(work, thread, row, why=why)


def open_in(work: Work, condition: sa.ColumnElement[bool]) -> set[str]:
    """Return the uids of the threads with an open request that `condition` on their table is true of."""
    query = sa.select(threads.c.uid).join(payment_requests, threads.c.id == payment_requests.c.thread_id)
    return {row.uid for row in work.rows(query.where(payment_requests.c.state == State.OPEN, condition))}


def attempts_of(work: Work, request_id: int) -> Sequence[sa.Row[Any]]:
    """Return the attempts to pay a request, oldest first."""
    return work.rows(sa.select(payment_attempts).where(payment_attempts.c.request_id == request_id).order_by(payment_attempts.c.id))


def live_attempt(work: Work, request_id: int) -> sa.Row[Any] | None:
    """Return the newest attempt by which money may still come for a request, or None."""
    return next((row for row in reversed(attempts_of(work, request_id)) if AttemptState(row.state) in LIVE), None)


def provider_of(work: Work) -> str:
    """Return the name of who takes payments in this clinic: MANUAL, or that of a provider."""
    return setting(work, "payment_provider")


def begin_attempt(work: Work, request_id: int, provider: str) -> str:
    """Ask a provider, by a job, to open an attempt to pay a request. Returns: its uid."""
    uid = insert_attempt(work, request_id, provider, AttemptState.ASKED)
    work.enqueue(PAYMENTS, OPEN_JOB, attempt=uid)
    return uid


def insert_attempt(work: Work, request_id: int, provider: str, state: AttemptState, **values: Any) -> str:
    """Insert an attempt to pay a request. Returns: its uid."""
    uid = new_uid()
    work.insert(payment_attempts, id=new_id(), uid=uid, request_id=request_id, provider=provider, state=state,
                **({"test": False, "note": "", "trouble": "", "created_at": work.now} | values))
    return uid


def next_receipt(work: Work) -> int:
    """Return the next number of the clinic's receipts, one after the other; who asks at the same time waits for this transaction."""
    row = work.row(sa.select(settings.c.value).where(settings.c.key == _RECEIPTS).with_for_update())
    number = 1 if row is None else int(row.value) + 1
    if row is None:
        work.insert(settings, key=_RECEIPTS, value=str(number))
    else:
        work.update(settings, _RECEIPTS, value=str(number))
    return number
