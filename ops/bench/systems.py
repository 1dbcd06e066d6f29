"""The systems that `bench messages` measures in turn: clinics and their peers, each a copy of its own on one machine. Imports `ops.bench`."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from ops.bench.clinic import bench_clinic
from ops.bench.machine import Processes
from ops.bench.occupants import Crowd, Occupant, trusting
from ops.bench.peer import bench_peer, missing_driver
from ops.bench.people import Writer
from ops.bench.postgres import PostgresServer, bench_postgres, installed
from ops.bench.traffic import Traffic

PEERS = {"sqlite": "prosody-sqlite", "postgres": "prosody-postgres"}
"""A clinic on each engine, and who is measured beside it on the same engine."""
USUAL = (*PEERS, *PEERS.values())
WAL = "prosody-wal"
NAMES = (*USUAL, WAL)


@dataclass
class System:
    """A running system. `people(threads, size)` makes accounts; `open_room` lets them into a room that the first of them has made."""

    name: str
    port: int
    ca: Path
    domain: str
    people: Callable[[int, int], list[Writer]]
    archived: Callable[[], list[str]]
    roots: dict[str, int]
    open_room: Callable[[Occupant, list[Writer]], None] = lambda owner, writers: None
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def processes(self) -> Processes:
        """Its processes, to ask what they use."""
        return Processes(self.roots)

    def crowd(self, rooms: int, size: int) -> Crowd:
        """Makes so many rooms with `size` people each, who have logged in and joined. Raises Problem when one is refused."""
        context, writers, found = trusting(self.ca), self.people(rooms, size), []
        for number in range(rooms):
            members = writers[number * size : (number + 1) * size]
            occupants = [Occupant(one.room, number, 1 << place) for place, one in enumerate(members)]
            for one, who in zip(occupants, members, strict=True):
                one.log_in(self.port, context, self.domain, who.user, who.secret)
                one.join(who.nick)
                if one is occupants[0]:
                    self.open_room(one, members)
            found.append(occupants)
        return Crowd(found)


def lacking(name: str) -> list[str]:
    """Returns the Debian packages that a system needs and this machine lacks."""
    found = [] if not name.endswith("postgres") or installed() else ["postgresql"]
    if name not in PEERS:
        found += filter(None, [missing_driver("PostgreSQL" if name.endswith("postgres") else "SQLite3")])
    return found


@contextmanager
def running(names: list[str]) -> Iterator[list[System]]:
    """Yields the named systems, started and idle; one whose packages are missing is left out, and said so."""
    able = []
    for name in names:
        if packages := lacking(name):
            click.echo(f"{name} is left out. Install what it needs: apt-get install {' '.join(packages)}", err=True)
        else:
            able.append(name)
    with ExitStack() as stack:
        server = stack.enter_context(bench_postgres()) if any(name.endswith("postgres") for name in able) else None
        yield [_start(stack, name, server if name.endswith("postgres") else None) for name in able]


def _start(stack: ExitStack, name: str, server: PostgresServer | None) -> System:
    shared = {} if server is None else {"postgres": server.pid}
    if name in PEERS:
        clinic = stack.enter_context(bench_clinic("" if server is None else server.create("clinic")))
        ready = clinic.ready
        return System(
            name, ready["xmpp"]["direct_tls_port"], Path(ready["ca"]), ready["domain"], clinic.people, clinic.archived, {**ready["pids"], **shared}
        )
    url = "" if server is None else server.create("peer")
    peer, process = stack.enter_context(bench_peer(_free_port(), url, server.socket if server else None, wal=name == WAL))
    return System(name, peer.port, peer.ca, peer.domain, peer.people, peer.archived, {"prosody": process.pid, **shared}, peer.open_room)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
