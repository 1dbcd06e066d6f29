"""The worker is killed by SIGKILL while it looks at files; a real clinic. Source: facts/reliability F11; design rule 9."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import made_files as made
from tests.support.clinic import RunningClinic
from tests.support.databases import rows
from tests.support.page import Page
from tests.support.ports import eventually
from tests.support.tus import Tus

KILLS = 4

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration."""
    with RunningClinic(tmp_path_factory.mktemp("checking-killed") / "data", "--demo") as one:
        yield one


def worker(clinic: RunningClinic) -> int:
    ready = eventually(clinic.ready_or_none, 20.0, "ready.json")
    return int(ready["pids"]["worker"])


def states(clinic: RunningClinic, sent: dict[str, str]) -> dict[str, str]:
    found = dict(rows(clinic.url, "SELECT uid, state FROM uploads"))
    return {uid: found[uid] for uid in sent}


def readers() -> set[int]:
    """Returns the processes that look into files, of this machine's clinics."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"web.media.child" in process.read_bytes():
                found.add(int(process.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_a_worker_killed_while_it_looks_at_files_leaves_each_posted_once_or_refused(clinic: RunningClinic) -> None:
    seed = random.randrange(10**6)
    chance, page = random.Random(seed), Page(clinic, "ana")
    thread, before, expected = clinic.ready["threads"]["ana-boris"]["uid"], readers(), dict[str, str]()
    contents = {"sent": made.picture("PNG", (3000, 2000)), "refused": made.picture("PNG", (9000, 9000), "L")}
    for number in range(KILLS):
        pid = worker(clinic)
        os.kill(pid, signal.SIGSTOP)
        for state, content in contents.items():
            answer = page.act("file.begin", thread, name=f"{number}.png", size_bytes=len(content), client_id=f"killed-{seed}-{number}-{state}")
            upload = json.loads(answer.text)["value"]
            expected[upload] = state
            assert Tus(page, upload, content).send(0) == 204
        os.kill(pid, signal.SIGCONT)
        # Wherever it is by then: reading, drawing, keeping, posting, or done.
        time.sleep(chance.uniform(0.0, 1.2))
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: worker(clinic) != pid, 20.0, "the worker runs again")
    eventually(lambda: states(clinic, expected) == expected, 60.0, f"seed {seed}: all is looked at")
    entered = [uid for (uid,) in rows(clinic.url, "SELECT uid FROM files") if uid in expected]
    assert sorted(entered) == sorted(uid for uid, state in expected.items() if state == "sent"), seed
    [[waiting]] = rows(clinic.url, "SELECT count(*) FROM jobs WHERE queue = 'files'")
    assert waiting == 0
    assert not [path for path in (clinic.data / "uploads").iterdir() if path.name in expected]
    # Who was killed took along what read files for it; one waits for the worker of now, or none any more.
    eventually(lambda: len(readers() - before) <= 2, 20.0, "only those of this clinic's processes wait")
    page.close()
