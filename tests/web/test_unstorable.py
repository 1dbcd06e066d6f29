"""While nothing can be stored (the disk is full, the database is held) people read on, and leave; while it is gone they read words."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from flask import Flask

from clinic import Config, Database
from clinic.errors import Busy
from tests.support import databases
from tests.support.cast import Cast
from tests.support.databases import DATABASES
from tests.web.browser import Browser
from web import auth

SignIn = Callable[[str], Browser]


@pytest.fixture
def held(config: Config, database: Database, monkeypatch: pytest.MonkeyPatch) -> Callable[[], object]:
    """Return what keeps every writer out of the database for a while, as somebody else's long write does."""
    monkeypatch.setattr("clinic.storage.BUSY_TIMEOUT_SECONDS", 0.2)
    # Every request would like to note that the session is in use.
    monkeypatch.setattr(auth, "_NOTED_FOR", timedelta(0))

    @contextmanager
    def hold() -> Iterator[None]:
        if DATABASES.kind == "postgresql":
            database.engine.dispose()  # connections of before would wait as long as ever
            with databases.held(config.database_url):
                yield
            return
        with (config.run_dir / "writers.door").open("w") as door:
            fcntl.flock(door, fcntl.LOCK_EX)
            yield

    return hold


def test_pages_are_read_while_nothing_can_be_stored_and_writing_is_refused_in_words(
    sign_in: SignIn, cast: Cast, held: Callable[[], object]
) -> None:
    thread = cast.start("boris", "ana")
    cast.post("boris", thread, "Read this")
    ana = sign_in("ana")
    with held():
        for path in ("/", f"/threads/{thread}", "/account", "/threads/new", "/account/devices"):
            assert ana.get(path).status_code == 200, path
        refused = ana.send(f"/actions/text.post/{thread}", body="Not now", client_id="c1")
        assert refused.status_code == 503
        assert "could not store" in refused.get_json()["text"]
    assert ana.send(f"/actions/text.post/{thread}", body="Not now", client_id="c1").status_code == 200


def test_only_one_request_in_a_while_waits_to_note_what_may_be_lost(
    sign_in: SignIn, held: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, tried = sign_in("ana"), []
    perform = Database.perform
    monkeypatch.setattr(Database, "perform", lambda self, actor, action, *rest, **values: tried.append(action) or perform(self, actor, action, *rest, **values))
    with held():
        for _ in range(5):
            assert ana.get("/account").status_code == 200
    assert tried == ["login.seen"]


def test_who_logs_out_while_nothing_can_be_stored_has_left_this_browser_and_is_told(sign_in: SignIn, held: Callable[[], object]) -> None:
    ana = sign_in("ana")
    with held():
        page = ana.submit("/logout", follow=True)
        assert "could not store that" in page.text
        assert ana.get("/account").status_code == 303
    assert ana.get("/account").status_code == 303


def test_while_the_database_is_gone_every_page_says_so_in_the_clinics_own_words(
    app: Flask, sign_in: SignIn, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.perform(cast.dina, "clinic.describe", clinic_name="Harbour Clinic", emergency_number="112", time_zone="UTC")
    ana = sign_in("ana")
    assert "Harbour Clinic" in ana.get("/").text

    @contextmanager
    def gone(self: Database) -> Iterator[None]:
        raise Busy()
        yield

    monkeypatch.setattr(Database, "reading", gone)
    for path in ("/", "/login", "/account"):
        page = ana.get(path)
        assert page.status_code == 503, path
        assert 'id="main"' in page.text
        assert "Harbour Clinic" in page.text
        assert "Traceback" not in page.text
