"""`bedside bench files`: the memory of the web while many large files go in and out at once, and how fast they do.

People who have logged in before upload by tus and download by their own signed links at the same time, each byte encrypted and decrypted on
its way. First a small file of each sort, so that what is loaded with the first is there. One JSON line a figure. `web_…` is the resident size
of gunicorn's processes, `web_growth` what the files took of it at most, `web_own_growth` what of that no other process has a share in.
`looks_peak` is what the processes beside them had in all that look at what comes in (PSS: they share most of it with each other).
"""

import http.client
import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import click

from clinic import Actor, Database, Role
from clinic.calls import Door
from clinic.config import Config
from clinic.file import links
from clinic.file.media import Form, Inspection
from ops.bench.clients import PageClient
from ops.bench.clinic import BenchClinic, bench_clinic
from ops.bench.filling import FilledPerson, FilledThread, Filling
from ops.deployment import opened, recall
from ops.problems import Problem
from web.gateways.storage import Store
from web.passwords import hash_password

EACH = 2
"""So many files of either sort are one person's at a time."""
SMALL = 1_000_000
PIECE = 64 * 1024
BEGINNING = b"%PDF-1.7\n%"
"""What is sent passes for a document while it comes, so that it comes to its end; the worker looks at the whole later."""
PATIENCE_SECONDS = 600.0
LOOK_SECONDS = 0.1
SOUND = Inspection("audio/mp4", Form.AUDIO, duration_ms=60_000)


class Memory(threading.Thread):
    """Looks at the memory of the web again and again. rss, own, looks: the most that each was, in bytes."""

    def __init__(self, clinic: BenchClinic) -> None:
        super().__init__(daemon=True)
        self._clinic, self._over = clinic, threading.Event()
        self.rss = self.own = self.looks = 0

    def run(self) -> None:
        """Looks until `stop`."""
        while not self._over.wait(LOOK_SECONDS):
            web, looks = self._clinic.machine().generations("web")
            self.rss, self.own, self.looks = max(self.rss, web.rss), max(self.own, web.own), max(self.looks, looks.pss)

    def stop(self) -> None:
        """Ends it."""
        self._over.set()
        self.join()


class Measurement:
    """One run. files: how many go in, and as many out, at once; size: of each, in bytes."""

    def __init__(self, clinic: BenchClinic, files: int, size: int) -> None:
        self.clinic, self.files, self.size = clinic, files, size
        self.layout = recall(clinic.data)
        self.config = Config.from_environ({**os.environ, **self.layout.environment()})
        self.port = int(clinic.ready["web"].rpartition(":")[2])
        self.password = secrets.token_urlsafe(15)
        self.people: list[tuple[FilledPerson, FilledThread]] = []
        self.pages: list[PageClient] = []
        self.links: list[str] = []

    def run(self) -> Iterator[tuple[str, float, str]]:
        """Yields the figures as (name, value, unit)."""
        self._fill()
        self.pages = [PageClient(self.port, person.email, self.password) for person, _ in self.people]
        self._all(1, SMALL)
        time.sleep(2)  # what the small files took is given back
        before, _ = self.clinic.machine().generations("web")
        with self._watched() as memory:
            seconds = self._all(self.files, self.size)
        time.sleep(2)  # as above: what stays counts
        after, _ = self.clinic.machine().generations("web")
        whole = self.files * self.size / 1e6
        yield "files_each_way", self.files, "1"
        yield "file_size", self.size / 1e6, "MB"
        yield "web_before", before.rss / 1e6, "MB"
        yield "web_peak", memory.rss / 1e6, "MB"
        yield "web_after", after.rss / 1e6, "MB"
        yield "web_growth", (memory.rss - before.rss) / 1e6, "MB"
        yield "web_own_growth", (memory.own - before.own) / 1e6, "MB"
        yield "looks_peak", memory.looks / 1e6, "MB"
        yield "uploads", whole / seconds["in"], "MB/s"
        yield "downloads", whole / seconds["out"], "MB/s"

    @contextmanager
    def _watched(self) -> Iterator[Memory]:
        memory = Memory(self.clinic)
        memory.start()
        try:
            yield memory
        finally:
            memory.stop()

    def _fill(self) -> None:
        with opened(self.layout) as database:
            filling = Filling(database, hash_password(self.password))
            many = -(-self.files // EACH)
            patients, practitioners = filling.people(Role.PATIENT, many), filling.people(Role.PRACTITIONER, many)
            threads = filling.threads(list(zip(patients, practitioners, strict=True)), 1)
            self.people = list(zip(patients, threads, strict=True))
            small, large = (self._keep(database, size) for size in (SMALL, self.size))
            key, now, reader = links.key_of(self.config.pepper), database.now(), self.people[0][0]
            self.links = [links.sign(key, file, reader.uid, "talk.m4a", now) for file in (small, large)]
            for person, thread in self.people[1:]:
                file = self._keep(database, self.size, person, thread)
                self.links.append(links.sign(key, file, person.uid, "talk.m4a", now))

    def _keep(self, database: Database, size: int, person: FilledPerson | None = None, thread: FilledThread | None = None) -> str:
        """Puts a file of so many bytes into a thread, as web and the worker do between them. Returns its uid."""
        who, where = (person, thread) if person and thread else self.people[0]
        actor, system, store = Actor(door=Door.PAGE, account=who.uid), Actor.system(), Store(self.config)
        given = {"name": "talk.m4a", "size_bytes": size, "client_id": secrets.token_hex(8)}
        uid = str(database.perform(actor, "file.begin", where.uid, **given).value)
        key = database.perform(system, "file.keep_key", uid, wrapped_key=store.new_key()).value
        with store.staging(uid, key, size).take() as taking:
            for place in range(0, size, PIECE):
                taking.add(bytes(min(PIECE, size - place)))
        store.keep(uid, size)
        database.perform(system, "file.checked", uid, found=SOUND, size_bytes=size, sha256="0" * 64, wrapped_key=key)
        store.forget(uid)
        return uid

    # -- one way and the other

    def _all(self, files: int, size: int) -> dict[str, float]:
        """Moves so many files in and out at once. Returns the seconds until the last of either sort had come."""
        ways: dict[str, Callable[[int], None]] = {
            "in": lambda number: self._up(self.pages[number // EACH], self.people[number // EACH][1], size),
            "out": lambda number: self._down(self.links[0] if size == SMALL else self.links[1 + number // EACH], size),
        }
        began, ended = time.perf_counter(), dict.fromkeys(ways, 0.0)

        def move(way: str, number: int) -> None:
            ways[way](number)
            ended[way] = max(ended[way], time.perf_counter() - began)

        with ThreadPoolExecutor(2 * files) as pool:
            for done in [pool.submit(move, way, number) for number in range(files) for way in ways]:
                done.result()
        return ended

    def _up(self, page: PageClient, thread: FilledThread, size: int) -> None:
        answer = PageClient.post(_alone(self.port, page), f"/actions/file.begin/{thread.uid}", **_announced(size))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
        connection.putrequest("PATCH", f"/uploads/{answer['value']}")
        own = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", "Content-Length": str(size), "Tus-Resumable": "1.0.0"}
        for name, value in {**own, "Cookie": cookies, "X-CSRFToken": page.csrf, "Accept": "application/json"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        piece = secrets.token_bytes(PIECE)
        for place in range(0, size, PIECE):
            connection.send((piece if place else BEGINNING + piece[len(BEGINNING) :])[: size - place])
        _require(connection.getresponse(), 204)
        connection.close()

    def _down(self, link: str, size: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        connection.request("GET", link)
        answer = connection.getresponse()
        got = 0
        while data := answer.read(PIECE):
            got += len(data)
        if (answer.status, got) != (200, size):
            raise Problem(f"A download was answered with {answer.status} and {got} bytes.")
        connection.close()


def _announced(size: int) -> dict[str, str]:
    return {"name": "report.pdf", "size_bytes": str(size), "client_id": secrets.token_hex(8)}


def _alone(port: int, page: PageClient) -> PageClient:
    """Returns the same signed-in browser on a connection of its own, for another thread."""
    other = object.__new__(PageClient)
    other.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    other.cookies, other.csrf = dict(page.cookies), page.csrf
    return other


def _require(answer: http.client.HTTPResponse, status: int) -> None:
    text = answer.read().decode()
    if answer.status != status:
        raise Problem(f"An upload was answered with {answer.status}: {text[:200]}")


@click.command("files")
@click.option("--files", type=click.IntRange(1, 12), default=10, show_default=True, help="How many files go in, and as many out, at once.")
@click.option("--size", type=click.IntRange(1, 200), default=200, show_default=True, help="Of each, in MB.")
def command(files: int, size: int) -> None:
    """The memory of the web while large files go in and out at once, and how fast they do."""
    with bench_clinic() as clinic:
        for name, value, unit in Measurement(clinic, files, size * 1_000_000).run():
            click.echo(json.dumps({"name": name, "value": round(value, 2), "unit": unit}))
