"""A browser without scripts, and what a page's script sends: a test client that keeps the CSRF token."""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.test import TestResponse


class Browser:
    """One person's browser."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def get(self, path: str, **more: Any) -> TestResponse:
        """Ask for a page, as a browser does."""
        headers = {"Accept": "text/html,application/xhtml+xml", **more.pop("headers", {})}
        return self.client.get(path, headers=headers, **more)

    @property
    def token(self) -> str:
        """The CSRF token of this browser's session."""
        token: str = self.client.get("/session", headers={"X-Bedside-Script": "1"}).get_json()["csrf"]
        return token

    def submit(self, path: str, follow: bool = False, **fields: Any) -> TestResponse:
        """Send a plain form with its CSRF token."""
        data = {"csrf_token": self.token, **fields}
        return self.client.post(path, data=data, headers={"Accept": "text/html"}, follow_redirects=follow)

    def send(self, path: str, **values: Any) -> TestResponse:
        """Send JSON as the page's script does."""
        return self.client.post(path, json=values, headers={"X-CSRFToken": self.token, "X-Bedside-Script": "1"})

    def log_in(self, email: str, password: str, **more: Any) -> TestResponse:
        """Send the log-in form."""
        return self.submit("/login", email=email, password=password, **more)
