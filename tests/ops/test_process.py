"""When a process that lives counts as one that hangs, on a clock that the test sets."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ops import process
from ops.process import Part, Process


class Watched:
    """A harmless process that answers when the test says so, and a clock that goes when the test says so."""

    def __init__(self, folder: Path):
        self.now, self.answering, self.patience, self.said = 1000.0, True, 0.0, list[str]()
        part = Part("web", ("sleep", "1000"), lambda: True, answers=self.answers)
        self.process = Process(part, {}, folder / "web.log", self.said.append, lambda line: None)
        self.process.start()

    def answers(self, patience: float) -> bool:
        self.patience = patience
        return self.answering

    def passes(self, seconds: float) -> None:
        """Lets time pass as the supervisor's loop does, in steps of five seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 5, end)
            self.process.ask_again()


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    clock = SimpleNamespace(monotonic=lambda: one.now)
    one = None
    monkeypatch.setattr(process, "time", clock)
    one = Watched(tmp_path)
    one.process.check()
    yield one
    one.process.end_group()


def test_process_that_is_silent_for_over_a_minute_is_ended_and_said_so(watched: Watched) -> None:
    watched.answering = False
    watched.passes(90)
    assert watched.process.popen.wait(10) == -signal.SIGKILL
    assert watched.said[0].startswith("web runs but has not answered for 60 s; ending it.")
    watched.process.reap()
    assert watched.process.pid is None
    assert watched.process.due == watched.now


def test_process_that_is_silent_for_less_than_a_minute_is_left_alone(watched: Watched) -> None:
    for _ in range(3):
        watched.answering = False
        watched.passes(60)
        watched.answering = True
        watched.passes(15)
    assert watched.said == []


def test_process_is_not_ended_for_one_silence_after_the_machine_stood_still(watched: Watched) -> None:
    watched.answering = False
    watched.passes(15)
    watched.now += 3600
    watched.passes(15)
    assert watched.said == []


def test_last_question_before_an_end_leaves_more_time_for_the_answer(watched: Watched) -> None:
    watched.answering = False
    watched.passes(60)
    assert watched.patience == process.PATIENCE_SECONDS
    watched.passes(15)
    assert watched.patience == process.LAST_PATIENCE_SECONDS


def test_process_may_open_more_files_than_a_shell_begins_with(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard <= 1024:
        pytest.skip("this machine allows no more")
    code = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))"
    log = tmp_path / "web.log"
    part = Process(Part("web", (sys.executable, "-c", code)), dict(os.environ), log, lambda line: None, lambda line: None)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        part.start()
        assert part.popen.wait(30) == 0
    finally:
        part.end_group()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert log.read_text().strip() == str((min(hard, 65536), hard))
