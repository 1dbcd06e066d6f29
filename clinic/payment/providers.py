"""What the clinic asks of whoever takes payments, and what it is told: the one interface of every provider. Imports clinic.payment.money only.

Nothing here, nor in the tables, is called as one provider calls it. A provider's own library has one importer (web/gateways). Its
calls leave the machine, so they are made by the worker, never inside a transaction; what they answer comes back by an action.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from clinic.payment.money import Money


class Outcome(StrEnum):
    """How far an attempt to pay has come, as its provider knows it now."""

    OPEN = "open"  # the patient may pay
    PROCESSING = "processing"  # the patient has paid in a way that takes days to arrive
    PAID = "paid"
    FAILED = "failed"  # refused; the patient may try again at the same address
    EXPIRED = "expired"  # nothing can be paid there any more


class RefundOutcome(StrEnum):
    """How far a refund has come."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Unreachable(Exception):
    """The provider did not answer, or could not just now: what was asked may or may not have happened. Ask again under the same key."""


class Refused(Exception):
    """The provider says no, and would say no again: a wrong key, an amount that it does not take. words: for the administrator."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


@dataclass(frozen=True, slots=True)
class Asking:
    """An attempt to pay that is to be opened. attempt: its uid, which is also its key: the same key again opens nothing more.

    service: what stands on the provider's page, and all that leaves the clinic of what is paid for; nothing of the patient does.
    return_url: where the patient's browser comes back to, paid or not. All of it is to be the same whenever the same attempt is opened again.
    """

    attempt: str
    amount: Money
    service: str
    return_url: str


@dataclass(frozen=True, slots=True)
class Opened:
    """An attempt that the provider has opened. reference: its own name for it. url: where the patient pays. expires_at: until then.

    test: whether no real money moves.
    """

    reference: str
    url: str
    expires_at: datetime
    test: bool


@dataclass(frozen=True, slots=True)
class RefundReport:
    """One refund as the provider knows it. key: the uid of ours that asked for it, or None for one that was made elsewhere."""

    reference: str
    key: str | None
    amount: Money
    outcome: RefundOutcome
    why: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """An attempt as its provider knows it at the moment of asking: the whole of it, so that the order of news does not matter.

    attempt: the uid that the provider was given with it (to be held against ours), "" where it has none. amount: what is, or was,
    to be paid. why: in the provider's words for the patient, of FAILED, and of EXPIRED where a payment that took days failed in the end.
    payment_reference: of PAID, the provider's name for the money that came.
    receipt_url: the provider's own receipt. refunds: all of this attempt.
    """

    reference: str
    attempt: str
    outcome: Outcome
    amount: Money
    test: bool
    why: str = ""
    payment_reference: str = ""
    receipt_url: str = ""
    refunds: tuple[RefundReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """The account behind the keys. reference: the provider's name for it."""

    reference: str
    name: str
    test: bool


class Provider(Protocol):
    """What takes payments. Every method leaves the machine. All raise: Unreachable, Refused."""

    def account(self) -> Account:
        """Return whose keys these are."""

    def open(self, asking: Asking) -> Opened:
        """Open an attempt; again under the same key, the same one."""

    def look(self, reference: str) -> Report:
        """Return an attempt as it stands now."""

    def close(self, reference: str) -> Report:
        """See to it that nothing can be paid there any more, and return how it stands: it may have been paid meanwhile."""

    def refund(self, reference: str, key: str, amount: Money) -> RefundReport:
        """Give money of a paid attempt back; again under the same key, nothing more."""

    def since(self, moment: datetime) -> list[Report]:
        """Return the attempts of this clinic that were opened since `moment`, for reconciliation."""
