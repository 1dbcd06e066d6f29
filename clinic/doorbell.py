"""The doorbell: a word from whoever committed that the other processes should look at the database now.

Owns Doorbell in its two forms, Ringer and notify. Imports clinic.storage, SQLAlchemy and the standard library. It carries no news
and may be lost: whoever listens also looks once a second. On SQLite each listener binds `doorbell-NAME.sock` in the run folder, and after
a commit one datagram goes to each. On PostgreSQL the commit itself sends one NOTIFY, which other machines hear too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import select
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from clinic.storage import open_engine

logger = logging.getLogger(__name__)

CHANNEL = "bedside"
RECONNECT_SECONDS = 0.5
_CLOSING_SECONDS = 1.0
_LARGEST = 60_000
_LARGEST_NOTIFIED = 7_999  # PostgreSQL refuses 8,000 bytes, and the whole transaction with them
_NOTIFICATION = sa.select(sa.func.pg_notify(CHANNEL, sa.bindparam("message")))


@dataclass(frozen=True, slots=True)
class Ring:
    """What one ring says: uids of threads that changed (none: look at all), names of outbox queues with a new job.

    by: who committed it, where they want to know their own rings, as they have heard of those entries already.
    """

    threads: tuple[str, ...]
    queues: tuple[str, ...]
    by: str = field(default="", compare=False)


class Doorbell:
    """A listening socket. Non-blocking: hand `fileno()` to an event loop, or `wait()` in a plain loop."""

    def __init__(self, listening: socket.socket) -> None:
        self._socket = listening
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to wait on; it stays the same until `close`."""
        return self._socket.fileno()

    def receive(self) -> list[Ring]:
        """Return every ring that has arrived; empty when none has."""
        rings: list[Ring] = []
        while True:
            try:
                rings.append(_ring_of(self._socket.recv(_LARGEST + 1000)))
            except BlockingIOError:
                return rings

    def wait(self, seconds: float) -> list[Ring]:
        """Wait up to `seconds` for a ring and return all that have arrived."""
        self._socket.settimeout(seconds)
        try:
            first = _ring_of(self._socket.recv(_LARGEST + 1000))
        except TimeoutError:
            return []
        finally:
            self._socket.setblocking(False)
        return [first, *self.receive()]

    def wait_for(self, queue: str, seconds: float) -> bool:
        """Wait up to `seconds` for a job in `queue`; what else rings is let pass. Return whether there is one."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if any(queue in ring.queues for ring in self.wait(left)):
                return True
        return False

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class DatagramDoorbell(Doorbell):
    """The doorbell on SQLite, whose processes are all on one machine: a socket in the run folder."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self.path = run_dir / f"doorbell-{name}.sock"
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        super().__init__(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        super().close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


class NotifiedDoorbell(Doorbell):
    """The doorbell on PostgreSQL: a thread LISTENs on a connection of its own and passes on what it hears.

    It connects again by itself; what was said meanwhile nobody repeats, so each time it hears again it rings for everything.
    """

    def __init__(self, engine: Engine) -> None:
        listening, self._mouth = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        super().__init__(listening)
        self._mouth.setblocking(False)
        self._stop, self._stopped = socket.socketpair()
        # Outside the pool: it is never given back.
        self._engine = open_engine(engine.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
        self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; a thread that is connecting just then ends by itself."""
        self._stop.close()
        self._thread.join(_CLOSING_SECONDS)
        super().close()

    def _run(self) -> None:
        deaf = False
        with self._mouth, self._stopped:
            while True:
                try:
                    with self._engine.connect() as connection:
                        connection.exec_driver_sql(f"LISTEN {CHANNEL}")
                        deaf = _said(deaf, now=False)
                        self._listen(connection.connection.driver_connection)
                    return
                except (sa.exc.DBAPIError, self._engine.dialect.loaded_dbapi.Error) as error:
                    deaf = _said(deaf, now=True, error=error)
                if _readable(RECONNECT_SECONDS, self._stopped):
                    return

    def _listen(self, driver: Any) -> None:
        """Pass on every notification until `close`. Raises: the driver's Error when the connection ends."""
        self._pass_on(_message((), ()))
        while True:
            for notification in driver.notifies(timeout=0):
                self._pass_on(notification.payload.encode())
            if self._stopped.fileno() in _readable(None, driver, self._stopped):
                return

    def _pass_on(self, message: bytes) -> None:
        # Full: nobody has looked at what came before. Refused: closed meanwhile.
        with contextlib.suppress(OSError):
            self._mouth.send(message)


def _readable(seconds: float | None, *ends: Any) -> set[int]:
    """Wait (None: for ever) until something can be read from any of `ends`. Returns: the descriptors of those."""
    waiting = select.poll()  # select() knows no descriptor above 1,023
    for end in ends:
        waiting.register(end.fileno(), select.POLLIN)
    return {descriptor for descriptor, _ in waiting.poll(None if seconds is None else seconds * 1000)}


def _said(before: bool, *, now: bool, error: Exception | None = None) -> bool:
    """Log that a doorbell hears nothing, or hears again, once a change. Returns: `now`."""
    if now and not before:
        logger.warning("doorbell.deaf %s", type(error).__name__)
    elif before and not now:
        logger.info("doorbell.hears")
    return now


def _ring_of(message: bytes) -> Ring:
    data = json.loads(message)
    return Ring(tuple(data["threads"]), tuple(data["queues"]), data.get("by", ""))


def _message(threads: Iterable[str], queues: Iterable[str], by: str = "", largest: int = _LARGEST) -> bytes:
    said = {"threads": sorted(threads), "queues": sorted(queues), "by": by}
    message = json.dumps(said, separators=(",", ":")).encode()
    if len(message) > largest:  # a listener told of no thread looks at all that changed
        message = json.dumps({**said, "threads": [], "by": ""}, separators=(",", ":")).encode()
    return message


class Ringer:
    """Rings on SQLite, from any thread: one socket, opened with the first ring; nobody ever answers it."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._opening = threading.Lock()
        self._socket: socket.socket | None = None

    def ring(self, threads: Iterable[str], queues: Iterable[str], by: str = "") -> None:
        """Tell every listener in the run folder; a listener that is gone or full is left to its poll."""
        message = _message(threads, queues, by)
        for path in self._run_dir.glob("doorbell-*.sock"):
            with contextlib.suppress(OSError):
                self._sender().sendto(message, str(path))

    def close(self) -> None:
        """Close the socket; whoever rings after that opens another."""
        with self._opening:
            sender, self._socket = self._socket, None
        if sender is not None:
            sender.close()

    def _sender(self) -> socket.socket:
        with self._opening:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self._socket.setblocking(False)
            return self._socket


def notify(connection: Connection, threads: Iterable[str], queues: Iterable[str], by: str = "") -> None:
    """Tell every listener on this PostgreSQL database, once the transaction of `connection` is committed.

    One a transaction: from the first NOTIFY on, commits of all connections queue behind each other.
    """
    connection.execute(_NOTIFICATION, {"message": _message(threads, queues, by, _LARGEST_NOTIFIED).decode()})
