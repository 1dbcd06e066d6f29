"""How rows are stored: engine set-up, the writers' fair lock, and the column types that every table shares.

Owns FairLock, UtcInstant, new_id, new_uid, metadata, open_engine, prepare_engine. Imports SQLAlchemy and the standard
library. Transactions are database.py's.
"""

from __future__ import annotations

import fcntl
import functools
import os
import secrets
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.types import TypeDecorator

from clinic.errors import Busy

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

DERIVED = {"derived": True}
"""`info` of a table that is made anew from others where it is empty: whoever copies the record leaves it out."""

# A random byte's character: Crockford base 32, no i, l, o, u to misread. Each character stands for 8 of the 256 bytes.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_IN_UID = _ALPHABET.encode() * 8
BUSY_TIMEOUT_SECONDS = 5
# A server that is cut off says nothing: without these a connection to it would wait for hours.
_NOTICED_SOON = {
    "connect_timeout": BUSY_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds
}
_PAUSES_SECONDS = [0.001] * 2 + [0.0005] * 4 + [0.00015] * 1000
_LONG_WAIT_PAUSE_SECONDS = 0.01


class UtcInstant(TypeDecorator[datetime]):
    """An instant in UTC. SQLite keeps no zone, so it is dropped on the way in and put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone: use work.now")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def for_driver(at: datetime, dialect: str) -> Any:
    """Return an instant as the driver of this engine takes it, where a statement is run past SQLAlchemy (prepared.py)."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if dialect == "sqlite" else at


def new_uid() -> str:
    """Return a random identifier of 130 bits, 26 lower-case characters, safe in a URL, a file name and an address."""
    return secrets.token_bytes(26).translate(_IN_UID).decode()


def new_entry_uid() -> str:
    """Return an identifier like `new_uid`, but ten characters tell its millisecond since 1970 and 80 bits are random.

    What is written together then stands together in the index by uid: a random place of each entry's own costs a page of
    4 KB to be written for every entry. Source: the ULID specification, in lower case.
    """
    return _in_base_32(time.time_ns() // 1_000_000) + secrets.token_bytes(16).translate(_IN_UID).decode()


@functools.lru_cache(maxsize=1)
def _in_base_32(number: int) -> str:
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(45, -1, -5))


_last_id = 0
_id_lock = threading.Lock()


def new_id() -> int:
    """Return an internal row id: milliseconds since 1970 above 22 random bits, so that a row is known before it is
    written and whole batches insert in one statement. Those of one process never clash, however many it makes in one
    millisecond: each is more than the one before. A clash of two processes breaks the primary key, and the batch runs again one by one.
    """
    global _last_id
    with _id_lock:
        _last_id = max(_last_id + 1, (time.time_ns() // 1_000_000 << 22) | secrets.randbits(22))
        return _last_id


class _Opened:
    """The two files of a FairLock as one thread has them open; they are closed when the thread is gone."""

    def __init__(self, turnstile: Path, door: Path) -> None:
        self.process, self.descriptors = os.getpid(), list[int]()
        for path in (turnstile, door):
            self.descriptors.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        for descriptor in self.descriptors:
            close(descriptor)


class FairLock:
    """A lock between processes that a busy holder cannot keep from others: a turnstile before a door.

    Whoever waits for the door holds the turnstile, so a writer that has just left queues behind it. Without the
    turnstile a component writing without pause kept a page's post waiting past 10 s; with it 19 ms at most (measured).
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._turnstile = folder / "writers.turnstile"
        self._door = folder / "writers.door"
        self._local = threading.local()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        turnstile, door = self._opened().descriptors
        deadline = time.monotonic() + BUSY_TIMEOUT_SECONDS
        _take(turnstile, deadline)
        try:
            _take(door, deadline)
        finally:
            fcntl.flock(turnstile, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(door, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the files that this thread has open; other threads' are closed with them."""
        self._local.__dict__.pop("opened", None)

    def _opened(self) -> _Opened:
        # flock belongs to the open file description: each thread opens its own, or two threads would share the lock.
        # A process that forks must do so before its first write (gunicorn loads the app in the worker).
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.process != os.getpid():
            opened = self._local.opened = _Opened(self._turnstile, self._door)
        return opened


def _take(descriptor: int, deadline: float) -> None:
    """Lock an open file, or raise Busy at `deadline`: a writer that hangs must not hang everybody behind it."""
    # Who has waited longer tries more often: otherwise somebody who has just come is likelier to be next, and among
    # three busy writers one waits up to half a second (measured; so 40 ms).
    pauses = iter(_PAUSES_SECONDS)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy() from None
            time.sleep(next(pauses, _LONG_WAIT_PAUSE_SECONDS))
        else:
            return


class _Compiler(SQLiteCompiler):
    """SQLAlchemy's SQL for SQLite, and hints in it (`Select.with_hint`): SQLite's INDEXED BY."""

    def get_from_hint_text(self, table: sa.FromClause, text: str | None) -> str | None:
        return text


def open_engine(url: str | sa.URL, **options: Any) -> Engine:
    """Open an engine on `url` with the settings that the rules need; see `prepare_engine`."""
    return prepare_engine(sa.create_engine(url, **options))


def prepare_engine(engine: Engine) -> Engine:
    """Set what design rule 8 asks of the database: on SQLite WAL, FULL, foreign keys and explicit transactions; on
    PostgreSQL synchronous_commit. Safe to call once per engine.
    """
    engine.hide_parameters = True  # what people wrote: an error must not carry it into a log
    if engine.dialect.name == "sqlite":
        engine.dialect.statement_compiler = _Compiler
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "do_connect", _dial_postgresql)
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "checkout", _require_silence)
    else:
        raise SystemExit(f"{engine.dialect.name} is not a database Bedside knows: use sqlite or postgresql.")
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves: the driver's own comes too late for IMMEDIATE
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("bedside_begin", "BEGIN"))


def _dial_postgresql(_dialect: object, _record: object, _arguments: object, parameters: dict[str, Any]) -> None:
    for name, value in _NOTICED_SOON.items():
        parameters.setdefault(name, value)  # the URL may say otherwise


def _require_silence(connection: Any, _record: object, _proxy: object) -> None:
    """Refuse a pooled connection on which the server has said something since: that is how it takes its leave.

    A question to the server before each transaction would tell as much and costs a round trip.
    """
    listening = select.poll()
    listening.register(connection.fileno(), select.POLLIN)
    if listening.poll(0):
        raise sa.exc.InvalidatePoolError()


def _prepare_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'")
    connection.commit()
