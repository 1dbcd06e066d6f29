"""Fixtures for every test: a clean database on both engines, and the cast."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import Database
from migrations.runner import upgrade
from tests.support import postgres
from tests.support.cast import Cast


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Path]:
    with postgres.server() as socket:
        yield socket


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database's URL, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/clinic.sqlite3"
    else:
        name = f"t{abs(hash(request.node.nodeid))}"
        with postgres.database(request.getfixturevalue("postgres_server"), name) as url:
            yield url


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """A migrated database, once on each engine."""
    opened = Database.open(database_url, run_dir=tmp_path / "run", pepper=b"p" * 32)
    upgrade(opened.engine)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def cast(database: Database) -> Cast:
    """Ana, Ada, Boris, Bella, Chen (assists Boris), Dina, Eve; Ana is linked to Boris."""
    return Cast.in_(database)
