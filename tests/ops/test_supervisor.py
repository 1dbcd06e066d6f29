"""The supervisor over harmless processes: it keeps them running, and none of them outlives it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import eventually

GIVEN_UP_SECONDS = 30


class Clinic:
    """One supervisor process on one data folder."""

    def __init__(self, data: Path, *modes: str):
        self.data = data
        self.output = data.with_name(f"{data.name}.out")
        with self.output.open("wb") as output:
            command = [sys.executable, "-m", "tests.support.small_clinic", str(data), *modes]
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def ready(self) -> dict[str, object]:
        """Returns what ready.json says once it is there."""
        return eventually(self.ready_or_none, GIVEN_UP_SECONDS, f"ready.json; output: {self.output.read_text()}")

    def ready_or_none(self) -> dict[str, object] | None:
        """Returns what ready.json says now."""
        try:
            return json.loads((self.data / "ready.json").read_text())
        except FileNotFoundError:
            return None

    def pids(self) -> dict[str, int]:
        """Returns the processes by name, without the supervisor."""
        pids = dict(self.ready()["pids"])
        assert pids.pop("supervisor") == self.process.pid
        return pids


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def clinic(data: Path) -> Iterator[Clinic]:
    """A running clinic."""
    one = Clinic(data)
    yield one
    if one.process.poll() is None:
        one.process.terminate()
    one.process.wait(GIVEN_UP_SECONDS)


def members(group: int) -> list[int]:
    """Returns the living processes of a group."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, pgid = (folder / "stat").read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(pgid) == group and state != "Z":
            found.append(int(folder.name))
    return found


def ends(group: int) -> None:
    """Waits until no process of a group is left: who is killed goes when it next gets a turn."""
    eventually(lambda: members(group) == [], what=f"the end of group {group}")


def test_ready_file_names_every_process_and_is_private(clinic: Clinic) -> None:
    pids = clinic.pids()
    assert set(pids) == {"xmpp", "threads"}
    assert all(len(members(pid)) == 2 for pid in pids.values())
    assert (clinic.data / "ready.json").stat().st_mode & 0o077 == 0
    assert clinic.data.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["xmpp", "threads"])
def test_killed_child_is_started_again_and_its_children_do_not_stay(clinic: Clinic, name: str) -> None:
    before = clinic.pids()
    os.kill(before[name], signal.SIGKILL)
    after = eventually(lambda: (now := clinic.pids())[name] != before[name] and now, GIVEN_UP_SECONDS, "a new pid in ready.json")
    ends(before[name])
    assert len(members(after[name])) == 2
    assert {key: pid for key, pid in after.items() if key != name} == {key: pid for key, pid in before.items() if key != name}
    assert "killed by SIGKILL" in clinic.output.read_text()


def test_part_that_hangs_is_ended_and_started_again_and_the_log_says_why(data: Path) -> None:
    clinic = Clinic(data, "impatient")
    try:
        hung = clinic.pids()["xmpp"]
        os.kill(hung, signal.SIGSTOP)
        eventually(lambda: clinic.pids()["xmpp"] != hung, GIVEN_UP_SECONDS, "a new pid in ready.json")
        ends(hung)
        assert "xmpp runs but has not answered for" in (data / "log" / "supervisor.log").read_text()
    finally:
        clinic.process.terminate()
        clinic.process.wait(GIVEN_UP_SECONDS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_asked_to_stop_leaves_nothing(clinic: Clinic, number: signal.Signals) -> None:
    pids = clinic.pids()
    clinic.process.send_signal(number)
    assert clinic.process.wait(GIVEN_UP_SECONDS) == 0
    assert clinic.ready_or_none() is None
    for pid in pids.values():
        ends(pid)


def test_killed_supervisor_leaves_no_children(clinic: Clinic) -> None:
    pids = clinic.pids()
    clinic.process.kill()
    clinic.process.wait()
    for pid in pids.values():
        ends(pid)


def test_killed_supervisor_leaves_no_ready_file(clinic: Clinic) -> None:
    clinic.ready()
    clinic.process.kill()
    clinic.process.wait()
    eventually(lambda: not (clinic.data / "ready.json").exists(), what="the end of ready.json")


def test_killed_supervisor_can_be_started_again_at_once(clinic: Clinic) -> None:
    before = clinic.pids()
    clinic.process.kill()
    clinic.process.wait()
    successor = Clinic(clinic.data)
    try:
        eventually(lambda: (clinic.ready_or_none() or {}).get("pids", {}).get("supervisor") == successor.process.pid, GIVEN_UP_SECONDS, "the successor")
        assert not set(successor.pids().values()) & set(before.values())
        for pid in before.values():
            ends(pid)
    finally:
        successor.process.terminate()
        successor.process.wait(GIVEN_UP_SECONDS)


def test_killed_watchdog_is_replaced(clinic: Clinic) -> None:
    pids = clinic.pids()

    def watchdogs() -> set[int]:
        children = Path(f"/proc/{clinic.process.pid}/task/{clinic.process.pid}/children").read_text().split()
        return set(map(int, children)) - set(clinic.pids().values())

    (watchdog,) = watchdogs()
    os.kill(watchdog, signal.SIGKILL)
    eventually(lambda: (now := watchdogs()) and watchdog not in now, what="another watchdog")
    os.kill(pids["threads"], signal.SIGKILL)
    after = eventually(lambda: (now := clinic.pids())["threads"] != pids["threads"] and now, GIVEN_UP_SECONDS)
    clinic.process.kill()
    clinic.process.wait()
    for pid in after.values():
        ends(pid)


def test_second_start_on_one_folder_is_refused_in_words(clinic: Clinic) -> None:
    pids = clinic.pids()
    second = subprocess.run([sys.executable, "-m", "ops", "up", "--data", str(clinic.data), "--base-port", "20990"], capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert f"already running on {clinic.data} (process {clinic.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert clinic.pids() == pids


def test_part_that_never_starts_ends_the_start_with_its_log(data: Path) -> None:
    clinic = Clinic(data, "threads")
    assert clinic.process.wait(GIVEN_UP_SECONDS) == 1
    output = clinic.output.read_text()
    assert "threads does not start" in output
    assert "exit code 3" in output
    assert clinic.ready_or_none() is None
