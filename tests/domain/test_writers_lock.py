"""The writers' fair lock on SQLite: one at a time, and nobody waits for ever on who holds it."""

import fcntl
import threading
from pathlib import Path

import pytest

from clinic import Database, storage
from clinic.errors import Busy
from clinic.storage import FairLock
from migrations.runner import upgrade
from tests.support.cast import Cast


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is given up soon."""
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_SECONDS", 0.1)


def refused(lock: FairLock) -> bool:
    """Returns that a lock that somebody else holds is not had."""
    with pytest.raises(Busy), lock():
        pytest.fail("two hold the lock")
    return True


@pytest.mark.usefixtures("impatient")
def test_a_wait_for_another_process_is_bounded_and_leaves_the_lock_free(tmp_path: Path) -> None:
    one, other = FairLock(tmp_path), FairLock(tmp_path)
    with one():
        assert refused(other)
    with other():
        assert refused(one)
    with one():
        pass


@pytest.mark.usefixtures("impatient")
def test_a_wait_for_another_thread_is_bounded(tmp_path: Path) -> None:
    lock, said = FairLock(tmp_path), []
    with lock():
        thread = threading.Thread(target=lambda: said.append(refused(lock)))
        thread.start()
        thread.join(10)
    assert said == [True]
    with lock():
        pass


def test_a_thread_that_is_gone_leaves_no_file_open(tmp_path: Path) -> None:
    lock = FairLock(tmp_path)

    def write() -> None:
        with lock():
            pass

    def open_files() -> int:
        return sum(str(tmp_path) in str(place.readlink()) for place in Path("/proc/self/fd").iterdir() if place.is_symlink())

    for _ in range(20):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(60)
    assert open_files() == 0


def test_many_writers_are_let_in_one_at_a_time(tmp_path: Path) -> None:
    locks, inside, most, turns = [FairLock(tmp_path) for _ in range(4)], [0], [0], [0]

    def write(lock: FairLock) -> None:
        for _ in range(50):
            with lock():
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                turns[0] += 1
                inside[0] -= 1

    threads = [threading.Thread(target=write, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (most, turns) == ([1], [200])


def test_an_action_is_refused_as_busy_while_a_stopped_process_keeps_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database.open(f"sqlite:///{tmp_path}/clinic.sqlite3", run_dir=tmp_path / "run", pepper=b"p" * 32)
    upgrade(database.engine)
    cast = Cast.in_(database)
    thread = cast.start("boris", "ana")
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_SECONDS", 0.1)
    with (tmp_path / "run" / "writers.door").open("wb") as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        with pytest.raises(Busy):
            cast.post("ana", thread, "is anybody there?")
    assert cast.post("ana", thread, "is anybody there?")
    database.engine.dispose()
