"""The administrator's payments: the list with its totals, one payment with what can be done to it, and the file for a spreadsheet.

Nothing that anybody wrote is shown here: names, services, amounts, states, times, and notes about the payments themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from clinic.calls import Actor
from clinic.database import Database
from clinic.errors import DomainError, NotFound
from clinic.payment.kinds import STANDS as STATE_WORDS
from clinic.payment.ledger import ROWS, STANDS, LedgerRow, Sought, ledger, ledger_choices
from clinic.payment.money import Money, minor_of
from clinic.payment.record import MANUAL
from clinic.payment.statement import Statement, statement
from clinic.payment.states import UNPAID, State
from clinic.payment.totals import MONTHS, totals
from clinic.payment.troubles import troubles
from clinic.permissions import Role
from web.auth import current_actor
from web.context import clinic_card
from web.db import clinic_db
from web.policies import roles
from web.sheets import Sheet

blueprint = Blueprint("ledger", __name__, url_prefix="/admin/payments")
CHUNK = 500
_MONTH = re.compile(r"(19[789]\d|2\d{3})-(0[1-9]|1[0-2])")
ATTEMPT_WORDS = {
    "asked": "Not begun yet", "open": "Can be paid", "processing": "Paid in a way that takes days to arrive", "paid": "Paid", "failed": "Refused",
    "expired": "Over, not paid", "surplus": "Paid a second time; being given back", "refused": "The card service would not begin it",
}
REFUND_WORDS = {"asked": "Being asked for", "pending": "On its way", "done": "Given back", "failed": "Did not go through"}
_DONE = {"withdraw": "Withdrawn.", "paid": "Marked as paid.", "refund": "Given back, or on its way.", "looked": "Taken off the list."}
COLUMNS = (
    "request", "requested_at", "patient", "patient_born", "practitioner", "requested_by", "service", "state", "amount", "currency", "amount_minor",
    "decided_at", "paid_at", "receipt_number", "refunded", "refunded_minor", "provider", "test", "provider_reference",
)


def _sought() -> Sought:
    month = _MONTH.fullmatch(request.args.get("month", ""))
    stands, service, practitioner = (request.args.get(name) or None for name in ("state", "service", "practitioner"))
    return Sought(stands, service, practitioner, request.args.get("patient", "").strip(), date(int(month[1]), int(month[2]), 1) if month else None)


def _asked(sought: Sought) -> dict[str, str]:
    """Return the query that narrows the list so again."""
    month = f"{sought.month:%Y-%m}" if sought.month else None
    asked = {"state": sought.stands, "service": sought.service, "practitioner": sought.practitioner, "patient": sought.patient, "month": month}
    return {name: value for name, value in asked.items() if value}


@blueprint.get("")
@roles(Role.ADMIN)
def show() -> str:
    """What needs a look, the totals, and the list as it is narrowed, fifty at a time."""
    sought, before = _sought(), request.args.get("before") or None
    with clinic_db().read(current_actor()) as work:
        rows = ledger(work, sought, before=before, limit=ROWS + 1)
        shown = {"choices": ledger_choices(work), "months": [] if before else totals(work, sought), "troubles": [] if before else troubles(work)}
    asked = _asked(sought)
    return render_template(
        "admin/payments.html", here="admin", tab="payments", rows=rows[:ROWS], older=rows[ROWS - 1].request if len(rows) > ROWS else None, before=before,
        sought=sought, asked=asked, states=[(key, words) for key, (words, _) in STANDS.items()], state_words=STATE_WORDS, last_months=MONTHS, **shown,
    )


@blueprint.get("/list.csv")
@roles(Role.ADMIN)
def export() -> Response:
    """All that the list would show as it is narrowed, one line a request, for a spreadsheet. The audit log says who took it."""
    database, actor, sought, zone = clinic_db(), current_actor(), _sought(), clinic_card().zone
    # An action: while its audit row cannot be stored, nobody gets a line.
    database.perform(actor, "payment.export", sought=sought)
    first = _chunk(database, actor, sought, None)  # what is refused is refused in words, before the file begins
    sheet = Sheet(COLUMNS, zone)

    def lines() -> Iterator[str]:
        yield sheet.head()
        rows = first
        while rows:
            yield "".join(sheet.line(_values(row)) for row in rows)
            rows = _chunk(database, actor, sought, rows[-1].request) if len(rows) == CHUNK else []

    response = Response(lines(), mimetype="text/csv", content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename=payments-{database.now().astimezone(zone):%Y-%m-%d}.csv"
    return response


def _chunk(database: Database, actor: Actor, sought: Sought, before: str | None) -> list[LedgerRow]:
    with database.read(actor) as work:
        return ledger(work, sought, before=before, limit=CHUNK)


def _values(row: LedgerRow) -> list[Any]:
    return [
        row.request, row.created_at, row.patient, row.born, row.practitioner, row.requester, row.service, row.state, row.amount.amount, row.amount.currency,
        row.amount.minor, row.decided_at, row.paid_at, row.receipt, row.refunded.amount, row.refunded.minor, row.provider, "yes" if row.test else "no",
        row.reference,
    ]


@blueprint.get("/<uid>")
@roles(Role.ADMIN)
def one(uid: str) -> str:
    """One payment: its history, and what can be done to it."""
    return _one(_statement(uid))


def _statement(uid: str) -> Statement:
    with clinic_db().read(current_actor()) as work:
        return statement(work, uid)


def _one(found: Statement, **more: Any) -> str:
    shown: dict[str, Any] = {"typed": {}, "problems": {}, "problem": None, "doing": None, "sure": None, **more}
    return render_template(
        "admin/payment.html", here="admin", tab="payments", one=found, unpaid=found.state in UNPAID, is_open=found.state is State.OPEN, manual=MANUAL,
        state_words=STATE_WORDS, attempt_words=ATTEMPT_WORDS, refund_words=REFUND_WORDS, **shown,
    )


@blueprint.post("/<uid>")
@roles(Role.ADMIN)
def act(uid: str) -> BaseResponse:
    """Withdraw, mark as paid, give back (asked back first), or say that it was looked at."""
    found, doing = _statement(uid), request.form.get("do", "")
    typed = {name: request.form.get(name, "").strip() for name in ("note", "amount", "reason")}
    actions: dict[str, tuple[str, dict[str, str]]] = {
        "withdraw": ("payment.withdraw", {}),
        "paid": ("payment.mark_paid", {"note": typed["note"]}),
        "refund": ("payment.refund", {"amount": typed["amount"], "reason": typed["reason"], "left": request.form.get("left", "")}),
        "looked": ("payment.looked_at", {}),
    }
    if doing not in actions:
        raise NotFound()
    if doing == "refund" and request.form.get("sure") != "yes":
        return _ask_back(found, typed)
    name, values = actions[doing]
    try:
        clinic_db().perform(current_actor(), name, found.thread, request=uid, **values)
    except DomainError as error:
        return _again(_statement(uid), error.status, error.field, error.text, typed, doing)
    flash(_DONE[doing], "good")
    return redirect(url_for("ledger.one", uid=uid), 303)


def _ask_back(found: Statement, typed: dict[str, str]) -> BaseResponse:
    """Show what would be given back, in words, before it is: money that went back does not return."""
    currency = found.amount.currency
    try:
        money = Money(minor_of(typed["amount"].removesuffix(currency), currency), currency) if typed["amount"] else found.left
    except ValueError as error:
        return _again(found, 422, "amount", f"Amount: {error}", typed, "refund")
    if not typed["reason"]:
        return _again(found, 422, "reason", "Reason is missing.", typed, "refund")
    if money.minor > found.left.minor:
        return _again(found, 422, "amount", f"{found.left} is all that can still be given back.", typed, "refund")
    return make_response(_one(found, typed=typed, doing="refund", sure=money))


def _again(found: Statement, status: int, field: str | None, text: str, typed: dict[str, str], doing: str) -> BaseResponse:
    at_field = field in typed
    response = make_response(_one(found, typed=typed, problems={field: text} if at_field else {}, problem=None if at_field else text, doing=doing))
    response.status_code = status
    return response
