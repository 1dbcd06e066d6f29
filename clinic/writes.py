"""Buffered writes: what actions want changed, collapsed per row and sent in a few statements at the end.

Owns Buffer and flush. Imports SQLAlchemy. An action that fails drops its buffer and nothing else; the database hears
of a batch only once every action in it has been decided.
"""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Connection

from clinic.prepared import Statement, Values
from clinic.storage import metadata

KEY = "key_"
"""Under this name a row's primary key stands beside what is to be changed of it."""


@dataclass(slots=True)
class Row:
    """What is to become of one row: deleted, inserted, updated; deleted and inserted is put in its place."""

    delete: bool = False
    insert: Values | None = None
    update: Values = field(default_factory=dict)


class Buffer:
    """The ordered writes of one action, or the collapsed writes of a whole transaction."""

    def __init__(self) -> None:
        self._rows: dict[tuple[sa.Table, Any], Row] = {}

    def insert(self, table: sa.Table, values: Values) -> None:
        """Insert a row; its primary key is among `values`."""
        row = self._row(table, _key(table)(values))
        if row.insert is not None:
            raise ValueError(f"{table.name} {_key(table)(values)} is inserted twice in one transaction")
        row.insert, row.update = values, {}

    def update(self, table: sa.Table, key: Any, values: Values) -> None:
        """Set columns of the row whose (single-column) primary key is `key`."""
        row = self._row(table, key)
        (row.update if row.insert is None else row.insert).update(values)

    def delete(self, table: sa.Table, key: Any) -> None:
        """Delete the row whose (single-column) primary key is `key`; nothing happens when there is none."""
        row = self._row(table, key)
        row.delete, row.insert, row.update = True, None, {}

    def absorb(self, other: Buffer) -> None:
        """Take over the writes of `other`, which come after those already here."""
        for (table, key), row in other._rows.items():
            if row.delete:
                self.delete(table, key)
            if row.insert is not None:
                self.insert(table, row.insert)
            if row.update:
                self.update(table, key, row.update)

    def rows(self) -> Iterator[tuple[sa.Table, Any, Row]]:
        """Yield what is to become of each row: its table, its primary key, the change."""
        for (table, key), row in self._rows.items():
            yield table, key, row

    def flush(self, connection: Connection) -> None:
        """Send everything: deletes, then inserts in the order that foreign keys need, then updates.

        Within a table in the order of keys: two transactions that change the same rows must not wait for each other.
        """
        by_table: dict[sa.Table, list[tuple[Any, Row]]] = defaultdict(list)
        for (table, key), row in self._rows.items():
            by_table[table].append((key, row))
        for rows in by_table.values():
            rows.sort(key=itemgetter(0))
        ordered = [table for table in _tables() if table in by_table]
        replacing = {table for table in ordered if any(row.delete and row.insert for _, row in by_table[table])}
        for table in reversed(ordered):
            if table not in replacing:
                _delete(connection, table, [key for key, row in by_table[table] if row.delete])
        for table in ordered:
            if table in replacing:
                _replace(connection, table, by_table[table])
            inserts = [row.insert for _, row in by_table[table] if row.insert is not None and not row.delete]
            for group in _alike(inserts):
                _insertion(table, tuple(group[0]), connection.dialect).send(connection, group)
        for table in ordered:
            updates = [{KEY: key, **row.update} for key, row in by_table[table] if row.update]
            for group in _alike(updates):
                _change(table, tuple(group[0]), connection.dialect).send(connection, group)

    def _row(self, table: sa.Table, key: Any) -> Row:
        return self._rows.setdefault((table, key), Row())


@functools.cache
def _tables() -> tuple[sa.Table, ...]:
    """All tables, each after those it refers to; complete once the package is imported."""
    return tuple(metadata.sorted_tables)


def _alike(rows: Iterable[Values]) -> list[list[Values]]:
    """Group rows that set the same columns: each group is one statement."""
    groups: dict[tuple[str, ...], list[Values]] = defaultdict(list)
    for row in rows:
        groups[tuple(row)].append(row)  # the same code names its columns in the same order
    return list(groups.values())


@functools.cache
def _key(table: sa.Table) -> Callable[[Values], Any]:
    """What takes a row's primary key from its values: the value itself, or a tuple of several."""
    return operator.itemgetter(*(column.name for column in table.primary_key))


@functools.cache
def _insertion(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> Statement:
    return Statement(sa.insert(table), {name: table.c[name].type for name in names}, dialect)


@functools.cache
def _deletion(table: sa.Table) -> sa.Delete:
    (column,) = table.primary_key
    return sa.delete(table).where(column == sa.bindparam(KEY))


@functools.cache
def _replacement(table: sa.Table, dialect: str) -> Any:
    put = insertion_of(dialect)(table)
    new = {column.name: put.excluded[column.name] for column in table.columns if not column.primary_key}
    return put.on_conflict_do_update(index_elements=list(table.primary_key), set_=new)


def insertion_of(dialect: str) -> Any:
    """Return the INSERT of a dialect that can say what becomes of a row that is there already."""
    if dialect == "sqlite":
        return sqlite.insert
    # Imported where it is used: it costs a process on SQLite a tenth of a second at its start.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert


@functools.cache
def _change(table: sa.Table, names: tuple[str, ...], dialect: sa.Dialect) -> Statement:
    (column,) = table.primary_key
    types = {name: column.type if name == KEY else table.c[name].type for name in names}
    return Statement(sa.update(table).where(column == sa.bindparam(KEY, type_=column.type)), types, dialect)


def _delete(connection: Connection, table: sa.Table, keys: list[Any]) -> None:
    if keys:
        connection.execute(_deletion(table), [{KEY: key} for key in keys])


def _replace(connection: Connection, table: sa.Table, rows: list[tuple[Any, Row]]) -> None:
    """Delete rows, and put others in the place of what may be there, all in the order of keys.

    Another process may put the same key there at the same moment; a deletion and an insertion would not see it.
    """
    deleted_or_put = [(key, row) for key, row in rows if row.delete]
    for deleting, run in groupby(deleted_or_put, key=lambda one: one[1].insert is None):
        if deleting:
            _delete(connection, table, [key for key, _ in run])
        else:
            for group in _alike(row.insert for _, row in run if row.insert is not None):
                connection.execute(_replacement(table, connection.dialect.name), group)
