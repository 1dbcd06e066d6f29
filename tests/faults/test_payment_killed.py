"""Worker, web and threads are killed by SIGKILL in the moments of a payment that matter. Source: house rule 9; facts/reliability F3.

The moments are met, not hoped for: the card service's stand-in keeps an answer back, somebody else holds the database, or a process is let run for
a fraction of a millisecond at a time until what it has stored is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from xml.etree.ElementTree import Element

import pytest

from tests.support.clinic import RunningClinic
from tests.support.crowd import Member, settle
from tests.support.databases import held, rows
from tests.support.page import Page
from tests.support.ports import eventually
from tests.support.stripe_stand_in import StripeStandIn

ROUNDS = int(os.environ.get("BEDSIDE_KILLS", "3"))
SEED = int(os.environ.get("BEDSIDE_SEED", random.randrange(10**6)))
SLICE_SECONDS = 0.0003

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration."""
    with RunningClinic(tmp_path_factory.mktemp("payment-killed") / "data", "--demo") as one:
        yield one


@pytest.fixture(scope="module")
def stand(clinic: RunningClinic) -> Iterator[StripeStandIn]:
    """The card service's stand-in, whose keys the clinic has. Webhooks are held back until somebody delivers them."""
    with StripeStandIn(webhook_url=f"http://127.0.0.1:{clinic.base_port}/webhooks/stripe") as running:
        running.hold()
        running.write_keys(clinic.data)
        yield running


class Desk:
    """Boris asks, Ana pays, Dina gives back; what became of it is read by SQL."""

    def __init__(self, clinic: RunningClinic, stand: StripeStandIn):
        self.clinic, self.stand = clinic, stand
        self.thread = clinic.ready["threads"]["ana-boris"]
        self.service = ""
        self.act("dina", "payment.provide", provider="stripe")
        self.service = self.act("dina", "service.create", name=f"Consultation {uuid.uuid4().hex[:6]}", price="50", currency="EUR")

    def act(self, who: str, action: str, subject: str | None = None, **values: str) -> str:
        """Does something on a page of its own: the web may have been killed since."""
        page = Page(self.clinic, who)
        try:
            answer = page.act(action, subject, **values)
        finally:
            page.close()
        assert answer.status == 200, answer.text
        return str(json.loads(answer.text).get("value"))

    def accepted(self) -> str:
        """Returns the uid of a request that Ana has just accepted."""
        request = self.act("boris", "payment.request", self.thread["uid"], service=self.service, client_id=uuid.uuid4().hex)
        self.act("ana", "payment.decide", self.thread["uid"], decision="accept", request=request)
        return request

    def refund(self, request: str) -> None:
        """Dina gives 20.00 of it back."""
        self.act("dina", "payment.refund", self.thread["uid"], request=request, amount="20", reason="too long a wait")

    def attempt(self, request: str) -> tuple[str, str, str]:
        """Returns the only attempt: its uid, state and reference."""
        query = "SELECT a.uid, a.state, a.reference FROM payment_attempts a JOIN payment_requests r ON r.id = a.request_id WHERE r.uid = :uid"
        [found] = rows(self.clinic.url, query, uid=request)
        return tuple(found)

    def is_(self, request: str, state: str) -> bool:
        """Returns whether the only attempt, or the request, stands so."""
        [[found]] = rows(self.clinic.url, "SELECT state FROM payment_requests WHERE uid = :uid", uid=request)
        return state in (found, self.attempt(request)[1])

    def jobs(self, request: str) -> int:
        """Returns how many jobs about it are not forgotten."""
        query = "SELECT count(*) FROM jobs WHERE payload LIKE :uid AND payload NOT LIKE '%true%'"
        return int(rows(self.clinic.url, query, uid=f"%{self.attempt(request)[0]}%")[0][0])

    def told(self, request: str) -> list[str]:
        """Returns what the thread was told of its money."""
        found = rows(self.clinic.url, "SELECT payload FROM entries WHERE kind = 'settlement' ORDER BY thread_id, seq")
        return [one["state"] for one in map(json.loads, (row[0] for row in found)) if one["request"] == request]

    def deliver(self) -> None:
        """Brings what the card service has to tell, until it is taken."""
        for headers, body in self.events():
            eventually(lambda headers=headers, body=body: self.stand.deliver(headers, body) == 200, 20.0, "a webhook is taken")

    def events(self) -> list[tuple[dict[str, str], bytes]]:
        """Returns what the card service has to tell; what comes later is held back too."""
        found = self.stand.held()
        self.stand.hold()
        return found

    def check(self, request: str, given: list[int], seed: str) -> None:
        """One payment, one receipt, one entry each step, one refund each time one was asked for: here and at the card service."""
        attempt = self.attempt(request)[0]
        wanted = ["pending", "paid", *["partly-refunded" for _ in given]]
        assert self.told(request) == wanted, seed
        assert (len(self.stand.opened(attempt)), self.stand.paid_of(attempt), self.stand.refunded_of(attempt)) == (1, [5000], given), seed
        refunded = rows(self.clinic.url, "SELECT f.state FROM refunds f JOIN payment_attempts a ON a.id = f.attempt_id WHERE a.uid = :uid", uid=attempt)
        assert [row[0] for row in refunded] == ["done" for _ in given], seed
        numbers = [row[0] for row in rows(self.clinic.url, "SELECT receipt_number FROM payment_requests WHERE receipt_number IS NOT NULL ORDER BY 1")]
        assert numbers == list(range(1, len(numbers) + 1)), seed
        looks = "SELECT count(*) FROM jobs WHERE name = 'payment.look' AND payload LIKE :uid AND payload LIKE '%true%'"
        assert rows(self.clinic.url, looks, uid=f"%{attempt}%")[0][0] <= 1, seed


@pytest.fixture(scope="module")
def desk(clinic: RunningClinic, stand: StripeStandIn) -> Desk:
    return Desk(clinic, stand)


def pid(clinic: RunningClinic, part: str) -> int | None:
    """Returns a part's process id, None while ready.json is being renewed."""
    ready = clinic.ready_or_none()
    return ready["pids"][part] if ready else None


def killed(clinic: RunningClinic, part: str, was: int) -> None:
    """Kills a part with all that it started, and waits until there is another one."""
    os.killpg(was, signal.SIGKILL)
    again(clinic, part, was)


def again(clinic: RunningClinic, part: str, was: int) -> None:
    """Waits until a part that was killed runs again."""
    eventually(lambda: pid(clinic, part) not in (None, was), 20.0, f"{part} runs again")


def sliced(process: int, reached: Callable[[], bool], seconds: float = 10.0) -> None:
    """Lets a process group run a little at a time, until `reached`; then it stands still."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it was never reached"
        os.killpg(process, signal.SIGCONT)
        time.sleep(SLICE_SECONDS)  # as long as it runs: the slice is what is tested, nothing is waited for
        os.killpg(process, signal.SIGSTOP)


def kill_worker(desk: Desk, asked: str, act: Callable[[], None], stored: Callable[[], bool], window: str, chance: random.Random) -> str:
    """Kills the worker while it asks what begins with `asked`, in a window: before it has read the answer, before it has stored it, or
    before the job is forgotten. Returns: the window that was met.
    """
    worker = pid(desk.clinic, "worker")
    assert worker is not None
    pause = desk.stand.pause(asked)
    act()
    assert pause.reached.wait(30), f"{asked} was not asked"
    if window == "answered":
        os.killpg(worker, signal.SIGKILL)
        pause.go.set()
        again(desk.clinic, "worker", worker)
        return window
    if window == "held":
        with held(desk.clinic.url):
            pause.go.set()
            time.sleep(chance.uniform(0.1, 0.4))  # when it dies is chance: it has the answer, and the held database keeps it from storing it
            assert not stored()
            os.killpg(worker, signal.SIGKILL)
        again(desk.clinic, "worker", worker)
        return window
    os.killpg(worker, signal.SIGSTOP)
    pause.go.set()
    sliced(worker, stored)
    killed(desk.clinic, "worker", worker)
    return window


def test_a_worker_killed_around_an_answer_of_the_card_service_takes_and_gives_money_once(desk: Desk) -> None:
    chance, met, left = random.Random(SEED), Counter[str](), 0
    windows = ["answered", "held", "stored"]
    for number in range(ROUNDS):
        seed = f"seed {SEED}, round {number}"
        chosen = windows[number % 3 :] + windows[: number % 3]
        made: list[str] = []

        def begin(made: list[str] = made) -> None:
            made.append(desk.accepted())

        met[kill_worker(desk, "POST /v1/checkout/sessions", begin, lambda made=made: desk.is_(made[0], "open"), chosen[0], chance)] += 1
        [request] = made
        eventually(lambda request=request: desk.is_(request, "open"), 60.0, "it can be paid")
        attempt, _, reference = desk.attempt(request)
        assert desk.stand.pay(reference) == "", seed

        def paid(request: str = request) -> bool:
            return desk.is_(request, "paid")

        met[kill_worker(desk, f"GET /v1/checkout/sessions/{reference}", desk.deliver, paid, chosen[1], chance)] += 1
        eventually(paid, 60.0, "it is paid")

        def refunded(request: str = request) -> bool:
            return desk.is_(request, "partly-refunded")

        met[kill_worker(desk, "POST /v1/refunds", lambda request=request: desk.refund(request), refunded, chosen[2], chance)] += 1
        eventually(refunded, 60.0, "it is given back")
        desk.deliver()
        eventually(lambda request=request: desk.jobs(request) == 0, 60.0, "nothing more is to be asked")
        desk.check(request, [2000], seed)
        left += 1
    print(f"seed {SEED}: {left} payments, kills {dict(met)}")


class Webhook(threading.Thread):
    """One webhook on its way; answered: the status, 0 where nobody answered, None while it waits."""

    def __init__(self, desk: Desk, headers: dict[str, str], body: bytes):
        super().__init__()
        self.desk, self.headers, self.body = desk, headers, body
        self.event = str(json.loads(body)["id"])
        self.answered: int | None = None

    def run(self) -> None:
        """Sends it once."""
        self.answered = self.desk.stand.deliver(self.headers, self.body)

    def known(self) -> int:
        """Returns how often the clinic keeps it."""
        return int(rows(self.desk.clinic.url, "SELECT count(*) FROM provider_events WHERE event = :event", event=self.event)[0][0])


def paid_by_card(desk: Desk) -> tuple[str, list[Webhook]]:
    """Returns a request that was just paid, and the webhooks that tell of it."""
    request = desk.accepted()
    eventually(lambda: desk.is_(request, "open"), 30.0, "it can be paid")
    assert desk.stand.pay(desk.attempt(request)[2]) == ""
    return request, [Webhook(desk, *one) for one in desk.events()]


def told_again(desk: Desk, request: str, webhooks: list[Webhook], seed: str) -> None:
    """The card service repeats what was not answered, and sometimes more; in the end there is one payment."""
    for one in webhooks * 2:
        eventually(lambda one=one: desk.stand.deliver(one.headers, one.body) == 200, 20.0, "a webhook is taken")
    eventually(lambda: desk.is_(request, "paid"), 30.0, "it is paid")
    assert [one.known() for one in webhooks] == [1] * len(webhooks), seed
    eventually(lambda: desk.jobs(request) == 0, 30.0, "nothing more is to be asked")
    desk.check(request, [], seed)


def test_a_web_killed_before_a_webhook_is_stored_hears_it_when_it_comes_again(desk: Desk) -> None:
    chance = random.Random(SEED + 1)
    for number in range(ROUNDS):
        seed = f"seed {SEED}, round {number}"
        request, webhooks = paid_by_card(desk)
        chosen, web = chance.choice(webhooks), pid(desk.clinic, "web")
        assert web is not None
        with held(desk.clinic.url):  # it has come, and waits to be stored
            chosen.start()
            time.sleep(chance.uniform(0.1, 0.3))  # when it dies is chance
            os.killpg(web, signal.SIGKILL)
        again(desk.clinic, "web", web)
        chosen.join(20)
        assert (chosen.answered == 200, chosen.known()) == (False, 0), seed
        told_again(desk, request, webhooks, seed)


def test_a_web_killed_before_it_answers_a_webhook_that_it_has_stored_hears_it_once(desk: Desk) -> None:
    met = sent = 0
    for number in range(20 * ROUNDS):
        request, webhooks = paid_by_card(desk)
        for one in webhooks:
            web = pid(desk.clinic, "web")
            assert web is not None
            os.killpg(web, signal.SIGSTOP)
            one.start()
            sliced(web, lambda one=one: bool(one.known()))
            one.join(0.05)
            sent += 1
            if one.answered is None:  # stored, and not answered: this is the moment
                met += 1
                killed(desk.clinic, "web", web)
                one.join(20)
                assert one.answered != 200
                break
            os.killpg(web, signal.SIGCONT)
        told_again(desk, request, webhooks, f"round {number}")
        if met == ROUNDS:
            break
    print(f"{met} kills between storing and answering, {sent} webhooks")
    assert met, "no kill came between storing and answering: nothing was proved"


class Ear(Member):
    """A client in a room that keeps which entries it hears: what was sent just before a kill may come again, under the same id, and is one to an app."""

    entries: dict[str, str]

    def note(self, stanza: Element, uid: str) -> None:
        """Keeps a message of the room."""
        self.entries[uid] = stanza.findtext("{jabber:client}body") or ""
        super().note(stanza, uid)


@pytest.fixture
def ears(clinic: RunningClinic) -> Iterator[list[Ear]]:
    """Ana's and Boris's clients in their room."""
    with ExitStack() as open_streams:
        found = []
        for name, nick in (("ana", "Ana Alvarez"), ("boris", "Boris Brandt")):
            stream = open_streams.enter_context(clinic.xmpp(name, resource="ear"))
            stream.send("<presence/>")
            ear = Ear(stream, clinic.ready["threads"]["ana-boris"]["room"], nick, clinic.ready["accounts"][name]["jid"].partition("@")[0])
            ear.entries = {}
            ear.join()
            found.append(ear)
        yield found


def test_threads_killed_before_people_are_told_of_a_payment_tell_them_once(clinic: RunningClinic, desk: Desk, ears: list[Ear]) -> None:
    for number in range(ROUNDS):
        request = desk.accepted()
        settle(ears, lambda request=request: desk.is_(request, "open"), 30.0)
        settle(ears, lambda number=number: all(_heard(ear, "can pay") > number for ear in ears), 20.0)
        assert desk.stand.pay(desk.attempt(request)[2]) == ""
        was = pid(clinic, "threads")
        assert was is not None
        os.killpg(was, signal.SIGSTOP)
        desk.deliver()
        eventually(lambda request=request: desk.is_(request, "paid"), 30.0, "it is paid")
        assert all(_heard(ear, " paid ") == number for ear in ears)
        killed(clinic, "threads", was)
        settle(ears, lambda number=number: all(_heard(ear, " paid ") > number for ear in ears), 30.0)
        settle(ears, lambda request=request: desk.jobs(request) == 0, 30.0)
        desk.check(request, [], f"round {number}")
    for ear in ears:
        assert (_heard(ear, "can pay"), _heard(ear, " paid ")) == (ROUNDS, ROUNDS)


def _heard(ear: Ear, words: str) -> int:
    return sum(words in body and "50.00 EUR" in body for body in ear.entries.values())
