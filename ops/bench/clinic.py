"""A clinic to measure: a copy of its own below a temporary folder, with more people than the demonstration has. Imports `clinic`.

Owns its start and its people.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from clinic.log import entries
from ops import PROJECT, preflight
from ops.bench.machine import Processes
from ops.bench.people import Writer, people
from ops.deployment import open_clinic, recall
from ops.layout import Layout
from ops.problems import Problem

START_SECONDS = 60.0
STOP_SECONDS = 30.0
PORTS_TRIED = 50
# A few people write for many here: what one person may post is not what is measured.
UNLIMITED = {"BEDSIDE_POSTS_PER_SECOND": "10000", "BEDSIDE_POSTS_BURST": "10000"}


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

    def people(self, threads: int, size: int = 2) -> list[Writer]:
        """Makes so many threads of `size` new people each: a patient, a practitioner, and coordinators who assist that one.

        Returns them, those of a thread side by side.
        """
        database = open_clinic(recall(self.data))
        try:
            return people(database, self.ready["xmpp"]["threads"], threads, size)
        finally:
            database.close()

    def archived(self) -> list[str]:
        """Returns what the log of all threads holds of what people typed."""
        database = open_clinic(recall(self.data))
        try:
            with database.engine.connect() as connection:
                return list(connection.scalars(sa.select(entries.c.payload).where(entries.c.kind == "text")))
        finally:
            database.close()

    def machine(self) -> Processes:
        """Returns the clinic's processes, to ask what they use."""
        return Processes(self.ready["pids"])

    def memory_bytes(self) -> dict[str, int]:
        """Returns the resident memory of each part, its processes summed up."""
        return self.machine().memory_bytes()

    def cpu_seconds(self) -> dict[str, float]:
        """Returns the processor time that each part has used."""
        return self.machine().cpu_seconds()


def free_layout(data: Path, database_url: str = "") -> Layout:
    """Returns a layout on six free ports in a row. Raises Problem if none were found."""
    for base_port in random.sample(range(20000, 32000, 10), PORTS_TRIED):
        layout = Layout(data, base_port, database_url=database_url)
        try:
            preflight.check_ports(layout)
        except Problem:
            continue
        return layout
    raise Problem("No six free ports in a row were found for a clinic to measure.")


@contextmanager
def bench_clinic(database_url: str = "") -> Iterator[BenchClinic]:
    """Yields a running clinic on loopback, and leaves nothing of it behind. Raises Problem when it does not start.

    `database_url`: a PostgreSQL database of its own; SQLite below its folder if empty.
    """
    with TemporaryDirectory(prefix="bedside-bench-") as folder:
        layout = free_layout(Path(folder) / "data")
        command = [sys.executable, "-m", "ops", "up", "--data", str(layout.data), "--base-port", str(layout.base_port), "--demo"]
        command += ["--database-url", database_url] if database_url else []
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
