"""What an operator got wrong, or what a disk damaged, is said in words: which file, and what to do. Nothing of it is overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from clinic.config import Config
from ops import certificates, database, demo, deployment, doctor, keys, preflight, up
from ops.layout import Layout
from ops.problems import Problem
from ops.supervisor import Plan
from tests.support import postgres
from tests.support.ports import free_base_port

HELD = "postgresql+psycopg://clinic:old-secret@db.example/bedside"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A clinic as a first start leaves it, without accounts; stopped."""
    made = Layout(tmp_path / "data", free_base_port())
    preflight.prepare_folder(made.data)
    keys.ensure(made.data / "secrets")
    certificates.ensure(made.data / "ca", made.domain, made.certificate_names)
    database.migrate(made.database)
    deployment.remember(made)
    return made


def start(layout: Layout, *arguments: str) -> str:
    """Starts the clinic, which must refuse. Returns its words."""
    command = [sys.executable, "-m", "ops", "up", "--data", str(layout.data), "--base-port", str(layout.base_port), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stdout
    assert done.stderr.lstrip().startswith("Cannot go on: ")
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("content", ["", "not a certificate\n"])
@pytest.mark.parametrize("name", ["ca.pem", "ca.key", "server.pem", "server.key"])
def test_damaged_certificate_or_key_is_named_and_left(layout: Layout, name: str, content: str) -> None:
    path = layout.data / "ca" / name
    path.write_text(content)
    words = start(layout)
    assert f"{path} is {'damaged' if content else 'empty'}." in words
    assert certificates.REMEDIES[name] in words
    assert path.read_text() == content


def test_removed_server_certificate_is_made_again_as_the_words_promise(layout: Layout) -> None:
    folder = layout.data / "ca"
    authority = (folder / "ca.pem").read_bytes()
    for name in ("server.pem", "server.key"):
        (folder / name).unlink()
        assert certificates.ensure(folder, layout.domain, layout.certificate_names)
    assert (folder / "ca.pem").read_bytes() == authority


def test_server_certificate_without_its_authority_behind_it_is_made_again(layout: Layout) -> None:
    path = layout.data / "ca" / "server.pem"
    path.write_text(path.read_text()[:-200])
    assert certificates.ensure(layout.data / "ca", layout.domain, layout.certificate_names)


def test_certificates_and_keys_are_written_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", cut_off)
    with pytest.raises(KeyboardInterrupt):
        certificates.ensure(tmp_path, "localhost", ["localhost"])
    assert not [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
    monkeypatch.undo()
    assert certificates.ensure(tmp_path, "localhost", ["localhost"])
    before = (tmp_path / "server.pem").read_bytes()
    monkeypatch.setattr(os, "fsync", cut_off)
    with pytest.raises(KeyboardInterrupt):
        certificates.ensure(tmp_path, "localhost", ["localhost", "clinic.lan"])
    assert (tmp_path / "server.pem").read_bytes() == before


@pytest.mark.parametrize("content", ["", "abc", "x" * 64])
@pytest.mark.parametrize("name", keys.NAMES)
def test_damaged_secret_is_refused_by_everybody_and_never_overwritten(layout: Layout, name: str, content: str) -> None:
    path = layout.data / "secrets" / name
    path.write_text(content)
    with pytest.raises(Problem, match="Restore it from a backup") as refused:
        keys.ensure(layout.data / "secrets")
    assert str(path) in str(refused.value)
    assert keys.LOST_WITH[name] in str(refused.value)
    assert path.read_text() == content
    with pytest.raises(SystemExit, match="not 64 hexadecimal digits"):
        Config.from_environ(layout.environment())
    with pytest.raises(Problem, match="not 64 hexadecimal digits"):
        deployment.open_clinic(layout)


def test_start_with_a_damaged_secret_is_refused_in_words(layout: Layout) -> None:
    (layout.data / "secrets" / "pepper").write_text("")
    assert f"The secret {layout.data / 'secrets' / 'pepper'} is empty." in start(layout)


@pytest.mark.parametrize("content", [b"this is no database, whatever it was" * 200, b""])
def test_damaged_database_is_named_with_the_backup_and_left(layout: Layout, content: bytes) -> None:
    path = layout.data / "clinic.sqlite3"
    path.write_bytes(content)
    words = start(layout)
    assert str(path) in words
    assert "last backup" in words
    assert path.read_bytes() == content


def test_database_whose_pages_are_damaged_is_said_in_words(layout: Layout) -> None:
    path = layout.data / "clinic.sqlite3"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 4096 + whole[4196:])
    assert "It is damaged" in start(layout)


def test_lost_database_is_not_replaced_by_an_empty_one(layout: Layout) -> None:
    path = layout.data / "clinic.sqlite3"
    path.unlink()
    assert f"The clinic's database {path} is missing. Restore it" in start(layout)
    done = subprocess.run([sys.executable, "-m", "ops", "account", "list", "--data", str(layout.data)], capture_output=True, text=True, timeout=60)
    assert "is missing. Restore it" in done.stderr
    assert not path.exists()


@pytest.mark.parametrize("damage", ["ca/ca.pem", "secrets/pepper", "clinic.sqlite3"])
def test_doctor_explains_damage_and_looks_at_the_rest(layout: Layout, damage: str) -> None:
    (layout.data / damage).write_bytes(b"damaged" * 100)
    lines: list[str] = []
    assert doctor.examine(layout.data, lines.append) == 1
    assert any(line.startswith("!! ") and str(layout.data / damage) in line for line in lines)
    assert any("the clinic is running" in line for line in lines)


def test_doctor_says_when_files_cannot_be_stored(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> list[str]:
        lines: list[str] = []
        doctor.examine(layout.data, lines.append)
        return lines

    assert any(line.startswith("ok ") and "files can be stored" in line for line in said())
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: SimpleNamespace(free=999_000_000))
    assert any(line.startswith("!! ") and "999 MB are free for files" in line for line in said())
    allowed = os.access
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: path != layout.data / "files" and allowed(path, mode))
    (layout.data / "files").mkdir()
    assert any(line.startswith("!! ") and "files can be stored" in line for line in said())
    assert any(f"Give {layout.data / 'files'} back" in line for line in said())
    monkeypatch.setenv("BEDSIDE_FILES_URL", "s3://bucket/clinic")
    assert any(line.startswith("ok ") and "files are kept at s3://bucket/clinic" in line for line in said())


def test_start_without_the_key_of_files_that_are_there_is_refused_and_makes_no_other(layout: Layout) -> None:
    (layout.data / "secrets" / "files_key").unlink()
    keys.ensure(layout.data / "secrets")  # the control: without files another one does no harm
    (layout.data / "secrets" / "files_key").unlink()
    (layout.data / "files").mkdir()
    (layout.data / "files" / ("0" * 26)).write_bytes(b"sealed")
    assert "holds files that only it opens. Restore it from a backup" in start(layout)
    assert not (layout.data / "secrets" / "files_key").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"accounts": {"ana": {}}, "threads": {}}'])
def test_damaged_passwords_of_the_demonstration_are_said_in_words(layout: Layout, content: str) -> None:
    path = layout.data / "secrets" / "demo.json"
    path.write_text(content)
    with pytest.raises(Problem, match="is damaged. Restore it from a backup") as refused:
        demo.seed(layout)
    assert str(path) in str(refused.value)
    assert path.read_text() == content


@pytest.mark.parametrize("content", ["", "{", "[]", '{"colour": "blue"}'])
def test_damaged_memory_of_the_last_start_is_said_in_words(layout: Layout, content: str) -> None:
    path = layout.data / "run" / "deployment.json"
    path.write_text(content)
    with pytest.raises(Problem, match="Remove it, then start the clinic with the options that it had"):
        deployment.recall(layout.data)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/clinic",
        "postgres://db/clinic",
        "postgresql+asyncpg://db/clinic",
        "clinic",
        "postgresql://db:port/clinic",
        "postgresql://db",
        "sqlite://",
        "sqlite:///x",
    ],
)
def test_address_of_a_database_that_bedside_does_not_know_is_refused_in_words(tmp_path: Path, url: str) -> None:
    words = start(Layout(tmp_path / "data", free_base_port()), "--database-url", url)
    assert "postgresql+psycopg://name:password@host/database" in words
    assert not (tmp_path / "data").exists()


def test_refused_address_does_not_show_its_password() -> None:
    with pytest.raises(Problem) as refused:
        database.check_url("mysql://clinic:old-secret@db/clinic")
    assert "old-secret" not in str(refused.value)


def test_database_server_that_is_away_is_said_in_words_and_may_be_corrected(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data", free_base_port())
    words = start(layout, "--database-url", "postgresql+psycopg://clinic:old-secret@127.0.0.1:1/bedside")
    assert "The PostgreSQL database bedside (127.0.0.1) cannot be used" in words
    assert "Check --database-url" in words
    assert "old-secret" not in words
    assert deployment.carry_on(layout) == layout


def test_start_without_an_address_goes_on_with_the_database_of_the_last_start(layout: Layout) -> None:
    deployment.remember(replace(layout, database_url=HELD))
    assert deployment.carry_on(layout).database_url == HELD


def test_new_password_of_the_same_database_is_taken(layout: Layout) -> None:
    deployment.remember(replace(layout, database_url=HELD))
    changed = replace(layout, database_url=HELD.replace("old-secret", "new-secret"))
    assert deployment.carry_on(changed) == changed


@pytest.mark.parametrize("other", ["postgresql+psycopg://clinic@db.example/other", "postgresql+psycopg://clinic@elsewhere.example/bedside", "sqlite:////x/y"])
def test_another_database_is_refused_in_a_folder_that_has_one(layout: Layout, other: str) -> None:
    deployment.remember(replace(layout, database_url=HELD))
    words = start(layout, "--database-url", other)
    assert "keeps its data in the PostgreSQL database bedside (db.example)" in words
    assert "Leave --database-url out to go on, or give --data an empty folder" in words
    assert "old-secret" not in words


@pytest.mark.parametrize("forgotten", [False, True])
def test_postgresql_is_refused_in_a_folder_whose_data_is_in_sqlite(layout: Layout, forgotten: bool) -> None:
    if forgotten:
        (layout.data / "run" / "deployment.json").unlink()
    with pytest.raises(Problem, match=rf"keeps its data in the file {layout.data}/clinic\.sqlite3"):
        deployment.carry_on(replace(layout, database_url=HELD))


def test_second_start_without_an_address_says_where_the_data_is(
    tmp_path: Path, postgres_server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr(os, "umask", lambda mask: mask)
    monkeypatch.setattr(up, "become", lambda plan, lock: (plans.append(plan), os.close(lock)))
    layout = Layout(tmp_path / "data", free_base_port())
    with postgres.database(postgres_server, "remembered") as url:
        up.up(replace(layout, database_url=url), with_demo=False)
        up.up(layout, with_demo=False)
    assert not any("Its data is in" in line for line in plans[0].first)
    assert any("Its data is in the PostgreSQL database remembered" in line for line in plans[1].first)
    assert not (layout.data / "clinic.sqlite3").exists()
    assert json.loads((layout.data / "run" / "deployment.json").read_text())["database_url"] == url
