"""`bedside bench pages`: what log-in, the list of threads, a thread's page, its older history and its archive take, by the length of the thread.

The web is asked over http, one request at a time; the archive as XMPP clients page through it (XEP-0313) both of the clinic's view in this
process and over XMPP by TLS. Each long thread is read by a practitioner, who sees all of it, and by a patient, from whom nine entries of ten
are hidden, 900 in a row. All questions take turns, so that what else the machine does weighs on all alike. One JSON line a figure.
"""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

import click

from clinic import Actor, Database, Role
from clinic.thread.archive import archive
from clinic.thread.listing import ROWS
from ops.bench.clients import ANSWER_SECONDS, PageClient, XmppClient
from ops.bench.clinic import BenchClinic, bench_clinic
from ops.bench.filling import FilledPerson, FilledThread, Filling
from ops.bench.machine import busy_seconds
from ops.bench.postgres import bench_postgres
from ops.bench.traffic import quantile
from ops.deployment import opened, recall
from ops.problems import Problem
from web.passwords import hash_password

PAGE = 50
ENTRIES_EACH = 10
PAUSE_SECONDS = 0.05
"""Between two archive queries of one person: what they asked for before makes them wait a little (xmpp_components/turns.py)."""
MAM, RSM = "urn:xmpp:mam:2", "http://jabber.org/protocol/rsm"

Question = Callable[[], None]


class Reader:
    """Somebody who reads one thread: a browser, and places in the log as they see it."""

    def __init__(self, port: int, password: str, filling: Filling, thread: FilledThread, person: FilledPerson) -> None:
        self.thread, self.person = thread, person
        self.page = PageClient(port, person.email, password)
        self.actor = Actor.page(person.uid, person.role, "")
        seen = thread.seen_by(person)
        # From these places on there is a full page: older than the newest one, at both sides of the middle, and the oldest one.
        self.seqs = {"newest": seen[-PAGE], "middle": seen[len(seen) // 2], "oldest": seen[PAGE]}
        uids = filling.uids(thread, self.seqs.values())
        self.uids = {name: uids[seq] for name, seq in self.seqs.items()}
        self.at = {name: filling.at(seq, thread.length) for name, seq in self.seqs.items()}
        self.name = f"{thread.length}_{person.role}"

    def web_questions(self) -> dict[str, Question]:
        """Returns what is asked of the web, by name."""
        here = f"/threads/{self.thread.uid}"
        history = {f"history_{self.name}_{place}": self._entries(f"before={self.uids[place]}") for place in self.seqs}
        return {
            f"thread_page_{self.name}": lambda: fetch(self.page, here, PAGE),
            f"thread_list_with_{self.name}": lambda: fetch(self.page, "/threads/list", None),
            **history,
            f"history_{self.name}_after": self._entries(f"after={self.uids['middle']}"),
        }

    def archive_questions(self, database: Database) -> dict[str, Question]:
        """Returns what is asked of the archive, by name."""
        a_while = timedelta(days=1)
        shapes: dict[str, dict[str, Any]] = {
            "newest": {"backwards": True},
            "oldest": {},
            **{f"before_{place}": {"before": self.uids[place], "backwards": True} for place in self.seqs},
            "after_middle": {"after": self.uids["middle"]},
            **{f"start_{place}": {"start": self.at[place]} for place in ("newest", "middle")},
            "start_middle_backwards": {"start": self.at["middle"], "backwards": True},
            **{f"end_{place}": {"end": self.at[place], "backwards": True} for place in ("middle", "oldest")},
            "end_middle_forwards": {"end": self.at["middle"]},
            "from_date_to_date": {"start": self.at["middle"] - a_while, "end": self.at["middle"] + a_while},
        }
        return {f"archive_{self.name}_{shape}": self._archive(database, asked) for shape, asked in shapes.items()}

    def _entries(self, query: str) -> Question:
        return lambda: fetch(self.page, f"/threads/{self.thread.uid}/entries?{query}", PAGE if "before" in query else None)

    def _archive(self, database: Database, asked: dict[str, Any]) -> Question:
        def ask() -> None:
            with database.read(self.actor) as work:
                found = archive(work, self.thread.uid, limit=PAGE, **asked)
            # All that a date leaves may be less than a page.
            if not found.entries or not (len(found.entries) == PAGE or found.complete):
                raise Problem(f"The archive gave {len(found.entries)} entries for {asked}.")

        return ask


def fetch(page: PageClient, path: str, entries: int | None) -> None:
    """Asks for a page. Raises Problem when it is refused, or does not show so many entries."""
    status, text = page.ask("GET", path, headers={"Accept": "text/html"})
    shown = len(re.findall(r"<article ", text))
    if status != 200 or (entries is not None and shown != entries):
        raise Problem(f"{path} was answered with {status} and {shown} entries.")


class Measurement:
    """One run. `samples`: the seconds of each question by its name."""

    def __init__(self, clinic: BenchClinic, lengths: list[int], threads: int, requests: int, log_ins: int) -> None:
        self.clinic, self.lengths, self.threads, self.requests, self.log_ins = clinic, lengths, threads, requests, log_ins
        self.port = int(clinic.ready["web"].rpartition(":")[2])
        self.password = secrets.token_urlsafe(15)
        self.samples: dict[str, list[float]] = {}

    def run(self) -> list[tuple[str, float, str]]:
        """Returns the figures as (name, value, unit)."""
        with opened(recall(self.clinic.data)) as database:
            filling = Filling(database, hash_password(self.password))
            tell(f"Filling in {self.threads} threads, and one of each length: {', '.join(map(str, self.lengths))} …")
            busy = self._busy_person(filling)
            long_threads = [self._long_thread(filling, length) for length in self.lengths]
            filling.settle()
            tell("Asking …")
            began, used = time.perf_counter(), self._used()
            self._log_in(filling)
            shown = min(self.threads, ROWS)
            lists = {f"thread_list_{self.threads}": self._list_of(busy, shown), f"home_{self.threads}": self._list_of(busy, shown, "/")}
            # Narrowed, the page says of the newest threads of all, too, that there is news.
            lists[f"thread_list_{self.threads}_waiting"] = self._list_of(busy, 2 * shown, narrowed="waiting")
            self._ask(lists)
            # Not before: the web ends connections on which nobody asks for a while.
            readers = [Reader(self.port, self.password, filling, thread, one) for thread in long_threads for one in thread.members]
            self._ask({name: ask for reader in readers for name, ask in reader.web_questions().items()})
            self._ask({name: ask for reader in readers for name, ask in reader.archive_questions(database).items()})
            asyncio.run(self._ask_by_xmpp(readers))
            took = time.perf_counter() - began
            cores = {who: max(0.0, now - used[who]) / took for who, now in self._used().items()}
        return [*self._figures(), *((f"pages_cpu_{who}", round(value, 2), "cores") for who, value in cores.items())]

    def _used(self) -> dict[str, float]:
        """Returns the processor time that each part, this process and everything else on the machine has used."""
        used = {**self.clinic.cpu_seconds(), "generator": time.process_time()}
        return {**used, "others": busy_seconds() - sum(used.values())}

    def _busy_person(self, filling: Filling) -> FilledPerson:
        [practitioner], patients = filling.people(Role.PRACTITIONER, 1), filling.people(Role.PATIENT, self.threads)
        filling.threads([(patient, practitioner) for patient in patients], ENTRIES_EACH)
        return practitioner

    def _long_thread(self, filling: Filling, length: int) -> FilledThread:
        [patient], [practitioner] = filling.people(Role.PATIENT, 1), filling.people(Role.PRACTITIONER, 1)
        return filling.long_thread((patient, practitioner), length)

    def _log_in(self, filling: Filling) -> None:
        people = filling.people(Role.PATIENT, self.log_ins)
        self.samples["log_in"] = [PageClient(self.port, one.email, self.password).log_in_seconds for one in people]

    def _list_of(self, person: FilledPerson, rows: int, path: str = "/threads/list", narrowed: str = "") -> Question:
        page = PageClient(self.port, person.email, self.password)
        if narrowed:
            form = urlencode({"csrf_token": page.csrf, "show": narrowed, "practitioner": "", "status": ""})
            page.ask("POST", "/threads/narrow", form, {"Content-Type": "application/x-www-form-urlencoded"})

        def ask() -> None:
            status, text = page.ask("GET", path, headers={"Accept": "text/html"})
            if status != 200 or text.count("data-thread=") != rows:
                raise Problem(f"{path} of {self.threads} threads was answered with {status} and {text.count('data-thread=')} rows, not {rows}.")

        return ask

    def _ask(self, questions: dict[str, Question]) -> None:
        for ask in questions.values():
            ask()  # once without counting: nothing is compiled or read for the first time then
        for _ in range(self.requests):
            for name, ask in questions.items():
                began = time.perf_counter()
                ask()
                self.samples.setdefault(name, []).append(time.perf_counter() - began)

    async def _ask_by_xmpp(self, readers: list[Reader]) -> None:
        async with AsyncExitStack() as stack:
            clients = [(reader, await self._client(stack, reader)) for reader in readers]
            for number in range(self.requests + 1):
                for reader, client in clients:
                    for place in reader.seqs:
                        took = await self._query(client, reader, place)
                        if number:
                            self.samples.setdefault(f"xmpp_archive_{reader.name}_{place}", []).append(took)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _client(self, stack: AsyncExitStack, reader: Reader) -> XmppClient:
        ready = self.clinic.ready
        client = XmppClient(ready["xmpp"]["direct_tls_port"], Path(ready["ca"]), ready["domain"])
        stack.push_async_callback(client.close)
        return await client.log_in(reader.person.handle, reader.person.device_password, "bench")

    async def _query(self, client: XmppClient, reader: Reader, place: str) -> float:
        """Returns the seconds until the last stanza of a page. Raises Problem for a page that is not full."""
        await asyncio.sleep(PAUSE_SECONDS)
        ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        count = 0

        def hear(stanza: Element, now: float) -> None:
            nonlocal count
            count += stanza.find(f"{{{MAM}}}result") is not None
            if stanza.get("id") == "bench" and not ended.done():
                ended.set_result(now)

        client.heard = hear
        paging = f"<set xmlns='{RSM}'><max>{PAGE}</max><before>{reader.uids[place]}</before></set>"
        room = f"{reader.thread.uid}@{self.clinic.ready['xmpp']['threads']}"
        began = time.perf_counter()
        client.send(f"<iq type='set' id='bench' to='{room}'><query xmlns='{MAM}'>{paging}</query></iq>")
        async with asyncio.timeout(ANSWER_SECONDS):
            took = await ended - began
        if count != PAGE:
            raise Problem(f"The archive gave {count} messages over XMPP where {PAGE} are.")
        return took

    # --- figures

    def _figures(self) -> list[tuple[str, float, str]]:
        found = {name: {percent: quantile(sorted(took), percent) * 1000 for percent in (50, 99)} for name, took in self.samples.items()}
        figures = [(f"{name}_p{percent}", round(value, 2), "ms") for name, values in found.items() for percent, value in values.items()]
        shortest, longest = self.lengths[0], self.lengths[-1]
        for kind in ("archive", "history", "xmpp_archive"):
            of_length = {length: [value for name, value in found.items() if name.startswith(f"{kind}_{length}_")] for length in self.lengths}
            worst = [(f"{kind}_{length}_worst_p99", round(max(one[99] for one in values), 2), "ms") for length, values in of_length.items()]
            typical = {length: median(one[50] for one in values) for length, values in of_length.items()}
            figures += [*worst, (f"{kind}_{longest}_to_{shortest}", round(typical[longest] / typical[shortest], 2), "1")]
        return figures


def tell(text: str) -> None:
    """Says what goes on, beside the figures."""
    click.echo(text, err=True)


def _lengths(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    lengths = sorted({int(one) for one in value.split(",") if one.strip().isdigit()})
    if not lengths or lengths[0] < 1000 or lengths[-1] > 10_000_000:
        raise click.BadParameter("give lengths from 1000 to 10000000, with commas between")
    return lengths


@click.command("pages")
@click.option("--lengths", default="1000,100000,1000000", show_default=True, callback=_lengths, help="Entries in the long threads, one thread each.")
@click.option("--threads", type=click.IntRange(1, 20_000), default=10_000, show_default=True, help="Threads in the long list.")
@click.option("--requests", type=click.IntRange(1, 5000), default=200, show_default=True, help="How often each question is asked.")
@click.option("--log-ins", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many people log in, one after the other.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
def command(lengths: list[int], threads: int, requests: int, log_ins: int, database: str) -> None:
    """What log-in, lists, pages and archives take, by the length of a thread."""
    with ExitStack() as stack:
        url = stack.enter_context(bench_postgres()).create("pages") if database == "postgres" else ""
        clinic = stack.enter_context(bench_clinic(url))
        for name, value, unit in Measurement(clinic, lengths, threads, requests, log_ins).run():
            click.echo(json.dumps({"name": name, "value": value, "unit": unit}))
