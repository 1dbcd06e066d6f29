"""The worker is killed by SIGKILL while it seals the audit log. Source: design rule 3 (sealed afterwards, by one process); facts/reliability I8."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from clinic import Database
from clinic.audit.seal import verify
from tests.support.clinic import RunningClinic
from tests.support.databases import rows
from tests.support.page import Page
from tests.support.ports import eventually

KILLS = int(os.environ.get("BEDSIDE_KILLS", "8"))
BACKLOG = 20
"""Audited actions that wait for the worker when it is killed."""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration."""
    with RunningClinic(tmp_path_factory.mktemp("worker-killed") / "data", "--demo") as one:
        yield one


def counts(clinic: RunningClinic) -> tuple[int, int]:
    """Returns how many audit entries there are, and how many of them are sealed."""
    [found] = rows(clinic.url, "SELECT (SELECT count(*) FROM audit_entries), (SELECT count(*) FROM audit_seals)")
    return tuple(found)


def worker(clinic: RunningClinic) -> int | None:
    """Returns the worker's process id, None while ready.json is being renewed."""
    ready = clinic.ready_or_none()
    return ready["pids"]["worker"] if ready else None


def test_a_killed_worker_leaves_a_whole_chain_and_the_next_one_seals_the_rest(clinic: RunningClinic) -> None:
    seed = random.randrange(10**6)
    chance, page, left_open = random.Random(seed), Page(clinic, "ana"), 0
    for number in range(KILLS):
        eventually(lambda: len(set(counts(clinic))) == 1, 15.0, "everything is sealed")
        pid = worker(clinic)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        for step in range(BACKLOG // 2):
            minted = page.act("device.mint", name=f"device {number}.{step}")
            assert minted.status == 200, minted.text
            assert page.act("device.revoke", json.loads(minted.text)["value"]["uid"]).status == 200
        entries, sealed = counts(clinic)
        assert entries - sealed >= BACKLOG
        os.kill(pid, signal.SIGCONT)
        # Wherever it is by then: waiting, reading, writing its seals, or done.
        die_at = time.monotonic() + chance.uniform(0.0, 1.0) * chance.choice((0.02, 5.0))
        while time.monotonic() < die_at and counts(clinic)[1] == sealed:
            time.sleep(0.001)
        os.killpg(pid, signal.SIGKILL)
        left_open += counts(clinic)[1] == sealed
        eventually(lambda pid=pid: worker(clinic) not in (None, pid), 15.0, "the worker runs again")
    eventually(lambda: len(set(counts(clinic))) == 1, 15.0, "everything is sealed")
    page.close()
    print(f"seed {seed}: {counts(clinic)[0]} audit entries, {KILLS} kills, {left_open} of them before the seals were stored")
    assert left_open, f"seed {seed}: no kill came before the seals: nothing was proved"
    database = Database.open(
        clinic.url,
        run_dir=clinic.data / "run",
        pepper=bytes.fromhex((clinic.data / "secrets" / "pepper").read_text()),
    )
    try:
        verdict = verify(database)
    finally:
        database.engine.dispose()
    assert verdict.broken is None
    assert (verdict.sealed, verdict.sealed) == counts(clinic)
