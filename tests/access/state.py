"""What a clinic's database holds, to compare and to put back, by SQL of the tests' own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

Held = dict[str, list[tuple[Any, ...]]]

# What a refusal or a look may write: the count of refusals, failed log-ins, when a session or a device was last used.
COUNTERS = frozenset({"denials", "login_failures"})
COUNTING = {"login_sessions": "seen_at", "devices": "last_used_at"}


class State:
    """One database of a test. It must be at rest whenever this looks or puts back."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url, poolclass=sa.StaticPool if url.startswith("sqlite") else None)
        self._sqlite = self._engine.dialect.name == "sqlite"
        tables = sa.inspect(self._engine).get_table_names()
        # Where SQLite keeps an index of words in tables of its own, those follow from the table that is indexed.
        self._columns = {table: [column["name"] for column in sa.inspect(self._engine).get_columns(table)] for table in sorted(tables)}

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def held(self) -> Held:
        """Return every row of every table, counters left out."""
        found: Held = {}
        with self._engine.connect() as connection:
            for table, columns in self._columns.items():
                if table not in COUNTERS:
                    asked = ", ".join(f'"{column}"' for column in columns if COUNTING.get(table) != column)
                    found[table] = sorted((tuple(row) for row in connection.exec_driver_sql(f'SELECT {asked} FROM "{table}"')), key=repr)
        return found

    def keep(self) -> Held:
        """Return every row with all its columns, for `restore`."""
        with self._engine.connect() as connection:
            return {table: [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"')] for table in self._columns}

    def restore(self, kept: Held) -> None:
        """Put back what `keep` returned, in one transaction that others see as a commit of somebody else."""
        now = self.keep()
        changed = [table for table, rows in kept.items() if sorted(rows, key=repr) != sorted(now[table], key=repr)]
        with self._engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF" if self._sqlite else "SET session_replication_role = replica")
            for table in changed:
                connection.exec_driver_sql(f'DELETE FROM "{table}"')
                places = ", ".join(["?" if self._sqlite else "%s"] * len(self._columns[table]))
                for row in kept[table]:
                    connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES ({places})', row)
            connection.commit()
            if not self._sqlite:
                connection.exec_driver_sql("SET session_replication_role = DEFAULT")
                connection.commit()


def difference(before: Held, after: Held) -> list[str]:
    """Return the tables that differ, with how many rows are gone and new."""
    found = []
    for table, rows in before.items():
        if rows != after[table]:
            gone, new = [row for row in rows if row not in after[table]], [row for row in after[table] if row not in rows]
            found.append(f"{table}: -{len(gone)} +{len(new)}")
    return found
