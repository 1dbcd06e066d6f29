"""The administrator's page of files without a script: what is taken, what looks at it, how links open."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from clinic.file.allowed import BEGINS_WITH, KNOWN
from tests.support.clamd_stand_in import clamd
from tests.web.browser import Browser
from web.media import inspecting, sandbox

SignIn = Callable[[str], Browser]


@pytest.fixture
def dina(sign_in: SignIn) -> Iterator[Browser]:
    yield sign_in("dina")
    inspecting.close()


def shown(browser: Browser) -> str:
    return html.unescape(browser.get("/admin/files").text)


def chosen(page: str) -> set[str]:
    return set(re.findall(r'value="([^"]+)" checked', page))


def test_an_administrator_chooses_what_is_taken_and_goes_back_to_the_usual(dina: Browser) -> None:
    page = shown(dina)
    assert chosen(page) == set(BEGINS_WITH) and "Back to the usual list" not in page
    assert set(re.findall(r'name="allowed" value="([^"]+)"', page)) == set(KNOWN)
    assert not any(word in one for one in KNOWN for word in ("html", "svg", "xml;", "exec", "script", "macro"))
    dina.submit("/actions/file.allow", allowed=["image/jpeg", "audio/webm", "application/zip"], next="/admin/files")
    page = shown(dina)
    assert chosen(page) == {"image/jpeg", "audio/webm", "application/zip"} and "Back to the usual list" in page
    dina.submit("/actions/file.allow", allowed=list(BEGINS_WITH), next="/admin/files")
    assert chosen(shown(dina)) == set(BEGINS_WITH)


@pytest.mark.parametrize("given", [["image/jpeg"], [], ["image/jpeg", "audio/webm", "text/html"]])
def test_what_cannot_be_is_refused_in_words_and_what_was_chosen_stays(dina: Browser, given: list[str]) -> None:
    answer = dina.submit("/actions/file.allow", allowed=given, next="/admin/files")
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert chosen(html.unescape(answer.text)) == set(given) & set(KNOWN)
    assert chosen(shown(dina)) == set(BEGINS_WITH)


def test_links_open_by_themselves_until_an_administrator_says_otherwise(dina: Browser) -> None:
    assert "links of its own" in shown(dina)
    dina.submit("/actions/file.ask_log_in", always="1", next="/admin/files")
    assert "ask for a log-in each time" in shown(dina)


def test_the_page_says_what_looks_at_files(dina: Browser, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = shown(dina)
    assert "reaches no network, no files and no other program" in page and "No virus scanner is set up" in page
    with clamd(tmp_path) as daemon:
        app.config["BEDSIDE"] = replace(app.config["BEDSIDE"], clamd=str(daemon.path))
        assert "A virus scanner (ClamAV) looks at each file too" in shown(dina)
    assert "does not answer" in shown(dina)

    def begin(_self: sandbox.Sandbox, _theirs: object) -> int:
        raise sandbox.Unavailable("This machine has no seccomp (OSError 22).")

    monkeypatch.setattr(sandbox.Sandbox, "_begin", begin)
    assert "so none are taken: This machine has no seccomp (OSError 22)." in shown(dina)
