"""What administrators read of payments: the list as they narrow it, totals in several currencies, one payment in full, what needs a look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from clinic import Database, errors
from clinic.audit.tables import audit_entries
from clinic.payment.ledger import LedgerRow, Sought, ledger, ledger_choices, month_after, month_before
from clinic.payment.money import Money
from clinic.payment.providers import Outcome, RefundOutcome, RefundReport
from clinic.payment.statement import Statement, own_receipt, receipt, statement
from clinic.payment.states import State
from clinic.payment.tables import refunds
from clinic.payment.totals import MonthTotals, Total, totals
from clinic.payment.troubles import Trouble, troubles
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, ask, attempts, decide, delay, open_attempt, report, service

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Clock:
    """What time it is."""

    def __init__(self) -> None:
        self.at = NOW

    def set(self, year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> None:
        self.at = datetime(year, month, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    made = Clock()

    def now(_database: Database) -> datetime:
        made.at += timedelta(milliseconds=1)
        return made.at

    monkeypatch.setattr(Database, "now", now)
    yield made


@pytest.fixture
def thread(clock: Clock, cast: Cast) -> str:
    return cast.start("boris", "ana")


def listed(cast: Cast, **narrowed: Any) -> list[LedgerRow]:
    with cast.database.read(cast.dina) as work:
        return ledger(work, Sought(**narrowed))


def months(cast: Cast, **narrowed: Any) -> list[MonthTotals]:
    with cast.database.read(cast.dina) as work:
        return totals(work, Sought(**narrowed))


def in_full(cast: Cast, request: str) -> Statement:
    with cast.database.read(cast.dina) as work:
        return statement(work, request)


def pay(cast: Cast, thread: str, request: str) -> None:
    """Ana accepts, and Boris takes the money."""
    decide(cast, "ana", thread, request=request)
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="In cash")


def give_back(cast: Cast, thread: str, request: str, amount: str | None = None, **more: str) -> int:
    values = {"request": request, "amount": amount, "reason": "Not needed"} | more
    minor: int = cast.database.perform(cast.dina, "payment.refund", thread, **values).value
    return minor


def by_card(cast: Cast, thread: str, price: Money, *, test: bool = False, name: str = "By card") -> tuple[str, str]:
    """Ana accepts and pays by card; returns the request and its attempt."""
    cast.database.perform(cast.dina, "payment.provide", provider="stripe")
    request = ask(cast, "boris", thread, service(cast, name, price.amount, price.currency))
    decide(cast, "ana", thread, request=request)
    [attempt] = attempts(cast.database, request)
    open_attempt(cast.database, attempt.uid)
    with cast.database._writing() as connection:
        connection.exec_driver_sql(f"UPDATE payment_attempts SET test = {'TRUE' if test else 'FALSE'} WHERE uid = '{attempt.uid}'")
    report(cast.database, attempt.uid, Outcome.PAID, price, test=test, payment_reference="pi_1")
    return request, attempt.uid


def line(service: str, currency: str, requested: int, paid: int, refunded: int, *, test: bool = False) -> Total:
    return Total(service, test, Money(requested, currency), Money(paid, currency), Money(refunded, currency))


def test_months_follow_each_other_over_the_year() -> None:
    assert month_after(date(2026, 12, 1)) == date(2027, 1, 1) and month_after(date(2026, 1, 1)) == date(2026, 2, 1)
    assert month_before(date(2027, 1, 1)) == date(2026, 12, 1) and month_before(date(2026, 3, 1)) == date(2026, 2, 1)


def test_totals_never_mix_currencies(cast: Cast, thread: str) -> None:
    prices = {"Euro": ("50.00", "EUR", 5000), "Yen": ("7500", "JPY", 7500), "Dinar": ("1.500", "KWD", 1500), "Report": ("20.25", "EUR", 2025)}
    asked = {name: ask(cast, "boris", thread, service(cast, name, *price[:2])) for name, price in prices.items()}
    for name in ("Euro", "Yen", "Dinar"):
        pay(cast, thread, asked[name])
    assert give_back(cast, thread, asked["Dinar"], "0.250") == 250
    assert give_back(cast, thread, asked["Euro"]) == 5000
    [month] = months(cast)
    assert month.month == date(2026, 11, 1)
    assert month.rows == (
        line("Dinar", "KWD", 1500, 1500, 250),
        line("Euro", "EUR", 5000, 5000, 5000),
        line("Report", "EUR", 2025, 0, 0),
        line("Yen", "JPY", 7500, 7500, 0),
    )
    assert month.sums == (line("", "EUR", 7025, 5000, 5000), line("", "JPY", 7500, 7500, 0), line("", "KWD", 1500, 1500, 250))
    assert [str(total.requested) for total in month.sums] == ["70.25 EUR", "7500 JPY", "1.500 KWD"]


def test_a_service_whose_currency_changed_has_a_line_in_each(cast: Cast, thread: str) -> None:
    uid = service(cast, "Consultation", "50.00", "EUR")
    ask(cast, "boris", thread, uid)
    decide(cast, "ana", thread, "reject")
    cast.database.perform(cast.dina, "service.describe", uid, name="Consultation", price="60.00", currency="CHF")
    ask(cast, "boris", thread, uid)
    [month] = months(cast)
    assert month.rows == (line("Consultation", "CHF", 6000, 0, 0), line("Consultation", "EUR", 5000, 0, 0))


def test_months_begin_at_the_clinics_own_midnight(cast: Cast, thread: str, clock: Clock) -> None:
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="Clinic", emergency_number="112", time_zone="Pacific/Auckland")  # UTC+13 then
    uid = service(cast)
    clock.set(2026, 10, 31, 10, 59)
    october = ask(cast, "boris", thread, uid)
    decide(cast, "ana", thread)
    clock.set(2026, 10, 31, 11, 0)
    november = ask(cast, "boris", thread, uid)
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=october, note="In cash")
    clock.at = NOW
    assert [(month.month.month, [(one.requested.minor, one.paid.minor) for one in month.rows]) for month in months(cast)] == [
        (11, [(5000, 5000)]),
        (10, [(5000, 0)]),
    ]
    assert [row.request for row in listed(cast, month=date(2026, 10, 1))] == [october]
    assert [row.request for row in listed(cast, month=date(2026, 11, 1))] == [november]
    assert [month.month.month for month in months(cast, month=date(2026, 10, 1))] == [10]
    with cast.database.read(cast.dina) as work:
        assert ledger_choices(work).months == (date(2026, 12, 1), date(2026, 11, 1), date(2026, 10, 1))  # where it is December by then


def test_what_was_paid_in_test_mode_is_added_up_by_itself(cast: Cast, thread: str) -> None:
    by_card(cast, thread, Money(5000, "EUR"), name="Consultation")
    by_card(cast, thread, Money(7000, "EUR"), test=True, name="Trial")
    [month] = months(cast)
    assert month.rows == (line("Consultation", "EUR", 5000, 5000, 0), line("Trial", "EUR", 7000, 7000, 0, test=True))
    assert month.sums == (line("", "EUR", 5000, 5000, 0), line("", "EUR", 7000, 7000, 0, test=True))
    assert [(row.service, row.provider, row.test, row.reference) for row in listed(cast)] == [
        ("Trial", "stripe", True, "pi_1"), ("Consultation", "stripe", False, "pi_1"),
    ]


def test_what_was_paid_a_second_time_counts_once(cast: Cast, thread: str) -> None:
    cast.database.perform(cast.dina, "payment.provide", provider="stripe")
    request = ask(cast, "boris", thread, service(cast))
    pay(cast, thread, request)
    attempt = attempts(cast.database, request)[0]
    report(cast.database, attempt.uid, Outcome.PAID)
    with cast.database.reading() as connection:
        [back] = connection.execute(sa.select(refunds.c.uid)).scalars()
    done = RefundReport("re_1", back, Money(5000, "EUR"), RefundOutcome.DONE)
    report(cast.database, attempt.uid, Outcome.PAID, refunds=(done,))
    [month] = months(cast)
    assert month.rows == (line("Consultation", "EUR", 5000, 5000, 0),)
    full = in_full(cast, request)
    assert [one.surplus for one in full.refunds] == [True] and full.left == Money(5000, "EUR")


def test_the_list_is_narrowed(cast: Cast, thread: str) -> None:
    cast.link("ada", "bella")
    other = cast.start("bella", "ada")
    consultation, written = service(cast), service(cast, "Report", "45.00")
    paid = ask(cast, "boris", thread, consultation)
    pay(cast, thread, paid)
    waits = ask(cast, "chen", thread, written)
    rejected = ask(cast, "bella", other, written)
    decide(cast, "ada", other, "reject")
    assert [row.request for row in listed(cast)] == [rejected, waits, paid]

    def found(**narrowed: object) -> list[str]:
        return [row.request for row in listed(cast, **narrowed)]

    assert found(stands="paid") == [paid] and found(stands="open") == [waits] and found(stands="refunded") == [] and found(stands="x") == []
    assert found(service=written) == [rejected, waits] and found(service="nothing") == [] and found(service=cast.uid("ana")) == []
    assert found(practitioner=cast.uid("boris")) == [waits, paid]
    assert found(patient="almEIDA ada") == [rejected] and found(patient="a_a") == [] and found(patient="Boris") == []
    assert found(service=written, practitioner=cast.uid("boris"), patient="ana", stands="open") == [waits]
    assert [month.sums for month in months(cast, practitioner=cast.uid("bella"))] == [(line("", "EUR", 4500, 0, 0),)]
    with cast.database.read(cast.dina) as work:
        choices = ledger_choices(work)
        assert [row.request for row in ledger(work, Sought(), limit=2)] == [rejected, waits]
        assert [row.request for row in ledger(work, Sought(), before=waits)] == [paid]
    assert [name for _, name in choices.services] == ["Consultation", "Report"]
    assert [name for _, name in choices.practitioners] == ["Bella Baptiste", "Boris Brandt"] and choices.months == (date(2026, 11, 1),)
    row = listed(cast, stands="open")[0]
    assert (row.patient, row.practitioner, row.requester, row.state) == ("Ana Alvarez", "Boris Brandt", "Chen Cheng", State.OPEN)


def test_an_empty_clinic_has_nothing_to_list(cast: Cast) -> None:
    assert listed(cast) == [] and months(cast) == []
    with cast.database.read(cast.dina) as work:
        assert ledger_choices(work).months == () and troubles(work) == []


def test_one_payment_in_full(cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "what nobody but the members reads")
    request = ask(cast, "chen", thread, service(cast))
    pay(cast, thread, request)
    assert give_back(cast, thread, request, "20") == 2000
    full = in_full(cast, request)
    assert [one.words for one in full.history] == [
        "Chen Cheng asked Ana Alvarez for 50.00 EUR, on behalf of Boris Brandt.",
        "Ana Alvarez accepted the payment request (Consultation, 50.00 EUR). It is paid at the clinic's desk. Messages are open.",
        "Boris Brandt marked 50.00 EUR for Consultation as paid.",
        "20.00 EUR of 50.00 EUR for Consultation was given back.",
    ]
    assert [(one.provider, one.note, one.by) for one in full.attempts] == [("manual", "In cash", "Boris Brandt")]
    assert [(one.amount, one.reason, one.by, one.state) for one in full.refunds] == [(Money(2000, "EUR"), "Not needed", "Dina Dunn", "done")]
    assert (full.state, full.left, full.thread) == (State.PARTLY_REFUNDED, Money(3000, "EUR"), thread)
    for other in (cast.uid("ana"), "nothing", thread):
        with pytest.raises(errors.NotFound):
            in_full(cast, other)


def test_a_form_sent_twice_gives_nothing_back_twice(cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast))
    pay(cast, thread, request)
    assert give_back(cast, thread, request, "20", left="5000") == 2000
    with pytest.raises(errors.Conflict, match="Meanwhile something was given back"):
        give_back(cast, thread, request, "20", left="5000")
    assert give_back(cast, thread, request, "20", left="3000") == 2000


def test_a_receipt_says_what_was_paid_and_given_back(cast: Cast, thread: str, clock: Clock) -> None:
    cast.database.perform(cast.dina, "payment.head_receipts", receipt_header="Harbour Street 1")
    request = ask(cast, "boris", thread, service(cast, tax_note="VAT exempt"))
    with cast.database.read(cast.dina) as work, pytest.raises(errors.NotFound):
        receipt(work, request)
    clock.set(2026, 12, 1, 9)
    pay(cast, thread, request)
    give_back(cast, thread, request, "20")
    with cast.database.read(cast.ana) as work:
        mine = own_receipt(work, request)
    with cast.database.read(cast.dina) as work:
        assert receipt(work, request) == mine
    assert (mine.number, mine.paid_on, mine.header, mine.tax_note) == (1, date(2026, 12, 1), "Harbour Street 1", "VAT exempt")
    assert (mine.amount, mine.refunds, mine.kept) == (Money(5000, "EUR"), ((date(2026, 12, 1), Money(2000, "EUR")),), Money(3000, "EUR"))
    assert (mine.by_card, mine.reference, mine.test) == (False, "", False)
    with cast.database.read(cast.ada) as work, pytest.raises(errors.NotFound):
        own_receipt(work, request)
    for other in (cast.boris, cast.ana):
        with cast.database.read(other) as work, pytest.raises(errors.NotPermitted):
            receipt(work, request)


def needing_a_look(cast: Cast) -> list[Trouble]:
    with cast.database.read(cast.dina) as work:
        return troubles(work)


def test_what_needs_a_look_stays_until_somebody_has_looked(cast: Cast, thread: str) -> None:
    request, attempt = by_card(cast, thread, Money(5000, "EUR"))
    give_back(cast, thread, request, "20")
    with cast.database.reading() as connection:
        [back] = connection.execute(sa.select(refunds.c.uid)).scalars()
    delayed = {"refund": back, "words": "The card service did not answer"}
    cast.database.perform(SYSTEM, "payment.refund_delayed", attempt, refused=False, **delayed)
    [trouble] = needing_a_look(cast)
    assert (trouble.what, trouble.waits, trouble.amount, trouble.words) == ("refund", True, Money(2000, "EUR"), "The card service did not answer")
    assert not in_full(cast, request).troubled
    cast.database.perform(cast.dina, "payment.looked_at", thread, request=request)
    assert len(needing_a_look(cast)) == 1  # it is tried again by itself
    cast.database.perform(SYSTEM, "payment.refund_delayed", attempt, refused=True, **delayed)
    assert [one.waits for one in needing_a_look(cast)] == [False] and in_full(cast, request).troubled
    with pytest.raises(errors.NotPermitted):
        cast.database.perform(cast.boris, "payment.looked_at", thread, request=request)
    cast.database.perform(cast.dina, "payment.looked_at", thread, request=request)
    assert needing_a_look(cast) == [] and not in_full(cast, request).troubled


def test_a_payment_that_cannot_be_begun_needs_a_look_until_it_is(cast: Cast, thread: str) -> None:
    cast.database.perform(cast.dina, "payment.provide", provider="stripe")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    [attempt] = attempts(cast.database, request)
    delay(cast.database, attempt.uid)
    assert [(one.what, one.waits, one.patient) for one in needing_a_look(cast)] == [("payment", True, "Ana Alvarez")]
    open_attempt(cast.database, attempt.uid)
    assert needing_a_look(cast) == []


def test_only_administrators_read_the_list(cast: Cast, thread: str) -> None:
    for actor in (cast.ana, cast.boris, cast.chen):
        for reads in (lambda work: ledger(work, Sought()), lambda work: totals(work, Sought()), ledger_choices, troubles, lambda work: statement(work, "x")):
            with cast.database.read(actor) as work, pytest.raises(errors.NotPermitted):
                reads(work)


def test_the_audit_log_keeps_who_set_which_price(database: Database, cast: Cast) -> None:
    uid = service(cast, price="50.00")
    database.perform(cast.dina, "service.describe", uid, name="Consultation", price="7500", currency="JPY")
    query = sa.select(audit_entries.c.detail).where(audit_entries.c.subject == uid).order_by(audit_entries.c.id)
    with database.reading() as connection:
        kept = [json.loads(detail) for detail in connection.execute(query).scalars()]
    assert [(one["price_minor"], one["currency"]) for one in kept] == [(5000, "EUR"), (7500, "JPY")]
