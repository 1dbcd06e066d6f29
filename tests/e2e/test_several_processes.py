"""Two processes serve the threads, and each is killed while people look at their pages."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person
from tests.support.clinic import START_SECONDS, RunningClinic
from tests.support.ports import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def split(tmp_path: Path) -> Iterator[RunningClinic]:
    with RunningClinic(tmp_path / "data", "--demo", "--components", "2") as one:
        yield one


def runs_again(clinic: RunningClinic, name: str, killed: int) -> bool:
    """Returns whether a part that was killed is there again and all is ready."""
    return (clinic.ready_or_none() or {"pids": {name: killed}})["pids"][name] not in (None, killed)


def test_pages_go_on_whichever_process_is_killed(browser: Browser, split: RunningClinic) -> None:
    ana, boris = (Person(browser, split, name).sign_in() for name in ("ana", "boris"))
    for one in (ana, boris):
        one.open("ana-boris")
        one.live()
    for name in ("threads-1", "threads-2"):
        before = split.ready["pids"]
        os.kill(before[name], signal.SIGKILL)
        ana.write(f"Without {name}")
        boris.sees(f"Without {name}", seconds=30.0)
        eventually(lambda name=name, killed=before[name]: runs_again(split, name, killed), START_SECONDS, f"{name} again")
        assert {part for part, pid in split.ready["pids"].items() if pid != before[part]} == {name}
        boris.write(f"With {name} again")
        ana.sees(f"With {name} again")
        for one in (ana, boris):
            one.live()
    for one in (ana, boris):
        one.page.reload()
        one.live()
        one.sees("With threads-2 again")
        one.leave()
        assert one.problems == []
