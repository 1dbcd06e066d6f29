"""The doorbell: who listens hears what changed, and a job's queue is told from all the rest."""

from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from clinic.doorbell import Doorbell, Ring, ring


@pytest.fixture
def bell(tmp_path: Path) -> Iterator[Doorbell]:
    made = Doorbell(tmp_path, "worker")
    yield made
    made.close()


def test_a_listener_hears_which_threads_changed_and_which_queues_have_a_job(bell: Doorbell, tmp_path: Path) -> None:
    ring(tmp_path, {"b", "a"}, {"worker"})
    ring(tmp_path, set(), set())
    assert bell.receive() == [Ring(("a", "b"), ("worker",)), Ring((), ())]
    assert bell.receive() == []


def test_waiting_for_a_queue_lets_texts_pass_and_ends_with_a_job(bell: Doorbell, tmp_path: Path) -> None:
    for number in range(10):
        ring(tmp_path, {f"thread-{number}"}, {"threads"})
    assert not bell.wait_for("worker", 0.2)
    assert bell.receive() == []
    later = Timer(0.1, ring, (tmp_path, {"thread"}, {"worker"}))
    later.start()
    assert bell.wait_for("worker", 30.0)
    later.join()
