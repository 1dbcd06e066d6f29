"""Paying by card, from the answer to the request to the money: the worker's part, the webhook's route and the stand-in together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from clinic import Config, Database
from clinic.errors import Invalid
from clinic.outbox import jobs
from clinic.payment.providers import Asking, Opened
from ops.paying import Payer
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, ask, attempts, begun_before, decide, service, state
from tests.support.stripe_stand_in import ACCOUNTS, KEY, RESTRICTED_KEY, StripeStandIn
from web.gateways.stripe import StripeProvider


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
        assert state(database, request) == "accepted" and attempts(database, request)[0].trouble == ""
        begun_before(database, attempts(database, request)[0].uid, seconds=63)
        due(database, 0)
        payer.turn()
        assert state(database, request) == "accepted" and "did not answer" in attempts(database, request)[0].trouble
        cast.post("ana", thread, "I can write all the same")
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET due_at = '2020-01-01 00:00:00' WHERE queue = 'payments'")
    work_off(payer)
    [attempt] = attempts(database, request)
    assert (attempt.state, attempt.trouble, len(stand.opened(attempt.uid))) == ("open", "", 1)


def test_when_the_card_service_is_back_all_that_waited_is_done_at_once(
    database: Database, cast: Cast, stand: StripeStandIn, payer: Payer
) -> None:
    cast.link("ada", "boris")
    price = service(cast)
    made = []
    for patient in ("ana", "ada"):
        thread = cast.start("boris", patient)
        made.append((thread, ask(cast, "boris", thread, price)))
        decide(cast, patient, thread)
    with stand.outage("error"):
        work_off(payer)
        due(database, 300)
    assert not payer.turn()
    database.perform(cast.ana, "payment.pay", made[0][0], request=made[0][1])  # Ana does not want to wait
    work_off(payer)
    assert [state(database, request) for _, request in made] == ["pending", "pending"]
    assert all(len(stand.opened(attempts(database, request)[0].uid)) == 1 for _, request in made)


def test_a_refund_whose_answer_was_lost_is_not_taken_for_refused_when_the_key_is_revoked(
    database: Database, cast: Cast, config: Config, stand: StripeStandIn, payer: Payer
) -> None:
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    work_off(payer)
    [attempt] = attempts(database, request)
    stand.pay(attempt.reference)
    due(database, 0)
    work_off(payer)
    database.perform(cast.dina, "payment.refund", thread, request=request, amount="20", reason="late")
    stand.lose_answers()
    payer.turn()
    stand.keys.pop(KEY)
    due(database, 0)
    work_off(payer)
    left = {"request": request, "amount": "40", "reason": "again"}
    with pytest.raises(Invalid, match=r"30\.00 EUR is all"):
        database.perform(cast.dina, "payment.refund", thread, **left)
    stand.write_keys(config.data, RESTRICTED_KEY)
    due(database, 0)
    work_off(payer)
    assert (state(database, request), stand.refunded_of(attempt.uid)) == ("partly-refunded", [2000])


def test_a_refund_that_the_card_service_refuses_is_over_and_can_be_asked_for_anew(
    database: Database, cast: Cast, stand: StripeStandIn, payer: Payer
) -> None:
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    work_off(payer)
    [attempt] = attempts(database, request)
    stand.pay(attempt.reference)
    due(database, 0)
    work_off(payer)
    with stand.lock:  # somebody gives most of it back in the dashboard, and the clinic does not know yet
        stand.books.refund(ACCOUNTS[KEY], {"payment_intent": stand.books.objects[attempt.reference]["payment_intent"], "amount": 4000})
    database.perform(cast.dina, "payment.refund", thread, request=request, amount="20", reason="late")
    work_off(payer)
    assert (state(database, request), stand.refunded_of(attempt.uid)) == ("partly-refunded", [4000])
    database.perform(cast.dina, "payment.refund", thread, request=request, amount=None, reason="the rest")
    work_off(payer)
    assert (state(database, request), stand.refunded_of(attempt.uid)) == ("refunded", [4000, 1000])


def test_an_answer_that_nobody_understands_keeps_no_other_payment_waiting(
    database: Database, cast: Cast, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    price, made = service(cast), []
    cast.link("ada", "boris")
    for patient in ("ana", "ada"):
        thread = cast.start("boris", patient)
        made.append(ask(cast, "boris", thread, price))
        decide(cast, patient, thread)
    opened, first = StripeProvider.open, attempts(database, made[0])[0].uid

    def odd(provider: StripeProvider, asking: Asking) -> Opened:
        if asking.attempt == first:
            raise KeyError("expires_at")
        return opened(provider, asking)

    monkeypatch.setattr(StripeProvider, "open", odd)
    with pytest.raises(KeyError):
        work_off(payer)
    work_off(payer)
    assert [state(database, request) for request in made] == ["accepted", "pending"]


def due(database: Database, seconds: int) -> None:
    """Let all that waits for the card service be due in so many seconds."""
    with database.writing() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.queue == "payments").values(due_at=database.now() + timedelta(seconds=seconds)))
