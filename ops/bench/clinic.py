"""A clinic to measure: a copy of its own below a temporary folder, with more people than the demonstration has. Imports `clinic`.

Owns its start, its people, and what its processes use of the machine, read from /proc.
"""

import json
import os
import random
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clinic import Actor, Database, Role
from ops import preflight
from ops.deployment import open_clinic, recall
from ops.layout import PROJECT, Layout
from ops.problems import Problem
from web.passwords import hash_password

START_SECONDS = 60.0
STOP_SECONDS = 30.0
PORTS_TRIED = 50
# A few people write for many here: what one person may post is not what is measured.
UNLIMITED = {"BEDSIDE_POSTS_PER_SECOND": "10000", "BEDSIDE_POSTS_BURST": "10000"}


@dataclass(frozen=True)
class Writer:
    """Somebody with an XMPP client, and the thread that they share with one other."""

    user: str
    secret: str
    nick: str
    room: str


class BenchClinic:
    """A running clinic. `ready` is what ready.json says; `process` is its supervisor."""

    def __init__(self, data: Path, process: subprocess.Popen[bytes]) -> None:
        self.data, self.process = data, process
        self.ready: dict[str, Any] = {}

    def wait_ready(self) -> None:
        """Returns when everything answers. Raises Problem with the end of what the clinic said when it does not."""
        deadline, path = time.monotonic() + START_SECONDS, self.data / "ready.json"
        while not path.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self.data.with_name("console").read_text(errors="replace")
                raise Problem(f"The clinic to be measured did not start:\n{said[-2000:]}")
            time.sleep(0.05)
        self.ready = json.loads(path.read_text())

    def people(self, pairs: int) -> list[Writer]:
        """Makes so many patients and practitioners, each pair with a thread. Returns them, the two of a pair side by side."""
        database = open_clinic(recall(self.data))
        try:
            known = hash_password(secrets.token_urlsafe(15))
            return [writer for number in range(pairs) for writer in self._pair(database, number, known)]
        finally:
            database.engine.dispose()

    def _pair(self, database: Database, number: int, known: str) -> list[Writer]:
        made = []
        for role, born in ((Role.PATIENT, "1980-01-01"), (Role.PRACTITIONER, None)):
            nick = f"Bench {role.title()} {number}"
            values = {"name": nick, "email": f"{role}-{number}@bench.example", "roles": [role], "birth_date": born}
            invited = database.perform(Actor.system(), "account.create", **values).value
            database.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash=known)
            actor = Actor.page(invited.account_uid, role, "")
            made.append((nick, actor, database.perform(actor, "device.mint", name="Benchmark").value))
        patient, practitioner = made[0][1].account, made[1][1]
        thread = database.perform(practitioner, "thread.start", person=patient, reason="Benchmark").value
        room = f"{thread}@{self.ready['xmpp']['threads']}"
        return [Writer(device.handle, device.password, nick, room) for nick, _actor, device in made]

    def processes(self) -> dict[int, str]:
        """Returns each process's part of the clinic by process id, children included."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            if (fields := _stat(path)) is not None:
                parents[int(path.parent.name)] = int(fields[1])
        part_of = {pid: name for name, pid in self.ready["pids"].items()}
        return {pid: name for pid in parents if (name := _part(pid, parents, part_of)) is not None}

    def memory_bytes(self) -> dict[str, int]:
        """Returns the resident memory of each part, its processes summed up."""
        page, found = os.sysconf("SC_PAGE_SIZE"), {}
        for pid, name in self.processes().items():
            if (fields := _stat(Path(f"/proc/{pid}/stat"))) is not None:
                found[name] = found.get(name, 0) + int(fields[21]) * page
        return found

    def cpu_seconds(self) -> dict[str, float]:
        """Returns the processor time that each part has used."""
        tick, found = os.sysconf("SC_CLK_TCK"), {}
        for pid, name in self.processes().items():
            if (fields := _stat(Path(f"/proc/{pid}/stat"))) is not None:
                found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / tick
        return found


def _stat(path: Path) -> list[str] | None:
    """Returns what follows the name in a stat file, from the state on; None when the process is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _part(pid: int, parents: dict[int, int], part_of: dict[int, str]) -> str | None:
    while pid in parents:
        if pid in part_of:
            return part_of[pid]
        pid = parents[pid]
    return None


def _free_layout(data: Path) -> Layout:
    for base_port in random.sample(range(20000, 32000, 10), PORTS_TRIED):
        layout = Layout(data, base_port)
        try:
            preflight.check_ports(layout)
        except Problem:
            continue
        return layout
    raise Problem("No six free ports in a row were found for a clinic to measure.")


@contextmanager
def bench_clinic() -> Iterator[BenchClinic]:
    """Yields a running clinic on loopback, and leaves nothing of it behind. Raises Problem when it does not start."""
    with TemporaryDirectory(prefix="bedside-bench-") as folder:
        layout = _free_layout(Path(folder) / "data")
        command = [sys.executable, "-m", "ops", "up", "--data", str(layout.data), "--base-port", str(layout.base_port), "--demo"]
        with (Path(folder) / "console").open("wb") as console:
            environment = {**os.environ, **UNLIMITED}
            process = subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        clinic = BenchClinic(layout.data, process)
        try:
            clinic.wait_ready()
            yield clinic
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
