"""The administrator's payments without a script: the list as it is narrowed, totals, one payment and what is done to it, the spreadsheet's file."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from clinic import Database
from clinic.account.tables import accounts
from clinic.audit.tables import audit_entries
from clinic.payment.ledger import ROWS
from tests.support.cast import Cast
from tests.support.paying import ask, attempts, decide, delay, open_attempt, service, state
from tests.web.browser import Browser
from web.pages import ledger as page
from web.sheets import Sheet

SignIn = Callable[[str], Browser]


@pytest.fixture
def dina(sign_in: SignIn) -> Browser:
    return sign_in("dina")


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


def shown(browser: Browser, path: str = "") -> str:
    answer = browser.get(f"/admin/payments{path}")
    assert answer.status_code == 200
    return html.unescape(answer.text)


def paid(cast: Cast, thread: str, name: str = "Consultation", price: str = "50.00", currency: str = "EUR") -> str:
    request = ask(cast, "boris", thread, service(cast, name, price, currency))
    decide(cast, "ana", thread, request=request)
    cast.database.perform(cast.boris, "payment.mark_paid", thread, request=request, note="In cash, at the desk")
    return request


def sheet(browser: Browser, query: str = "") -> list[dict[str, str]]:
    answer = browser.get(f"/admin/payments/list.csv{query}")
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))


def test_without_payments_the_page_says_what_to_do(dina: Browser) -> None:
    page = shown(dina)
    assert "No payments yet" in page and "To the services" in page and "Totals" not in page
    assert sheet(dina) == []


def test_the_list_and_its_totals(dina: Browser, cast: Cast, thread: str) -> None:
    cast.post("ana", thread, "nobody reads this but the members")
    request = paid(cast, thread)
    paid(cast, thread, "Report", "7500", "JPY")
    ask(cast, "boris", thread, service(cast, "Dinar", "1.500", "KWD"))
    page = shown(dina)
    assert f"/admin/payments/{request}" in page and "Ana Alvarez" in page and "nobody reads this" not in page
    totals = page.partition("<table")[2].partition("</table>")[0]
    for said in ("50.00 EUR", "7500 JPY", "1.500 KWD", "All in EUR", "All in JPY", "All in KWD"):
        assert said in totals
    assert f"{datetime.now(UTC):%B %Y}" in page


def test_the_list_is_narrowed_and_the_file_holds_the_same(dina: Browser, cast: Cast, thread: str) -> None:
    first = paid(cast, thread)
    second = ask(cast, "boris", thread, service(cast, "Report"))
    assert [row["request"] for row in sheet(dina)] == [second, first]
    for query, found in (("?state=paid", first), ("?state=open&patient=alvarez", second), ("?state=open&service=&practitioner=", second)):
        assert re.findall(r'class="title" href="/admin/payments/(\w+)"', shown(dina, query)) == [found]
        assert [row["request"] for row in sheet(dina, query)] == [found]
    for query in ("?patient=nobody", "?service=x", "?state=x", "?practitioner=' OR 1=1", "?month=2001-02"):
        assert "Nothing found" in shown(dina, query) and sheet(dina, query) == []
    for query in ("?month=0001-01", "?month=9999-99", "?month=x", "?before=x", "?before=%00"):
        assert first in shown(dina, query)
    assert dina.get("/admin/payments?patient=a%00b").status_code == 422
    link = re.findall(r'href="(/admin/payments/list.csv[^"]*)"', dina.get("/admin/payments?state=open&patient=ana").text)[0]
    assert html.unescape(link) == "/admin/payments/list.csv?state=open&patient=ana"


def test_the_audit_log_says_who_took_the_file_narrowed_how_and_with_how_many_rows(dina: Browser, cast: Cast, thread: str, database: Database) -> None:
    consultation = service(cast)
    ask(cast, "boris", thread, consultation)
    ask(cast, "boris", thread, service(cast, "Report"))
    before = database.now()
    shown(dina)  # to look is not to take away
    sheet(dina)
    month = f"{before.astimezone(ZoneInfo('UTC')):%Y-%m}"
    sheet(dina, f"?state=open&service={consultation}&practitioner={cast.uid('boris')}&month={month}&patient=alvarez")
    sheet(dina, "?state=Ana+has+flu&service=x")
    with database.reading() as connection:
        query = sa.select(audit_entries, accounts.c.uid).join(accounts, accounts.c.id == audit_entries.c.actor_id)
        taken = connection.execute(query.where(audit_entries.c.action == "payment.export").order_by(audit_entries.c.id)).all()
    assert {(row.uid, row.role, row.subject) for row in taken} == {(cast.uid("dina"), "admin", None)}
    assert all(before <= row.at <= database.now() for row in taken)
    assert [json.loads(row.detail) for row in taken] == [
        {"rows": 2},
        {"rows": 1, "stands": "open", "service": consultation, "practitioner": cast.uid("boris"), "month": month, "patient": True},
        {"rows": 0, "stands": "?", "service": "?"},
    ]


def test_while_the_audit_log_cannot_be_written_nobody_gets_the_file(dina: Browser, cast: Cast, thread: str, database: Database) -> None:
    ask(cast, "boris", thread, service(cast))
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE UNIQUE INDEX one_of_it ON audit_entries (action) WHERE action = 'payment.export'")
    assert len(sheet(dina)) == 1
    answer = dina.get("/admin/payments/list.csv")
    assert answer.status_code == 409 and "Ana Alvarez" not in answer.text


def test_what_is_older_is_on_the_next_page(dina: Browser, cast: Cast, thread: str) -> None:
    uid = service(cast)
    asked = []
    for _ in range(ROWS + 3):
        asked.insert(0, ask(cast, "boris", thread, uid))
        cast.database.perform(cast.boris, "payment.withdraw", thread, request=asked[0])
    page = shown(dina, "?state=withdrawn")
    assert re.findall(r'class="title" href="/admin/payments/(\w+)"', page) == asked[:ROWS]
    older = re.findall(r'href="(/admin/payments\?before=[^"]+)"', page)[0].removeprefix("/admin/payments")
    assert "state=withdrawn" in older
    page = shown(dina, older)
    assert re.findall(r'class="title" href="/admin/payments/(\w+)"', page) == asked[ROWS:] and "The newest" in page


def test_one_payment_and_giving_back_a_part_of_it(dina: Browser, cast: Cast, thread: str, database: Database) -> None:
    request = paid(cast, thread)
    path = f"/admin/payments/{request}"
    page = html.unescape(dina.get(path).text)
    assert "In cash, at the desk" in page and "Marked by" in page and "Boris Brandt marked 50.00 EUR for Consultation as paid." in page
    refused = (
        ({"amount": "60", "reason": "x"}, "50.00 EUR is all that can still be given back"),
        ({"amount": "1.234", "reason": "kept"}, "EUR has 2"),
        ({"amount": "20", "reason": " "}, "Reason is missing"),
    )
    for wrong, words in refused:
        again = dina.submit(path, do="refund", **wrong)
        assert again.status_code == 422 and words in again.text and f'value="{wrong["amount"]}"' in again.text
    assert state(database, request) == "paid"
    asked = dina.submit(path, do="refund", amount="20", reason="Shorter than agreed")
    assert asked.status_code == 200 and "Give back 20.00 EUR?" in asked.text and state(database, request) == "paid"
    question = asked.text.partition('id="sure"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(do|sure|left|amount|reason)" value="([^"]*)"', question))
    assert fields == {"do": "refund", "sure": "yes", "left": "5000", "amount": "20.00", "reason": "Shorter than agreed"}
    assert dina.submit(path, **fields).status_code == 303 and state(database, request) == "partly-refunded"
    twice = dina.submit(path, **fields)
    assert twice.status_code == 409 and "Meanwhile something was given back" in twice.text
    page = html.unescape(dina.get(path).text)
    assert "20.00 EUR" in page and "Shorter than agreed" in page and "Dina Dunn" in page and "Empty for all of it: 30.00 EUR" in page
    whole = dina.submit(path, do="refund", amount="", reason="All of it")
    assert "Give back 30.00 EUR?" in whole.text
    dina.submit(path, do="refund", sure="yes", left="3000", amount="30.00", reason="All of it")
    assert state(database, request) == "refunded" and "What you can do" not in dina.get(path).text


def test_an_administrator_marks_as_paid_and_withdraws(dina: Browser, cast: Cast, thread: str, database: Database) -> None:
    request = ask(cast, "boris", thread, service(cast))
    path = f"/admin/payments/{request}"
    assert "Withdraw the request" in dina.get(path).text and "Mark 50.00 EUR" not in dina.get(path).text
    early = dina.submit(path, do="paid", note="By transfer")
    assert early.status_code == 409 and "The patient has not answered this request yet." in early.text
    decide(cast, "ana", thread)
    empty = dina.submit(path, do="paid", note="")
    assert empty.status_code == 422 and "is missing." in empty.text
    assert dina.submit(path, do="paid", note="By transfer").status_code == 303 and state(database, request) == "paid"
    again = dina.submit(path, do="withdraw")
    assert again.status_code == 409 and "This request is paid already." in again.text
    other = ask(cast, "boris", thread, service(cast, "Report"))
    assert "Withdrawn." in dina.submit(f"/admin/payments/{other}", follow=True, do="withdraw").text and state(database, other) == "withdrawn"
    assert dina.submit(path, do="x").status_code == 404 and dina.submit(f"/admin/payments/{thread}", do="looked").status_code == 404


def test_what_needs_a_look_is_on_top_until_somebody_has_looked(dina: Browser, cast: Cast, thread: str, database: Database) -> None:
    database.perform(cast.dina, "payment.provide", provider="stripe")
    request = ask(cast, "boris", thread, service(cast))
    decide(cast, "ana", thread)
    [attempt] = attempts(database, request)
    delay(database, attempt.uid, "No answer for an hour.")
    page = shown(dina)
    assert "Needs a look" in page and "No answer for an hour. It is tried again by itself." in page
    open_attempt(database, attempt.uid)
    assert "Needs a look" not in shown(dina)
    with database._writing() as connection:
        connection.exec_driver_sql("UPDATE payment_attempts SET trouble = 'It reports another amount.'")
    assert "It reports another amount." in shown(dina)
    assert "I have looked at it" in dina.get(f"/admin/payments/{request}").text
    dina.submit(f"/admin/payments/{request}", do="looked")
    assert "Needs a look" not in shown(dina)


def test_the_file_tells_amounts_times_and_receipts_exactly(dina: Browser, cast: Cast, thread: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "CHUNK", 2)
    cast.database.perform(cast.dina, "clinic.describe", clinic_name="Clinic", emergency_number="112", time_zone="Asia/Kolkata")
    cast.database.perform(cast.dina, "account.describe", cast.uid("ana"), name="=HYPERLINK(1)", email="ana@clinic.example", birth_date="1984-03-27")
    requests = [paid(cast, thread, *one) for one in (("Euro", "50.00", "EUR"), ('Yen, "rush"', "7500", "JPY"), ("+Dinar", "1.500", "KWD"))]
    requests.append(ask(cast, "chen", thread, service(cast, "José 山田")))
    cast.database.perform(cast.dina, "payment.refund", thread, request=requests[0], amount="20", reason="Shorter")
    rows = sheet(dina)
    assert [row["request"] for row in rows] == requests[::-1]
    waits, dinar, yen, euro = rows
    assert (euro["amount"], euro["currency"], euro["amount_minor"], euro["refunded"], euro["refunded_minor"]) == ("50.00", "EUR", "5000", "20.00", "2000")
    assert (yen["amount"], yen["amount_minor"], yen["service"]) == ("7500", "7500", 'Yen, "rush"')
    assert (dinar["amount"], dinar["service"], dinar["state"]) == ("1.500", "'+Dinar", "paid")
    assert [row["receipt_number"] for row in rows] == ["", "3", "2", "1"] and {row["patient"] for row in rows} == {"'=HYPERLINK(1)"}
    assert (waits["service"], waits["requested_by"], waits["practitioner"]) == ("José 山田", "Chen Cheng", "Boris Brandt")
    assert (waits["paid_at"], waits["provider"]) == ("", "")
    assert euro["requested_at"].endswith("+05:30") and datetime.fromisoformat(euro["paid_at"]) >= datetime.fromisoformat(euro["requested_at"])
    assert (euro["provider"], euro["test"], euro["patient_born"]) == ("manual", "no", "1984-03-27")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1"])
def test_no_text_in_a_file_is_a_formula(text: str) -> None:
    assert Sheet(["a"], ZoneInfo("UTC")).line([text]) == f"'{text}\r\n"


def test_the_cells_of_a_file() -> None:
    line = Sheet(["a"], ZoneInfo("UTC")).line(['say "x", y\nz', -5, None, date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)])
    assert line == '"say ""x"", y\nz",-5,,2026-01-02,2026-01-02T03:04:05+00:00\r\n'
