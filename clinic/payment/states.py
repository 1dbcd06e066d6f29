"""The states of a payment request, and the table of what may follow what. Imports the standard library only.

Accepting or rejecting is the patient's answer and lifts the gate; paying is something else, and may fail and be tried again
(product.md, Payment). Every step is an entry of the thread's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a payment request stands."""

    OPEN = "open"  # waits for the patient's answer: the gate holds
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    PENDING = "pending"  # the patient can pay now
    PAID = "paid"
    FAILED = "failed"  # refused, or the time for it ran out; the patient may try again
    PARTLY_REFUNDED = "partly-refunded"
    REFUNDED = "refunded"


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.ACCEPTED, State.REJECTED, State.WITHDRAWN}),
    # Paid at once: at the desk, or told of before the address was. Failed: the provider would not begin it.
    State.ACCEPTED: frozenset({State.PENDING, State.PAID, State.FAILED}),
    State.PENDING: frozenset({State.PAID, State.FAILED}),
    State.FAILED: frozenset({State.PENDING, State.PAID}),  # paid: at the same address, or at the desk
    State.PAID: frozenset({State.PARTLY_REFUNDED, State.REFUNDED}),
    # Back again: a bank may return what was given back, days later.
    State.PARTLY_REFUNDED: frozenset({State.PARTLY_REFUNDED, State.REFUNDED, State.PAID}),
    State.REJECTED: frozenset(),
    State.WITHDRAWN: frozenset(),
    State.REFUNDED: frozenset({State.PARTLY_REFUNDED, State.PAID}),
}
"""What may follow each state; nothing else does."""

UNPAID = frozenset({State.ACCEPTED, State.PENDING, State.FAILED})
"""Accepted, and not paid yet."""

SETTLED = frozenset({State.PAID, State.PARTLY_REFUNDED, State.REFUNDED})
"""The money came, whatever was given back since."""


class AttemptState(StrEnum):
    """How far one attempt to pay has come, as we know it."""

    ASKED = "asked"  # the provider is to be asked to open it
    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    FAILED = "failed"  # refused; the same address may still take another card
    EXPIRED = "expired"
    SURPLUS = "surplus"  # paid where the request was paid already: it is given back
    REFUSED = "refused"  # the provider would not open it


LIVE = frozenset({AttemptState.ASKED, AttemptState.OPEN, AttemptState.PROCESSING, AttemptState.FAILED})
"""Attempts by which money may still come."""
