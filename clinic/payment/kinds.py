"""The kinds `payment-request`, `payment-decision` and `settlement`: what a thread says about a payment. Imports clinic only.

They are for the patient who is asked and for staff. The request's entry reads as the request stands now: what comes later is folded into it.
"""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from clinic import requests
from clinic.kinds import Ask, kind
from clinic.log import Entry
from clinic.payment.money import Money
from clinic.payment.states import UNPAID, State
from clinic.requests import sentence

PAYMENT_NS = "urn:bedside:payment:1"

STANDS = {
    State.OPEN: "Waits for an answer.",
    State.ACCEPTED: "Accepted, not paid yet.",
    State.REJECTED: "Rejected.",
    State.WITHDRAWN: "Withdrawn.",
    State.PENDING: "Accepted, not paid yet.",
    State.PAID: "Paid.",
    State.FAILED: "Accepted; the payment did not go through yet.",
    State.PARTLY_REFUNDED: "Paid, and partly given back.",
    State.REFUNDED: "Paid, and given back.",
}
"""What a request's card says of its state, in words."""


BY_MESSAGE = "By message: !pay accept or !pay reject."


def answers_to(request: str) -> tuple[Ask, ...]:
    """Return the two answers to an open request (uid), each with what fills it in."""
    return (
        Ask("Accept:", "payment.decide", {"decision": "accept", "request": request}),
        Ask("Reject:", "payment.decide", {"decision": "reject", "request": request}),
    )


def _xml(name: str, payload: PaymentRequest | PaymentDecision | Settlement) -> str:
    amount = Money(payload.amount_minor, payload.currency)
    state = payload.decision if isinstance(payload, PaymentDecision) else payload.state
    attributes = {"request": payload.request, "state": state, "amount": amount.amount, "currency": payload.currency}
    given = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name} xmlns='{PAYMENT_NS}' {given}><service>{escape(payload.service)}</service></{name}>"


@kind("payment-request", fragment="payment_request.html", ns=PAYMENT_NS, xml=lambda payload: _xml("payment-request", payload), moves_head=True)
@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """Staff ask a patient to pay for a service. request: its uid. practitioner, patient: shown names. service_uid: of the clinic's list.

    amount_minor: in the smallest unit of `currency`. response_hours: within which staff answer after payment, 0 where nothing is promised.
    state: a State, as later entries have made it. online: whether the patient pays by card, known once accepted.
    """

    request: str
    service: str
    amount_minor: int
    currency: str
    practitioner: str
    patient: str
    service_uid: str
    description: str = ""
    response_hours: int = 0
    tax_note: str = ""
    state: str = State.OPEN
    online: bool = False

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def stands(self) -> str:
        """Where the request stands, in words."""
        return STANDS[State(self.state)]

    @property
    def promise(self) -> str:
        """What staff promise for it, in words, or ""."""
        if not self.response_hours:
            return ""
        return f"{self.practitioner} answers within {self.response_hours} {'hour' if self.response_hours == 1 else 'hours'} after payment."

    @property
    def body(self) -> str:
        return self._words(self.patient, f"{self.patient} has", "they")

    @property
    def to_addressee(self) -> str:
        return self._words("you", "you have", "you")

    def _words(self, whom: str, who_has: str, they: str) -> str:
        parts = [f"Payment request for {whom}: {self.service}, {self.amount}.", self.description, self.promise, self.tax_note]
        if self.state == State.OPEN:
            parts.append(f"Until {who_has} accepted or rejected it, {they} cannot write to {self.practitioner}; urgent calls always come through.")
            parts.append(BY_MESSAGE)
        else:
            parts.append(self.stands)
        return " ".join(sentence(part) for part in parts if part)

    @property
    def doable(self) -> frozenset[str]:
        """The actions that its entry has buttons for as the request stands, for whoever may do them."""
        if self.state == State.OPEN:
            return frozenset({"payment.decide", "payment.withdraw"})
        if self.state in UNPAID:
            return frozenset({"payment.pay", "payment.mark_paid"} if self.online else {"payment.mark_paid"})
        return frozenset()

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What the patient is asked: to answer; once accepted, to pay."""
        if self.state == State.OPEN:
            return answers_to(self.request)
        if self.online and self.state in UNPAID:
            return (Ask("Pay:", "payment.pay", {"request": self.request}),)
        return ()


def _decided(entry: Entry, later: Entry) -> Entry:
    return requests.reads(entry, PaymentRequest, state=later.payload.decision, online=later.payload.online)


def _settled(entry: Entry, later: Entry) -> Entry:
    # That it could not be begun yet, or was paid twice, is said by its own line; the request stands as it did.
    return requests.reads(entry, PaymentRequest, state=later.payload.state) if later.payload.state in list(State) else entry


WITHDRAWN_BECAUSE = requests.WITHDRAWN_BECAUSE | {"unlinked": " Who asked no longer treats here."}
"""Why a request withdrew by itself, by code."""


@kind(
    "payment-decision",
    fragment="payment_decision.html",
    ns=PAYMENT_NS,
    xml=lambda payload: _xml("payment-decision", payload),
    changes=_decided,
    says_who=True,
    moves_head=True,
)
@dataclass(frozen=True, slots=True)
class PaymentDecision:
    """What became of an open request. decision: accepted, rejected or withdrawn. by: a shown name, "" where it withdrew by itself.

    why: a key of WITHDRAWN_BECAUSE. online: the patient pays by card, otherwise at the desk.
    """

    request: str
    service: str
    amount_minor: int
    currency: str
    decision: str
    by: str = ""
    why: str = ""
    online: bool = False

    @property
    def body(self) -> str:
        return self._words(self.by)

    @property
    def to_addressee(self) -> str:
        return self._words(self.by if self.decision == State.WITHDRAWN else "You")

    def _words(self, who: str) -> str:
        what = f"{self.service}, {Money(self.amount_minor, self.currency)}"
        if self.decision == State.WITHDRAWN:
            done = f"{self.by} withdrew the payment request ({what})." if self.by else f"The payment request ({what}) was withdrawn."
            return f"{done}{WITHDRAWN_BECAUSE.get(self.why, '')} Nothing is to be paid."
        if self.decision == State.REJECTED:
            return f"{who} rejected the payment request ({what}). Nothing is to be paid, and messages are open."
        how = "The card payment is being prepared." if self.online else "It is paid at the clinic's desk."
        return f"{who} accepted the payment request ({what}). {how} Messages are open."


@kind(
    "settlement",
    fragment="settlement.html",
    ns=PAYMENT_NS,
    xml=lambda payload: _xml("settlement", payload),
    changes=_settled,
    says_who=True,
    moves_head=True,
)
@dataclass(frozen=True, slots=True)
class Settlement:
    """How far the money of an accepted request has come. state: a State from pending on, "delayed" (it could not be begun yet), or "surplus".

    by: who marked it paid at the desk. why: of a failure, in the provider's words. given_minor: of a refund, how much this time.
    returned_minor: how much of what was given back did not arrive, and is the clinic's again; the state is then the one that is left.
    """

    request: str
    service: str
    amount_minor: int
    currency: str
    state: str
    patient: str
    by: str = ""
    why: str = ""
    given_minor: int = 0
    test: bool = False
    returned_minor: int = 0

    @property
    def body(self) -> str:
        return self._words(self.patient, f"{self.patient}'s")

    @property
    def to_addressee(self) -> str:
        return self._words("You", "your")

    def _words(self, who: str, whose: str) -> str:
        return f"{self._became(who, whose)}{' (Test: no real money moves.)' if self.test else ''}"

    def _became(self, who: str, whose: str) -> str:
        amount = Money(self.amount_minor, self.currency)
        what = f"{amount} for {self.service}"
        given = Money(self.given_minor, self.currency)
        if self.returned_minor:
            returned = Money(self.returned_minor, self.currency)
            return f"{returned} of {what} could not be given back: {whose} bank has returned it to the clinic. The clinic finds another way; ask it."
        match self.state:
            case State.PENDING:
                return f"{who} can pay {what} now."
            case State.PAID:
                return f"{self.by} marked {what} as paid." if self.by else f"{who} paid {what}."
            case State.FAILED:
                why = f" {self.why}" if self.why else ""
                return f"The payment of {what} did not go through.{why} Nothing was charged. {who} can write here all the same, and try again."
            case State.PARTLY_REFUNDED:
                return f"{given} of {what} was given back."
            case State.REFUNDED:
                return f"{given} for {self.service} was given back; that is all of it." if self.given_minor != self.amount_minor else f"{what} was given back."
            case "delayed":
                return f"The payment of {what} cannot be begun by card just now. Nothing was charged; it is tried again by itself, and the clinic can see why."
            case _:
                return f"{what} was paid a second time; the second payment is being given back."

    @property
    def asks(self) -> tuple[Ask, ...]:
        """What the patient is asked: to pay."""
        return (Ask("Pay:", "payment.pay", {"request": self.request}),) if self.state in (State.PENDING, State.FAILED) else ()
