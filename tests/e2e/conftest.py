"""One running demonstration and one browser for all tests of this folder.

Both end with the folder: while Playwright is open an event loop runs in this thread, and no other can.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Person, chromium
from tests.support.clinic import RunningClinic


@pytest.fixture(scope="package")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    with RunningClinic(tmp_path_factory.mktemp("e2e") / "data", "--demo") as one:
        yield one


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def person(request: pytest.FixtureRequest, browser: Browser, clinic: RunningClinic) -> Iterator[Callable[..., Person]]:
    """Sign people in; their browsers close at the end, and a script error or a CSP report fails the test. A failed one says what they saw."""
    people: list[Person] = []

    def arrive(name: str, **options: object) -> Person:
        people.append(Person(browser, clinic, name, **options))
        return people[-1].sign_in()

    yield arrive
    if request.node.stash.get(FAILED, False):
        print(*(one.report() for one in people), "== the clinic", clinic.said()[-3_000:], sep="\n")
    problems = [f"{one.name}: {problem}" for one in people for problem in one.problems]
    for one in people:
        one.leave()
    assert problems == []
