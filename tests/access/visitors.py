"""People at their pages: each actor's browser, and what it is to compare two refusals."""

from __future__ import annotations

import io
import re
from typing import Any

from flask import Flask
from pypdf import PdfReader
from werkzeug.test import TestResponse

from tests.access.scene import ABSENT, DISABLED, NOBODY, Scene
from tests.access.state import Held, State, difference
from tests.web.browser import Browser


class Visitor:
    """One actor's browser, whose CSRF token is asked for once."""

    def __init__(self, app: Flask) -> None:
        self._browser = Browser(app)
        self._token: str | None = None
        self._stranger = True  # each log-out gives a new session, and so a new token

    @property
    def token(self) -> str:
        """The token of this browser's session."""
        if self._token is None or self._stranger:
            self._token = self._browser.token
        return self._token

    def log_in(self, email: str, password: str) -> None:
        """Log in; from then on the session is open."""
        assert self._browser.log_in(email, password).status_code == 303
        self._stranger = False
        self._token = self._browser.token

    def get(self, path: str, **more: Any) -> TestResponse:
        """Ask for a page."""
        return self._browser.get(path, **more)

    def submit(self, path: str, fields: dict[str, Any]) -> TestResponse:
        """Send a plain form."""
        return self._browser.client.post(path, data={"csrf_token": self.token, **fields}, headers={"Accept": "text/html"})

    def send(self, path: str, values: dict[str, Any]) -> TestResponse:
        """Send JSON, as the page's script does."""
        return self._browser.client.post(path, json=values, headers={"X-CSRFToken": self.token, "X-Bedside-Script": "1"})

    def ask(self, method: str, path: str, headers: dict[str, str]) -> TestResponse:
        """Send what no form sends, as the page's script does."""
        own = {"X-CSRFToken": self.token, "Accept": "text/html"}
        return self._browser.client.open(path, method=method, headers={**own, **headers})


class Pages:
    """The clinic's pages as each actor has them open."""

    def __init__(self, app: Flask, scene: Scene, state: State, emails: dict[str, str], password: str) -> None:
        self.app, self.scene, self.state = app, scene, state
        self.visitors = {name: Visitor(app) for name in (NOBODY, *emails)}
        for name, email in emails.items():
            self.visitors[name].log_in(email, password)
        assert self.visitors[DISABLED].get("/account").status_code == 200
        scene.end()
        self.kept = state.keep()
        self.problems: list[str] = []

    def unchanged(self, before: Held, cell: str) -> None:
        """Note what somebody changed who may change nothing, and put it back."""
        changed = difference(before, self.state.held())
        if changed:
            self.problems.append(f"{cell}: refused, and yet it changed {changed}")
            self.state.restore(self.kept)

    def leaks(self, answer: TestResponse, who: str, cell: str, asked: str = "") -> None:
        """Note what an answer tells of things that are not for its reader, in its body or its headers.

        asked: what the reader sent, which an answer may say again.
        """
        told = self.scene.leaks(f"{answer.headers}\n{_read(answer)}", who)
        for what in told if not asked else set(told) - self.scene.seen(asked):
            self.problems.append(f"{cell}: tells of the {what}")

    def settle(self) -> None:
        """Put the clinic back as it was prepared."""
        self.state.restore(self.kept)

    def done(self) -> None:
        """Fail with all that was noted."""
        problems, self.problems = self.problems, []
        assert not problems, "\n".join(["", *problems])


def _read(answer: TestResponse) -> str:
    """Return what an answer says, on paper too."""
    if answer.mimetype != "application/pdf":
        return answer.text
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages)


def bare(answer: TestResponse, *named: str) -> tuple[int, str]:
    """Return an answer without what was asked for and what is new each time, to compare it with another."""
    text = answer.text
    for uid in (*named, ABSENT):
        text = text.replace(uid, "UID")
    return answer.status_code, re.sub(r'(content|value)="[\w.-]{60,}"', "", text)
