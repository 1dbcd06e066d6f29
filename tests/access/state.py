"""What a clinic's database holds, to compare and to put back, by SQL of the tests' own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

Held = dict[str, frozenset[tuple[Any, ...]]]

# What a refusal or a look may write: the count of refusals, failed log-ins, when a session or a device was last used.
COUNTERS = frozenset({"denials", "login_failures"})
COUNTING = {"login_sessions": "seen_at", "devices": "last_used_at"}


class State:
    """One database of a test. It must be at rest whenever this looks or puts back."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.StaticPool)
        self._sqlite = self._engine.dialect.name == "sqlite"
        looked = sa.inspect(self._engine)
        # SQLite keeps the index of the search in tables of its own, which follow from the index.
        tables = [table for table in sorted(looked.get_table_names()) if not table.startswith("search_index")]
        self._columns = {table: [column["name"] for column in looked.get_columns(table)] for table in tables}
        self._seen: tuple[object, Held] | None = None
        self._kept: tuple[object, Held] | None = None

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _version(self, connection: sa.Connection) -> object:
        """Return what is another value after anybody has committed anything."""
        asked = "PRAGMA data_version" if self._sqlite else "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"
        return connection.exec_driver_sql(asked).scalar_one()

    def held(self) -> Held:
        """Return every row of every table, counters left out."""
        with self._engine.connect() as connection:
            version = self._version(connection)
            if self._seen is None or self._seen[0] != version:
                self._seen = version, {table: self._rows(connection, table, COUNTING.get(table)) for table in self._columns if table not in COUNTERS}
            connection.rollback()
        return self._seen[1]

    def _rows(self, connection: sa.Connection, table: str, but: str | None = None) -> frozenset[tuple[Any, ...]]:
        asked = ", ".join(f'"{column}"' for column in self._columns[table] if column != but)
        return frozenset(tuple(row) for row in connection.exec_driver_sql(f'SELECT {asked} FROM "{table}"'))

    def keep(self) -> Held:
        """Return every row with all its columns, for `restore`."""
        with self._engine.connect() as connection:
            kept = {table: self._rows(connection, table) for table in self._columns}
            self._kept = self._version(connection), kept
            connection.rollback()
        return kept

    def restore(self, kept: Held) -> None:
        """Put back what `keep` returned, in one transaction that others see as a commit of somebody else."""
        with self._engine.connect() as connection:
            if self._kept is not None and self._kept == (self._version(connection), kept):
                connection.rollback()
                return
            changed = [table for table in kept if self._rows(connection, table) != kept[table]]
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF" if self._sqlite else "SET session_replication_role = replica")
            for table in changed:
                connection.exec_driver_sql(f'DELETE FROM "{table}"')
                places = ", ".join(["?" if self._sqlite else "%s"] * len(self._columns[table]))
                for row in kept[table]:
                    connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES ({places})', row)
            connection.commit()
            # A connection's own commits change SQLite's number for others only: whoever commits next changes it for this one.
            self._seen, self._kept = None, (self._version(connection), kept)
            connection.rollback()


def difference(before: Held, after: Held) -> list[str]:
    """Return the tables that differ, with how many rows are gone and new."""
    return [f"{table}: -{len(rows - after[table])} +{len(after[table] - rows)}" for table, rows in before.items() if rows != after[table]]
