"""What the stand-in for Stripe keeps, and its rules: sessions, payment intents, charges, refunds. See stripe_stand_in.py for what this is and is not.

Objects are plain dictionaries with a part of the fields of the library's classes, and no other: `Books._keep` holds them against those.
"""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable
from typing import Any

from stripe import Charge, PaymentIntent, Refund
from stripe.checkout import Session

from tests.support.stripe_params import ApiError

CLASSES: dict[str, type] = {"checkout.session": Session, "payment_intent": PaymentIntent, "charge": Charge, "refund": Refund}
EXPANDABLE = {("checkout.session", "payment_intent"), ("payment_intent", "latest_charge"), ("charge", "refunds"), ("refund", "payment_intent")}
EXPANDABLE |= {("refund", "charge"), ("charge", "payment_intent")}
DEEPEST = 4
DAY = 86400
MOST = 99_999_999
NOT_TAKEN = {"cup", "iqd", "irr", "kpw", "lyd", "syp"}
GOOD, DECLINED, POOR, BANK = "4242424242424242", "4000000000000002", "4000000000009995", "000123456789"
DECLINES = {DECLINED: ("generic_decline", "Your card was declined."), POOR: ("insufficient_funds", "Your card has insufficient funds.")}
Obj = dict[str, Any]


class Books:
    """All accounts' objects. emit: called with the type and a copy of the object of each event. The caller holds the lock."""

    def __init__(self, emit: Callable[[str, Obj, str], None]) -> None:
        self.objects: dict[str, Obj] = {}
        self.owners: dict[str, str] = {}
        self.asked: dict[str, Obj] = {}
        self.emit = emit
        self.ahead = 0
        self.refunds_wait = False
        self.base = ""

    def now(self) -> int:
        """Seconds of the stand-in's clock."""
        return int(time.time()) + self.ahead

    def _keep(self, account: str, obj: Obj) -> Obj:
        unknown = set(obj) - set(CLASSES[obj["object"]].__annotations__)
        assert not unknown, f"the library's {obj['object']} has no {unknown}"
        self.objects[obj["id"]] = obj
        self.owners[obj["id"]] = account
        return obj

    def _tell(self, kind: str, obj: Obj) -> None:
        shown = copy.deepcopy(obj)
        if obj["object"] == "charge":  # events carry no list of refunds since 2022-11-15
            shown.pop("refunds", None)
        self.emit(kind, shown, self.owners[obj["id"]])

    def find(self, account: str, kind: str, name: str, param: str | None = None) -> Obj:
        """An object of this account. Raises: ApiError, for one of another account too."""
        self.expire_due()
        found = self.objects.get(name)
        if found is None or found["object"] != kind or self.owners[name] != account:
            raise ApiError(404 if param is None else 400, f"No such {kind.replace('_', '')}: '{name}'", code="resource_missing", param=param or "id")
        return found

    def of(self, account: str, kind: str) -> list[Obj]:
        """All objects of a kind, newest first."""
        self.expire_due()
        return [obj for obj in reversed(self.objects.values()) if obj["object"] == kind and self.owners[obj["id"]] == account]

    # Sessions

    def create_session(self, account: str, live: bool, params: Obj) -> Obj:
        """A Checkout Session that is open."""
        minor, currency = self._total(params)
        for name in ("success_url", "cancel_url"):
            if name in params and not params[name].startswith(("http://", "https://")):
                raise ApiError(400, "Not a valid URL", code="url_invalid", param=name)
        if "success_url" not in params:
            raise ApiError(400, "Missing required param: success_url.", code="parameter_missing", param="success_url")
        expires = params.get("expires_at", self.now() + DAY)
        if not 1800 <= expires - self.now() <= DAY:
            raise ApiError(400, "The `expires_at` timestamp must be between 30 minutes and 24 hours from creation.", param="expires_at")
        name = f"cs_{'live' if live else 'test'}_{secrets.token_hex(29)}"
        self.asked[name] = params
        return self._keep(account, {
            "id": name, "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid", "livemode": live,
            "amount_subtotal": minor, "amount_total": minor, "currency": currency, "created": self.now(), "expires_at": expires,
            "client_reference_id": params.get("client_reference_id"), "metadata": params.get("metadata", {}), "customer_email": params.get("customer_email"),
            "success_url": params["success_url"], "cancel_url": params.get("cancel_url"), "payment_intent": None,
            "url": f"{self.base}/c/pay/{name}",
        })  # fmt: skip

    def _total(self, params: Obj) -> tuple[int, str]:
        if params.get("mode") != "payment":
            raise ApiError(400, "The stand-in takes mode=payment only.", param="mode")
        items = params.get("line_items") or []
        if len(items) != 1 or "price_data" not in items[0]:
            raise ApiError(400, "The stand-in takes one line item with price_data.", param="line_items")
        price, total = items[0]["price_data"], items[0].get("quantity", 1)
        if not price.get("product_data", {}).get("name"):
            raise ApiError(400, "You must specify either `product` or `product_data`.", param="line_items[0][price_data][product_data][name]")
        total *= price.get("unit_amount", 0)
        check_amount(total, price["currency"])
        return total, price["currency"]

    def expire(self, session: Obj) -> Obj:
        """Nothing can be paid there any more."""
        if session["status"] != "open":
            raise ApiError(400, f"Only Checkout Sessions with a status in [\"open\"] can be expired. This Session has a status of \"{session['status']}\".")
        session.update(status="expired", url=None)
        if intent := self.objects.get(session["payment_intent"] or ""):
            intent["status"] = "canceled"
        self._tell("checkout.session.expired", session)
        return session

    def expire_due(self) -> None:
        """What Stripe does by its clock."""
        for session in list(self.objects.values()):
            if session["object"] == "checkout.session" and session["status"] == "open" and session["expires_at"] <= self.now():
                self.expire(session)

    # Paying, on the hosted page

    def pay(self, session: Obj, number: str) -> str:
        """Somebody gives a card (or the account BANK, which takes days). Returns what the page says when it is refused, "" when not."""
        if session["status"] != "open":
            return "This page is no longer active."
        account = self.owners[session["id"]]
        intent = self.objects.get(session["payment_intent"] or "") or self._intent(account, session)
        charge = self._charge(account, intent, session)
        if number in DECLINES:
            reason, words = DECLINES[number]
            self._refuse(intent, charge, reason, words)
            return words
        if number == BANK:
            charge["status"], intent["status"], intent["last_payment_error"] = "pending", "processing", None
            session.update(status="complete", url=None)
            self._tell("payment_intent.processing", intent)
            self._tell("checkout.session.completed", session)
            return ""
        if number != GOOD:
            del self.objects[charge["id"]]
            return "Your card number is invalid."
        self._succeed(intent, charge)
        session.update(status="complete", payment_status="paid", url=None)
        self._tell("checkout.session.completed", session)
        return ""

    def settle(self, session: Obj, arrives: bool) -> None:
        """What was paid through BANK arrives, or does not."""
        intent = self.objects[session["payment_intent"]]
        charge = self.objects[intent["latest_charge"]]
        assert intent["status"] == "processing"
        if arrives:
            self._succeed(intent, charge)
            session["payment_status"] = "paid"
            self._tell("checkout.session.async_payment_succeeded", session)
        else:
            self._refuse(intent, charge, "debit_not_authorized", "Your bank refused the payment.")
            self._tell("checkout.session.async_payment_failed", session)

    def _intent(self, account: str, session: Obj) -> Obj:
        wanted = self.asked[session["id"]].get("payment_intent_data", {})
        intent = self._keep(account, {
            "id": f"pi_{secrets.token_hex(12)}", "object": "payment_intent", "status": "requires_payment_method", "livemode": session["livemode"],
            "amount": session["amount_total"], "amount_received": 0, "currency": session["currency"], "created": self.now(),
            "metadata": wanted.get("metadata", {}), "receipt_email": wanted.get("receipt_email"), "description": wanted.get("description"),
            "last_payment_error": None, "latest_charge": None,
        })  # fmt: skip
        session["payment_intent"] = intent["id"]
        self._tell("payment_intent.created", intent)
        return intent

    def _charge(self, account: str, intent: Obj, session: Obj) -> Obj:
        name = f"ch_{secrets.token_hex(12)}"
        intent["latest_charge"] = name
        return self._keep(account, {
            "id": name, "object": "charge", "status": "pending", "paid": False, "livemode": intent["livemode"], "amount": intent["amount"],
            "amount_refunded": 0, "refunded": False, "currency": intent["currency"], "created": self.now(), "payment_intent": intent["id"],
            "metadata": dict(intent["metadata"]), "receipt_email": intent["receipt_email"], "receipt_url": None, "failure_message": None,
        })  # fmt: skip

    def _succeed(self, intent: Obj, charge: Obj) -> None:
        charge.update(status="succeeded", paid=True, receipt_url=f"{self.base}/receipts/{charge['id']}")
        intent.update(status="succeeded", amount_received=intent["amount"], last_payment_error=None)
        self._tell("charge.succeeded", charge)
        self._tell("payment_intent.succeeded", intent)

    def _refuse(self, intent: Obj, charge: Obj, reason: str, words: str) -> None:
        charge.update(status="failed", failure_message=words)
        error = {"type": "card_error", "code": "card_declined", "decline_code": reason, "message": words, "charge": charge["id"]}
        intent.update(status="requires_payment_method", last_payment_error=error)
        self._tell("charge.failed", charge)
        self._tell("payment_intent.payment_failed", intent)

    # Refunds

    def refund(self, account: str, params: Obj) -> Obj:
        """Gives money of a charge back, whole or in part."""
        if "payment_intent" in params:
            intent = self.find(account, "payment_intent", params["payment_intent"], "payment_intent")
            charge = self.objects.get(intent["latest_charge"] or "")
        else:
            charge = self.find(account, "charge", params.get("charge", ""), "charge")
        if charge is None or not charge["paid"]:
            raise ApiError(400, "This PaymentIntent does not have a successful charge to refund.", param="payment_intent")
        left = charge["amount"] - charge["amount_refunded"]
        amount = params.get("amount", left)
        if left == 0:
            raise ApiError(400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        if amount < 1:
            raise ApiError(400, "Invalid positive integer", code="parameter_invalid_integer", param="amount")
        if amount > left:
            raise ApiError(400, f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})", param="amount")
        check_amount(amount, charge["currency"])
        refund = self._keep(account, {
            "id": f"re_{secrets.token_hex(12)}", "object": "refund", "amount": amount, "currency": charge["currency"], "created": self.now(),
            "charge": charge["id"], "payment_intent": charge["payment_intent"], "metadata": params.get("metadata", {}),
            "reason": params.get("reason"), "status": "pending" if self.refunds_wait else "succeeded", "failure_reason": None,
        })  # fmt: skip
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._tell("refund.created", refund)
        self._tell("charge.refunded", charge)
        return refund

    def settle_refund(self, refund: Obj, arrives: bool) -> None:
        """A pending refund arrives, or comes back."""
        assert refund["status"] == "pending"
        if arrives:
            refund["status"] = "succeeded"
            self._tell("refund.updated", refund)
            return
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        charge = self.objects[refund["charge"]]
        charge.update(amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)
        self._tell("refund.failed", refund)

    # Showing

    def shown(self, account: str, obj: Obj, expand: list[str]) -> Obj:
        """A copy as it is answered, with what was asked for in place of ids. Raises: ApiError for what cannot be expanded."""
        shown = copy.deepcopy(obj)
        for path in expand:
            if path.count(".") >= DEEPEST:
                raise ApiError(400, f"You cannot expand more than {DEEPEST} levels of a property.", param="expand")
            self._expand(account, shown, path.split("."))
        return shown

    def _expand(self, account: str, shown: Obj, path: list[str]) -> None:
        name, *rest = path
        if (shown["object"], name) not in EXPANDABLE:
            raise ApiError(400, f"This property cannot be expanded ({name}).", param="expand")
        if name == "refunds":
            of_charge = [one for one in self.of(account, "refund") if one["charge"] == shown["id"]]
            shown[name] = page(of_charge, f"/v1/charges/{shown['id']}/refunds", 10)
            return
        if isinstance(shown.get(name), str):
            shown[name] = copy.deepcopy(self.objects[shown[name]])
        if rest and shown.get(name):
            self._expand(account, shown[name], rest)


def page(objects: list[Obj], url: str, limit: int, after: str | None = None) -> Obj:
    """A list as Stripe answers it."""
    if after is not None:
        places = [place for place, obj in enumerate(objects) if obj["id"] == after]
        if not places:
            raise ApiError(400, f"No such object: '{after}'", code="resource_missing", param="starting_after")
        objects = objects[places[0] + 1 :]
    return {"object": "list", "url": url, "has_more": len(objects) > limit, "data": copy.deepcopy(objects[:limit])}


def check_amount(amount: int, currency: str) -> None:
    """Stripe's own rules of amounts, written down a second time on purpose. Raises: ApiError."""
    if currency != currency.lower() or len(currency) != 3 or currency in NOT_TAKEN:
        raise ApiError(400, f"Invalid currency: {currency}.", param="currency")
    if amount < 1:
        raise ApiError(400, "The amount must be greater than 0.", code="parameter_invalid_integer", param="amount")
    if amount > MOST:
        raise ApiError(400, "The amount is too large.", code="amount_too_large", param="amount")
    if currency in ("isk", "ugx") and amount % 100:
        raise ApiError(400, f"Currency {currency.upper()} has become effectively zero-decimal and amounts must be divisible by 100.", param="amount")
    if currency in ("bhd", "jod", "kwd", "omr", "tnd") and amount % 10:
        raise ApiError(400, f"Amounts in {currency.upper()} must end in 0.", param="amount")
