"""A signed-in browser of a running clinic, over real HTTP: log-in, fragments, and an outbox that resends as the page's does."""

import html
import http.client
import json
import re
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.support.clinic import RunningClinic

ANSWER_SECONDS = 20.0
PAUSE_SECONDS = 0.1
UNREACHABLE = {408, 425, 429, 500, 502, 503, 504, 507}
"""What the page's script takes as "try again" (web/frontend/src/http.ts)."""


@dataclass(frozen=True)
class Answer:
    """What the web said."""

    status: int
    headers: http.client.HTTPMessage
    text: str


class Page:
    """One person's browser. Not for two threads at once."""

    def __init__(self, clinic: RunningClinic, name: str):
        self.host, self.port = "127.0.0.1", clinic.base_port
        self.cookies: dict[str, str] = {}
        self.connection: http.client.HTTPConnection | None = None
        account = clinic.ready["accounts"][name]
        assert self.log_in(account["email"], account["password"]) == 303
        self.csrf = self.token()

    def log_in(self, email: str, password: str, *, close: bool = False) -> int:
        """Returns the status of the answer to a log-in. `close`: by a connection of its own."""
        form = urlencode({"csrf_token": self.token(), "email": email, "password": password})
        if close:
            self.close()
        return self.ask("POST", "/login", form, {"Content-Type": "application/x-www-form-urlencoded"}).status

    def token(self) -> str:
        """Returns the session's CSRF token."""
        return json.loads(self.ask("GET", "/session").text)["csrf"]

    def ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> Answer:
        """Returns the answer to one request. Raises: OSError, HTTPException when there is none."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        try:
            self.connection.request(method, path, body, {"Accept": "application/json", "Cookie": cookie, "X-Bedside-Script": "1", **(headers or {})})
            response = self.connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        for header in response.headers.get_all("Set-Cookie", []):
            self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(header).items()})
        return Answer(response.status, response.headers, text)

    def act(self, action: str, subject: str | None = None, **values: object) -> Answer:
        """Returns the answer to an action, sent as the page's script sends it."""
        path = f"/actions/{action}/{subject}" if subject else f"/actions/{action}"
        return self.ask("POST", path, json.dumps(values), {"Content-Type": "application/json", "X-CSRFToken": self.csrf})

    def entries_after(self, thread: str, uid: str) -> list[str]:
        """Returns the uids of all entries after one, in the page's order, fetched as the page's script fetches them."""
        found: list[str] = []
        more = True
        while more:
            answer = self.ask("GET", f"/threads/{thread}/entries?after={found[-1] if found else uid}", headers={"Accept": "text/html"})
            assert answer.status == 200, answer.text
            found += [html.unescape(one) for one in re.findall(r'<article [^>]*data-uid="([^"]+)"', answer.text)]
            more = answer.headers["X-Bedside-More"] == "1"
        return found

    def close(self) -> None:
        """Closes the connection."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Outbox(threading.Thread):
    """Posts a person's texts in order, each again under its client id until the clinic says ok. `stop` ends it."""

    def __init__(self, page: Page, thread: str):
        super().__init__(daemon=True)
        self.page, self.thread = page, thread
        self.waiting: deque[tuple[str, str]] = deque()
        self.some, self.over = threading.Event(), threading.Event()
        self.answered: dict[str, str] = {}
        self.answered_at: dict[str, float] = {}
        self.refused: list[Answer] = []
        self.unanswered = 0

    def add(self, client_id: str, body: str) -> None:
        """Puts a text behind those that wait."""
        self.waiting.append((client_id, body))
        self.some.set()

    def run(self) -> None:
        """Sends what waits until stopped."""
        while not self.over.is_set():
            if not self.waiting:
                self.some.wait(0.05)
                self.some.clear()
            elif not self.send(*self.waiting[0]):
                self.over.wait(PAUSE_SECONDS)

    def send(self, client_id: str, body: str) -> bool:
        """Tries the oldest once. Returns whether it is done."""
        try:
            answer = self.page.act("text.post", self.thread, body=body, client_id=client_id)
        except (OSError, http.client.HTTPException):
            self.unanswered += 1
            return False
        if answer.status != 200:
            self.refused.append(answer)
            assert answer.status in UNREACHABLE, f"the page would give up: {answer.status} {answer.text}"
            return False
        self.answered[client_id] = json.loads(answer.text)["entry"]
        self.answered_at[client_id] = time.monotonic()
        self.waiting.popleft()
        return True

    def stop(self) -> None:
        """Ends the thread."""
        self.over.set()
        self.join(ANSWER_SECONDS)
        self.page.close()
