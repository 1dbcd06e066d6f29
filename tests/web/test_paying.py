"""Paying by card, from the answer to the request to the money: the worker's part, the webhook's route and the stand-in together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from clinic import Config, Database
from ops.paying import Payer
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, ask, attempts, decide, service, state
from tests.support.stripe_stand_in import StripeStandIn


@pytest.fixture
def payer(app: Flask, database: Database, config: Config, stand: StripeStandIn) -> Iterator[Payer]:
    """The worker's part, which the test turns by hand; events are held back until the test delivers them."""
    stand.hold()
    stand.write_keys(config.data)
    database.perform(SYSTEM, "payment.provide", provider="stripe")
    yield Payer(database, config)


def work_off(payer: Payer) -> None:
    while payer.turn():
        pass


def deliver(app: Flask, stand: StripeStandIn) -> list[int]:
    """Bring all events that were held to the webhook's route; returns its answers."""
    return [told(app, *one) for one in held(stand)]


def told(app: Flask, headers: dict[str, str], body: bytes) -> int:
    return app.test_client().post("/webhooks/stripe", data=body, headers=headers).status_code


def held(stand: StripeStandIn) -> list[tuple[dict[str, str], bytes]]:
    """Return the events that were held back; what comes later is held back too."""
    found = stand.held()
    stand.hold()
    return found


def test_a_declined_card_then_another_one_and_a_part_given_back(
    app: Flask, database: Database, cast: Cast, stand: StripeStandIn, payer: Payer
) -> None:
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast))
    assert decide(cast, "ana", thread) == f"/payments/{request}"
    assert state(database, request) == "accepted"
    work_off(payer)
    [attempt] = attempts(database, request)
    assert (attempt.state, attempt.test, state(database, request)) == ("open", True, "pending")
    assert stand.pay(attempt.reference, "4000000000000002") != ""
    assert set(deliver(app, stand)) == {200}
    work_off(payer)
    assert state(database, request) == "failed"
    cast.post("ana", thread, "my card was declined")  # paying is not the gate
    assert stand.pay(attempt.reference) == ""
    events = held(stand)
    assert {told(app, *one) for one in events * 2} == {200}  # each event comes twice
    work_off(payer)
    assert state(database, request) == "paid" and stand.paid_of(attempt.uid) == [5000]
    database.perform(cast.dina, "payment.refund", thread, request=request, amount="20", reason="too long a wait")
    work_off(payer)
    assert state(database, request) == "partly-refunded" and stand.refunded_of(attempt.uid) == [2000]
    deliver(app, stand)
    work_off(payer)
    assert state(database, request) == "partly-refunded"


def test_an_outage_delays_and_doubles_nothing(app: Flask, database: Database, cast: Cast, stand: StripeStandIn, payer: Payer) -> None:
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    with stand.outage():
        payer.turn()
        assert state(database, request) == "accepted" and "did not answer" in attempts(database, request)[0].trouble
        cast.post("ana", thread, "I can write all the same")
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET due_at = '2020-01-01 00:00:00' WHERE queue = 'payments'")
    work_off(payer)
    [attempt] = attempts(database, request)
    assert (attempt.state, attempt.trouble, len(stand.opened(attempt.uid))) == ("open", "", 1)
