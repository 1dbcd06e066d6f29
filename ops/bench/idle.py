"""`bedside bench idle`: the memory of each part and of the whole while many people are online and nobody writes.

Everybody has an XMPP client by TLS, logged in by device password, in one of their threads; some have signed in to the page too and looked at
it, so that the web is one in use. Prints one JSON line a figure. RSS counts what processes share once a process, PSS once in all: the PSS of
the whole is what the clinic takes of the machine.
"""

import asyncio
import json
import resource
import secrets
from contextlib import AsyncExitStack
from math import ceil
from pathlib import Path

import click

from clinic import Role
from ops.bench.clients import PageClient, XmppClient
from ops.bench.clinic import BenchClinic, bench_clinic
from ops.bench.filling import FilledPerson, FilledThread, Filling
from ops.deployment import opened, recall
from ops.problems import Problem
from web.passwords import hash_password

PEOPLE_A_PRACTITIONER = 20
ENTRIES_EACH = 10
READERS = 8
"""People who sign in to the page at the same moment: as many as the web serves at once."""
LOG_INS_AT_ONCE = 16

Online = list[tuple[FilledPerson, FilledThread]]


def fill(clinic: BenchClinic, password: str, sessions: int, threads: int) -> Online:
    """Fills the clinic with as many people as sessions, one in twenty a practitioner. Returns each with one of their threads."""
    with opened(recall(clinic.data)) as database:
        filling = Filling(database, hash_password(password))
        staff = max(1, sessions // PEOPLE_A_PRACTITIONER)
        patients = filling.people(Role.PATIENT, sessions - staff)
        practitioners = filling.people(Role.PRACTITIONER, max(staff, ceil(threads / len(patients))))
        pairs = [(patients[n % len(patients)], practitioners[(n % len(patients) + n // len(patients)) % len(practitioners)]) for n in range(threads)]
        made = filling.threads(pairs, ENTRIES_EACH)
    one_of = {person.uid: thread for thread in made for person in thread.members}
    return [(person, one_of[person.uid]) for person in (*patients, *practitioners) if person.uid in one_of][:sessions]


async def read_pages(clinic: BenchClinic, password: str, online: Online) -> None:
    """Lets a few of the people sign in to the page and look at their threads."""
    port = int(clinic.ready["web"].rpartition(":")[2])

    def read(person: FilledPerson, thread: FilledThread) -> None:
        page = PageClient(port, person.email, password)
        for path in ("/", f"/threads/{thread.uid}"):
            status, _ = page.ask("GET", path, headers={"Accept": "text/html"})
            if status != 200:
                raise Problem(f"The page refused {path} ({status}).")

    await asyncio.gather(*(asyncio.to_thread(read, *one) for one in online[-READERS:]))


async def come_online(clinic: BenchClinic, stack: AsyncExitStack, online: Online) -> None:
    """Logs everybody in and lets them enter their thread."""
    ready, doors = clinic.ready, asyncio.Semaphore(LOG_INS_AT_ONCE)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # of this process, after the clinic's own start

    async def come(person: FilledPerson, thread: FilledThread) -> None:
        async with doors:
            client = XmppClient(ready["xmpp"]["direct_tls_port"], Path(ready["ca"]), ready["domain"])
            stack.push_async_callback(client.close)
            await client.log_in(person.handle, person.device_password, "bench")
            await client.join(f"{thread.uid}@{ready['xmpp']['threads']}", person.name)
            client.heard = lambda stanza, now: None

    await asyncio.gather(*(come(person, thread) for person, thread in online))


class Measurement:
    """One run."""

    def __init__(self, clinic: BenchClinic, sessions: int, threads: int, settle: float) -> None:
        self.clinic, self.sessions, self.threads, self.settle = clinic, sessions, threads, settle
        self.figures: list[tuple[str, float, str]] = []

    async def run(self) -> list[tuple[str, float, str]]:
        """Returns the figures as (name, value, unit)."""
        password = secrets.token_urlsafe(15)
        online = await asyncio.to_thread(fill, self.clinic, password, self.sessions, self.threads)
        await read_pages(self.clinic, password, online)
        await asyncio.sleep(self.settle)
        self._say_memory("_before")
        before = self.clinic.machine().memory()
        async with AsyncExitStack() as stack:
            await come_online(self.clinic, stack, online)
            await asyncio.sleep(self.settle)
            self._say_memory("")
            after = self.clinic.machine().memory()
        for part in ("xmpp", "threads"):
            self._say(f"pss_{part}_per_session", (after[part].pss - before[part].pss) / len(online) / 1e3, "kB")
        self._say("idle_sessions", len(online), "1")
        self._say("idle_threads", self.threads, "1")
        return self.figures

    def _say_memory(self, when: str) -> None:
        found = self.clinic.machine().memory()
        for part, memory in sorted(found.items()):
            self._say(f"rss_{part}{when}", memory.rss / 1e6, "MB")
            self._say(f"pss_{part}{when}", memory.pss / 1e6, "MB")
        self._say(f"rss_total{when}", sum(memory.rss for memory in found.values()) / 1e6, "MB")
        self._say(f"pss_total{when}", sum(memory.pss for memory in found.values()) / 1e6, "MB")

    def _say(self, name: str, value: float, unit: str) -> None:
        self.figures.append((name, round(value, 2), unit))


@click.command("idle")
@click.option("--sessions", type=click.IntRange(2, 5000), default=1000, show_default=True, help="People online, each in one thread.")
@click.option("--threads", type=click.IntRange(1, 20000), default=1000, show_default=True, help="Threads that the clinic has.")
@click.option("--settle", type=click.FloatRange(0, 600), default=10, show_default=True, help="Seconds of rest before each look at the memory.")
def command(sessions: int, threads: int, settle: float) -> None:
    """The memory of each part and of the whole while many people are online and nobody writes."""
    with bench_clinic() as clinic:
        for name, value, unit in asyncio.run(Measurement(clinic, sessions, threads, settle).run()):
            click.echo(json.dumps({"name": name, "value": value, "unit": unit}))
