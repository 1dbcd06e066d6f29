"""One payment's story at the stand-in for Stripe, recorded once, and told again for as many payments as wanted: events, and what Stripe would answer.

So thousands of orders of events take a minute: nothing but the provider's answers is replayed, under the names of each payment.
"""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from clinic.payment.money import Money
from clinic.payment.providers import Asking, Opened, Report
from tests.support.stripe_stand_in import ACCOUNTS, KEY, StripeStandIn
from web.gateways.stripe import StripeProvider

DECLINED = "4000000000000002"
EVENTS = (
    ("payment_intent.payment_failed", 1),
    ("payment_intent.succeeded", 2),
    ("checkout.session.completed", 2),
    ("charge.refunded", 3),
    ("refund.created", 4),
    ("refund.updated", 5),
)
"""The six events, each with how much has happened when Stripe sends it."""
ID = re.compile(r"\b(?:cs_test|cs|pi|ch|re|evt)_[A-Za-z0-9]+")


class Story:
    """A card is declined, another pays, 20.00 of 50.00 are given back in the dashboard, and then, by a bank that takes a day, the rest.

    events: the bodies of EVENTS. reports: how the payment stands after so many of these steps, from 0.
    """

    def __init__(self, stand: StripeStandIn) -> None:
        self.attempt = "attempt0attempt0attempt0aa"
        provider = StripeProvider(KEY, stand.url, timeout=5.0)
        self.reference = provider.open(Asking(self.attempt, Money(5000, "EUR"), "Consultation", "https://clinic.example/")).reference
        self.reports: list[Report] = []
        self.events: list[str] = []

        def step() -> None:
            self.reports.append(provider.look(self.reference))

        step()
        assert stand.pay(self.reference, DECLINED)
        step()
        assert stand.pay(self.reference) == ""
        step()
        session = stand.books.objects[self.reference]
        with stand.lock:
            stand.books.refund(ACCOUNTS[KEY], {"payment_intent": session["payment_intent"], "amount": 2000})
        step()
        with stand.lock:
            stand.books.refunds_wait = True
            rest = stand.books.refund(ACCOUNTS[KEY], {"payment_intent": session["payment_intent"]})
            stand.books.refunds_wait = False
        step()
        stand.settle_refund(rest["id"])
        step()
        for kind, _ in EVENTS:  # of refund.created the second, of charge.refunded the first
            found = [event for event in stand.events if event["type"] == kind]
            self.events.append(json.dumps(found[-1] if kind == "refund.created" else found[0]))

    def named(self, text: str, attempt: str) -> str:
        """Return a text with the names that belong to another attempt."""
        return ID.sub(lambda found: f"{found.group()}_of_{attempt}", text).replace(self.attempt, attempt)

    def report(self, attempt: str, step: int) -> Report:
        """Return how an attempt stands after so many steps."""
        one = self.reports[step]
        refunds = tuple(replace(refund, reference=self.named(refund.reference, attempt)) for refund in one.refunds)
        name, paid = self.named(one.reference, attempt), self.named(one.payment_reference, attempt)
        return replace(one, reference=name, attempt=attempt, payment_reference=paid, refunds=refunds)


class ToldProvider:
    """Whoever takes payments, as the story goes for each attempt. happened: how much of it has. looked: what was answered, in order."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.lock = threading.Lock()
        self.happened: dict[str, int] = defaultdict(int)
        self.looked: dict[str, list[int]] = defaultdict(list)

    def opened(self, attempt: str) -> Opened:
        """Return the answer that opens an attempt."""
        return Opened(self.story.named(self.story.reference, attempt), "https://pay.example/", datetime.now(UTC) + timedelta(days=1), test=True)

    def happens(self, attempt: str, step: int) -> None:
        """Let the story of an attempt go on so far at least."""
        with self.lock:
            self.happened[attempt] = max(self.happened[attempt], step)

    def look(self, reference: str) -> Report:
        """Return an attempt as it stands now."""
        attempt = reference.rpartition("_of_")[2]
        with self.lock:
            step = self.happened[attempt]
            self.looked[attempt].append(step)
        return self.story.report(attempt, step)
