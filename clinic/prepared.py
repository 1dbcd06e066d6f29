"""Statements of the hot path: compiled once, run on the driver's own cursor.

Owns Query (for many keys), Statement (for many rows) and driver_cursor. Imports SQLAlchemy. What they say is SQLAlchemy's SQL, so that it fits
both databases; but its way of running one costs 60 us where the database answers in 6, and looks up each column's type again for
each row (measured).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

# A query is compiled for these numbers of keys: the last key fills up what is left.
_SIZES = (1, 4, 16, 64, 256, 1024, 4096, 16384)

Values = dict[str, Any]
Selecting = Callable[[Sequence[sa.BindParameter[Any]]], sa.Select[Any]]
"""Makes a select of bound keys."""


class Query:
    """A select for some keys: one statement, but for more keys than a statement holds."""

    def __init__(self, select: Selecting) -> None:
        self._select = select
        self._compiled: dict[tuple[str, int], _Compiled] = {}

    def rows(self, connection: Connection, keys: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the select's rows for `keys`, each a plain sequence of the values of its columns."""
        found: list[Sequence[Any]] = []
        for start in range(0, len(keys), _SIZES[-1]):
            part = keys[start:start + _SIZES[-1]]
            size = next(size for size in _SIZES if size >= len(part))
            compiled = self._of(connection.dialect, size)
            found += compiled.rows(connection, [*part, *[part[-1]] * (size - len(part))])
        return found

    def _of(self, dialect: sa.Dialect, size: int) -> _Compiled:
        key = dialect.name, size
        if key not in self._compiled:
            self._compiled[key] = _Compiled(self._select([sa.bindparam(f"key_{place}") for place in range(size)]), dialect)
        return self._compiled[key]


class _Compiled:
    """A select with its keys' places and what turns each column's value into ours."""

    def __init__(self, select: sa.Select[Any], dialect: sa.Dialect) -> None:
        compiled = select.compile(dialect=dialect)
        self._text, self._names = str(compiled), list(compiled.positiontup or ())
        self._fixed = {name: value for name, value in compiled.params.items() if not name.startswith("key_")}
        self._positional = compiled.positional
        types = [column.type.dialect_impl(dialect) for column in select.selected_columns]
        processors = [type_.result_processor(dialect, None) for type_ in types]
        self._processors = [(place, processor) for place, processor in enumerate(processors) if processor]

    def rows(self, connection: Connection, keys: Sequence[Any]) -> list[Sequence[Any]]:
        given = {**self._fixed, **{f"key_{place}": key for place, key in enumerate(keys)}}
        with driver_cursor(connection) as cursor:
            cursor.execute(self._text, [given[name] for name in self._names] if self._positional else given)
            found = cursor.fetchall()  # each fetch by itself gives up the interpreter
        return [self._processed(row) for row in found] if self._processors else found

    def _processed(self, row: Sequence[Any]) -> Sequence[Any]:
        ours = list(row)
        for place, processor in self._processors:
            if ours[place] is not None:
                ours[place] = processor(ours[place])
        return ours


class Statement:
    """An insertion or update of many rows. types: of the values that each row holds, by name."""

    def __init__(self, statement: sa.UpdateBase, types: Mapping[str, sa.types.TypeEngine[Any]], dialect: sa.Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(types))
        self._text = str(compiled)
        self._names: Sequence[str] | None = compiled.positiontup if compiled.positional else None
        prepared = {name: type_.dialect_impl(dialect).bind_processor(dialect) for name, type_ in types.items()}
        self._prepared = [(name, prepare) for name, prepare in prepared.items() if prepare]

    def send(self, connection: Connection, rows: list[Values]) -> None:
        """Run the statement for each of `rows`, which hold a value under each name."""
        names, given = self._names, [dict(row) for row in rows]
        for name, prepare in self._prepared:
            prepared = functools.cache(prepare)  # many rows of one commit hold the same instant
            for row in given:
                row[name] = prepared(row[name])
        many = given if names is None else [tuple([row[name] for name in names]) for row in given]
        with driver_cursor(connection) as cursor:
            cursor.executemany(self._text, many)


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:
    """Yield a cursor of the driver below `connection`; what goes wrong is raised as SQLAlchemy raises it. Raises: DBAPIError."""
    fairy, cursor = connection.connection, None
    try:
        cursor = fairy.cursor()
        yield cursor
    except connection.dialect.loaded_dbapi.Error as error:
        gone = connection.dialect.is_disconnect(error, fairy.dbapi_connection, cursor)
        raised = sa.exc.DBAPIError.instance(
            None, None, error, connection.dialect.loaded_dbapi.Error, hide_parameters=True, connection_invalidated=gone, dialect=connection.dialect
        )
        if gone:
            connection.engine.pool._invalidate(fairy, error)  # the others are gone too: as SQLAlchemy does itself
            connection.invalidate(error)
        raise raised from error
    finally:
        if cursor is not None:
            cursor.close()
