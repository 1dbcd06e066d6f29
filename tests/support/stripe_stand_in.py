"""A stand-in for Stripe on loopback, for tests: our reading of Stripe, not Stripe.

What it is: as much of the API (2026-10-28.endive) as the clinic uses, over real HTTP. Checkout Sessions (create, retrieve, list, expire) with a hosted
page in a browser; PaymentIntents, charges and refunds behind them; the account; idempotency keys; signed webhooks, repeated until they are taken.
Each request is held against the types of Stripe's own library (stripe_params.py), each object answered against its classes (stripe_books.py).
What it is not: a proof of what Stripe does. Where we have misread Stripe, this has too. Minimum amounts, fees, disputes, 3-D Secure, customers and
everything else are absent. tests/stripe_live asks Stripe itself, where somebody has a key.

Cards: 4242424242424242 pays, 4000000000000002 and 4000000000009995 are declined; the bank account 000123456789 takes until `settle`.
Controls are methods of `StripeStandIn`: outage, hold and held, pause, fail_next, lose_answers, paid_of and refunded_of.
By itself: python -m tests.support.stripe_stand_in PORT [WEBHOOK_URL]
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import secrets
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from stripe import WebhookSignature
from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler

from ops.keys import write_private
from tests.support.ports import eventually, free_base_port
from tests.support.stripe_books import GOOD, Books, Obj
from web.gateways.keys import Keys

API_VERSION = "2026-10-28.endive"
KEY, LIVE_KEY, RESTRICTED_KEY = "sk_test_standin0000000001", "sk_live_standin0000000001", "rk_test_standin0000000001"
OTHER_KEY = "sk_test_standin0000000002"
SECRET, OLD_SECRET = "whsec_standin_secret_1", "whsec_standin_secret_0"
ACCOUNTS = {KEY: "acct_standin1", LIVE_KEY: "acct_standin1", RESTRICTED_KEY: "acct_standin1", OTHER_KEY: "acct_standin2"}
MOST_DELIVERIES = 30
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.1, 2.0
logging.getLogger("werkzeug").setLevel(logging.ERROR)


class Pause:
    """A request that has been carried out and waits with its answer: `reached` is set then, `go` lets it be sent."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        """Says nothing."""


class _Server(ThreadedWSGIServer):
    """Closes without waiting for whoever hangs on it, as an outage does."""

    daemon_threads, block_on_close = True, False


class StripeStandIn:
    """The stand-in while it runs: a context manager. url: its API. webhook_url: where events go, "" for nowhere. secrets: what signs them, all of them."""

    key, secret = KEY, SECRET

    def __init__(self, port: int = 0, webhook_url: str = "") -> None:
        from tests.support.stripe_app import make_app

        self.port = port or free_base_port(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.webhook_url = webhook_url
        self.secrets = [SECRET]
        self.keys = dict(ACCOUNTS)
        self.lock = threading.RLock()
        self.books = Books(self._emit)
        self.books.base = self.url
        self.requests: list[str] = []
        self.events: list[Obj] = []
        self.answers: dict[tuple[str, str], tuple[str, int, Obj]] = {}
        self.busy: set[tuple[str, str]] = set()
        self.failing = self.losing = 0
        self.down = ""
        self.restored = threading.Event()
        self.pauses: deque[tuple[str, Pause]] = deque()
        self.gave_up: list[str] = []
        self._holding = False
        self._queue: deque[tuple[float, int, Obj]] = deque()
        self._wake = threading.Condition(self.lock)
        self._stopping = False
        self._app = make_app(self)
        self._server: BaseWSGIServer | None = None
        self._threads: list[threading.Thread] = []

    # Running

    def __enter__(self) -> Self:
        self._listen()
        self._start(self._deliver_all)
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self.restored.set()
        for _, pause in self.pauses:
            pause.go.set()
        self._close()
        for thread in self._threads:
            thread.join(10)

    def _start(self, work: Any) -> None:
        self._threads.append(threading.Thread(target=work, daemon=True))
        self._threads[-1].start()

    def _listen(self) -> None:
        self._server = _Server("127.0.0.1", self.port, self._app, _Quiet)
        self._start(lambda server=self._server: server.serve_forever(0.02))

    def _close(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    # Outages and moments in between

    @contextlib.contextmanager
    def outage(self, how: str = "refused") -> Iterator[None]:
        """Be out of reach for a while. how: "refused" (no connection), "error" (HTTP 500, nothing carried out), "hang" (no answer),
        "page" (somebody else answers, with a page).
        """
        assert how in ("refused", "error", "hang", "page")
        self.begin_outage(how)
        try:
            yield
        finally:
            self.end_outage()

    def begin_outage(self, how: str = "refused") -> None:
        """Be out of reach until `end_outage`."""
        self.restored.clear()
        if how == "refused":
            self._close()
        else:
            self.down = how

    def end_outage(self) -> None:
        """Be there again."""
        self.down = ""
        self.restored.set()
        if self._server is None:
            self._listen()

    def pause(self, request: str) -> Pause:
        """Let the next request that begins so ("POST /v1/refunds") wait between being carried out and being answered."""
        made = Pause()
        self.pauses.append((request, made))
        return made

    def fail_next(self, times: int = 1) -> None:
        """Answer the next POSTs with a failure of Stripe's own, which it keeps under their key, and carry nothing out."""
        self.failing = times

    def lose_answers(self, times: int = 1) -> None:
        """Carry the next POSTs out and break the connection instead of answering."""
        self.losing = times

    # People, and time

    def pay(self, reference: str, number: str = GOOD) -> str:
        """What a patient does on the hosted page. Returns what it says when the card is refused, "" when not."""
        with self.lock:
            self.books.expire_due()
            return self.books.pay(self.books.objects[reference], number)

    def settle(self, reference: str, arrives: bool = True) -> None:
        """What was paid from a bank account arrives, or does not."""
        with self.lock:
            self.books.settle(self.books.objects[reference], arrives)

    def settle_refund(self, reference: str, arrives: bool = True) -> None:
        """A refund that waits (`books.refunds_wait`) arrives, or does not."""
        with self.lock:
            self.books.settle_refund(self.books.objects[reference], arrives)

    def pass_time(self, seconds: int) -> None:
        """Let its clock go ahead: sessions run out, and keys that make repeating safe are forgotten after a day."""
        with self.lock:
            self.books.ahead += seconds
            if seconds >= 86400:
                self.answers.clear()
            self.books.expire_due()

    def opened(self, attempt: str) -> list[str]:
        """References of all sessions of an attempt, oldest first."""
        with self.lock:
            return [one["id"] for one in self._all("checkout.session") if one["metadata"].get("bedside_attempt") == attempt]

    def paid_of(self, attempt: str) -> list[int]:
        """Every amount that was taken from somebody for an attempt, in Stripe's units: more than one is a double payment."""
        with self.lock:
            return [one["amount"] for one in self._all("charge") if one["paid"] and one["metadata"].get("bedside_attempt") == attempt]

    def refunded_of(self, attempt: str) -> list[int]:
        """Every amount that was given back for an attempt and did not fail."""
        with self.lock:
            charges = {one["id"] for one in self._all("charge") if one["metadata"].get("bedside_attempt") == attempt}
            return [one["amount"] for one in self._all("refund") if one["charge"] in charges and one["status"] != "failed"]

    def _all(self, kind: str) -> list[Obj]:
        return [obj for obj in self.books.objects.values() if obj["object"] == kind]

    # Webhooks

    def hold(self) -> None:
        """Keep webhooks back from now on; `held` hands them out."""
        with self.lock:
            self._holding = True

    def held(self) -> list[tuple[dict[str, str], bytes]]:
        """Hand out what was kept back, (headers, body) each, signed now; and keep nothing back any more."""
        with self.lock:
            self._holding = False
            found = [(self.sign(event), self._body(event)) for _, _, event in self._queue]
            self._queue.clear()
            return found

    def sign(self, event: Obj | bytes, at: float | None = None) -> dict[str, str]:
        """The headers of a webhook, signed by each of `secrets` as Stripe does while one is being exchanged."""
        body = event if isinstance(event, bytes) else self._body(event)
        signed = [WebhookSignature.generate_signature_header(body.decode(), one, int(at or time.time())) for one in self.secrets]
        together = ",".join([signed[0], *(one.partition(",")[2] for one in signed[1:])])
        return {"Content-Type": "application/json; charset=utf-8", "Stripe-Signature": together}

    def deliver(self, headers: dict[str, str], body: bytes) -> int:
        """Send one webhook to `webhook_url`. Returns the HTTP status, 0 where nobody answered."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(urllib.request.Request(self.webhook_url, body, headers), timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def wait_delivered(self, seconds: float = 10.0) -> None:
        """Wait until every webhook has been taken."""
        eventually(lambda: not self._queue, seconds, "webhooks were not taken")

    @staticmethod
    def _body(event: Obj) -> bytes:
        return json.dumps(event, indent=2).encode()

    def _emit(self, kind: str, obj: Obj, account: str) -> None:
        live = obj["livemode"] if "livemode" in obj else self.books.objects[obj["charge"]]["livemode"]
        event = {
            "id": f"evt_{secrets.token_hex(12)}", "object": "event", "api_version": API_VERSION, "created": self.books.now(), "type": kind,
            "data": {"object": obj}, "livemode": live, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
        }  # fmt: skip
        with self._wake:
            self.events.append(event)
            if (self.webhook_url or self._holding) and account == ACCOUNTS[KEY]:
                self._queue.append((0.0, 0, event))
                self._wake.notify_all()

    def _deliver_all(self) -> None:
        while True:
            with self._wake:
                while not self._stopping and (self._holding or not self._queue or not self.webhook_url):
                    self._wake.wait()
                if self._stopping:
                    return
                due, tries, event = self._queue[0]
                if due > time.monotonic():
                    self._queue.rotate(-1)
                    self._wake.wait(0.02)
                    continue
            status = self.deliver(self.sign(event), self._body(event))
            with self._wake, contextlib.suppress(ValueError):  # handed out by `held` meanwhile
                self._queue.remove((due, tries, event))
                if not 200 <= status < 300:
                    self._again(tries + 1, event)

    def _again(self, tries: int, event: Obj) -> None:
        if tries == MOST_DELIVERIES:
            self.gave_up.append(event["id"])
            return
        self._queue.append((time.monotonic() + min(FIRST_DELAY_SECONDS * 2**tries, LONGEST_DELAY_SECONDS), tries, event))

    # The clinic's side

    def write_keys(self, data: Path, secret_key: str = KEY, webhook_secrets: tuple[str, ...] = (SECRET,)) -> None:
        """Give a clinic's data folder keys that lead here."""
        folder = data / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "payments.json", Keys(secret_key, webhook_secrets, self.url).text())


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What must be equal when a key that makes repeating safe comes again."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()


if __name__ == "__main__":
    with StripeStandIn(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "") as running:
        print(f"API {running.url}  key {KEY}  webhook secret {SECRET}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
