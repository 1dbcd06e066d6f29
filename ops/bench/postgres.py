"""A PostgreSQL server of its own for measurements: its own data folder, a Unix socket, no port, and every commit on the disk. Never the system's."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import sqlalchemy as sa

from ops.problems import Problem

VERSIONS = Path("/usr/lib/postgresql")
START_SECONDS, STOP_SECONDS = 30.0, 60.0
SETTINGS = {"listen_addresses": "", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@dataclass(frozen=True)
class PostgresServer:
    """A running server: the folder of its socket, and its first process."""

    socket: Path
    pid: int

    def url(self, name: str) -> str:
        """Returns the address of one of its databases."""
        return f"postgresql+psycopg://postgres@/{name}?host={self.socket}"

    def create(self, name: str) -> str:
        """Makes an empty database. Returns its address."""
        engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql(f"CREATE DATABASE {name}")
        finally:
            engine.dispose()
        return self.url(name)


def installed() -> Path | None:
    """Returns the folder of the newest PostgreSQL server's programs, None if there is no server."""
    found = [path.parent for path in VERSIONS.glob("*/bin/postgres")]
    return max(found, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def bench_postgres() -> Iterator[PostgresServer]:
    """Yields a running server, and leaves nothing of it behind. Raises Problem when it does not start."""
    programs = installed()
    if programs is None:
        raise Problem("There is no PostgreSQL server on this machine. Install Debian's package postgresql.")
    # PostgreSQL refuses to run as root: it gets the account that its package made.
    owner: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(mkdtemp(prefix="bedside-postgres-"))
    try:
        if owner:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, log = folder / "data", folder / "log"
        with log.open("wb") as console:
            make = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
            if subprocess.run(make, cwd=folder, stdin=subprocess.DEVNULL, stdout=console, stderr=console, **owner).returncode:
                raise Problem(f"The PostgreSQL server to measure with could not be made:\n{log.read_text(errors='replace')[-2000:]}")
            settings = {**SETTINGS, "unix_socket_directories": str(folder)}
            options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            # It ends with this process however that ends. (ops/launch.py will not do: that account may not run our Python.)
            command = ["setpriv", "--pdeathsig", "QUIT", str(programs / "postgres"), "-D", str(data), *options]
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=console, stderr=console, **owner)
        try:
            server = PostgresServer(folder, process.pid)
            _wait(server, process, log)
            yield server
        finally:
            process.terminate()  # a smart stop would wait for who is connected; nobody is
            process.wait(STOP_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    engine, deadline = sa.create_engine(server.url("postgres")), time.monotonic() + START_SECONDS
    try:
        while True:
            try:
                engine.connect().close()
                return
            except sa.exc.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise Problem(f"The PostgreSQL server to measure with did not start:\n{log.read_text(errors='replace')[-2000:]}") from None
                time.sleep(0.05)
    finally:
        engine.dispose()
