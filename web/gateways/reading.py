"""What Stripe's objects mean to the clinic: a Checkout Session becomes a Report, an event becomes Heard. Plain dictionaries in, no library.

A session is read with payment_intent.latest_charge.refunds expanded. Which attempt of ours an object belongs to stands in its metadata.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clinic.payment.providers import Outcome, RefundOutcome, RefundReport, Report
from web.gateways.amounts import from_stripe

ATTEMPT, REFUND = "bedside_attempt", "bedside_refund"
"""The names in Stripe's metadata under which our uids stand."""
EVENTS = (
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
)
"""What the clinic's webhook endpoint should be told of. More does no harm, fewer is found by asking, later."""
REFUND_OUTCOMES = {"succeeded": RefundOutcome.DONE, "failed": RefundOutcome.FAILED, "canceled": RefundOutcome.FAILED}
NO_WORDS = "The payment was refused."


@dataclass(frozen=True, slots=True)
class Heard:
    """News of an attempt, from a webhook whose signature holds. It says which attempt to look at, never how that stands.

    event_id: Stripe's own, the same when it is repeated. kind: such as "charge.refunded". created_at: when it happened.
    attempt: our uid, "" where the object has none (a refund made in Stripe's dashboard): then reference or payment_reference tell which.
    reference: of the attempt (Opened.reference), "" where the object is no session. payment_reference: as in Report, or "".
    account: the connected account that it is about, "" where it is about the account of the keys. test: whether no real money moves.
    """

    event_id: str
    kind: str
    created_at: datetime
    attempt: str
    reference: str
    payment_reference: str
    account: str
    test: bool


def moment(stamp: int) -> datetime:
    """Return an instant from Stripe's seconds."""
    return datetime.fromtimestamp(stamp, UTC)


def report_of(session: dict[str, Any], refunds: Iterable[dict[str, Any]] = ()) -> Report:
    """Return how an attempt stands. refunds: all of its charge. Raises: Refused for an amount that our currencies do not have."""
    intent = session["payment_intent"] or {}
    outcome = outcome_of(session, intent)
    charge = intent.get("latest_charge") or {}
    return Report(
        reference=session["id"],
        attempt=(session["metadata"] or {}).get(ATTEMPT, ""),
        outcome=outcome,
        amount=from_stripe(session["amount_total"], session["currency"]),
        test=not session["livemode"],
        why=_why(intent) if outcome is Outcome.FAILED or (outcome is Outcome.EXPIRED and session["status"] == "complete") else "",
        payment_reference=intent["id"] if outcome is Outcome.PAID else "",
        receipt_url=charge.get("receipt_url") or "" if outcome is Outcome.PAID else "",
        refunds=tuple(refund_of(refund) for refund in refunds),
    )


def outcome_of(session: dict[str, Any], intent: dict[str, Any]) -> Outcome:
    """Return how far an attempt has come.

    The money decides, not the session: an intent may have succeeded a moment before its session is complete. A session that was
    completed by a way to pay that takes days, and then failed, can't be paid any more, although Stripe does not call it expired.
    """
    if session["payment_status"] == "paid" or intent.get("status") == "succeeded":
        return Outcome.PAID
    if session["status"] == "complete":
        over = intent.get("status") in ("requires_payment_method", "canceled")
        return Outcome.EXPIRED if over else Outcome.PROCESSING
    if session["status"] == "expired":
        return Outcome.EXPIRED
    if intent.get("status") == "processing":
        return Outcome.PROCESSING
    return Outcome.FAILED if intent.get("last_payment_error") else Outcome.OPEN


def _why(intent: dict[str, Any]) -> str:
    error = intent.get("last_payment_error")
    return (error.get("message") or NO_WORDS) if error else ""


def refund_of(refund: dict[str, Any]) -> RefundReport:
    """Return a refund as it stands. One that waits for somebody (requires_action) is pending."""
    outcome = REFUND_OUTCOMES.get(refund["status"], RefundOutcome.PENDING)
    return RefundReport(
        reference=refund["id"],
        key=(refund["metadata"] or {}).get(REFUND),
        amount=from_stripe(refund["amount"], refund["currency"]),
        outcome=outcome,
        why=str(refund.get("failure_reason") or refund["status"]).replace("_", " ") if outcome is RefundOutcome.FAILED else "",
    )


def heard_of(event: object) -> Heard:
    """Return which attempt an event is about. Raises: ValueError when it is no event of the kind that Stripe sends."""
    if not isinstance(event, dict) or event.get("object") != "event":
        raise ValueError("not an event")
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    names = [event.get("id"), event.get("type")]
    if not isinstance(about, dict) or not all(isinstance(name, str) and name for name in names) or not isinstance(event.get("created"), int):
        raise ValueError("an event without an object, id or time")
    metadata = about.get("metadata")
    kind = about.get("object")
    return Heard(
        event_id=event["id"],
        kind=event["type"],
        created_at=moment(event["created"]),
        attempt=_text(metadata.get(ATTEMPT)) if isinstance(metadata, dict) else "",
        reference=_id(about) if kind == "checkout.session" else "",
        payment_reference=_id(about) if kind == "payment_intent" else _id(about.get("payment_intent")),
        account=_text(event.get("account")),
        test=event.get("livemode") is not True,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id(value: object) -> str:
    """The id of an object that may be expanded."""
    return _text(value.get("id")) if isinstance(value, dict) else _text(value)
