"""Pages of payments as they are without a script: the card, the answer, what holds the composer, the patient's own payments."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from clinic import Actor, Database
from clinic.payment.providers import Outcome
from tests.support.cast import Cast
from tests.support.paying import ask, attempts, decide, delay, open_attempt, report, service
from tests.web.browser import Browser
from web.times import due, span

SignIn = Callable[[str], Browser]


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def request_uid(cast: Cast, thread: str) -> str:
    more = {"description": "A talk of 30 minutes", "response_hours": "4", "tax_note": "Free of VAT"}
    return ask(cast, "boris", thread, service(cast, **more))


@pytest.fixture
def cards(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clinic takes cards."""
    monkeypatch.setattr("clinic.payment.record.provider_of", lambda _work: "stripe")


def card(page: str) -> str:
    """Return the card of the one request on a page, in words."""
    [found] = re.findall(r'<div class="bill">.*?</article>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found.partition("entry-menu")[0]).split())


def class_of_two(cast: Cast) -> str:
    """Return a group of Boris's with Ana and Ada."""
    cast.link("ada", "boris")
    uid: str = cast.database.perform(cast.boris, "group.create", title="Knee class", people=(cast.uid("ana"), cast.uid("ada"))).value
    return uid


def held(page: str) -> bool:
    """Say whether a page says above the message box that something holds it."""
    [gate] = re.findall(r'<div id="gate"[^>]*>', page)
    return "hidden" not in gate


def test_the_card_says_what_is_asked_to_both_and_offers_each_what_they_may(thread: str, request_uid: str, sign_in: SignIn) -> None:
    ana, boris = sign_in("ana").get(f"/threads/{thread}").text, sign_in("boris").get(f"/threads/{thread}").text
    for page in (ana, boris):
        for words in ("Consultation", "50.00 EUR", "A talk of 30 minutes", "Boris Brandt answers within 4 hours after payment.", "Free of VAT"):
            assert words in card(page)
    assert "Waits for your answer." in card(ana) and "you cannot write to Boris Brandt" in card(ana)
    assert "Ana Alvarez cannot write to Boris Brandt until they have answered" in card(boris)
    link = f"/do/payment.decide/{thread}?request={request_uid}&amp;decision=accept"
    assert link in ana and "payment.decide" not in boris
    assert f"/do/payment.withdraw/{thread}?request={request_uid}" in boris and "payment.withdraw" not in ana


def test_the_confirm_page_shows_the_request_and_what_either_answer_means_and_changes_nothing(
    cast: Cast, thread: str, request_uid: str, sign_in: SignIn
) -> None:
    ana = sign_in("ana")
    page = ana.get(f"/do/payment.decide/{thread}?decision=reject&request={request_uid}").text
    assert "A talk of 30 minutes" in card(page) and "Free of VAT" in card(page)
    assert "You will pay this amount at the clinic&#39;s desk." in page and "Nothing is to be paid" in page
    assert re.findall(r'<button class="button([^"]*)" name="decision" value="(\w+)"', page) == [(" main", "reject"), ("", "accept")]
    assert f'type="hidden" name="request" value="{request_uid}"' in page
    assert ana.get(f"/do/payment.decide/{thread}").text.count(request_uid) == 1  # there is one only: it is meant
    with pytest.raises(Exception, match="waits for your answer"):
        cast.post("ana", thread, "May I?")
    done = ana.submit(f"/actions/payment.decide/{thread}", form="do", decision="accept", request=request_uid)
    assert (done.status_code, done.location) == (303, f"/threads/{thread}")
    after = ana.get(f"/threads/{thread}").text
    assert "Accepted, not paid yet." in card(after) and "Pay at the clinic's desk" in card(after) and "payment.decide" not in after
    cast.post("ana", thread, "May I?")


def test_who_comes_back_to_a_request_that_is_answered_reads_so_and_finds_the_thread(thread: str, request_uid: str, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    ana.submit(f"/actions/payment.decide/{thread}", form="do", decision="reject", request=request_uid)
    late = ana.get(f"/do/payment.decide/{thread}?decision=accept&request={request_uid}")
    assert late.status_code == 404 and "Nothing to do here now" in late.text and "No payment request waits for your answer here." in late.text
    assert f'<a class="button main" href="/threads/{thread}"' in late.text


def test_a_form_that_is_refused_because_of_a_request_leads_to_it(thread: str, request_uid: str, sign_in: SignIn) -> None:
    later = {"form": "do", "body": "For later", "at": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}", "client_id": "later-1", "next": "/"}
    page = sign_in("ana").submit(f"/actions/text.schedule/{thread}", **later).text
    assert "For later</textarea>" in page and f'<a class="button" href="/threads/{thread}">' in page and "To the request" in page


def test_staff_withdraw_and_mark_as_paid_from_the_card(cast: Cast, thread: str, request_uid: str, sign_in: SignIn) -> None:
    boris = sign_in("boris")
    assert "Consultation" in card(boris.get(f"/do/payment.withdraw/{thread}?request={request_uid}").text)
    decide(cast, "ana", thread)
    assert f"/do/payment.mark_paid/{thread}?request={request_uid}" in boris.get(f"/threads/{thread}").text
    boris.submit(f"/actions/payment.mark_paid/{thread}", form="do", request=request_uid, note="Cash")
    page = boris.get(f"/threads/{thread}").text
    assert "Paid." in card(page) and "payment.mark_paid" not in page and "Boris Brandt marked 50.00 EUR for Consultation as paid." in page
    assert "Answer promised by" in page and "Answer by" in page
    for path in (f"/threads/{thread}", "/", f"/threads/{thread}/head"):
        assert "promised" not in sign_in("ana").get(path).text.replace("promise\">", "")
    cast.post("boris", thread, "Here is my answer")
    assert "Answer promised by" not in boris.get(f"/threads/{thread}").text


def test_a_patient_who_is_held_back_reads_so_above_the_message_box_and_keeps_what_they_typed(
    cast: Cast, thread: str, request_uid: str, sign_in: SignIn
) -> None:
    cast.link("ana", "bella")
    other = cast.start("bella", "ana")
    ana = sign_in("ana")
    page = ana.get(f"/threads/{thread}").text
    gate = gate_of(page)
    assert "Boris Brandt asks you to pay" in gate and f"request={request_uid}" in gate and "another thread" not in gate
    assert 'aria-disabled="true"' in page and "Urgent: I need help" in page
    assert held(page) and held(ana.get(f"/threads/{thread}/head").text)
    assert not held(ana.get(f"/threads/{other}").text) and not held(sign_in("boris").get(f"/threads/{thread}/head").text)
    assert ana.get(f"/threads/{thread}/marks").get_json()["held"] == request_uid
    refused = ana.submit(f"/actions/text.post/{thread}", body="It hurts <again>", client_id="c1")
    assert refused.status_code == 402
    assert "It hurts &lt;again&gt;</textarea>" in refused.text and "This was not sent: Boris Brandt" in refused.text
    assert "!pay" not in refused.text.partition('class="thread')[2]
    told = ana.send(f"/actions/text.post/{thread}", body="x", client_id="c2")
    assert told.status_code == 402 and told.get_json()["code"] == "gated" and "!pay" not in told.get_json()["text"]
    decide(cast, "ana", thread, "reject")
    assert not held(ana.get(f"/threads/{thread}/head").text) and ana.get(f"/threads/{thread}/marks").get_json()["held"] == ""


def test_the_note_says_how_many_more_wait_behind_the_one_that_it_names(cast: Cast, thread: str, request_uid: str, sign_in: SignIn) -> None:
    assert "after it" not in gate_of(sign_in("ana").get(f"/threads/{thread}").text)
    newer = ask(cast, "boris", thread, service(cast, "Report", "10"))
    note = gate_of(sign_in("ana").get(f"/threads/{thread}").text)
    assert f"request={newer}" in note and "1 more request waits after it." in note


def gate_of(page: str) -> str:
    return page[page.index('id="gate"') : page.index('class="composer')]


def test_in_another_thread_with_the_practitioner_the_answer_is_a_link_to_where_it_was_asked(
    cast: Cast, thread: str, request_uid: str, sign_in: SignIn
) -> None:
    group = class_of_two(cast)
    page = sign_in("ana").get(f"/threads/{group}").text
    gate = gate_of(page)
    assert f'/threads/{thread}">another thread' in gate and f"/do/payment.decide/{thread}?" in gate and f"next=/threads/{group}" in gate
    assert not held(sign_in("ada").get(f"/threads/{group}").text)


def test_a_new_thread_with_the_practitioner_is_refused_with_the_way_to_the_request(cast: Cast, sign_in: SignIn) -> None:
    group = class_of_two(cast)
    ask(cast, "boris", group, service(cast), patient=cast.uid("ana"))
    ana = sign_in("ana")
    refused = ana.submit("/actions/thread.start", person=cast.uid("boris"), next="/threads/new")
    assert refused.status_code == 402 and "waits for your answer" in refused.text and f'href="/threads/{group}"' in refused.text


def test_staff_ask_from_the_bar_and_read_who_adds_services_where_there_is_none(cast: Cast, thread: str, sign_in: SignIn) -> None:
    boris = sign_in("boris")
    none_yet = boris.get(f"/threads/{thread}").text
    assert "The clinic offers no paid service yet. Dina Dunn adds them." in none_yet and "/do/payment.request/" not in none_yet
    service(cast)
    page = boris.get(f"/threads/{thread}").text
    assert f'href="/do/payment.request/{thread}"' in page and "no paid service" not in page
    assert "Consultation · 50.00 EUR" in boris.get(f"/do/payment.request/{thread}").text
    assert "payment.request" not in sign_in("ana").get(f"/threads/{thread}").text
    among_staff = cast.start("boris", "bella")
    assert "payment.request" not in boris.get(f"/threads/{among_staff}").text


def test_another_amount_is_asked_for_only_where_a_service_allows_one_and_the_form_says_which(cast: Cast, thread: str, sign_in: SignIn) -> None:
    fixed, boris = service(cast), sign_in("boris")
    form = boris.get(f"/do/payment.request/{thread}?amount=20").text
    assert "Consultation · 50.00 EUR<" in form and 'name="amount"' not in form
    sent = boris.submit(f"/actions/payment.request/{thread}", form="do", service=fixed, amount="20", client_id="c1")
    assert sent.status_code == 422 and "The price of Consultation is 50.00 EUR and cannot be changed." in sent.text
    free = service(cast, "Report", "20", price_may_change="yes")
    form = boris.get(f"/do/payment.request/{thread}").text
    assert f'value="{fixed}" data-without="amount">Consultation · 50.00 EUR, fixed price<' in form and f'value="{free}">Report · 20.00 EUR<' in form
    assert "Another amount, where the price is not fixed" in form and 'name="amount"' in form
    assert boris.submit(f"/actions/payment.request/{thread}", form="do", service=free, amount="30", client_id="c2").status_code == 303


def test_in_a_group_one_patient_is_chosen_and_the_others_see_nothing(cast: Cast, sign_in: SignIn) -> None:
    group = class_of_two(cast)
    wanted = service(cast)
    form = sign_in("boris").get(f"/do/payment.request/{group}").text
    assert "Ana Alvarez · born 27 March 1984" in form and "Ada Almeida · born 2 November 1991" in form
    ask(cast, "boris", group, wanted, patient=cast.uid("ana"))
    assert "Only Ana Alvarez and the care team see this" in sign_in("boris").get(f"/threads/{group}").text
    assert "Only you and the care team see this" in sign_in("ana").get(f"/threads/{group}").text
    assert "Consultation" not in sign_in("ada").get(f"/threads/{group}").text


def test_a_patient_finds_all_their_payments_and_nobody_elses(cast: Cast, thread: str, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    assert "Nothing to pay" in ana.get("/payments").text and 'href="/payments"' in ana.get("/account").text
    request = ask(cast, "boris", thread, service(cast))
    listed = ana.get("/payments").text
    assert "Consultation" in listed and "50.00 EUR" in listed and "Asked by Boris Brandt" in listed and "Waits for an answer." in listed
    assert f"/do/payment.decide/{thread}?decision=accept" in ana.get(f"/payments/{request}").text
    decide(cast, "ana", thread)
    assert "Pay at the clinic's desk" in ana.get(f"/payments/{request}").text
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="Cash")
    assert f"/payments/{request}/receipt.pdf" in ana.get(f"/payments/{request}").text
    assert "Nothing to pay" in sign_in("ada").get("/payments").text
    for stranger in ("ada", "boris", "dina"):
        for path in ("", "/state", "/go"):
            assert sign_in(stranger).get(f"/payments/{request}{path}").status_code == 404


@pytest.mark.usefixtures("cards")
def test_a_payment_by_card_is_prepared_then_leads_to_the_card_service_and_shows_what_came_of_it(
    cast: Cast, database: Database, thread: str, request_uid: str, sign_in: SignIn
) -> None:
    ana, path = sign_in("ana"), f"/payments/{request_uid}"
    done = ana.submit(f"/actions/payment.decide/{thread}", form="do", decision="accept", request=request_uid)
    assert done.location == path
    assert "Preparing the payment…" in ana.get(path).text
    assert ana.get(f"{path}/go").location == path  # nowhere to go yet
    [attempt] = attempts(database, request_uid)
    database.perform(Actor.system(), "payment.delayed", attempt.uid, words="No route", refused=False)
    assert "Preparing the payment…" in ana.get(path).text  # it may be over in a second
    delay(database, attempt.uid, "No route")
    assert "cannot be paid by card just now" in ana.get(path).text and "No route" not in ana.get(path).text
    open_attempt(database, attempt.uid)
    page = ana.get(path).text
    assert "Pay 50.00 EUR now" in page and "Test mode: no real money moves." in page and "pay.example" not in page
    went = ana.get(f"{path}/go")
    assert (went.status_code, went.location) == (303, f"https://pay.example/{attempt.uid}")
    assert f'href="{path}"' in ana.get(f"/threads/{thread}").text
    back = ana.get(f"{path}?back=1").text
    assert "We are checking with the card service…" in back and "data-checking" in back and "Pay 50.00 EUR now" not in back
    report(database, attempt.uid, Outcome.FAILED, why="Your card was declined.")
    failed = ana.get(path).text
    assert "did not go through, and nothing was charged" in failed and f"{path}/go" in failed
    report(database, attempt.uid, Outcome.PAID)
    paid = ana.get(f"{path}?back=1").text
    assert "data-checking" not in paid and "Paid." in paid and "receipt.pdf" in paid
    assert ana.get(f"{path}/go").location == path


@pytest.mark.usefixtures("cards")
def test_a_payment_whose_time_ran_out_is_begun_again_by_a_button(
    cast: Cast, database: Database, thread: str, request_uid: str, sign_in: SignIn
) -> None:
    ana, path = sign_in("ana"), f"/payments/{request_uid}"
    decide(cast, "ana", thread)
    [attempt] = attempts(database, request_uid)
    open_attempt(database, attempt.uid)
    report(database, attempt.uid, Outcome.EXPIRED)
    page = ana.get(path).text
    assert "The time to pay has run out" in page and f"/actions/payment.pay/{thread}" in page
    again = ana.submit(f"/actions/payment.pay/{thread}", request=request_uid, next=path)
    assert again.location == path and "Preparing the payment…" in ana.get(path).text
    assert len(attempts(database, request_uid)) == 2


def test_staff_narrow_their_list_to_promised_answers_the_first_due_first(cast: Cast, database: Database, thread: str, sign_in: SignIn) -> None:
    cast.link("ada", "boris")
    later = cast.start("boris", "ada")
    for where, who, hours in ((later, "ada", "8"), (thread, "ana", "2")):
        request = ask(cast, "boris", where, service(cast, name=f"Answer in {hours} h", response_hours=hours))
        decide(cast, who, where)
        cast.database.perform(cast.boris, "payment.mark_paid", where, request=request, note="Cash")
    cast.start("boris", "bella")
    boris = sign_in("boris")
    boris.submit("/threads/narrow", show="promised", practitioner="", status="")
    rows = boris.get("/threads/list").text.partition('<ul class="heard"')[0]
    assert re.findall(r'data-thread="(\w+)"', rows) == [thread, later]
    assert rows.count("Answer by") == 2


@pytest.mark.parametrize(
    ("minutes", "words"), [(0, "1 min"), (59, "59 min"), (60, "1 h"), (130, "2 h 10 min"), (1440, "1 day"), (3 * 1440 + 240 + 5, "3 days 4 h")]
)
def test_how_long_is_left_is_said_in_two_units(minutes: int, words: str) -> None:
    assert span(timedelta(minutes=minutes)) == words


def test_a_promised_time_is_over_once_it_has_passed() -> None:
    now = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
    zone = ZoneInfo("Europe/Vienna")
    it = due(now + timedelta(minutes=90), zone, now)
    assert (it.by, it.left, it.over) == ("14:30", "1 h 30 min", False)
    assert due(now - timedelta(minutes=5), zone, now).over
