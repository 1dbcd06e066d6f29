"""The peer of a clinic: Prosody's own rooms, every message archived in SQL before it is relayed. Debian's modules, nothing of ours.

As durable as its storage makes it: mod_storage_sql commits each message by itself. In SQLite it leaves the settings as they come, a
rollback journal and `synchronous=FULL`: four syncs a message, as strace shows. In PostgreSQL it has `synchronous_commit=on`.
Tuned with the same two lines as ours and without limits. Imports `ops` and SQLAlchemy.
"""

import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from ops import PROJECT, certificates
from ops.bench.clinic import STOP_SECONDS
from ops.bench.occupants import Occupant
from ops.bench.people import Writer
from ops.configurations import lua
from ops.preflight import program
from ops.probes import port_open
from ops.problems import Problem
from ops.process import LAUNCHER

DOMAIN, ROOMS = "localhost", "rooms.localhost"
START_SECONDS = 20.0
ADMIN = "http://jabber.org/protocol/muc#admin"
DRIVERS = {"SQLite3": ("sqlite3", "lua-dbi-sqlite3"), "PostgreSQL": ("postgresql", "lua-dbi-postgresql")}
"""Prosody's names of the engines, with the library behind each and Debian's package of it."""
CONFIGURATION = """
run_as_root = true
daemonize = false
pidfile = {pidfile}
data_path = {data}
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
statistics = nil
network_settings = {{ nagle = false }}
gc = {{ mode = "generational", minor_threshold = 10, major_threshold = 200 }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping" }}
modules_disabled = {{ "s2s", "s2s_auth_certs", "offline" }}
allow_registration = false
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{}}
c2s_direct_tls_ports = {{ {port} }}
s2s_ports = {{}}
http_ports = {{}}
https_ports = {{}}
c2s_require_encryption = true
tls_profile = "intermediate"
ssl = {{ certificate = {certificate}, key = {key} }}
c2s_direct_tls_ssl = {{ certificate = {certificate}, key = {key} }}
authentication = "internal_plain"
storage = {{ muc_log = "sql" }}
sql = {sql}
storage_archive_item_limit = 1000000000
muc_log_by_default = true
muc_log_expires_after = "never"
VirtualHost "{domain}"
Component "{rooms}" "muc"
	modules_enabled = {{ "muc_mam" }}
	muc_room_locking = false
	muc_room_default_persistent = true
	muc_room_default_members_only = true
"""


class Peer:
    """A running Prosody with rooms of its own. `database_url`: where SQLAlchemy finds its archive."""

    def __init__(self, folder: Path, port: int, database_url: str) -> None:
        self.folder, self.port, self.database_url = folder, port, database_url
        self.ca, self.domain = folder / "ca" / "ca.pem", DOMAIN

    def start(self, sql: str) -> subprocess.Popen[bytes]:
        """Writes the configuration and starts the server. Returns it when its port is open. Raises Problem when it does not start."""
        certificates.ensure(self.folder / "ca", DOMAIN, (DOMAIN, "127.0.0.1"))
        path = self.folder / "prosody.cfg.lua"
        text = CONFIGURATION.format(
            pidfile=lua(self.folder / "prosody.pid"),
            data=lua(self.folder / "data"),
            port=self.port,
            certificate=lua(self.folder / "ca" / "server.pem"),
            key=lua(self.folder / "ca" / "server.key"),
            sql=sql,
            domain=DOMAIN,
            rooms=ROOMS,
        )
        path.write_text(text)
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid())]
        with (self.folder / "console").open("wb") as console:
            command = [*launcher, program("prosody"), "-F", "--config", str(path)]
            process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        deadline = time.monotonic() + START_SECONDS
        while not port_open(self.port):
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise Problem(f"The peer, Prosody with its own rooms, did not start:\n{self.said()}")
            time.sleep(0.05)
        return process

    def said(self) -> str:
        """Returns the end of what the server said."""
        return (self.folder / "console").read_text(errors="replace")[-2000:]

    def people(self, threads: int, size: int) -> list[Writer]:
        """Makes so many rooms' people, `size` each. Returns them, those of a room side by side. The rooms are made by who joins first."""
        accounts = self.folder / "data" / DOMAIN / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        made = []
        for number in range(threads):
            for place in range(size):
                user, secret = f"bench{size}-{number}-{place}", secrets.token_hex(16)
                (accounts / f"{user.replace('-', '%2d')}.dat").write_text(f'return {{ ["password"] = "{secret}" }};\n')
                made.append(Writer(user, secret, user, f"bench{size}-{number}@{ROOMS}"))
        return made

    def open_room(self, owner: Occupant, writers: list[Writer]) -> None:
        """Lets people into the room that its owner has made by joining: nobody but members may enter."""
        for number, one in enumerate(writers[1:]):  # Prosody looks at the first item of a request only
            item = f"<item affiliation='member' jid='{one.user}@{DOMAIN}'/>"
            owner.ask(f"<iq type='set' id='member{number}' to='{owner.address}'><query xmlns='{ADMIN}'>{item}</query></iq>", f"id='member{number}'".encode())

    def archived(self) -> list[str]:
        """Returns the stanzas in the archive of all rooms."""
        engine = sa.create_engine(self.database_url)
        try:
            with engine.connect() as connection:
                return list(connection.scalars(sa.text("SELECT value FROM prosodyarchive WHERE store = 'muc_log'")))
        finally:
            engine.dispose()


def missing_driver(engine: str) -> str:
    """Returns the Debian package that Prosody lacks for an engine, nothing if it is there."""
    library, package = DRIVERS[engine]
    found = subprocess.run(["lua5.4", "-e", f"require 'dbd.{library}'"], capture_output=True)
    return package if found.returncode else ""


@contextmanager
def bench_peer(port: int, url: str = "", postgres_socket: Path | None = None, *, wal: bool = False) -> Iterator[tuple[Peer, subprocess.Popen[bytes]]]:
    """Yields a running peer and its process, on SQLite or on an empty PostgreSQL database (its address and socket); leaves nothing behind.

    `wal`: with a write-ahead log in SQLite, which Prosody cannot ask for itself but keeps where the file has it.
    """
    with TemporaryDirectory(prefix="bedside-peer-") as name:
        folder = Path(name)
        (folder / "ca").mkdir()
        (folder / "data").mkdir()
        sql = '{ driver = "SQLite3", database = "prosody.sqlite" }'
        if postgres_socket is not None:
            sql = f'{{ driver = "PostgreSQL", database = {lua(str(sa.make_url(url).database))}, username = "postgres", host = {lua(postgres_socket)} }}'
        file = folder / "data" / "prosody.sqlite"
        if wal:
            with closing(sqlite3.connect(file)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
        peer = Peer(folder, port, url or f"sqlite:///{file}")
        process = peer.start(sql)
        try:
            yield peer, process
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
