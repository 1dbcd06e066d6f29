"""A PostgreSQL server of its own for tests: its own data folder, a Unix socket and no port. Never the system's."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

BIN = Path("/usr/lib/postgresql/15/bin")
URL = "postgresql+psycopg://postgres@/{name}?host={socket}"


def _run(*command: str | Path, cwd: Path) -> None:
    # PostgreSQL refuses to run as root: it gets the account that its package made.
    owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run([str(part) for part in command], cwd=cwd, check=True, capture_output=True, **owner)


@contextmanager
def server() -> Iterator[Path]:
    """Run a server; yields the folder of its socket. Raises: CalledProcessError with its words."""
    folder = Path(tempfile.mkdtemp(prefix="bedside-pg-"))
    try:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            os.chown(folder, account.pw_uid, account.pw_gid)
        data, log = folder / "data", folder / "log"
        _run(BIN / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", cwd=folder)
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        _run(BIN / "pg_ctl", "-D", data, "-l", log, "-w", "-o", options, "start", cwd=folder)
        try:
            yield folder
        finally:
            _run(BIN / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop", cwd=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(socket: Path, name: str) -> Iterator[str]:
    """Make an empty database and yield its URL; it goes at the end."""
    admin = sa.create_engine(URL.format(name="postgres", socket=socket), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield URL.format(name=name, socket=socket)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()
