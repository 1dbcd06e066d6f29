"""`bedside payments reconcile`, and keys that are given, exchanged and taken away: with the card service's stand-in and a database, and while a clinic runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from clinic import Config, Database
from clinic.payment.record import provider_of
from clinic.payment.tables import payment_attempts
from ops import deployment, doctor, keys, payments, preflight
from ops.layout import Layout
from ops.paying import Payer
from tests.support.cast import Cast
from tests.support.clinic import RunningClinic
from tests.support.databases import rows
from tests.support.page import Page
from tests.support.paying import SYSTEM, ask, attempts, decide, service, state
from tests.support.ports import eventually
from tests.support.stripe_stand_in import ACCOUNTS, KEY, OTHER_KEY, RESTRICTED_KEY, SECRET, StripeStandIn


@pytest.fixture
def stand() -> Iterator[StripeStandIn]:
    with StripeStandIn() as running:
        running.hold()
        yield running


@pytest.fixture
def layout(tmp_path: Path, database_url: str) -> Layout:
    """A clinic that was started once, on each engine."""
    made = Layout(tmp_path / "clinic", 9150, database_url=database_url)
    preflight.prepare_folder(made.data)
    keys.ensure(made.data / "secrets")
    deployment.remember(made)
    return made


@pytest.fixture
def config(layout: Layout) -> Config:
    return Config.from_environ({**os.environ, **layout.environment()})


@pytest.fixture
def database(config: Config) -> Iterator[Database]:
    opened = Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
    yield opened
    opened.engine.dispose()


def run(layout: Layout, *arguments: str, lines: tuple[str, ...] = ()) -> Result:
    return CliRunner().invoke(payments.payments, [*arguments, "--data", str(layout.data)], input="\n".join(lines))


def give(layout: Layout, stand: StripeStandIn, *lines: str) -> str:
    done = run(layout, "keys", "--api-base", stand.url, "--key-file", "-", lines=lines)
    assert done.exit_code == 0, done.output
    return done.output


def provider(database: Database) -> str:
    with database.read(SYSTEM) as work:
        return provider_of(work)


def work_off(database: Database, config: Config) -> None:
    payer = Payer(database, config)
    while payer.turn():
        pass


def accepted(cast: Cast, config: Config) -> tuple[str, str]:
    """A request that can be paid. Returns: its uid, and the reference of its attempt."""
    thread = cast.start("boris", "ana")
    request = ask(cast, "boris", thread, service(cast, name=uuid.uuid4().hex[:8]))
    decide(cast, "ana", thread)
    work_off(cast.database, config)
    return request, str(attempts(cast.database, request)[0].reference)


def change(database: Database, reference: str, /, **values: object) -> None:
    with database.writing() as connection:
        connection.execute(sa.update(payment_attempts).where(payment_attempts.c.reference == reference).values(**values))


def test_keys_switch_the_clinic_to_cards_and_back(layout: Layout, database: Database, stand: StripeStandIn) -> None:
    assert "pay by card" in give(layout, stand, KEY, SECRET)
    assert provider(database) == "stripe"
    database.perform(SYSTEM, "payment.provide", provider="manual")
    assert "at the desk all the same" in give(layout, stand, RESTRICTED_KEY)
    assert provider(database) == "manual"
    database.perform(SYSTEM, "payment.provide", provider="stripe")
    assert "at the desk" in run(layout, "keys", "--remove").output
    assert provider(database) == "manual"


def test_what_was_given_up_for_want_of_keys_is_done_with_new_ones(
    layout: Layout, config: Config, database: Database, stand: StripeStandIn
) -> None:
    give(layout, stand, KEY)
    cast = Cast.in_(database)
    request, reference = accepted(cast, config)
    stand.keys.pop(KEY)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE jobs SET attempts = 19, due_at = '2020-01-01 00:00:00' WHERE queue = 'payments'")
    work_off(database, config)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM jobs WHERE parked_at IS NOT NULL").scalar_one() == 1
    stand.keys[RESTRICTED_KEY] = ACCOUNTS[RESTRICTED_KEY]
    stand.pay(reference)
    give(layout, stand, RESTRICTED_KEY)
    work_off(database, config)
    assert state(database, request) == "paid"


def test_what_the_clinic_missed_is_taken_over_and_then_all_agree(layout: Layout, config: Config, database: Database, stand: StripeStandIn) -> None:
    give(layout, stand, KEY, SECRET)
    cast = Cast.in_(database)
    (paid, first), (waits, _), (given, third), (over, fourth) = (accepted(cast, config) for _ in range(4))
    stand.pay(first)
    stand.pay(third)
    with stand.lock:
        stand.books.refund(ACCOUNTS[KEY], {"payment_intent": stand.books.objects[third]["payment_intent"], "amount": 2000})
        stand.books.expire(stand.books.objects[fourth])
    done = run(layout, "reconcile")
    assert done.exit_code == 0, done.output
    assert done.output.count("Taken over: ") == 3 and done.output.count("Under way: ") == 1
    assert "was open here, and is paid, 20.00 EUR of it given back now" in done.output
    assert "All agree." in done.output
    assert [state(database, one) for one in (paid, waits, given, over)] == ["paid", "pending", "partly-refunded", "failed"]
    again = run(layout, "reconcile")
    assert (again.exit_code, again.output.count("Taken over: ")) == (0, 0)


def test_what_a_report_cannot_settle_is_said_and_left_to_a_person(layout: Layout, config: Config, database: Database, stand: StripeStandIn) -> None:
    give(layout, stand, KEY, SECRET)
    cast = Cast.in_(database)
    (other, first), (lost, second), (here, third), (twice, fourth) = (accepted(cast, config) for _ in range(4))
    with stand.lock:
        stand.books.objects[first]["amount_total"] = 4000
        stand.books.objects[fourth]["metadata"]["bedside_attempt"] = "a" * 26
    stand.pay(first)
    stand.pay(fourth)
    change(database, second, reference="cs_test_nobody_knows", state="paid")
    change(database, third, state="paid")
    done = run(layout, "reconcile")
    assert done.exit_code == 1
    for words in (
        f"(request {other}, {first}) is about 40.00 EUR at the card service",
        f"(request {lost}, cs_test_nobody_knows) is paid here, and unknown to the card service",
        f"(request {here}, {third}) is paid here and open at the card service",
        f"There is 50.00 EUR ({fourth}, paid) that bears this clinic's mark, and is unknown here".replace("There", "there"),
        "unexplained.",
    ):
        assert words in done.output, f"{words} not in {done.output}"
    assert state(database, other) == "pending"
    assert twice


def test_older_payments_that_are_not_over_are_compared_too(layout: Layout, config: Config, database: Database, stand: StripeStandIn) -> None:
    give(layout, stand, KEY, SECRET)
    request, reference = accepted(Cast.in_(database), config)
    stand.pay(reference)
    with stand.lock:
        stand.books.objects[reference]["created"] -= 40 * 86400
    change(database, reference, created_at=database.now() - timedelta(days=40))
    assert run(layout, "reconcile", "--days", "1").exit_code == 0
    assert state(database, request) == "paid"


def test_an_attempt_whose_answer_was_lost_and_that_was_paid_all_the_same_is_found(
    layout: Layout, config: Config, database: Database, stand: StripeStandIn
) -> None:
    give(layout, stand, KEY, SECRET)
    request, reference = accepted(Cast.in_(database), config)
    change(database, reference, reference=None, state="asked", url=None)
    stand.pay(reference)
    done = run(layout, "reconcile")
    assert (done.exit_code, state(database, request)) == (0, "paid"), done.output


def test_nobody_to_ask_is_a_problem_in_words(layout: Layout, database: Database, stand: StripeStandIn) -> None:
    assert "no payment keys" in str(run(layout, "reconcile").exception)
    give(layout, stand, KEY)
    with stand.outage():
        assert "could not be asked" in str(run(layout, "reconcile").exception)
    stand.keys.pop(KEY)
    assert "does not know this secret key" in str(run(layout, "reconcile").exception)


@pytest.mark.e2e
def test_keys_are_given_exchanged_and_taken_away_while_the_clinic_runs(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data", "--demo") as clinic, StripeStandIn(webhook_url=f"http://127.0.0.1:{clinic.base_port}/webhooks/stripe") as stand:
        thread, desk = clinic.ready["threads"]["ana-boris"]["uid"], {name: Page(clinic, name) for name in ("ana", "boris", "dina")}

        def act(who: str, action: str, subject: str | None = None, **values: str) -> str:
            answer = desk[who].act(action, subject, **values)
            assert answer.status == 200, answer.text
            return str(json.loads(answer.text)["value"])

        def keys_command(*arguments: str, lines: tuple[str, ...] = ()) -> str:
            command = [sys.executable, "-m", "ops", "payments", "keys", "--data", str(clinic.data), *arguments]
            done = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        def asked() -> str:
            request = act("boris", "payment.request", thread, service=price, client_id=uuid.uuid4().hex)
            act("ana", "payment.decide", thread, decision="accept", request=request)
            return request

        def stands(request: str) -> tuple[str, str, str]:
            query = "SELECT r.state, a.state, a.reference FROM payment_requests r LEFT JOIN payment_attempts a ON a.request_id = r.id WHERE r.uid = :uid"
            return tuple(rows(clinic.url, query, uid=request)[0])

        price = act("dina", "service.create", name="Second opinion", price="50", currency="EUR")
        keys_command("--api-base", stand.url, "--key-file", "-", lines=(KEY, SECRET))
        first = asked()
        eventually(lambda: stands(first)[0] == "pending", 20.0, "it can be paid")
        stand.keys.pop(KEY)  # the old key is revoked: what begins now waits
        second = asked()
        eventually(lambda: "does not know" in str(rows(clinic.url, "SELECT max(trouble) FROM payment_attempts")[0][0]), 20.0, "it waits")
        keys_command("--api-base", stand.url, "--key-file", "-", lines=(RESTRICTED_KEY,))
        eventually(lambda: stands(second)[0] == "pending", 5.0, "what waited is begun at once with the new key")
        stand.secrets = ["whsec_of_a_new_endpoint"]
        keys_command("--add-webhook-secret", "--key-file", "-", lines=("whsec_of_a_new_endpoint",))
        for request in (first, second):
            assert stand.pay(stands(request)[2]) == ""
            eventually(lambda request=request: stands(request)[:2] == ("paid", "paid"), 10.0, "it is paid")
        stand.wait_delivered()
        assert not stand.gave_up
        keys_command("--remove")
        third = asked()
        assert stands(third)[:2] == ("accepted", None)  # it is paid at the desk
        act("boris", "payment.mark_paid", thread, request=third, note="cash")
        for page in desk.values():
            page.close()
    assert OTHER_KEY not in clinic.said()


def findings(layout: Layout) -> dict[str, bool]:
    return {found.what: found.well for found in doctor._money(layout)}


def test_doctor_says_what_of_payments_needs_a_look(layout: Layout, config: Config, database: Database, stand: StripeStandIn) -> None:
    assert not [what for what, well in findings(layout).items() if not well]
    give(layout, stand, KEY, SECRET)
    cast = Cast.in_(database)
    _, reference = accepted(cast, config)
    assert all(findings(layout).values()) and len(findings(layout)) == 3
    change(database, reference, state="asked", trouble="no answer", created_at=database.now() - timedelta(minutes=16))
    (layout.data / "secrets" / "payments.json").unlink()
    assert findings(layout) == {
        "the clinic takes payments by card, and has keys for it": False,
        "1 payments or refunds have waited for the card service for 15 minutes": False,
        "1 payments or refunds need a look": False,
    }
