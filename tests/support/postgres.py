"""A PostgreSQL server of its own for tests: its own data folder, a Unix socket and no port. Never the system's."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

import sqlalchemy as sa

from clinic import Database
from clinic.thread.tables import threads
from tests.support.ports import eventually

BIN = Path("/usr/lib/postgresql/15/bin")
URL = "postgresql+psycopg://postgres@/{name}?host={socket}"
START_SECONDS, STOP_SECONDS = 60.0, 30.0


def _owner() -> dict[str, object]:
    # PostgreSQL refuses to run as root: it gets the account that its package made.
    return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


def _lives(pid: str) -> bool:
    try:
        return Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Server:
    """One server, which can be killed. `socket`: the folder of its socket. `durable`: whether it waits for the disk, as a clinic's does."""

    def __init__(self, *, durable: bool = False, settings: tuple[str, ...] = ()) -> None:
        self.socket = Path(tempfile.mkdtemp(prefix="bedside-pg-"))
        self.log = self.socket / "log"
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(self.socket, account.pw_uid, account.pw_gid)
        self._data = self.socket / "data"
        initdb = [BIN / "initdb", "-D", self._data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([str(part) for part in initdb], cwd=self.socket, check=True, capture_output=True, **_owner())
        self._settings = ("listen_addresses=", f"unix_socket_directories={self.socket}", f"fsync={'on' if durable else 'off'}", *settings)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it answers, also after a kill."""
        command = [str(BIN / "postgres"), "-D", str(self._data), *(part for setting in self._settings for part in ("-c", setting))]
        with self.log.open("ab") as log:
            # A child of our own, not a daemon: one that was killed must be reaped before its successor gets its memory.
            self._process = subprocess.Popen(command, cwd=self.socket, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **_owner())
        eventually(self._answers, START_SECONDS, f"PostgreSQL starts; its log is {self.log}")

    def _answers(self) -> bool:
        assert self._process is not None and self._process.poll() is None, self.log.read_text()
        ready = subprocess.run([str(BIN / "pg_isready"), "-q", "-h", str(self.socket)], check=False)
        return ready.returncode == 0

    def kill(self) -> None:
        """Kills all of it where it stands, by SIGKILL; returns when nothing of it is left."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        self._process.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._process.wait(STOP_SECONDS)
        eventually(lambda: not any(_lives(child) for child in children), STOP_SECONDS, "the end of PostgreSQL's processes")

    def check(self, url: str) -> None:
        """Compares a database's tables and indexes with each other. Raises: AssertionError with what PostgreSQL's own check says."""
        name = sa.make_url(url).database
        command = [str(BIN / "pg_amcheck"), "-h", str(self.socket), "-U", "postgres", "--install-missing", "--heapallindexed", str(name)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr

    def close(self) -> None:
        """Ends it and removes its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_SECONDS)
        shutil.rmtree(self.socket, ignore_errors=True)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def server() -> Iterator[Path]:
    """Run a server; yields the folder of its socket."""
    with Server() as running:
        yield running.socket


@contextmanager
def database(socket: Path, name: str) -> Iterator[str]:
    """Make an empty database and yield its URL; it goes at the end."""
    admin = sa.create_engine(URL.format(name="postgres", socket=socket), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()  # the server may be killed meanwhile
    try:
        yield URL.format(name=name, socket=socket)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()


@contextmanager
def locked(database: Database, *uids: str) -> Iterator[None]:
    """Hold threads as an action of another process does."""
    with database.engine.connect() as connection, connection.begin():
        connection.execute(sa.select(threads.c.id).where(threads.c.uid.in_(uids)).with_for_update())
        yield
