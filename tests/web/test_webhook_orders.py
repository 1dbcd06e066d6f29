"""Six webhooks of a payment in many orders (make soak: in all), each twice, in three threads at once: the end is what a model says.

Source: facts/reliability F8.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from clinic import Config, Database
from clinic.log import entries
from clinic.outbox import jobs
from clinic.payment.tables import payment_attempts, payment_requests, refunds
from ops.paying import Payer
from tests.support.cast import Cast
from tests.support.paying import SYSTEM, ask, attempts, decide, service
from tests.support.stripe_stand_in import OLD_SECRET, OTHER_KEY, SECRET, StripeStandIn
from tests.support.told_payments import DECLINED, EVENTS, Story, ToldProvider
from web.gateways import keys

ORDERS = list(itertools.permutations(range(6)))
PAIRS = (("boris", "ana"), ("bella", "ana"), ("bella", "ada"))
NO_LOOK = "SELECT 1 - count(*) FROM jobs WHERE payload = :look"
SEED = int(os.environ.get("BEDSIDE_SEED", random.randrange(10**6)))


def model(looked: list[int]) -> tuple[str, list[str], int]:
    """What becomes of a request whose payment was found after so many steps each time: its state, what its thread was told, what was given back."""
    state, told, given = "pending", ["pending"], 0
    for step in looked:
        if step == 1 and state == "pending":
            state = "failed"
            told.append(state)
        if step >= 2 and state in ("pending", "failed"):
            state = "paid"
            told.append(state)
        for since, total, then in ((3, 2000, "partly-refunded"), (5, 5000, "refunded")):
            if step >= since and given < total:
                state, given = then, total
                told.append(then)
    return state, told, given


@pytest.fixture
def by_card(database: Database, config: Config, stand: StripeStandIn) -> None:
    stand.write_keys(config.data)
    database.perform(SYSTEM, "payment.provide", provider="stripe")


def begun(cast: Cast, count: int) -> list[tuple[str, str, str]]:
    """Have so many payments begun in turn in three threads. Returns: thread, request and attempt of each."""
    cast.link("ana", "bella")
    cast.link("ada", "bella")
    price = service(cast)
    threads = [cast.start(*pair) for pair in PAIRS]
    made = []
    for number in range(count):
        thread, (by, patient) = threads[number % 3], PAIRS[number % 3]
        request = ask(cast, by, thread, price)
        decide(cast, patient, thread)
        made.append((thread, request, attempts(cast.database, request)[0].uid))
    return made


def end_of(database: Database) -> dict[str, tuple[str, list[str], int]]:
    """Return of each request its state, what its thread was told of it, and what was given back: by SQL of our own."""
    told: dict[str, list[str]] = {}
    settled = sa.select(entries.c.payload).where(entries.c.kind == "settlement").order_by(entries.c.thread_id, entries.c.seq)
    with database.reading() as connection:
        for payload in connection.execute(settled).scalars():
            one = json.loads(payload)
            told.setdefault(one["request"], []).append(one["state"])
        rows = connection.execute(sa.select(payment_requests.c.uid, payment_requests.c.state, payment_requests.c.refunded_minor)).all()
    return {row.uid: (row.state, told.get(row.uid, []), row.refunded_minor) for row in rows}


def deliveries(order: tuple[int, ...], chance: random.Random) -> list[int]:
    """Return an order of events with each a second time, somewhere after the first."""
    found = list(order)
    for event in order:
        found.insert(chance.randint(found.index(event) + 1, len(found)), event)
    return found


def run_out(database: Database) -> None:
    """Let the time pass until what is looked at later is looked at."""
    with database.writing() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.queue == "payments").values(due_at=database.now()))


def work_off(payer: Payer) -> None:
    while payer.turn():
        pass


def at_once(*works: Callable[[], None]) -> None:
    """Do works in threads of their own; what one raises is raised."""
    with ThreadPoolExecutor(len(works)) as pool:
        for one in [pool.submit(work) for work in works]:
            one.result()


def check_money(database: Database, count: int) -> None:
    """Each request was paid once, its receipt numbered once, nothing was given back by us, and nobody is asked for ever."""
    with database.reading() as connection:
        numbers = connection.execute(sa.select(payment_requests.c.receipt_number).order_by(payment_requests.c.receipt_number)).scalars().all()
        states = Counter(connection.execute(sa.select(payment_attempts.c.state)).scalars())
        kept = Counter(connection.execute(sa.select(refunds.c.attempt_id)).scalars())
        ours = connection.execute(sa.select(sa.func.count()).select_from(refunds).where(refunds.c.reason != "Made at the provider")).scalar_one()
        left = connection.execute(sa.select(jobs.c.name).where(jobs.c.queue == "payments")).scalars().all()
    assert list(numbers) == list(range(1, count + 1))
    assert states == {"paid": count}
    assert set(kept.values()) == {2} and len(kept) == count
    assert (ours, left) == (0, [])


def run_orders(app: Flask, database: Database, config: Config, cast: Cast, stand: StripeStandIn, told: ToldProvider, orders: list[tuple[int, ...]]) -> None:
    """Tell the story of a payment once for each order, in three threads at once, while the worker looks as it is told to."""
    made = begun(cast, len(orders))
    for _, _, attempt in made:
        database.perform(SYSTEM, "payment.opened", attempt, opened=told.opened(attempt))
    payer, answers = Payer(database, config), Counter[int]()
    work_off(payer)  # nothing is to be opened any more

    def deliver(mine: int) -> None:
        client, chance = app.test_client(), random.Random(f"{SEED}-{mine}")
        for number in range(mine, len(made), 3):
            attempt, late, slow = made[number][2], chance.random() < 0.3, chance.random() < 0.2
            for event in deliveries(orders[number], chance):
                told.happens(attempt, 5 if late else EVENTS[event][1])  # late: all of it has happened before the first is told
                body = told.story.named(told.story.events[event], attempt).encode()
                answers[client.post("/webhooks/stripe", data=body, headers=stand.sign(body)).status_code] += 1
                if slow:  # the next is told once the worker has looked
                    wait_for(database, NO_LOOK, 1, look=f'{{"attempt": "{attempt}", "again": false}}')

    payer.start()
    try:
        at_once(*(lambda mine=mine: deliver(mine) for mine in range(3)))
    finally:
        payer.stop()
    for _ in range(3):  # what is looked at later may be looked at once more
        run_out(database)
        work_off(payer)
    ends = end_of(database)
    for _, request, attempt in made:
        assert ends[request] == model(told.looked[attempt]), f"seed {SEED}: {told.looked[attempt]}"
        assert (ends[request][0], ends[request][2]) == ("refunded", 5000), f"seed {SEED}: {told.looked[attempt]}"
    check_money(database, len(made))
    ways = {tuple(looked) for looked in told.looked.values()}
    print(f"seed {SEED}: {len(made)} payments, {sum(answers.values())} webhooks, {sum(map(len, told.looked.values()))} looks, {len(ways)} ways")
    assert set(answers) == {200}
    assert len(ways) >= 20, "nearly every payment went the same way: the orders did not matter to what was seen"


@pytest.fixture
def told(stand: StripeStandIn, by_card: None, monkeypatch: pytest.MonkeyPatch) -> ToldProvider:
    provider = ToldProvider(Story(stand))
    monkeypatch.setattr(keys, "provider", lambda config: provider)
    return provider


def test_orders_of_six_webhooks_each_twice_in_three_threads_end_as_the_model_says(
    app: Flask, database: Database, config: Config, cast: Cast, stand: StripeStandIn, told: ToldProvider
) -> None:
    run_orders(app, database, config, cast, stand, told, random.Random(SEED).sample(ORDERS, 240))


@pytest.mark.soak
def test_all_orders_in_each_of_three_threads_end_as_the_model_says(
    app: Flask, database: Database, config: Config, cast: Cast, stand: StripeStandIn, told: ToldProvider
) -> None:
    run_orders(app, database, config, cast, stand, told, [order for order in ORDERS for _ in range(3)])


ROUNDS = int(os.environ.get("BEDSIDE_ORDERS", "24"))


def test_orders_of_webhooks_while_the_card_service_itself_goes_on_take_money_once(
    app: Flask, database: Database, config: Config, cast: Cast, stand: StripeStandIn, by_card: None
) -> None:
    """The whole way, over HTTP to the stand-in: opened by the worker, declined, paid, given back by an administrator; webhooks come in any order and twice."""
    chance, payer = random.Random(SEED), Payer(database, config)
    stand.hold()
    made = begun(cast, ROUNDS)
    payer.start()
    try:
        wait_for(database, "SELECT count(*) FROM payment_attempts WHERE state = 'open'", ROUNDS)
        left = {attempt: _steps(database, cast, stand, thread, request, attempt) for thread, request, attempt in made}
        client, came, statuses = app.test_client(), [], Counter[int]()
        while left or came:
            if left and (not came or chance.random() < 0.5):
                attempt = chance.choice(sorted(left))
                if next(left[attempt], None) is None:
                    del left[attempt]
                came += [one for one in stand.held() for _ in range(2)]
                stand.hold()
                chance.shuffle(came)
            else:
                headers, body = came.pop()
                statuses[client.post("/webhooks/stripe", data=body, headers=headers).status_code] += 1
    finally:
        payer.stop()
    for _ in range(3):
        run_out(database)
        work_off(payer)
    ends = end_of(database)
    print(f"seed {SEED}: {ROUNDS} payments, {statuses} webhooks")
    assert set(statuses) == {200}
    for _, request, attempt in made:
        assert (ends[request][0], ends[request][2]) == ("refunded", 5000), f"seed {SEED}"
        told = [one for one in ends[request][1] if one != "failed"]
        assert told == ["pending", "paid", "partly-refunded", "refunded"] and len(ends[request][1]) <= 5, f"seed {SEED}: {ends[request]}"
        # Which refund is made first is open: `run_out` makes all jobs due in one moment.
        assert (stand.paid_of(attempt), sorted(stand.refunded_of(attempt)), len(stand.opened(attempt))) == ([5000], [2000, 3000], 1)
    with database.reading() as connection:
        numbers = connection.execute(sa.select(payment_requests.c.receipt_number).order_by(payment_requests.c.receipt_number)).scalars().all()
    assert list(numbers) == list(range(1, ROUNDS + 1))


def _steps(database: Database, cast: Cast, stand: StripeStandIn, thread: str, request: str, attempt: str) -> Iterator[bool]:
    """What people do, one step each time."""
    [reference] = stand.opened(attempt)
    yield bool(stand.pay(reference, DECLINED))
    assert stand.pay(reference) == ""
    yield True
    run_out(database)
    wait_for(database, "SELECT count(*) FROM payment_requests WHERE state = 'paid' AND uid = :uid", 1, uid=request)
    for amount in ("20", None):
        database.perform(cast.dina, "payment.refund", thread, request=request, amount=amount, reason="test")
        yield True


def wait_for(database: Database, query: str, count: int, **values: Any) -> None:
    """Wait until a count is so high."""
    end = time.monotonic() + 30
    while True:
        with database.reading() as connection:
            if connection.execute(sa.text(query), values).scalar_one() >= count:
                return
        assert time.monotonic() < end, query
        time.sleep(0.01)  # between two looks; the time that is over is what fails


def test_no_forged_late_or_foreign_webhook_is_believed(
    app: Flask, database: Database, config: Config, cast: Cast, stand: StripeStandIn, by_card: None
) -> None:
    stand.hold()
    [(_, request, attempt)] = begun(cast, 1)
    payer = Payer(database, config)
    work_off(payer)
    stand.pay(*stand.opened(attempt))
    events = [body for _, body in stand.held()]
    event = json.loads(events[-1])

    def told(body: bytes, headers: dict[str, str] | None = None, **changed: Any) -> int:
        body = json.dumps(json.loads(body) | changed).encode() if changed else body
        return app.test_client().post("/webhooks/stripe", data=body, headers=stand.sign(body) if headers is None else headers).status_code

    good, signed = events[-1], stand.sign(events[-1])
    now = time.time()
    cases = {
        "no signature": told(good, {}),
        "garbage signature": told(good, {"Stripe-Signature": "t=1,v1=x"}),
        "not ASCII": told(good, {"Stripe-Signature": "t=é"}),
        "of another body": told(good.replace(b"5000", b"1"), signed),
        "301 seconds old": told(good, stand.sign(good, now - 301)),
        "another account": told(good, account="acct_somebody"),
        "live": told(good, livemode=True),
        "no JSON": told(b"{", stand.sign(b"{")),
        "no event": told(b"[]", stand.sign(b"[]")),
        "deep": told(b"[" * 20000, stand.sign(b"[" * 20000)),
        "too large": told(b" " * (256 * 1024 + 1), stand.sign(b" ")),
    }
    stand.secrets = ["whsec_of_somebody_else"]
    cases["another secret"] = told(good)
    assert {name: status for name, status in cases.items() if status != 400} == {"too large": 413}, cases
    with database.reading() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM provider_events")).scalar_one() == 0
    work_off(payer)
    assert end_of(database)[request][0] == "pending"  # nothing was heard, and it was not yet time to look by itself
    stand.write_keys(config.data, webhook_secrets=(SECRET, OLD_SECRET))
    stand.secrets = ["whsec_of_somebody_else", OLD_SECRET]  # while a secret is exchanged, several sign
    assert told(good) == 200
    for _ in range(3):
        assert told(good, stand.sign(good, now - 290)) == 200  # replayed: taken, and nothing new
    work_off(payer)
    assert end_of(database)[request][:2] == ("paid", ["pending", "paid"])
    assert event["type"] == "checkout.session.completed"
    stand.write_keys(config.data, secret_key=OTHER_KEY, webhook_secrets=(SECRET,))
    assert told(good) == 400  # a secret that is exchanged is not believed any more
