"""Fixtures for every test: a clean database on both engines, the cast; and where the clinics that tests start keep their data.

`pytest --database postgresql` runs what a database matters to with PostgreSQL under it: each clinic that a test starts. Left out
are tests that run on both engines anyway, that touch no database, or that are about SQLite's own files and say why.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import Database
from tests.support.cast import Cast
from tests.support.databases import DATABASES

TESTS = Path(__file__).parent
OWN_FOLDER, ALL_PASSED = pytest.StashKey[str](), pytest.StashKey[bool]()
# Not run again on PostgreSQL: what touches no database on the server's side, what chooses its engines itself, and what is about the page
# alone, whose actions are asked of both engines in `domain` and whose bytes in `faults`.
NO_DATABASE = (
    "access/test_inventory.py",
    "contract",
    "domain",
    "e2e/test_alerts.py",
    "e2e/test_bars.py",
    "e2e/test_files.py",
    "e2e/test_look.py",
    "e2e/test_navigation.py",
    "e2e/test_profiles.py",
    "e2e/test_recordings.py",
    "e2e/test_short_video.py",
    "e2e/test_voice.py",
    "e2e/test_wrong_input.py",
    "faults/test_database_server_killed.py",
    "media",
    "model",
    "ops/test_bench.py",
    "ops/test_bench_traffic.py",
    "ops/test_damage.py",
    "ops/test_migrate_database.py",
    "ops/test_names.py",
    "ops/test_nginx.py",
    "ops/test_payments.py",
    "ops/test_preflight.py",
    "ops/test_process.py",
    "ops/test_supervise.py",
    "ops/test_supervisor.py",
    "web/test_drawing.py",
    "stripe_live",
    "web/test_frontend.py",
    "web/test_storage.py",
    "web/test_stripe.py",
    "web/test_stripe_amounts.py",
    "web/test_stripe_stand_in.py",
    "web/test_stripe_webhooks.py",
    "xmpp/test_prosody_bookmarks.py",
    "xmpp/test_prosody_isolation.py",
    "xmpp/test_prosody_login.py",
    "xmpp/test_prosody_sessions.py",
    "xmpp/test_prosody_split.py",
    "xmpp/test_prosody_waiting.py",
    "xmpp/test_share.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="Where the clinics that tests start keep their data.")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    _keep_paths_short(config)
    absent = [name for name in NO_DATABASE if not (TESTS / name).exists()]
    assert not absent, f"NO_DATABASE names what is not there: {absent}"
    DATABASES.kind = config.getoption("--database")


def _keep_paths_short(config: pytest.Config) -> None:
    """Clinics have sockets below their folder, whose paths may be 107 letters long: `/tmp/pytest-of-somebody/pytest-123/popen-gw0` is too much of that."""
    if process := os.environ.get("PYTEST_XDIST_WORKER"):
        config.option.basetemp = str(Path(config.option.basetemp).with_name(process.removeprefix("gw")))
    elif config.getoption("numprocesses", None) and config.option.basetemp is None:
        config.option.basetemp = config.stash[OWN_FOLDER] = tempfile.mkdtemp(prefix="t-")


def pytest_unconfigure(config: pytest.Config) -> None:
    DATABASES.close()
    if OWN_FOLDER in config.stash and config.stash.get(ALL_PASSED, False):  # else somebody may look at what is there
        shutil.rmtree(config.stash[OWN_FOLDER], ignore_errors=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if DATABASES.kind == "sqlite":
        return
    left_out = [item for item in items if not _matters_to(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _matters_to(item: pytest.Item) -> bool:
    place = item.path.relative_to(TESTS)
    left_out = str(place) in NO_DATABASE or place.parts[0] in NO_DATABASE
    on_both = "database_url" in getattr(item, "fixturenames", ())
    return not (left_out or on_both or item.get_closest_marker("sqlite_only"))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[ALL_PASSED] = exitstatus == pytest.ExitCode.OK
    if session.config.option.markexpr and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK  # of the chosen tests none has to be run in this way


@pytest.fixture(scope="module", autouse=True)
def no_database_left() -> Iterator[None]:
    yield
    DATABASES.tidy()


@pytest.fixture(scope="session")
def postgres_server() -> Path:
    """The folder of the socket of a PostgreSQL server."""
    return DATABASES.server.socket


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without rows, once on each engine."""
    with DATABASES.fresh(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """A migrated database, once on each engine."""
    opened = Database.open(database_url, run_dir=tmp_path / "run", pepper=b"p" * 32)
    yield opened
    opened.close()


@pytest.fixture
def cast(database: Database) -> Cast:
    """Ana, Ada, Boris, Bella, Chen (assists Boris), Dina, Eve; Ana is linked to Boris."""
    return Cast.in_(database)


@pytest.fixture
def held(cast: Cast) -> str:
    """A thread for somebody else to hold, as the one of Boris and Ana."""
    return cast.start("boris", "ana")


@pytest.fixture
def free(cast: Cast) -> str:
    """A thread beside it that nobody holds, as the one of Bella and Ada."""
    cast.link("ada", "bella")
    return cast.start("bella", "ada")
