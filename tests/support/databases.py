"""Where the clinics of this test run keep their data: SQLite files, or databases of one PostgreSQL server (pytest --database postgresql).

What a test compares is read here with SQL of the test's own. Imports nothing of the product but the migrations.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from migrations.runner import upgrade
from tests.support.postgres import URL, Server


class Databases:
    """The databases of one run; each clinic's folder has its own, the same one each time it is asked for."""

    def __init__(self) -> None:
        self.kind = "sqlite"
        self._numbers = count(1)
        self._of: dict[Path, str] = {}
        self._running: Server | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="bedside-databases-")

    @property
    def server(self) -> Server:
        """The run's PostgreSQL server, started when it is first needed."""
        if self._running is None:
            self._running = Server(settings=("max_connections=300",))
            self._running.start()
        return self._running

    @cached_property
    def _admin(self) -> sa.Engine:
        return sa.create_engine(URL.format(name="postgres", socket=self.server.socket), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)

    def _create(self, template: str) -> str:
        name = f"test_{next(self._numbers)}"
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return URL.format(name=name, socket=self.server.socket)

    @cached_property
    def _migrated(self) -> str:
        """The name of a PostgreSQL database with the newest tables, to copy from."""
        url = self._create("template0")
        _upgrade(url)
        return self.kept(sa.create_engine(url))

    @cached_property
    def _migrated_file(self) -> str:
        """An SQLite file with the newest tables, to copy from."""
        file = Path(self._folder.name, "migrated.sqlite3")
        _upgrade(f"sqlite:///{file}")
        return str(file)

    def kept(self, engine: sa.Engine) -> str:
        """Keep what an engine's database holds for others to be copied from. Returns: what `copied` wants of it."""
        name = engine.url.database
        assert name is not None
        if engine.dialect.name == "sqlite":
            with engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            engine.dispose()
            return name
        engine.dispose()
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {name} RENAME TO kept_{name}")
        return f"kept_{name}"

    def empty(self, folder: Path) -> str:
        """Return the URL of the database of the clinic in `folder`, which is made without tables."""
        if self.kind == "sqlite":
            return f"sqlite:///{folder / 'clinic.sqlite3'}"
        if folder not in self._of:
            self._of[folder] = self._create("template0")
        return self._of[folder]

    def migrated(self, folder: Path) -> str:
        """Return the URL of the database of the clinic in `folder`, which is made with the newest tables."""
        if self.kind == "sqlite":
            return self.copied(self._migrated_file, folder)
        return self.copied(self._migrated, folder)

    def copied(self, original: str, folder: Path) -> str:
        """Return the URL of the database of the clinic in `folder`, made from `original`: what `kept` gave."""
        if self.kind == "sqlite":
            folder.mkdir(parents=True, exist_ok=True)
            if not (folder / "clinic.sqlite3").exists():
                shutil.copy(original, folder / "clinic.sqlite3")
            return self.empty(folder)
        if folder not in self._of:
            self._of[folder] = self._create(original)
        return self._of[folder]

    def arguments(self, folder: Path) -> tuple[str, ...]:
        """Return how `bedside up` is told where the clinic in `folder` keeps its data."""
        return () if self.kind == "sqlite" else ("--database-url", self.empty(folder))

    @contextmanager
    def fresh(self, kind: str, folder: Path, *, tables: bool = True) -> Iterator[str]:
        """Yield the URL of a database of this kind, whatever the run's is, with the newest tables or none; it goes at the end."""
        if kind == "sqlite":
            if tables:
                shutil.copy(self._migrated_file, folder / "clinic.sqlite3")
            yield f"sqlite:///{folder / 'clinic.sqlite3'}"
            return
        url = self._create(self._migrated if tables else "template0")
        try:
            yield url
        finally:
            with self._admin.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")

    def tidy(self) -> None:
        """Drop the databases that nobody is connected to any more."""
        if self._running is None:
            return
        idle = "SELECT datname FROM pg_database d WHERE datname LIKE 'test%%' AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)"
        with self._admin.connect() as connection:
            for name in connection.exec_driver_sql(idle).scalars().all():
                connection.exec_driver_sql(f"DROP DATABASE {name}")
                self._of = {folder: url for folder, url in self._of.items() if sa.make_url(url).database != name}

    def close(self) -> None:
        """End the server and remove what was copied from."""
        self._folder.cleanup()
        if self._running is not None:
            self._running.close()


DATABASES = Databases()


def _upgrade(url: str) -> None:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    upgrade(engine)
    engine.dispose()


def rows(url: str, query: str, **values: Any) -> list[Any]:
    """Return what a query says, on a connection of its own that changes nothing."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        url = f"sqlite:///file:{Path(parsed.database or '').as_uri().removeprefix('file://')}?mode=ro&timeout=30&uri=true"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return list(connection.execute(sa.text(query), values))
    finally:
        engine.dispose()


@contextmanager
def held(url: str) -> Iterator[None]:
    """Keep every writer out of a database and let readers read, as a backup or an administrator's shell may."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA busy_timeout=30000")
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        else:
            names = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars().all()
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql(f"LOCK TABLE {', '.join(sorted(names))} IN EXCLUSIVE MODE")
        yield
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()


def size(url: str) -> int:
    """Return a database's size in bytes."""
    if (parsed := sa.make_url(url)).get_backend_name() == "sqlite":
        return Path(parsed.database or "").stat().st_size
    [[found]] = rows(url, "SELECT pg_database_size(current_database())")
    return int(found)
