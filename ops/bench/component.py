"""`bedside bench component`: what the threads component does by itself, against a server that only counts.

The component is the real process on a real database, with every rule; the XMPP server is a stand-in in this process that
speaks XEP-0114, puts everybody into their thread, and keeps a number of messages on their way. Imports `clinic`.
"""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import sqlalchemy as sa

from clinic import Database
from clinic.log import entries
from ops import PROJECT, database, keys
from ops.bench.clinic import UNLIMITED, free_layout
from ops.bench.machine import Processes
from ops.bench.people import Writer, people
from ops.deployment import open_clinic
from ops.layout import Layout
from ops.problems import Problem

PATIENCE_SECONDS = 30.0
WARM_UP_SECONDS = 1.0
FILLER = " How are you today? I have taken the tablets as you said, twice a day, and sleep a little better."
_OPENED = re.compile(rb"<stream:stream[^>]*>")
_ASKED = re.compile(rb"<iq (?=[^>]*type='[gs]et')[^>]*>")
_ID = re.compile(rb" id='([^']*)'")
# One stanza a recipient, or one stanza for several, whose recipients stand one a line.
_COPY = re.compile(rb"<message [^>]*><body>bench-(\d+) .*?</message>", re.DOTALL)
_RECIPIENTS = re.compile(rb"<fanout [^>]*>([^<]*)</fanout>")
_ENDS = (b"</message>", b"</presence>", b"</iq>")
_REFUSED = re.compile(rb"<message [^>]*type='error'")


class NullServer(asyncio.Protocol):
    """The server's side of a component's stream. `threads`: who is where. `outstanding`: messages on their way at any moment."""

    def __init__(self, layout: Layout, threads: list[list[Writer]], outstanding: int) -> None:
        self.layout, self.threads, self.outstanding = layout, threads, outstanding
        self.connected, self.joined, self.idle = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.sent: dict[int, tuple[float, int, int]] = {}  # number → when, thread, copies to come
        self.delays: list[float] = []
        self.number = self.done = self.refused = self.subjects = 0
        self.going = False
        self._rest = b""
        self._turn = [0] * len(threads)
        self._out: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The component is here."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Takes what the component says: the handshake, then stanzas."""
        data = self._rest + data
        if not self.connected.is_set():
            self._rest = data
            self._shake_hands()
            return
        whole = max(data.rfind(name) + len(name) if name in data else 0 for name in _ENDS)
        data, self._rest = data[:whole], data[whole:]
        self._take(data)

    def _shake_hands(self) -> None:
        if b"<handshake" in self._rest and b"</handshake>" in self._rest:
            self._rest = b""
            self._transport.write(b"<handshake/>")
            self.connected.set()
        elif _OPENED.search(self._rest):
            self._rest = b""
            self._transport.write(
                b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
                b"id='null' from='" + self.layout.threads_domain.encode() + b"'>"
            )

    def _take(self, data: bytes) -> None:
        now = time.perf_counter()
        for question in _ASKED.findall(data):
            found = _ID.search(question)
            if found:
                self._out.append(f"<iq type='result' id='{found.group(1).decode()}' from='{self.layout.domain}' to='{self.layout.threads_domain}'/>")
        if not self.joined.is_set():
            self.subjects += data.count(b"<subject")
            if self.subjects == sum(len(thread) for thread in self.threads):
                self.joined.set()
        for copy in _COPY.finditer(data):
            recipients = _RECIPIENTS.search(copy.group())
            self._received(int(copy.group(1)), len(recipients.group(1).split(b"\n")) if recipients else 1, now)
        self.refused += len(_REFUSED.findall(data))
        self._flush()

    def _received(self, number: int, copies: int, now: float) -> None:
        if number not in self.sent:
            return
        began, which, left = self.sent[number]
        if left > copies:
            self.sent[number] = began, which, left - copies
            return
        del self.sent[number]
        self.done += 1
        self.delays.append(now - began)
        if self.going:
            self.say(which)
        elif not self.sent:
            self.idle.set()

    def _flush(self) -> None:
        if self._out:
            self._transport.write("".join(self._out).encode())
            self._out.clear()

    def _address(self, handle: str) -> str:
        return f"{handle}@{self.layout.domain}/bench"

    def join(self) -> None:
        """Everybody enters their thread."""
        for thread in self.threads:
            for one in thread:
                self._out.append(
                    f"<presence from='{self._address(one.user)}' to='{one.room}/{one.nick}'>"
                    "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>"
                )
        self._flush()

    def say(self, which: int) -> None:
        """The next person of a thread writes."""
        thread = self.threads[which]
        author = thread[self._turn[which] % len(thread)]
        self._turn[which] += 1
        self.number += 1
        self.sent[self.number] = time.perf_counter(), which, len(thread)
        self._out.append(
            f"<message from='{self._address(author.user)}' to='{author.room}' type='groupchat' id='bench-{self.number}'>"
            f"<body>bench-{self.number}{FILLER}</body><origin-id xmlns='urn:xmpp:sid:0' id='bench-{self.number}'/></message>"
        )

    def start(self) -> None:
        """Puts the outstanding messages on their way; each that is done is followed by another."""
        self.going = True
        for number in range(self.outstanding):
            self.say(number % len(self.threads))
        self._flush()


async def _measure(layout: Layout, threads: list[list[Writer]], outstanding: int, seconds: float, pid: Callable[[], int]) -> dict[str, float]:
    server = NullServer(layout, threads, outstanding)
    listening = await asyncio.get_running_loop().create_server(lambda: server, "127.0.0.1", layout.component_port)
    machine = Processes({"threads": pid()})
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.connected.wait()
        await asyncio.sleep(0.5)
        server.join()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.joined.wait()
        server.start()
        await asyncio.sleep(WARM_UP_SECONDS)
        done, used, own, start = server.done, machine.cpu_seconds()["threads"], time.process_time(), time.perf_counter()
        server.delays.clear()
        await asyncio.sleep(seconds)
        took = time.perf_counter() - start
        figures = {
            "rate": (server.done - done) / took,
            "cpu": (machine.cpu_seconds()["threads"] - used) / took,
            "generator": (time.process_time() - own) / took,
            "memory": machine.memory_bytes()["threads"] / 1e6,
        }
        ordered = sorted(server.delays)
        for quantile in (50, 99):
            figures[f"p{quantile}"] = ordered[ceil(len(ordered) * quantile / 100) - 1] * 1000
        server.going = False
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.idle.wait()
        return figures | {"messages": server.done, "refused": server.refused}
    finally:
        listening.close()


def _stored(clinic: Database) -> int:
    with clinic.reading() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(entries).where(entries.c.kind == "text")).scalar_one())


def _run(size: int, sessions: int, outstanding: int, seconds: float, url: str) -> dict[str, float]:
    with TemporaryDirectory(prefix="bedside-bench-") as folder:
        layout = free_layout(Path(folder) / "data", url)
        keys.ensure(layout.folder("secrets"))
        layout.folder("run")
        database.migrate(layout.database)
        clinic = open_clinic(layout)
        started: list[subprocess.Popen[bytes]] = []

        def start() -> int:
            started.append(subprocess.Popen([sys.executable, "-m", "xmpp_components"], cwd=PROJECT, env={**layout.environment(), **UNLIMITED}))
            return started[0].pid

        try:
            writers = people(clinic, layout.threads_domain, sessions // size, size)
            threads = [writers[start:start + size] for start in range(0, len(writers), size)]
            figures = asyncio.run(_measure(layout, threads, outstanding, seconds, start))
            if figures["messages"] != _stored(clinic):
                raise Problem(f"{figures['messages']} messages came back, {_stored(clinic)} are stored.")
            return figures
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)
            clinic.engine.dispose()


@click.command("component")
@click.option("--size", "sizes", multiple=True, type=click.IntRange(2, 100), default=(5, 10), show_default=True, help="People in a thread; may be given again.")
@click.option("--sessions", type=click.IntRange(2, 2000), default=200, show_default=True, help="Sessions in all.")
@click.option("--outstanding", type=click.IntRange(1, 2000), default=200, show_default=True, help="Messages on their way at any moment.")
@click.option("--seconds", type=click.FloatRange(1, 60), default=10, show_default=True, help="How long is measured.")
@click.option("--database-url", default="", help="An empty PostgreSQL database; SQLite if absent.")
def command(sizes: tuple[int, ...], sessions: int, outstanding: int, seconds: float, database_url: str) -> None:
    """The threads component alone, with every rule, against a server that only counts: durable messages a second."""
    units = {"rate": "1/s", "cpu": "cores", "generator": "cores", "memory": "MB", "p50": "ms", "p99": "ms", "messages": "1", "refused": "1"}
    for size in sizes:
        for name, value in _run(size, sessions, outstanding, seconds, database_url).items():
            click.echo(json.dumps({"name": f"component_rooms_of_{size}_{name}", "value": round(value, 2), "unit": units[name]}))
