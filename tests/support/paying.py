"""What tests of payments share: a service, a request for it, what a provider reports. Imports the cast."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from clinic import Actor, Database
from clinic.payment.money import Money
from clinic.payment.providers import Opened, Outcome, Report
from clinic.payment.tables import payment_attempts, payment_requests
from tests.support.cast import Cast

SYSTEM = Actor.system()


def service(cast: Cast, name: str = "Consultation", price: str = "50.00", currency: str = "EUR", **more: str) -> str:
    """Add a service; returns its uid."""
    uid: str = cast.database.perform(cast.dina, "service.create", name=name, price=price, currency=currency, **more).value
    return uid


def ask(cast: Cast, by: str, thread: str, wanted: str, **more: str) -> str:
    """Ask for a payment; returns the request's uid."""
    values = {"service": wanted, "client_id": uuid.uuid4().hex} | more
    uid: str = cast.database.perform(getattr(cast, by), "payment.request", thread, **values).value
    return uid


def decide(cast: Cast, by: str, thread: str, decision: str = "accept", request: str | None = None) -> str:
    """Answer a request; returns the path to what comes next."""
    path: str = cast.database.perform(getattr(cast, by), "payment.decide", thread, decision=decision, request=request).value
    return path


def state(database: Database, request: str) -> str:
    """Return where a request stands, by SQL."""
    with database.reading() as connection:
        return str(connection.execute(sa.select(payment_requests.c.state).where(payment_requests.c.uid == request)).scalar_one())


def attempts(database: Database, request: str) -> list[sa.Row[Any]]:
    """Return the attempts to pay a request, oldest first, by SQL."""
    query = sa.select(payment_attempts).join(payment_requests).where(payment_requests.c.uid == request).order_by(payment_attempts.c.id)
    with database.reading() as connection:
        return list(connection.execute(query).all())


def open_attempt(database: Database, attempt: str) -> str:
    """Say that a provider has opened an attempt; returns its reference."""
    opened = Opened(f"at-{attempt}", f"https://pay.example/{attempt}", database.now() + timedelta(days=1), test=True)
    database.perform(SYSTEM, "payment.opened", attempt, opened=opened)
    return opened.reference


def report(database: Database, attempt: str, outcome: Outcome, amount: Money | None = None, **more: Any) -> None:
    """Say how a provider knows an attempt now."""
    values = {"reference": f"at-{attempt}", "attempt": attempt, "outcome": outcome, "amount": amount or Money(5000, "EUR"), "test": True} | more
    database.perform(SYSTEM, "payment.reported", attempt, report=Report(**values))


def begun_before(database: Database, attempt: str, *, seconds: int) -> None:
    """Let an attempt have been begun so long ago."""
    with database.writing() as connection:
        began = database.now() - timedelta(seconds=seconds)
        connection.execute(sa.update(payment_attempts).where(payment_attempts.c.uid == attempt).values(created_at=began))


def delay(database: Database, attempt: str, words: str = "No answer") -> None:
    """Say that a provider has not answered for more than the minute after which that is told."""
    begun_before(database, attempt, seconds=63)
    database.perform(SYSTEM, "payment.delayed", attempt, words=words, refused=False)
