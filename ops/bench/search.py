"""`bedside bench search`: how long indexing takes, and what a search does, in a clinic of very many entries.

Asked of the clinic's own view, in this process: of a patient in one thread, a practitioner in fifty, and one in thousands; for a word that
stands in every entry, one in a thousand, one that is in everybody else's entries only, one that there is not, a phrase and two letters.
All questions take turns. One JSON line a figure.
"""

import itertools
import json
import random
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from clinic import Actor, Database, Role
from clinic.kinds import encode
from clinic.search.index import Indexer
from clinic.search.views import search
from clinic.text.kinds import TextPayload
from migrations.runner import upgrade
from ops.bench.filling import FilledPerson, FilledThread, Filling
from ops.bench.pages import tell
from ops.bench.postgres import bench_postgres
from ops.bench.traffic import quantile

VOCABULARY, WORDS_EACH = 20_000, 18
BUSY_EACH, FEW, FEW_EACH, ONE_LENGTH = 20, 50, 20, 200
QUESTIONS = {
    "common": "tablets",
    "common_prefix": "tab",
    "rare": "quinine",
    "elsewhere": "elsewhere",
    "missing": "nowhere",
    "phrase": '"tablets daily"',
    "two_letters": "ta",
    "common_and_rare": "tablets quinine",
}


class Words(Filling):
    """Entries of many words, as people use them: a few often, most seldom. own: the ids of those threads that are searched."""

    def __init__(self, database: Database, password_hash: str) -> None:
        super().__init__(database, password_hash)
        self.chance = random.Random(7)
        self.vocabulary = ["".join(self.chance.choices("abcdefghijklmnoprstuvw", k=self.chance.randint(3, 10))) for _ in range(VOCABULARY)]
        self.often = list(itertools.accumulate(1 / (place + 10) for place in range(VOCABULARY)))
        self.own: set[int] = set()

    def payload(self, thread: FilledThread, seq: int) -> str:
        """Returns some words."""
        words = self.chance.choices(self.vocabulary, cum_weights=self.often, k=WORDS_EACH)
        words += ["tablets", "daily"] if thread.id in self.own else ["tablets", "elsewhere"]
        if self.chance.random() < 0.001:
            words.append("quinine")
        return encode(TextPayload(" ".join(words)))

    def mine(self, pairs: list[tuple[FilledPerson, FilledPerson]], length: int) -> None:
        """Fills threads of those who search."""
        made = [FilledThread(next(self.ids), secrets.token_hex(13), pair, length) for pair in pairs]
        self.own |= {thread.id for thread in made}
        self._insert_threads(made)


def fill(filling: Words, entries: int, threads: int) -> dict[str, FilledPerson]:
    """Fills the database. Returns who searches, by what they stand for."""
    patients = filling.people(Role.PATIENT, max(threads, FEW))
    busy, few, other = filling.people(Role.PRACTITIONER, 3)
    [one] = filling.people(Role.PATIENT, 1)
    filling.mine([(patient, busy) for patient in patients[:threads]], BUSY_EACH)
    filling.mine([(patient, few) for patient in patients[:FEW]], FEW_EACH)
    filling.mine([(one, other)], ONE_LENGTH)
    left = entries - threads * BUSY_EACH - FEW * FEW_EACH - ONE_LENGTH
    stranger = filling.people(Role.PRACTITIONER, 1)[0]
    length = max(1, left // 500)
    filling.threads([(patient, stranger) for patient in filling.people(Role.PATIENT, 500)], length)
    return {"one_thread": one, f"{FEW}_threads": few, f"{threads}_threads": busy}


def index(database: Database) -> tuple[int, float]:
    """Indexes everything. Returns how many entries, and the seconds it took."""
    indexer, looked, began = Indexer(), 0, time.perf_counter()
    while done := indexer(database):
        looked += done
        if looked // 100_000 != (looked - done) // 100_000:
            tell(f"{looked:,} indexed")
    return looked, time.perf_counter() - began


def measure(database: Database, people: dict[str, FilledPerson], requests: int) -> dict[str, list[float]]:
    """Asks everything in turns. Returns the seconds of each by its name."""
    samples: dict[str, list[float]] = {}
    for number in range(requests + 1):
        for (who, person), (what, query) in itertools.product(people.items(), QUESTIONS.items()):
            began = time.perf_counter()
            with database.read(Actor.page(person.uid, person.role, "")) as work:
                search(work, query)
            if number:
                samples.setdefault(f"search_{what}_{who}", []).append(time.perf_counter() - began)
    return samples


@contextmanager
def _database(kind: str) -> Iterator[Database]:
    with TemporaryDirectory(prefix="bedside-search-") as folder:
        if kind == "postgres":
            with bench_postgres() as server, _opened(server.create("search"), Path(folder)) as database:
                yield database
        else:
            with _opened(f"sqlite:///{folder}/clinic.sqlite3", Path(folder)) as database:
                yield database


@contextmanager
def _opened(url: str, folder: Path) -> Iterator[Database]:
    database = Database.open(url, run_dir=folder / "run", pepper=b"p" * 32)
    try:
        upgrade(database.engine)
        yield database
    finally:
        database.close()


@click.command("search")
@click.option("--entries", type=click.IntRange(2_000, 10_000_000), default=1_000_000, show_default=True, help="Entries in the clinic.")
@click.option("--threads", type=click.IntRange(10, 20_000), default=3000, show_default=True, help="Threads of the busy practitioner.")
@click.option("--requests", type=click.IntRange(1, 5000), default=100, show_default=True, help="How often each question is asked.")
@click.option("--database", type=click.Choice(["sqlite", "postgres"]), default="sqlite", show_default=True)
def command(entries: int, threads: int, requests: int, database: str) -> None:
    """What a search takes in a clinic of very many entries, and indexing them."""
    with _database(database) as opened:
        tell(f"Filling in {entries:,} entries …")
        filling = Words(opened, "")
        people = fill(filling, entries, threads)
        tell("Indexing …")
        looked, seconds = index(opened)
        filling.settle()
        tell("Asking …")
        samples = measure(opened, people, requests)
    figures = [("indexed", looked, "1"), ("indexing", round(looked / seconds), "1/s")]
    for name, took in samples.items():
        figures += [(f"{name}_p{percent}", round(quantile(sorted(took), percent) * 1000, 2), "ms") for percent in (50, 99)]
    figures.append(("search_worst_p99", max(value for name, value, _ in figures if name.endswith("_p99")), "ms"))
    for name, value, unit in figures:
        click.echo(json.dumps({"name": name, "value": value, "unit": unit}))
