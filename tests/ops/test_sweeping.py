"""Bytes of files that nothing asks for any more are removed; all others stay. Source: facts/reliability F11."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from clinic import Actor, Database
from clinic.config import Config
from clinic.file.uploading import State, upload_bytes
from ops.sweeping import FEW, KEPT_AT_LEAST, STAGED_AT_LEAST, Sweeper
from tests.support.cast import Cast
from tests.support.filing import JPEG, begun, kept
from tests.web.conftest import config_of
from web.gateways.storage import Store, of

SYSTEM = Actor.system()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return replace(config_of(tmp_path / "other"), data=tmp_path / "data")


@pytest.fixture
def store(config: Config) -> Store:
    return of(config)


@pytest.fixture
def sweeper(database: Database, config: Config) -> Sweeper:
    return Sweeper(database, config)


def staged(database: Database, store: Store, cast: Cast, thread: str, client_id: str) -> str:
    upload = begun(database, cast.ana, thread, client_id, size_bytes=1000)
    key = database.perform(SYSTEM, "file.keep_key", upload, wrapped_key=store.new_key()).value
    with store.staging(upload, key, 1000).take() as taking:
        taking.add(bytes(1000))
    return upload


def age(folder: Path, seconds: float, *names: str) -> None:
    """Let files be as old."""
    for path in folder.iterdir():
        if not names or path.name.partition(".")[0] in names:
            os.utime(path, (time.time() - seconds,) * 2)


def lying(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_uploads_that_are_wanted_stay_and_others_go(database: Database, store: Store, cast: Cast, config: Config, sweeper: Sweeper) -> None:
    thread = cast.start("boris", "ana")
    open_still, received, given_up, refused, young = (staged(database, store, cast, thread, name) for name in ("a", "b", "c", "d", "e"))
    database.perform(SYSTEM, "file.received", received)
    for upload in (given_up, young):
        database.perform(cast.ana, "file.cancel", upload)
    database.perform(SYSTEM, "file.refuse", refused, words="No.")
    age(config.uploads_dir, STAGED_AT_LEAST.total_seconds() + 5, open_still, received, given_up, refused)
    assert sweeper.sweep() == 2
    assert lying(config.uploads_dir) == {f"{upload}{end}" for upload in (open_still, received, young) for end in ("", ".owner")}
    assert sweeper.sweep() == 0


def test_files_that_are_known_stay_and_others_go_when_they_are_a_day_old(
    database: Database, store: Store, cast: Cast, config: Config, sweeper: Sweeper
) -> None:
    thread = cast.start("boris", "ana")
    known = kept(database, store, cast.ana, thread, b"content", client_id="a")
    for name in ("orphan", "young"):
        upload = staged(database, store, cast, thread, name)
        store.keep(upload, 1000)
        store.put_derived(upload, store.new_key(), "thumb", b"small")
        if name == "orphan":
            age(config.files_dir, KEPT_AT_LEAST.total_seconds() + 5)
    young = upload
    assert sweeper.sweep() == 1
    assert lying(config.files_dir) == {known, f"{known}.shown", f"{known}.thumb", young, f"{young}.thumb"}


@pytest.fixture
def kept_before_a_crash(database: Database, store: Store, cast: Cast, config: Config) -> str:
    """An upload whose bytes were kept, without the row that says so, by a machine that went off for the weekend."""
    upload = staged(database, store, cast, cast.start("boris", "ana"), "a")
    database.perform(SYSTEM, "file.received", upload)
    store.keep(upload, 1000)
    age(config.files_dir, KEPT_AT_LEAST.total_seconds() + 5)
    return upload


def test_what_is_to_be_looked_at_again_after_a_crash_stays(config: Config, sweeper: Sweeper, kept_before_a_crash: str) -> None:
    assert sweeper.sweep() == 0
    assert lying(config.files_dir) == {kept_before_a_crash}


def test_what_becomes_a_file_while_it_is_swept_stays(
    database: Database, store: Store, config: Config, sweeper: Sweeper, kept_before_a_crash: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = sweeper._needed

    def needed(uids: list[str]) -> set[str]:
        found = asked(uids)
        with database.read(SYSTEM) as work:
            key = upload_bytes(work, kept_before_a_crash).wrapped_key
        database.perform(SYSTEM, "file.checked", kept_before_a_crash, found=JPEG, size_bytes=1000, sha256="0" * 64, wrapped_key=key)
        return found

    monkeypatch.setattr(sweeper, "_needed", needed)
    assert sweeper.sweep() == 0
    assert lying(config.files_dir) == {kept_before_a_crash}
    with database.read(SYSTEM) as work:
        assert upload_bytes(work, kept_before_a_crash).state is State.SENT


def test_a_database_that_knows_few_of_the_files_removes_none(
    database: Database, cast: Cast, store: Store, config: Config, sweeper: Sweeper, caplog: pytest.LogCaptureFixture
) -> None:
    thread = cast.start("boris", "ana")
    known = kept(database, store, cast.ana, thread, b"content")
    for number in range(FEW + 1):
        (config.files_dir / f"{number:026d}").write_bytes(b"of another database")
    age(config.files_dir, KEPT_AT_LEAST.total_seconds() + 5)
    before = lying(config.files_dir)
    assert sweeper.sweep() == 0
    assert lying(config.files_dir) == before and known in before
    assert "Is it the right one?" in caplog.text
