"""What providers report of payments, in every order that it may come in: on both engines, without a provider."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Actor, Database
from clinic.account.sweep import sweep
from clinic.errors import Conflict, DomainError
from clinic.log import entries
from clinic.outbox import jobs
from clinic.payment.money import Money
from clinic.payment.providers import Opened, Outcome, RefundOutcome, RefundReport, Report
from clinic.payment.tables import payment_attempts, payment_requests, provider_events, refunds
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, ask, attempts, decide, delay, open_attempt, report, service, state

PAID, FAILED, DONE, PENDING = Outcome.PAID, Outcome.FAILED, RefundOutcome.DONE, RefundOutcome.PENDING


@pytest.fixture(autouse=True)
def by_card(cast: Cast) -> None:
    cast.database.perform(SYSTEM, "payment.provide", provider="stripe")


def accepted(cast: Cast, **more: str) -> tuple[str, str, str]:
    """A request that Ana has accepted. Returns: the thread's uid, the request's, the attempt's."""
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast, **more))
    decide(cast, "ana", thread)
    return thread, request, attempts(cast.database, request)[0].uid


def again(cast: Cast, thread: str, request: str) -> str:
    """Ana begins to pay once more. Returns: the attempt's uid."""
    cast.database.perform(cast.ana, "payment.pay", thread, request=request)
    return str(attempts(cast.database, request)[-1].uid)


def told(database: Database, thread: str) -> list[str]:
    """Return the states of a thread's settlements, by SQL."""
    query = sa.select(entries.c.payload).where(entries.c.kind == "settlement").order_by(entries.c.seq)
    with database.reading() as connection:
        rows = connection.execute(query).scalars().all()
    found = [json.loads(row) for row in rows]
    return [one["state"] + (" returned" if one.get("returned_minor") else "") for one in found]


def waiting(database: Database, name: str) -> list[sa.Row[Any]]:
    with database.reading() as connection:
        return list(connection.execute(sa.select(jobs).where(jobs.c.queue == "payments", jobs.c.name == name).order_by(jobs.c.due_at)).all())


def refunds_of(database: Database, attempt: str) -> list[tuple[str, int]]:
    query = sa.select(refunds.c.state, refunds.c.amount_minor, refunds.c.uid).join(payment_attempts).where(payment_attempts.c.uid == attempt)
    with database.reading() as connection:
        return [(row.state, row.amount_minor) for row in connection.execute(query.order_by(refunds.c.id))]


def given(reference: str, minor: int, outcome: RefundOutcome = DONE, key: str | None = None) -> RefundReport:
    return RefundReport(reference, key, Money(minor, "EUR"), outcome)


def refunded_minor(database: Database, request: str) -> int:
    with database.reading() as connection:
        return int(connection.execute(sa.select(payment_requests.c.refunded_minor).where(payment_requests.c.uid == request)).scalar_one())


def trouble(database: Database, request: str) -> str:
    return str(attempts(database, request)[-1].trouble)


def test_a_report_of_a_payment_before_the_answer_that_opened_it_counts_and_the_answer_changes_nothing(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    for unpaid in (Outcome.OPEN, FAILED, Outcome.EXPIRED, Outcome.PROCESSING):
        report(database, attempt, unpaid)
        assert (state(database, request), attempts(database, request)[0].state) == ("accepted", "asked")
    report(database, attempt, PAID)
    opened = Opened(f"at-{attempt}", "https://pay.example/", database.now() + timedelta(days=1), test=True)
    assert database.perform(SYSTEM, "payment.opened", attempt, opened=opened).value is False
    assert (state(database, request), told(database, thread)) == ("paid", ["paid"])


def test_what_is_paid_after_its_time_ran_out_counts_and_a_second_payment_is_given_back_once(cast: Cast, database: Database) -> None:
    thread, request, first = accepted(cast)
    open_attempt(database, first)
    report(database, first, Outcome.EXPIRED)
    second = again(cast, thread, request)
    open_attempt(database, second)
    for _ in range(2):
        report(database, first, PAID)
    assert [job.payload for job in waiting(database, "payment.close")] == [f'{{"attempt": "{second}"}}']
    for _ in range(3):
        report(database, second, PAID)
    assert told(database, thread) == ["pending", "failed", "pending", "paid", "surplus"]
    assert (refunds_of(database, first), refunds_of(database, second)) == ([], [("asked", 5000)])
    assert len(waiting(database, "payment.refund")) == 1
    report(database, second, PAID, refunds=(given("re-1", 5000),))
    assert (state(database, request), refunded_minor(database, request)) == ("paid", 0)


def test_of_a_second_payment_only_what_nobody_gave_back_yet_is_given_back(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    open_attempt(database, attempt)
    database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="cash")
    assert len(waiting(database, "payment.close")) == 1
    report(database, attempt, PAID, refunds=(given("re-1", 5000),))
    assert (waiting(database, "payment.refund"), refunds_of(database, attempt)) == ([], [("done", 5000)])
    assert told(database, thread) == ["pending", "paid", "surplus"]


def test_refunds_go_one_way_whatever_is_heard_late(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    open_attempt(database, attempt)
    report(database, attempt, PAID)
    database.perform(cast.dina, "payment.refund", thread, request=request, amount="20", reason="late")
    with database.reading() as connection:
        key = connection.execute(sa.select(refunds.c.uid)).scalar_one()

    def heard(outcome: RefundOutcome, *more: RefundReport) -> None:
        report(database, attempt, PAID, refunds=(given("re-1", 2000, outcome, key), *more))

    heard(PENDING)
    heard(DONE)
    heard(PENDING)
    heard(DONE, given("re-dash", 1000))
    assert (state(database, request), refunded_minor(database, request)) == ("partly-refunded", 3000)
    heard(RefundOutcome.FAILED, given("re-dash", 1000))
    heard(DONE, given("re-dash", 1000))  # heard late
    assert (state(database, request), refunded_minor(database, request)) == ("partly-refunded", 1000)
    assert refunds_of(database, attempt) == [("failed", 2000), ("done", 1000)]
    database.perform(cast.dina, "payment.refund", thread, request=request, amount=None, reason="again, all of it")
    assert refunds_of(database, attempt)[-1] == ("asked", 4000)
    assert told(database, thread) == ["pending", "paid", "partly-refunded", "partly-refunded", "partly-refunded returned"]


def test_all_that_was_given_back_may_come_back(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    report(database, attempt, PAID, refunds=(given("re-1", 5000),))
    assert state(database, request) == "refunded"
    report(database, attempt, PAID, refunds=(given("re-1", 5000, RefundOutcome.FAILED),))
    assert (state(database, request), refunded_minor(database, request)) == ("paid", 0)
    assert told(database, thread) == ["paid", "refunded", "paid returned"]


def test_more_given_back_than_was_paid_is_for_the_administrator(cast: Cast, database: Database) -> None:
    _, request, attempt = accepted(cast)
    report(database, attempt, PAID, refunds=(given("re-1", 5000), given("re-2", 100)))
    assert state(database, request) == "refunded" and "more than was paid" in trouble(database, request)


@pytest.mark.parametrize(
    "wrong",
    [{"amount": Money(4999, "EUR")}, {"amount": Money(5000, "USD")}, {"test": False}, {"reference": "at-another"}, {"attempt": "another"}],
)
def test_a_report_that_does_not_fit_marks_nothing_as_paid(cast: Cast, database: Database, wrong: dict[str, Any]) -> None:
    thread, request, attempt = accepted(cast)
    open_attempt(database, attempt)
    fitting = {"reference": f"at-{attempt}", "attempt": attempt, "outcome": PAID, "amount": Money(5000, "EUR"), "test": True}
    database.perform(SYSTEM, "payment.reported", attempt, report=Report(**(fitting | wrong)))
    assert (state(database, request), told(database, thread)) == ("pending", ["pending"])
    assert "The provider reports" in trouble(database, request)
    report(database, attempt, PAID)
    assert (state(database, request), trouble(database, request)) == ("paid", "")


def test_looks_never_multiply(cast: Cast, database: Database) -> None:
    _, _, attempt = accepted(cast)
    open_attempt(database, attempt)
    assert len(waiting(database, "payment.look")) == 1
    for number in range(3):
        report(database, attempt, Outcome.OPEN)
        database.perform(SYSTEM, "payment.heard", provider="stripe", event=f"evt{number}", attempt=attempt)
    assert [job.payload for job in waiting(database, "payment.look")].count(f'{{"attempt": "{attempt}", "again": true}}') == 1
    assert len(waiting(database, "payment.look")) == 2
    report(database, attempt, PAID, refunds=(given("re-1", 5000, PENDING),))  # a refund that is on its way is looked at too
    database.perform(SYSTEM, "payment.refunded", attempt, report=given("re-1", 5000, PENDING))
    assert len(waiting(database, "payment.look")) == 2


def test_an_attempt_is_looked_at_as_soon_as_its_time_has_run_out(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    _, request, attempt = accepted(cast)
    open_attempt(database, attempt)
    row = attempts(database, request)[0]
    at = row.created_at + timedelta(hours=23, minutes=55)
    monkeypatch.setattr(Database, "now", lambda self: at)
    again = database.perform(SYSTEM, "payment.reported", attempt, report=_open_report(attempt)).value
    assert again == row.expires_at - at + timedelta(seconds=30)


def _open_report(attempt: str) -> Any:
    return Report(f"at-{attempt}", attempt, Outcome.OPEN, Money(5000, "EUR"), test=True)


def test_a_patient_is_told_once_of_an_outage_and_whoever_presses_pay_is_tried_at_once(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    for _ in range(3):
        delay(database, attempt)
    assert told(database, thread) == ["delayed"]
    with database.writing() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.name == "payment.open").values(due_at=database.now() + timedelta(seconds=300)))
    assert again(cast, thread, request) == attempt
    [job] = waiting(database, "payment.open")
    assert job.due_at <= database.now()


def test_nobody_is_told_of_an_outage_that_is_over_within_a_minute(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    (thread, request, attempt), began = accepted(cast), database.now()
    for seconds in (0, 1, 31, 58):
        at = began + timedelta(seconds=seconds)
        monkeypatch.setattr(Database, "now", lambda self, at=at: at)
        assert database.perform(SYSTEM, "payment.delayed", attempt, words="no answer", refused=False).value is False
    assert (told(database, thread), trouble(database, request)) == ([], "")
    open_attempt(database, attempt)
    assert told(database, thread) == ["pending"]


def test_an_outage_that_lasts_is_told_of_once_and_that_it_is_over_too(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    (thread, request, attempt), began = accepted(cast), database.now()
    said = []
    for seconds in (31, 63, 127):
        at = began + timedelta(seconds=seconds)
        monkeypatch.setattr(Database, "now", lambda self, at=at: at)
        said.append(database.perform(SYSTEM, "payment.delayed", attempt, words="no answer", refused=False).value)
    assert (said, trouble(database, request)) == ([False, True, False], "no answer")
    open_attempt(database, attempt)
    assert (told(database, thread), trouble(database, request)) == (["delayed", "pending"], "")


def test_what_is_refused_for_a_day_is_over_and_can_be_begun_anew(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    thread, request, attempt = accepted(cast)
    database.perform(SYSTEM, "payment.delayed", attempt, words="unknown key", refused=True)
    at = database.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(Database, "now", lambda self: at)
    for _ in range(2):
        database.perform(SYSTEM, "payment.delayed", attempt, words="unknown key", refused=True)
    assert (attempts(database, request)[0].state, state(database, request)) == ("refused", "failed")
    assert told(database, thread) == ["delayed", "failed"]
    second = again(cast, thread, request)
    assert second != attempt
    open_attempt(database, second)
    report(database, second, PAID)
    assert state(database, request) == "paid"


def test_where_cards_are_taken_no_more_what_was_not_begun_is_over_at_once(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    database.perform(cast.dina, "payment.provide", provider="manual")
    database.perform(SYSTEM, "payment.delayed", attempt, words="no keys", refused=False)
    assert (attempts(database, request)[0].state, told(database, thread)) == ("refused", ["failed"])
    with pytest.raises(Conflict, match="desk"):
        again(cast, thread, request)
    database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="cash")
    assert state(database, request) == "paid"


def test_what_is_paid_in_a_closed_group_by_somebody_who_left_is_kept_and_read_by_nobody(cast: Cast, database: Database) -> None:
    cast.link("ada", "boris")
    people = [cast.uid("ana"), cast.uid("ada")]
    group = str(database.perform(cast.boris, "group.create", people=people, title="Circle", reason="Same exercises.").value)
    request = ask(cast, "boris", group, service(cast, response_hours="4"), patient=cast.uid("ana"))
    decide(cast, "ana", group)
    attempt = attempts(database, request)[0].uid
    open_attempt(database, attempt)
    database.perform(cast.boris, "group.close", group)
    report(database, attempt, PAID)
    assert (state(database, request), told(database, group)) == ("paid", ["pending", "paid"])
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT answer_due_at FROM threads WHERE uid = :uid"), {"uid": group}).scalar_one() is None


def test_what_a_deactivated_patient_has_paid_is_kept(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    open_attempt(database, attempt)
    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
    report(database, attempt, PAID)
    assert (state(database, request), told(database, thread)) == ("paid", ["pending", "paid"])
    database.perform(cast.dina, "payment.refund", thread, request=request, amount=None, reason="left the clinic")
    assert refunds_of(database, attempt) == [("asked", 5000)]


def test_a_form_for_a_refund_that_is_sent_twice_gives_back_once(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    report(database, attempt, PAID)
    form = {"request": request, "amount": "20", "reason": "late", "left": "5000"}
    database.perform(cast.dina, "payment.refund", thread, **form)
    with pytest.raises(Conflict, match="Meanwhile"):
        database.perform(cast.dina, "payment.refund", thread, **form)
    assert refunds_of(database, attempt) == [("asked", 2000)]


def at_once(*calls: Callable[[], object]) -> list[DomainError | None]:
    """Make calls at the same moment, each in a thread of its own. Returns: what they refused."""
    refused: list[DomainError | None] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def call(number: int, one: Callable[[], object]) -> None:
        start.wait(10)
        try:
            one()
        except DomainError as error:
            refused[number] = error

    threads = [threading.Thread(target=call, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return refused


def test_paid_at_the_desk_and_by_card_in_the_same_moment_is_one_payment_and_at_most_one_refund(cast: Cast, database: Database) -> None:
    kinds = Counter[str]()
    for _ in range(12):
        thread, request, attempt = accepted(cast, name=f"S{_}")
        open_attempt(database, attempt)
        desk, card, card_again = at_once(
            lambda thread=thread, request=request: database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="cash"),
            lambda attempt=attempt: report(database, attempt, PAID),
            lambda attempt=attempt: report(database, attempt, PAID),
        )
        assert card is None and card_again is None
        kinds["card first" if desk else "desk first"] += 1
        assert state(database, request) == "paid"
        assert refunds_of(database, attempt) == ([] if desk else [("asked", 5000)])
    print(kinds)


def test_receipts_are_numbered_one_after_the_other_whoever_pays_at_once(cast: Cast, database: Database) -> None:
    for name in ("ana", "ada"):
        cast.link(name, "bella")
    made = []
    price = service(cast)
    pairs = [cast.start(by, patient) for by, patient in (("boris", "ana"), ("bella", "ana"), ("bella", "ada"))]
    for _ in range(5):
        for thread, (by, patient) in zip(pairs, (("boris", "ana"), ("bella", "ana"), ("bella", "ada")), strict=True):
            request = ask(cast, by, thread, price)
            decide(cast, patient, thread)
            made.append(attempts(database, request)[0].uid)
    for batch in (made[0:3], made[3:9], made[9:15]):
        assert not any(at_once(*(lambda one=one: report(database, one, PAID) for one in batch for _ in range(2))))
    with database.reading() as connection:
        numbers = connection.execute(sa.select(payment_requests.c.receipt_number)).scalars().all()
    assert sorted(numbers) == list(range(1, 16))


def test_two_administrators_who_give_back_at_once_give_back_no_more_than_was_paid(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    report(database, attempt, PAID)
    values = {"request": request, "amount": "30", "reason": "late"}
    refused = at_once(*(lambda: database.perform(cast.dina, "payment.refund", thread, **values) for _ in range(4)))
    assert sum(one is None for one in refused) == 1
    assert refunds_of(database, attempt) == [("asked", 3000)]


def test_an_event_that_comes_twice_at_once_is_one(cast: Cast, database: Database) -> None:
    _, _, attempt = accepted(cast)
    open_attempt(database, attempt)
    told_of = at_once(*(lambda: database.perform(SYSTEM, "payment.heard", provider="stripe", event="evt", attempt=attempt) for _ in range(4)))
    assert not any(told_of)
    with database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(provider_events)).scalar_one() == 1


def test_events_are_forgotten_after_ninety_days(cast: Cast, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for event in ("a", "b"):
        database.perform(SYSTEM, "payment.heard", provider="stripe", event=event)
    with database.writing() as connection:
        connection.execute(sa.update(provider_events).where(provider_events.c.event == "a").values(received_at=database.now() - timedelta(days=91)))
    sweep(database)
    with database.reading() as connection:
        assert connection.execute(sa.select(provider_events.c.event)).scalars().all() == ["b"]


def test_nobody_but_the_clinic_itself_reports(cast: Cast, database: Database) -> None:
    _, request, attempt = accepted(cast)
    for actor in (Actor.anonymous(), cast.ana, cast.boris, cast.dina):
        with pytest.raises(DomainError):
            database.perform(actor, "payment.reported", attempt, report=_open_report(attempt))
    assert state(database, request) == "accepted"


def test_after_money_came_there_is_one_more_look_for_what_was_told_before_its_name_was_stored(cast: Cast, database: Database) -> None:
    _, _, attempt = accepted(cast)
    open_attempt(database, attempt)
    paid = Report(f"at-{attempt}", attempt, PAID, Money(5000, "EUR"), test=True, payment_reference="money-1")
    pauses = [database.perform(SYSTEM, "payment.reported", attempt, report=paid).value for _ in range(2)]
    assert pauses == [timedelta(seconds=20), None]
    assert [job.payload for job in waiting(database, "payment.look")] == [f'{{"attempt": "{attempt}", "again": true}}']
    database.perform(SYSTEM, "payment.heard", provider="stripe", event="evt", payment_reference="money-1")
    assert len(waiting(database, "payment.look")) == 2


def test_what_is_heard_late_takes_no_payment_back(cast: Cast, database: Database) -> None:
    thread, request, attempt = accepted(cast)
    open_attempt(database, attempt)
    report(database, attempt, PAID)
    for late in (Outcome.OPEN, FAILED, Outcome.PROCESSING, Outcome.EXPIRED):
        report(database, attempt, late)
        assert (state(database, request), attempts(database, request)[0].state) == ("paid", "paid")
    report(database, attempt, PAID)
    assert told(database, thread) == ["pending", "paid"]
