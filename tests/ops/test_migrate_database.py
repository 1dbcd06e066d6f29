"""A clinic moves from SQLite to PostgreSQL: all of it or nothing, compared, and the file stays."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from clinic import Actor, Call, Database
from clinic.audit.seal import seal, verify
from ops import database, deployment, keys, migrate_database, preflight
from ops.layout import Layout
from ops.problems import Problem
from tests.support import postgres
from tests.support.cast import Cast
from tests.support.clinic import RunningClinic
from tests.support.page import Page
from tests.support.ports import free_base_port
from tests.support.smalldisk import small_disk

KILLS = int(os.environ.get("BEDSIDE_KILLS", "6"))


def fill(opened: Database, texts: int) -> None:
    """Leave something in nearly every table, with what two engines might store differently."""
    cast = Cast.in_(opened)
    thread = cast.start("boris", "ana")
    for text in ("plain", "é 日本 🙂 \u202e", "line\nline\t\\ ' \" % \x7f", "x" * 60_000):
        cast.post("ana", thread, text, f"id {len(text)}")
    cast.note("boris", thread, "staff only")
    for start in range(0, texts, 500):
        opened.batch([Call(cast.ana, "text.post", thread, {"body": f"text {n}", "client_id": f"n{n}"}) for n in range(start, min(texts, start + 500))])
    with pytest.raises(Exception, match="no access"):
        cast.post("eve", thread, "refused and counted")
    opened.perform(Actor.system(), "live.enter", address="ana@x/phone", kind="occupant", thread=thread, handle=cast.handle("ana"), nick="Ana")
    minted = opened.perform(cast.ana, "device.mint", name="Phone").value
    opened.perform(cast.ana, "device.revoke", minted.uid)
    invited = opened.perform(cast.dina, "account.invite", cast.uid("ana")).value
    opened.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash="$hash")
    opened.perform(Actor.anonymous(), "login.begin", account_uid=cast.uid("ana"), checked_hash="$hash")
    opened.perform(Actor.anonymous(), "login.failed", keys=["both:a"])
    opened.perform(cast.dina, "clinic.describe", clinic_name="Harbour", emergency_number="112", time_zone="Europe/Berlin")
    seal(opened)


@pytest.fixture
def texts() -> int:
    return 0


@pytest.fixture
def layout(tmp_path: Path, texts: int) -> Layout:
    """A stopped clinic on SQLite."""
    made = Layout(tmp_path / "data", free_base_port())
    preflight.prepare_folder(made.data)
    keys.ensure(made.data / "secrets")
    database.migrate(made.database)
    deployment.remember(made)
    with deployment.opened(made) as opened:
        fill(opened, texts)
    return made


@pytest.fixture
def url(postgres_server: Path) -> Iterator[str]:
    with postgres.database(postgres_server, "moved") as made:
        yield made


def move(layout: Layout, url: str) -> list[str]:
    lines: list[str] = []
    migrate_database.move(layout.data, url, lines.append)
    return lines


def dump(layout: Layout) -> list[str]:
    """Return the whole SQLite file as SQL."""
    with closing(sqlite3.connect(layout.data / "clinic.sqlite3")) as connection:
        return list(connection.iterdump())


def tables(url: str) -> set[str]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = set(sa.inspect(connection).get_table_names())
    engine.dispose()
    return found


def plainly(connection: sa.Connection, table: str) -> list[tuple[str, ...]]:
    """Return a table's rows as the two engines must agree on them, without the clinic's own types."""
    rows = connection.exec_driver_sql(f"SELECT * FROM {table}").mappings()
    return sorted(tuple(f"{name}={shown(name, value)}" for name, value in sorted(row.items())) for row in rows)


def shown(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("_at") or name in ("at", "since", "minute", "waiting_since"):
        return str(value).replace("+00:00", "").removesuffix(".000000").ljust(26, ".")
    return str(int(value)) if name in ("active", "group_admin", "muted", "put_away", "accepted", "included") else str(value)


def test_every_row_is_there_afterwards_and_the_next_start_uses_it(layout: Layout, url: str) -> None:
    before = dump(layout)
    lines = move(layout, url)
    assert deployment.carry_on(replace(layout, database_url="")).database_url == url
    assert dump(layout) == before
    assert any(str(layout.data / "clinic.sqlite3") in line and "left as it was" in line for line in lines)
    old, new = sa.create_engine(layout.database), sa.create_engine(url)
    with old.connect() as one, new.connect() as other:
        names = {name for name in sa.inspect(one).get_table_names() if not name.startswith("search_")}
        derived = {"search_cursors", "search_index", "search_rows", "search_words"}  # which the worker makes anew
        assert set(sa.inspect(other).get_table_names()) == names | derived
        assert not any(other.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one() for name in derived)
        assert sum(one.exec_driver_sql(f"SELECT count(*) > 0 FROM {name}").scalar_one() for name in names) >= 15
        for name in names:
            assert plainly(other, name) == plainly(one, name)
    old.dispose()
    new.dispose()
    with deployment.opened(deployment.recall(layout.data)) as opened:
        assert verify(opened).broken is None
        assert verify(opened).sealed > 10


def test_a_running_clinic_is_refused_and_goes_on(layout: Layout, url: str) -> None:
    lock = preflight.take_lock(layout.data)
    (layout.data / "ready.json").write_text("{}")
    with pytest.raises(Problem, match="already running"):
        move(layout, url)
    assert (layout.data / "ready.json").exists()
    os.close(lock)
    assert tables(url) == set()


def test_a_database_that_holds_something_is_refused_and_left(layout: Layout, url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE letters (body text)")
    engine.dispose()
    with pytest.raises(Problem, match="is not empty: it has 1 tables, letters for one"):
        move(layout, url)
    assert tables(url) == {"letters"}
    assert deployment.recall(layout.data) == layout


def test_a_clinic_that_has_moved_is_not_moved_again(layout: Layout, url: str) -> None:
    move(layout, url)
    with pytest.raises(Problem, match="keeps its data in the PostgreSQL database moved .* already"):
        move(layout, url)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("sqlite:////elsewhere/clinic.sqlite3", "a clinic is moved to PostgreSQL"),
        ("mysql://db/clinic", "names no database that Bedside can use"),
        ("postgresql+psycopg://clinic:secret@127.0.0.1:1/bedside", "The PostgreSQL database bedside .127.0.0.1. cannot be used"),
    ],
)
def test_a_wrong_address_is_said_in_words_and_changes_nothing(layout: Layout, wrong: str, words: str) -> None:
    with pytest.raises(Problem, match=words) as refused:
        move(layout, wrong)
    assert "secret" not in str(refused.value)
    assert deployment.recall(layout.data) == layout


def test_a_folder_without_a_clinic_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No clinic was started"):
        migrate_database.move(tmp_path, "postgresql://db/clinic", print)


def test_a_row_that_does_not_fit_is_named_by_its_table_and_nothing_changes(layout: Layout, url: str) -> None:
    with closing(sqlite3.connect(layout.data / "clinic.sqlite3")) as connection, connection:
        connection.execute("UPDATE accounts SET name = 'a' || char(0) || 'b' WHERE email LIKE 'ana%'")
    with pytest.raises(Problem, match="A row of the table accounts does not fit into PostgreSQL: .*Nothing was changed"):
        move(layout, url)
    assert tables(url) == set()
    assert deployment.recall(layout.data) == layout


def test_a_copy_that_differs_by_one_blank_is_found_and_taken_back(layout: Layout, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make = migrate_database.runner.upgrade_within

    def spoilt(connection: sa.Connection) -> None:
        make(connection)
        connection.exec_driver_sql("CREATE FUNCTION spoil() RETURNS trigger AS 'BEGIN NEW.name := NEW.name || '' ''; RETURN NEW; END' LANGUAGE plpgsql")
        connection.exec_driver_sql("CREATE TRIGGER spoil BEFORE INSERT ON devices FOR EACH ROW EXECUTE FUNCTION spoil()")

    monkeypatch.setattr(migrate_database.runner, "upgrade_within", spoilt)
    with pytest.raises(Problem, match="The copy of the table devices differs"):
        move(layout, url)
    assert tables(url) == set()
    assert deployment.recall(layout.data) == layout


def cut_off(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("changed", [False, True], ids=["left alone", "used meanwhile"])
@pytest.mark.parametrize("where", ["at the copy", "at the comparison", "before it is remembered", "before it is tidied up"])
def test_a_move_that_is_cut_off_leaves_the_clinic_as_it_was_or_moved_and_may_be_run_again(
    layout: Layout, url: str, monkeypatch: pytest.MonkeyPatch, where: str, changed: bool
) -> None:
    with monkeypatch.context() as patch:
        if where == "at the copy":
            patch.setattr(migrate_database, "_chunks", cut_off)
        elif where == "at the comparison":
            patch.setattr(migrate_database, "digest_of", cut_off)
        elif where == "before it is remembered":
            patch.setattr(deployment, "remember", cut_off)
        else:
            patch.setattr(migrate_database, "_forget_unused", cut_off)
        with pytest.raises(KeyboardInterrupt):
            move(layout, url)
    if where == "before it is tidied up":
        assert deployment.recall(layout.data).database_url == url
        return
    assert deployment.recall(layout.data) == layout
    if changed:
        with deployment.opened(layout) as opened:
            opened.perform(Actor.system(), "account.create", name="Later", email="later@clinic.example", roles=["admin"])
    move(layout, url)
    with deployment.opened(deployment.recall(layout.data)) as opened, opened.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM accounts WHERE name = 'Later'")) == changed


def test_a_copy_that_was_used_is_never_taken_away(layout: Layout, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrate_database, "_forget_unused", cut_off)
        with pytest.raises(KeyboardInterrupt):
            move(layout, url)
    with deployment.opened(deployment.recall(layout.data)) as opened:
        opened.perform(Actor.system(), "account.create", name="Later", email="later@clinic.example", roles=["admin"])
    deployment.remember(layout)  # somebody went back
    with pytest.raises(Problem, match="is not empty"):
        move(layout, url)
    assert "accounts" in tables(url)


@pytest.mark.parametrize("texts", [6000])
def test_a_move_that_is_killed_anywhere_changes_nothing_and_the_last_one_moves_it_all(layout: Layout, url: str, texts: int) -> None:
    seed = random.randrange(10**6)
    chance, before = random.Random(seed), dump(layout)
    command = [sys.executable, "-m", "ops", "migrate-database", "--data", str(layout.data)]
    took = 5.0
    for _ in range(KILLS):
        began = time.monotonic()
        process = subprocess.Popen(command, env={**os.environ, "BEDSIDE_DATABASE_URL": url}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            process.wait(chance.uniform(0.3, 1.0) * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        _, said = process.communicate(timeout=30)
        assert process.returncode in (0, -signal.SIGKILL), f"seed {seed}: {said.decode()}"
        assert dump(layout) == before
        if process.returncode == 0:
            took = time.monotonic() - began
        if process.returncode == 0 or deployment.recall(layout.data) != layout:
            assert deployment.recall(layout.data).database_url == url
            deployment.remember(layout)  # back, to be moved again
            empty(url)
    done = subprocess.run(command, env={**os.environ, "BEDSIDE_DATABASE_URL": url}, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    with deployment.opened(deployment.recall(layout.data)) as opened, opened.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM entries WHERE client_id LIKE 'n%'")) == texts


def empty(url: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
    engine.dispose()


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that PostgreSQL's account may enter."""
    with tempfile.TemporaryDirectory(prefix="bedside-disk-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("texts", [1500])
def test_a_disk_that_fills_up_under_the_new_database_is_said_in_words_and_changes_nothing(
    layout: Layout, url: str, monkeypatch: pytest.MonkeyPatch, reachable: Path
) -> None:
    with deployment.opened(layout) as opened, opened.writing() as connection:
        # Random letters: PostgreSQL compresses what repeats.
        letters = random.Random(1).randbytes(40_000).hex()
        connection.exec_driver_sql("UPDATE entries SET payload = json_set(payload, '$.body', substr(?, seq, 50000)) WHERE client_id LIKE 'n%'", (letters,))
    before = dump(layout)
    with small_disk(reachable / "disk", 100) as disk:
        disk.chmod(0o755)
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        server = postgres.Server(settings=("max_wal_size=32MB",))
        monkeypatch.undo()
        with server:
            with pytest.raises(Problem, match="Check --database-url, that the database server runs and has space"):
                move(layout, postgres.URL.format(name="postgres", socket=server.socket))
            assert "No space left on device" in server.log.read_text()
            assert deployment.recall(layout.data) == layout
            assert dump(layout) == before
    move(layout, url)


@pytest.mark.e2e
def test_a_clinic_that_moved_starts_there_with_its_people_history_and_seal(tmp_path: Path, url: str) -> None:
    with RunningClinic(tmp_path / "data", "--demo") as clinic:
        thread = clinic.ready["threads"]["ana-boris"]["uid"]
        page = Page(clinic, "ana")
        posted = page.act("text.post", thread, body="before the move", client_id="before")
        assert posted.status == 200
        page.close()
        accounts = clinic.ready["accounts"]
    command = [sys.executable, "-m", "ops", "migrate-database", "--data", str(clinic.data), "--database-url", url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    with RunningClinic(tmp_path / "data", "--demo", base_port=clinic.base_port) as moved:
        assert moved.ready["accounts"] == accounts
        page = Page(moved, "ana")
        again = page.act("text.post", thread, body="before the move", client_id="before")
        assert '"duplicate":true' in again.text.replace(" ", "")
        assert page.act("text.post", thread, body="after the move", client_id="after").status == 200
        shown = page.ask("GET", f"/threads/{thread}", headers={"Accept": "text/html"}).text
        assert "before the move" in shown and "after the move" in shown
        page.close()
        moved.xmpp("boris").sock.close()
    with deployment.opened(deployment.recall(moved.data)) as opened:
        assert opened.engine.dialect.name == "postgresql"
        verdict = verify(opened)
    assert verdict.broken is None and verdict.sealed
