"""Stripe Checkout as a `Provider`: the only file that imports Stripe's library. May import `clinic`.

One attempt is one Checkout Session: the patient pays on Stripe's page, no card number comes near the clinic. What Stripe says in passing
(a redirect, a webhook) is never believed: `heard` tells which attempt to look at, `look` asks Stripe for the whole of it.

Keys that make repeating safe are kept by Stripe for a day. Before a refund, therefore, those that were made are asked for: a clinic whose
machine stood still longer must not give money back twice. A session that is opened twice is harmless: only one address reaches the patient.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import stripe

from clinic.payment.money import Money
from clinic.payment.providers import Account, Asking, Opened, RefundReport, Refused, Report, Unreachable
from web.gateways.amounts import to_stripe
from web.gateways.reading import ATTEMPT, REFUND, Heard, heard_of, moment, refund_of, report_of

if TYPE_CHECKING:
    from stripe.params import RefundCreateParams
    from stripe.params.checkout import (
        SessionCreateParams,
        SessionCreateParamsLineItemPriceDataProductData,
        SessionListParams,
    )

API = "https://api.stripe.com"
TIMEOUT_SECONDS = 10.0
"""To connect, and again between two pieces of an answer."""
TOLERANCE_SECONDS = 300
"""How old a webhook's signature may be."""
WHOLE = ["payment_intent.latest_charge.refunds"]
LONGEST_NAME = 250

# No figures about our requests, nor about this machine, go along with them; its log would repeat what is reported here in words.
stripe.enable_telemetry = False
logging.getLogger("stripe").setLevel(logging.WARNING)


class NotHeard(Exception):
    """A webhook that proves nothing: a wrong or old signature, or no event at all. words: for the log, without anything of what was sent."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(words)


@contextmanager
def _asking() -> Iterator[None]:
    """Turns what the library raises into the two answers that the clinic knows."""
    try:
        yield
    except stripe.StripeError as error:
        # Everything else may pass: no connection, HTTP 409 (the same key is being worked on), 429, 5xx, and what is no answer of Stripe's own.
        lasting = (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError, stripe.CardError, stripe.IdempotencyError)
        if not isinstance(error, lasting):
            raise Unreachable(f"{type(error).__name__}, HTTP {error.http_status or 'none'}") from error
        raise Refused(_words(error)) from error


def _words(error: stripe.StripeError) -> str:
    if isinstance(error, stripe.AuthenticationError):
        return "Stripe does not know this secret key any more. Give the clinic a new one: bedside payments keys"
    if isinstance(error, stripe.PermissionError):
        return f"The restricted key may not do this at Stripe: {error.user_message or 'no reason given'}"
    return f"Stripe says: {error.user_message or type(error).__name__}"


class StripeProvider:
    """Takes payments through the Stripe account of `secret_key`. base: where its API is, another place for tests only."""

    def __init__(self, secret_key: str, base: str = API, timeout: float = TIMEOUT_SECONDS) -> None:
        self.test = "_live_" not in secret_key
        self._client = stripe.StripeClient(
            secret_key,
            base_addresses={"api": base},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=(timeout, timeout)),
        )
        self._sessions = self._client.v1.checkout.sessions

    def account(self) -> Account:
        """Return whose keys these are. A restricted key may not be allowed to know: then no name, and the reference if Stripe mentions it."""
        with _asking():
            try:
                found = self._client.v1.accounts.retrieve_current().to_dict()
            except stripe.PermissionError as error:
                self._sessions.list({"limit": 1})
                named = re.search(r"\bacct_\w+", error.user_message or "")
                return Account(named.group() if named else "", "", self.test)
        profile, shown = found.get("business_profile") or {}, (found.get("settings") or {}).get("dashboard") or {}
        return Account(found["id"], shown.get("display_name") or profile.get("name") or found.get("email") or "", self.test)

    def open(self, asking: Asking) -> Opened:
        """Open a session; again for the same attempt, with the same words, the same one."""
        key = f"attempt-{asking.attempt}"
        with _asking():
            try:
                made = self._sessions.create(_params(asking), {"idempotency_key": key})
            except stripe.APIError as error:
                # Stripe keeps a failure of its own under the key, and would repeat it for a day.
                if (error.http_status or 0) < 500 or not error.headers or error.headers.get("Idempotent-Replayed") != "true":
                    raise
                made = self._sessions.create(_params(asking), {"idempotency_key": f"{key}-again"})
        session = made.to_dict()
        return Opened(session["id"], session["url"] or "", moment(session["expires_at"]), not session["livemode"])

    def look(self, reference: str) -> Report:
        """Return an attempt as it stands now, with all its refunds."""
        with _asking():
            return self._report(self._sessions.retrieve(reference, {"expand": WHOLE}).to_dict())

    def close(self, reference: str) -> Report:
        """Expire a session that is open. Raises: Unreachable while a payment is on its way there."""
        with _asking():
            try:
                return self._report(self._sessions.expire(reference, {"expand": WHOLE}).to_dict())
            except stripe.InvalidRequestError as error:
                session = self._sessions.retrieve(reference, {"expand": WHOLE}).to_dict()
                if session["status"] == "open":
                    raise Unreachable("the session cannot be expired just now") from error
                return self._report(session)

    def refund(self, reference: str, key: str, amount: Money) -> RefundReport:
        """Give money of a paid attempt back, once for each key."""
        with _asking():
            session = self._sessions.retrieve(reference).to_dict()
            intent = session["payment_intent"]
            if not intent:
                raise Refused("Nothing was paid here, so nothing can be given back.")
            minor, currency = to_stripe(amount)
            if currency != session["currency"]:
                raise Refused(f"This was paid in {session['currency'].upper()}, and is given back in it, not in {amount.currency}.")
            for made in self._client.v1.refunds.list({"payment_intent": intent, "limit": 100}).auto_paging_iter():
                if (known := refund_of(made.to_dict())).key == key:
                    return known
            metadata = {REFUND: key, ATTEMPT: (session["metadata"] or {}).get(ATTEMPT, "")}
            params: RefundCreateParams = {"payment_intent": intent, "amount": minor, "metadata": metadata}
            return refund_of(self._client.v1.refunds.create(params, {"idempotency_key": f"refund-{key}"}).to_dict())

    def since(self, moment: datetime) -> list[Report]:
        """Return the attempts of the clinic that were opened since `moment`, newest first."""
        params: SessionListParams = {"created": {"gte": int(moment.timestamp())}, "limit": 100, "expand": [f"data.{path}" for path in WHOLE]}
        with _asking():
            found = (session.to_dict() for session in self._sessions.list(params).auto_paging_iter())
            return [self._report(session) for session in found if (session["metadata"] or {}).get(ATTEMPT)]

    def _report(self, session: dict[str, Any]) -> Report:
        charge = (session["payment_intent"] or {}).get("latest_charge") or {}
        refunds = charge.get("refunds") or {"data": (), "has_more": False}
        if refunds["has_more"]:  # only the newest ten come with a charge
            every = self._client.v1.refunds.list({"charge": charge["id"], "limit": 100}).auto_paging_iter()
            return report_of(session, [refund.to_dict() for refund in every])
        return report_of(session, refunds["data"])


def _params(asking: Asking) -> SessionCreateParams:
    """What opens an attempt. All of it depends on the attempt alone: under one key Stripe takes the same words only, so there is no clock in it.

    A session lasts 24 hours unless told otherwise. The patient pays the amount of the request, in its currency, whatever the dashboard says.
    """
    minor, currency = to_stripe(asking.amount)
    metadata = {ATTEMPT: asking.attempt}
    product: SessionCreateParamsLineItemPriceDataProductData = {"name": asking.service.strip()[:LONGEST_NAME] or "Payment"}
    return {
        "mode": "payment",
        "client_reference_id": asking.attempt,
        "metadata": metadata,
        "line_items": [{"quantity": 1, "price_data": {"currency": currency, "unit_amount": minor, "product_data": product}}],
        "payment_intent_data": {"metadata": metadata},
        "adaptive_pricing": {"enabled": False},
        "success_url": asking.return_url,
        "cancel_url": asking.return_url,
    }


def heard(payload: bytes, signature: str, secrets: Sequence[str]) -> Heard:
    """Return which attempt a webhook has news of.

    payload: the body as it came. signature: the header Stripe-Signature, "" where there is none. secrets: those that are in use, any of them will do.
    Raises: NotHeard for a signature that is wrong, absent or older than 300 seconds, and for a body that is no event.
    """
    if not secrets:
        raise NotHeard("There is no webhook secret: bedside payments keys")
    if not signature.isascii():
        raise NotHeard("The signature is wrong.")
    old = False
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(payload, signature, secret, TOLERANCE_SECONDS)
            return heard_of(json.loads(payload))
        except stripe.SignatureVerificationError as error:
            old = old or "tolerance" in (error.user_message or "")
        except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are such
            raise NotHeard("The body is no event.") from None
    raise NotHeard("The signature is too old." if old else "The signature is wrong.")
