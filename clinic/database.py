"""The clinic's database as every process holds it: run an action, a batch of them, or views.

Owns Database. Imports clinic and SQLAlchemy. This is the only place that commits (rule 2), and where a database that is
held, full or gone becomes Busy.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from clinic import doorbell, storage
from clinic.actions import ACTIONS, ActionSpec
from clinic.calls import Actor, Call, Done
from clinic.doorbell import DatagramDoorbell, Doorbell, NotifiedDoorbell, Ringer
from clinic.errors import Busy, Conflict, DomainError, Held
from clinic.fields import parse_all
from clinic.loading import Lock
from clinic.memory import Memory
from clinic.storage import FairLock, open_engine, prepare_engine
from clinic.transaction import Transaction
from clinic.work import Work

logger = logging.getLogger(__name__)

_AWAY_PAUSE_SECONDS = 0.1
_LOCK_TIMEOUT = sa.select(sa.func.set_config("lock_timeout", sa.bindparam("value"), True))  # of this transaction only


class Database:
    """One clinic's database. Safe to share between threads."""

    def __init__(self, engine: Engine, *, run_dir: Path, pepper: bytes) -> None:
        self.engine = engine
        self.run_dir = run_dir
        self.pepper = pepper
        on_sqlite = self._on_sqlite = engine.dialect.name == "sqlite"
        self._writers: FairLock | None = FairLock(run_dir) if on_sqlite else None
        # A view asks several questions: all of them must be answered of one moment. On SQLite any transaction is so.
        self._readers = engine if on_sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        # On SQLite the lock lets one write at a time, always on the same connection: what it remembers (memory.py) is of use.
        self._for_writing = _for_writing_beside(engine) if on_sqlite else engine
        self._ringer = _ringer_beside(engine, run_dir) if on_sqlite else None
        self._away_since: float | None = None  # by the steady clock

    @classmethod
    def open(cls, url: str, *, run_dir: Path, pepper: bytes) -> Database:
        """Open the database of `url`. run_dir: where the writers' lock and the doorbells live."""
        return cls(open_engine(url), run_dir=run_dir, pepper=pepper)

    @classmethod
    def adopt(cls, engine: Engine, *, run_dir: Path, pepper: bytes) -> Database:
        """Use an engine that somebody else made (Flask-SQLAlchemy) and set it up as the rules need."""
        return cls(prepare_engine(engine), run_dir=run_dir, pepper=pepper)

    def close(self) -> None:
        """Close what this process holds open of it, once nobody in it uses it any more. (Doorbells are closed by who listens.)"""
        self.engine.dispose()
        if self._writers:
            self._writers.close()

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def perform(self, actor: Actor, action: str, subject: str | None = None, /, **values: Any) -> Done:
        """Run one action in its own transaction.

        Returns: Done. Raises: the action's DomainError; Busy when nothing could be stored.
        """
        call = Call(actor, action, subject, values)
        try:
            [result] = self._run([call], Lock.WAIT)
        except sa.exc.IntegrityError:
            # Somebody else stored the same thing between our read and our write: what was read is out of date.
            try:
                [result] = self._run([call], Lock.WAIT)
            except sa.exc.IntegrityError as error:
                raise Conflict() from error
        if isinstance(result, DomainError):
            raise result
        return result

    def batch(self, calls: Sequence[Call], wait_seconds: float = 0.0, by: str = "") -> list[Done | DomainError]:
        """Run many batchable actions in one transaction (group commit, rule 3).

        wait_seconds: how long to wait for a thread that somebody else has locked; with 0 its calls are left, as Held.
        by: whose doorbell rings these are (Ring.by).
        Returns: a result a call, in order; on a database error nothing of the batch is stored and each call runs
        again by itself. Raises: TypeError for an action that is not batchable.
        """
        for call in calls:
            if not ACTIONS[call.action].batchable:
                raise TypeError(f"{call.action} is not batchable")
        lock = Lock.WAIT if wait_seconds else Lock.SKIP
        try:
            try:
                return self._run(calls, lock, wait_seconds, by)
            except Busy as error:
                if not getattr(error.__cause__, "connection_invalidated", False):
                    raise
                # The server went away in the middle. Whether it stored the batch is unknown; doing it again is safe (rule 9).
                return self._run(calls, lock, wait_seconds, by)
        except Busy as error:
            return [error for _ in calls]
        except sa.exc.DBAPIError:
            if len(calls) == 1:
                logger.exception("batch.failed action=%s", calls[0].action)
                return [Busy()]
            return self._one_by_one(calls, wait_seconds, by)

    def _one_by_one(self, calls: Sequence[Call], wait_seconds: float, by: str) -> list[Done | DomainError]:
        results: list[Done | DomainError] = []
        held: set[str | None] = set()
        for call in calls:
            # A thread's later calls stay behind the one that was left.
            [result] = [Held()] if call.subject in held else self.batch([call], wait_seconds, by)
            if isinstance(result, Held):
                held.add(call.subject)
            results.append(result)
        return results

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Work]:
        """Open a read transaction for views. Raises: NotSignedIn, Busy."""
        with self.reading() as connection:
            yield Work(Transaction(connection, self.now(), self.pepper, Lock.NONE), actor)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction for the clinic's own plumbing (outbox, sealing). Raises: Busy."""
        with _in_words(), self._connected(self._readers) as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a write transaction, behind the fair lock on SQLite; commits at the end. Raises: Busy."""
        with self._writing() as connection:
            Memory.drop(connection.info)
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        lock: AbstractContextManager[None] = self._writers() if self._writers else nullcontext()
        with _in_words(), lock, self._connected(self._for_writing) as connection:
            info = connection.info
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                Memory.drop(info)
                raise

    def _connected(self, engine: Engine) -> Connection:
        """Connect; wait for a server that is away (it starts again) as long as for one that somebody holds, but not anew each time.

        Raises: OperationalError, at once when it has been away for longer.
        """
        while True:
            began = time.monotonic()
            try:
                connection = engine.connect()
            except sa.exc.OperationalError:
                self._away_since = self._away_since or began
                if self._on_sqlite or time.monotonic() - self._away_since > storage.BUSY_TIMEOUT_SECONDS:
                    raise
                time.sleep(_AWAY_PAUSE_SECONDS)
            else:
                self._away_since = None
                return connection

    def doorbell(self, name: str) -> Doorbell:
        """Listen for what others commit. name: of the listener, which nobody else on this machine may have."""
        return DatagramDoorbell(self.run_dir, name) if self._on_sqlite else NotifiedDoorbell(self.engine)

    def _run(self, calls: Sequence[Call], lock: Lock, wait_seconds: float = 0.0, by: str = "") -> list[Done | DomainError]:
        results: list[Done | DomainError | None] = [None] * len(calls)
        parsed = []
        for index, call in enumerate(calls):
            spec = ACTIONS[call.action]
            try:
                parsed.append((index, spec, call, parse_all(spec.fields, call.values)))
            except DomainError as error:
                results[index] = error
        if parsed:
            with self._writing() as connection:
                if wait_seconds and not self._on_sqlite:
                    connection.execute(_LOCK_TIMEOUT, {"value": f"{max(1, round(wait_seconds * 1000))}ms"})
                memory = Memory.of(connection) if self._on_sqlite else None
                transaction = Transaction(connection, self.now(), self.pepper, lock, memory)
                transaction.preload([(spec, call, values) for _, spec, call, values in parsed])
                transaction.now = self.now()  # after the threads' locks, so that time runs with the order
                for index, spec, call, values in parsed:
                    left = call.subject in transaction.held
                    results[index] = Held() if left else _executed(transaction, spec, call, values)
                transaction.flush()
                rings = transaction.changed or transaction.queues
                if rings and not self._on_sqlite:
                    doorbell.notify(connection, transaction.changed, transaction.queues, by)
            if rings and self._ringer:
                self._ringer.ring(transaction.changed, transaction.queues, by)
        return [result for result in results if result is not None]


def _executed(transaction: Transaction, spec: ActionSpec, call: Call, values: Mapping[str, Any]) -> Done | DomainError:
    try:
        return transaction.execute(spec, call, values)
    except DomainError as error:
        person = transaction.person_of(call.actor)
        key = (person.id if person else None, spec.name, error.code)
        transaction.denied[key] = transaction.denied.get(key, 0) + 1
        return error


def _for_writing_beside(engine: Engine) -> Engine:
    """Return an engine of one connection, which is closed with `engine`'s."""
    writer = open_engine(engine.url, pool_size=1, max_overflow=0).execution_options(bedside_begin="BEGIN IMMEDIATE")
    event.listen(engine, "engine_disposed", lambda _: writer.dispose())
    return writer


def _ringer_beside(engine: Engine, run_dir: Path) -> Ringer:
    """Return a ringer that is closed with the connections of `engine`."""
    ringer = Ringer(run_dir)
    event.listen(engine, "engine_disposed", lambda _: ringer.close())
    return ringer


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what a database says when it is held, full or gone into Busy; the driver's words go to the log."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        logger.error("database.busy %s", getattr(error, "orig", error))
        raise Busy() from error
