"""A request's card shows where it stands now: what later entries fold into it, for every reader, and what they leave as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clinic import Database
from clinic.errors import Invalid
from clinic.payment.kinds import PaymentRequest, Settlement
from clinic.payment.providers import Outcome
from clinic.payment.states import State
from clinic.thread.listing import thread_list
from clinic.thread.views import thread_page
from tests.support.cast import Cast
from tests.support.paying import ask, attempts, decide, delay, open_attempt, report, service


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def shown(cast: Cast, who: str, thread: str) -> PaymentRequest:
    """Return the one request of a thread as somebody's page shows it."""
    with cast.database.read(getattr(cast, who)) as work:
        [found] = [entry.payload for entry in thread_page(work, thread).entries if entry.kind == "payment-request"]
    assert isinstance(found, PaymentRequest)
    return found


def offers(cast: Cast, who: str, thread: str) -> set[str]:
    with cast.database.read(getattr(cast, who)) as work:
        [found] = [entry.doable for entry in thread_page(work, thread).entries if entry.kind == "payment-request"]
    return set(found)


@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_the_card_follows_the_answer(cast: Cast, thread: str, decision: str) -> None:
    ask(cast, "boris", thread, service(cast))
    asked = shown(cast, "ana", thread)
    assert (asked.state, offers(cast, "ana", thread), offers(cast, "boris", thread)) == (State.OPEN, {"payment.decide"}, {"payment.withdraw"})
    decide(cast, "ana", thread, decision)
    accepted = decision == "accept"
    for who in ("ana", "boris"):
        assert shown(cast, who, thread) == replace(asked, state=State.ACCEPTED if accepted else State.REJECTED)
    assert offers(cast, "ana", thread) == set()  # the desk is no button
    assert offers(cast, "boris", thread) == ({"payment.mark_paid"} if accepted else set())


def test_the_card_follows_a_withdrawal_and_nothing_can_be_done_with_it_any_more(cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast))
    cast.database.perform(cast.chen, "payment.withdraw", thread, request=request)
    assert shown(cast, "ana", thread).state == State.WITHDRAWN
    assert offers(cast, "ana", thread) == offers(cast, "boris", thread) == set()


def test_the_card_follows_the_money_and_neither_a_delay_nor_a_second_payment(cast: Cast, database: Database, thread: str) -> None:
    database.perform(cast.dina, "payment.provide", provider="stripe")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    assert shown(cast, "ana", thread).online and offers(cast, "ana", thread) == {"payment.pay"}
    [first] = attempts(database, request)
    delay(database, first.uid)
    assert shown(cast, "ana", thread).state == State.ACCEPTED
    open_attempt(database, first.uid)
    assert shown(cast, "ana", thread).state == State.PENDING
    report(database, first.uid, Outcome.FAILED, why="Declined.")
    assert (shown(cast, "ana", thread).state, offers(cast, "ana", thread)) == (State.FAILED, {"payment.pay"})
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="Cash")
    report(database, first.uid, Outcome.PAID)  # paid a second time, by card
    with database.read(cast.ana) as work:
        assert [entry.payload.state for entry in thread_page(work, thread).entries if isinstance(entry.payload, Settlement)][-1] == "surplus"
    assert shown(cast, "ana", thread).state == shown(cast, "boris", thread).state == State.PAID
    assert offers(cast, "ana", thread) == offers(cast, "boris", thread) == set()
    cast.database.perform(cast.dina, "payment.refund", thread, request=request, amount="20.00", reason="Half of it")
    assert shown(cast, "ana", thread).state == State.PARTLY_REFUNDED


def said(cast: Cast, who: str, thread: str) -> list[str]:
    with cast.database.read(getattr(cast, who)) as work:
        return [entry.body for entry in thread_page(work, thread).entries]


def last_line(cast: Cast, who: str) -> str:
    with cast.database.read(getattr(cast, who)) as work:
        return thread_list(work)[0].last_line


def test_the_patient_who_was_asked_is_spoken_to_and_staff_read_their_name(cast: Cast, database: Database, thread: str) -> None:
    database.perform(cast.dina, "payment.provide", provider="stripe")
    first = ask(cast, "boris", thread, service(cast))
    assert last_line(cast, "ana") == (
        "Payment request for you: Consultation, 50.00 EUR. "
        "Until you have accepted or rejected it, you cannot write to Boris Brandt; urgent calls always come through. "
        "By message: !pay accept or !pay reject."
    )
    assert "for Ana Alvarez: Consultation, 50.00 EUR. Until Ana Alvarez has accepted or rejected it, they cannot write" in last_line(cast, "boris")
    decide(cast, "ana", thread)
    [attempt] = attempts(database, first)
    open_attempt(database, attempt.uid)
    report(database, attempt.uid, Outcome.FAILED, why="Declined.")
    report(database, attempt.uid, Outcome.PAID)
    decide(cast, "ana", thread, "reject", ask(cast, "boris", thread, service(cast, "Report")))
    second = ask(cast, "boris", thread, service(cast, "Letter"))
    database.perform(cast.chen, "payment.withdraw", thread, request=second)
    theirs, hers = said(cast, "boris", thread), said(cast, "ana", thread)
    assert [line for line in hers if "Ana Alvarez" in line and "thread" not in line] == []
    spoken = [
        "You accepted the payment request (Consultation, 50.00 EUR). The card payment is being prepared. Messages are open.",
        "You can pay 50.00 EUR for Consultation now. (Test: no real money moves.)",
        "The payment of 50.00 EUR for Consultation did not go through. Declined. Nothing was charged. "
        "You can write here all the same, and try again. (Test: no real money moves.)",
        "You paid 50.00 EUR for Consultation. (Test: no real money moves.)",
        "You rejected the payment request (Report, 50.00 EUR). Nothing is to be paid, and messages are open.",
    ]
    assert [line for line in hers if line.startswith(("You ", "The payment of"))] == spoken
    assert [line for line in theirs if line in {one.replace("You", "Ana Alvarez") for one in spoken}] == [one.replace("You", "Ana Alvarez") for one in spoken]
    assert hers[-1] == theirs[-1] == "Chen Cheng withdrew the payment request (Letter, 50.00 EUR). Nothing is to be paid."
    returned = Settlement("r", "Report", 5000, "EUR", "paid", "Ana Alvarez", returned_minor=2000)
    assert "given back: your bank has" in returned.to_addressee and "given back: Ana Alvarez's bank has" in returned.body


def test_an_open_page_gets_the_card_again_with_the_line_that_changed_it(cast: Cast, thread: str) -> None:
    request = ask(cast, "boris", thread, service(cast))
    with cast.database.read(cast.ana) as work:
        asked = thread_page(work, thread).cursor
    decide(cast, "ana", thread, request=request)
    for who in ("ana", "boris"):
        with cast.database.read(getattr(cast, who)) as work:
            news = thread_page(work, thread, after=asked).entries
        assert [(entry.kind, bool(entry.again)) for entry in news] == [("payment-request", True), ("payment-decision", False)]
        assert news[0].payload.state == State.ACCEPTED


def test_an_amount_that_no_card_carries_is_refused_before_anybody_is_asked_for_it(cast: Cast, database: Database, thread: str) -> None:
    at_the_desk = service(cast, "Desk", "12.345", "KWD")
    database.perform(cast.dina, "payment.provide", provider="stripe")
    with pytest.raises(Invalid, match=r"Price: Cards take 12\.350 KWD, not 12\.345 KWD\."):
        service(cast, "By card", "12.345", "KWD")
    with pytest.raises(Invalid, match=r"Cards take 12\.350 KWD, not 12\.345 KWD\. Administrators change the price\."):
        ask(cast, "boris", thread, at_the_desk)
    free = service(cast, "By card", "12.350", "KWD", price_may_change="yes")
    with pytest.raises(Invalid, match="Ask for that"):
        ask(cast, "boris", thread, free, amount="1.001")
    ask(cast, "boris", thread, free, amount="1.010")
