"""Migrations: up and down on both engines, and equal to what the tables declare."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from clinic import metadata
from clinic.storage import open_engine
from migrations.runner import current, downgrade, newest, upgrade
from tests.support.databases import DATABASES


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    with DATABASES.fresh(request.param, tmp_path, tables=False) as url:
        opened = open_engine(url)
        yield opened
        opened.dispose()


def test_upgrading_gives_exactly_the_declared_tables(engine: sa.Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        # The inverted index of the search is no table that SQLAlchemy could declare.
        declared = {"include_name": lambda name, kind, _parents: not (kind == "table" and name.startswith("search_index"))}
        assert compare_metadata(MigrationContext.configure(connection, opts=declared), metadata) == []
    assert current(engine) == newest()
    upgrade(engine)


def test_downgrading_leaves_nothing(engine: sa.Engine) -> None:
    upgrade(engine)
    downgrade(engine, "base")
    assert set(sa.inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert "entries" in sa.inspect(engine).get_table_names()


def test_a_database_of_a_newer_version_is_refused_in_words(engine: sa.Engine) -> None:
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SystemExit, match="newer Bedside"):
        upgrade(engine)


def test_migrations_import_no_application_code() -> None:
    folder = Path(__file__).parents[2] / "migrations"
    for path in folder.rglob("*.py"):
        text = path.read_text()
        for package in ("clinic", "web", "xmpp_components", "ops"):
            assert f"import {package}" not in text and f"from {package}" not in text, path
