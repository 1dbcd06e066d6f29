"""`bedside migrate-database`: moves a stopped clinic's data from SQLite to an empty PostgreSQL database.

Everything happens in one transaction there and is compared before it commits; only then the clinic's configuration names the new
database. The SQLite file stays as it was. What is derived from the rest (the search
index) is not copied: the worker makes it anew. May import `clinic`'s tables, `migrations` and SQLAlchemy.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clinic import metadata
from clinic.search.tables import INDEX
from clinic.storage import open_engine
from migrations import runner
from ops import database, deployment, preflight
from ops.problems import Problem

CHUNK_ROWS = 1000
TELL_EVERY_ROWS = 20_000
NOTHING_CHANGED = "Nothing was changed: the clinic starts as before."

# Left in the new database from its commit until the clinic's configuration names it. By it a copy that was cut off in between is
# recognised at the next run, and that nobody has used it since.
_unused = sa.Table(
    "bedside_unused_copy",
    sa.MetaData(),
    sa.Column("table_name", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
)


def kept() -> list[sa.Table]:
    """Returns the tables that hold the clinic's record, each after those it refers to."""
    return [table for table in metadata.sorted_tables if not table.info.get("derived")]


@dataclass(frozen=True)
class Digest:
    """What a table holds: how many rows, and a sum over all of them that does not depend on their order."""

    rows: int
    total: str


def move(data: Path, url: str, say: Callable[[str], None]) -> None:
    """Copies the clinic's database to `url`, compares both, and has the next start use the copy. Raises Problem; nothing is changed then."""
    database.check_url(url)
    if database.file_of(url):
        raise Problem(f"--database-url names {database.shown(url)}; a clinic is moved to PostgreSQL. {database.HOW}")
    layout = deployment.recall(data)
    file = database.file_of(layout.database)
    if file is None:
        raise Problem(f"The clinic in {data} keeps its data in {database.shown(layout.database)} already.")
    lock = preflight.take_lock(data)
    try:
        database.check_file(layout.database)
        with _reading(layout.database) as source, _writing(url) as target:
            digests = copy(source, target, say)
        deployment.remember(replace(layout, database_url=url))
        with database.in_words(url):
            _forget_unused(url)
    finally:
        os.close(lock)
    say(f"\nDone: {sum(digest.rows for digest in digests.values()):,} rows, each compared. The next start of {data} uses {database.shown(url)}.")
    say(f"{file} is left as it was; once all is well, put it aside: it holds the clinic's record.")
    say(f"To go back to it, without what is written from now on: stop the clinic, remove {deployment.remembered_in(data)}, start it with its options.")


def copy(source: Connection, target: Connection, say: Callable[[str], None]) -> dict[str, Digest]:
    """Fills the target from the source and compares. Returns the digest of each table. Raises Problem when they differ or a row does not fit."""
    runner.upgrade_within(target)
    digests = {}
    for table in kept():
        rows = source.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        say(f"{table.name}: {rows:,} rows")
        try:
            for done, chunk in _chunks(source, table):
                target.execute(sa.insert(table), chunk)
                if done % TELL_EVERY_ROWS == 0:
                    say(f"{table.name}: {done:,} of {rows:,}")
        except (sa.exc.DataError, sa.exc.IntegrityError) as error:
            raise Problem(f"A row of the table {table.name} does not fit into PostgreSQL: {error.orig}. {NOTHING_CHANGED}") from error
    for table in kept():
        digests[table.name] = digest_of(source, table)
        found = digest_of(target, table)
        if found != digests[table.name]:
            raise Problem(f"The copy of the table {table.name} differs ({found.rows:,} rows of {digests[table.name].rows:,}). {NOTHING_CHANGED}")
    _unused.create(target)
    target.execute(sa.insert(_unused), [{"table_name": name, "digest": digest.total} for name, digest in digests.items()])
    return digests


def digest_of(connection: Connection, table: sa.Table) -> Digest:
    """Returns what a table holds, read row by row. Times are compared as instants, truths as truths, whatever the engine stores."""
    rows, total = 0, 0
    for _, chunk in _chunks(connection, table):
        for row in chunk:
            plain = repr([(name, _plain(value)) for name, value in row.items()])
            total += int.from_bytes(hashlib.sha256(plain.encode(errors="surrogatepass")).digest())
        rows += len(chunk)
    return Digest(rows, f"{total % 2**256:064x}")


def _plain(value: Any) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _chunks(connection: Connection, table: sa.Table) -> Iterator[tuple[int, Sequence[dict[str, Any]]]]:
    """Yields (rows so far, rows), a bounded number at a time: a large clinic does not fit into memory."""
    done = 0
    with database.in_words(connection.engine.url.render_as_string()):
        for part in connection.execute(sa.select(table), execution_options={"yield_per": CHUNK_ROWS}).mappings().partitions():
            done += len(part)
            yield done, [dict(row) for row in part]


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    """Opens the old database, which nobody may write to meanwhile: `bedside account` works on a stopped clinic too."""
    with database.in_words(url):
        engine = open_engine(url)
        try:
            if runner.current(engine) != runner.newest():
                raise Problem("The clinic's database is of an older Bedside. Start the clinic once with this version and stop it, then move it.")
            with engine.connect() as plain:
                connection = plain.execution_options(bedside_begin="BEGIN IMMEDIATE")
                with connection.begin() as untouched:
                    said = connection.exec_driver_sql("PRAGMA integrity_check").scalar_one()
                    if said != "ok":
                        raise Problem(f"{database.shown(url)} is damaged ({said}). Restore the last backup first.")
                    found = {name for name in sa.inspect(connection).get_table_names() if not name.startswith(INDEX)}
                    strange = found - {*metadata.tables, "alembic_version"}
                    if strange:
                        raise Problem(f"{database.shown(url)} has tables that Bedside does not know ({', '.join(sorted(strange))}); they would be lost.")
                    yield connection
                    untouched.rollback()
        finally:
            engine.dispose()


@contextmanager
def _writing(url: str) -> Iterator[Connection]:
    """Opens the new database in one transaction, which commits at the end. Raises Problem unless it is empty."""
    with database.in_words(url):
        engine = open_engine(url)
        try:
            with engine.begin() as connection:
                encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
                if encoding != "UTF8":
                    raise Problem(f"{database.shown(url)} is encoded in {encoding}. Make it with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
                _require_empty(connection, url)
                yield connection
        finally:
            engine.dispose()


def _require_empty(connection: Connection, url: str) -> None:
    """Takes away an earlier run's copy that nobody has used. Raises Problem for whatever else there is."""
    found = set(sa.inspect(connection).get_table_names())
    if _unused.name in found and _is_unused(connection, found):
        # In this transaction: should this run fail too, that copy is back.
        metadata.drop_all(connection)
        connection.exec_driver_sql(f"DROP TABLE {INDEX}")
        _unused.drop(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")
    elif found:
        raise Problem(f"{database.shown(url)} is not empty: it has {len(found)} tables, {min(found)} for one. Give --database-url an empty database.")


def _is_unused(connection: Connection, found: set[str]) -> bool:
    if found != {*metadata.tables, INDEX, "alembic_version", _unused.name} or runner.revision_of(connection) != runner.newest():
        return False
    written = {row.table_name: row.digest for row in connection.execute(sa.select(_unused))}
    return all(digest_of(connection, table).total == written.get(table.name) for table in kept())


def _forget_unused(url: str) -> None:
    engine = open_engine(url)
    try:
        _unused.drop(engine)
    finally:
        engine.dispose()
