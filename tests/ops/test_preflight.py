"""What is checked before a start, and that each refusal says what to do."""

import errno
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ops import certificates, doctor, keys, preflight
from ops.layout import Layout
from ops.problems import Problem
from tests.support.ports import free_base_port


def bedside(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end."""
    return subprocess.run([sys.executable, "-m", "ops", *arguments], capture_output=True, text=True, timeout=60, env={**os.environ, **environment})


def test_taken_port_is_named_with_its_purpose(tmp_path: Path) -> None:
    base = free_base_port()
    with socket.create_server(("127.0.0.1", base + 2)):
        refused = bedside("up", "--data", str(tmp_path / "data"), "--base-port", str(base))
    assert refused.returncode == 1
    assert f"{base + 2} (XMPP with STARTTLS)" in refused.stderr
    assert "--base-port" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert f"{base} (web," not in refused.stderr


def test_full_disk_is_said_before_anything_starts(tmp_path: Path) -> None:
    refused = bedside("up", "--data", str(tmp_path / "data"), "--base-port", str(free_base_port()), BEDSIDE_MINIMUM_FREE_MB="999999999")
    assert refused.returncode == 1
    assert "Free some space" in refused.stderr


def test_completely_full_disk_is_said_in_words_and_frees_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preflight.prepare_folder(tmp_path)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        with pytest.raises(Problem, match="is full. Free some space"):
            preflight.take_lock(tmp_path)
    os.close(preflight.take_lock(tmp_path))


def test_ready_file_of_a_crash_is_gone_after_a_refused_start(tmp_path: Path) -> None:
    data, base = tmp_path / "data", free_base_port()
    preflight.prepare_folder(data)
    (data / "ready.json").write_text("{}")
    with socket.create_server(("127.0.0.1", base)):
        assert bedside("up", "--data", str(data), "--base-port", str(base)).returncode == 1
    assert not (data / "ready.json").exists()


def test_ready_file_of_a_running_clinic_survives_a_refused_start(tmp_path: Path) -> None:
    preflight.prepare_folder(tmp_path)
    lock = preflight.take_lock(tmp_path)
    (tmp_path / "ready.json").write_text("{}")
    assert "already running" in bedside("up", "--data", str(tmp_path), "--base-port", str(free_base_port())).stderr
    assert (tmp_path / "ready.json").exists()
    os.close(lock)


def test_doctor_does_not_take_the_ready_file_of_a_crash_for_a_running_clinic(tmp_path: Path) -> None:
    layout = Layout(tmp_path, free_base_port())
    preflight.prepare_folder(tmp_path)
    (tmp_path / "ready.json").write_text("{}")
    assert [finding.well for finding in doctor._processes(layout)] == [False]
    lock = preflight.take_lock(tmp_path)
    (tmp_path / "ready.json").write_text("{}")
    assert next(doctor._processes(layout)).well
    os.close(lock)


def test_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    tmp_path.chmod(0o755)
    with pytest.raises(Problem, match="holds other files"):
        preflight.prepare_folder(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="too long"):
        preflight.prepare_folder(tmp_path / ("x" * 100))


@pytest.mark.parametrize("name", ["a$b", 'a"b', "a\\b", "a?b", "a%20b", "a\nb", "a\udcffb"])
def test_path_that_other_programs_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Problem, match="Give --data a path without"):
        preflight.prepare_folder(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_file_instead_of_folder_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(Problem, match="Cannot use the folder"):
        preflight.prepare_folder(tmp_path / "data")


@pytest.mark.parametrize("base", [80, 65531])
def test_impossible_base_port_is_refused(tmp_path: Path, base: int) -> None:
    with pytest.raises(Problem, match="--base-port"):
        preflight.check_ports(Layout(tmp_path, base))


def test_foreign_address_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="--host"):
        preflight.check_ports(Layout(tmp_path, free_base_port(), host="192.0.2.1"))


def test_secrets_are_private_and_kept(tmp_path: Path) -> None:
    first = keys.ensure(tmp_path)
    assert keys.ensure(tmp_path) == first
    assert len(set(first.values())) == len(keys.NAMES)
    for name in keys.NAMES:
        assert len(bytes.fromhex(first[name])) == 32
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


def test_certificate_is_kept_until_names_change_or_it_runs_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert certificates.ensure(tmp_path, "localhost", ["localhost", "127.0.0.1"])
    authority = (tmp_path / "ca.pem").read_bytes()
    assert not certificates.ensure(tmp_path, "localhost", ["localhost", "127.0.0.1"])
    assert certificates.ensure(tmp_path, "localhost", ["localhost", "127.0.0.1", "clinic.lan"])
    monkeypatch.setattr(certificates, "RENEW_DAYS", certificates.SERVER_DAYS + 1)
    assert certificates.ensure(tmp_path, "localhost", ["localhost", "127.0.0.1", "clinic.lan"])
    assert (tmp_path / "ca.pem").read_bytes() == authority
    assert (tmp_path / "server.key").stat().st_mode & 0o777 == 0o600
