"""Histories of a clinic in which people send, ask for payments, answer and call for help at the same time, through several doors.

Each history has people of its own, so that one database serves thousands. What was begun and answered when goes to the model; what the
logs and requests are in the end is read by SQL.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from clinic import Actor, Database, Done, Role
from clinic.errors import Busy, DomainError, Gated, Held
from tests.model.gate_model import HELD_BACK, OTHERWISE, PASSED, SENT, Asked, Fact, GateModel, Line, Sent
from tests.support.databases import DATABASES

SYSTEM = Actor.system()
PATIENTS, PRACTITIONERS, PEOPLE = ("ana", "ada"), ("boris", "bella"), ("ana", "ada", "boris", "bella", "chen")
ROLES = {**dict.fromkeys(PATIENTS, Role.PATIENT), **dict.fromkeys(PRACTITIONERS, Role.PRACTITIONER), "chen": Role.COORDINATOR}
NEVER_HELD_BACK = {"text.retract", "thread.mark", "thread.mute", "thread.leave", "text.unschedule", "payment.decide", "urgent.call", "search.ask"}
AT_ONCE, STEPS_EACH = 3, 9
WAIT_SECONDS = 20.0

Step = Callable[["History", random.Random], None]
STEPS: dict[Step, int] = {}
"""What may happen, and how often; gate_steps.py."""


def step(weight: int) -> Callable[[Step], Step]:
    """Put the function below among what may happen, so often."""

    def declare(function: Step) -> Step:
        STEPS[function] = weight
        return function

    return declare


@dataclass
class Tally:
    """What happened, for the control that something did."""

    histories: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    doors: Counter[str] = field(default_factory=Counter)

    def outcomes(self) -> Counter[str]:
        """Return how much of what patients sent had each outcome."""
        found: Counter[str] = Counter()
        for (_, outcome), number in self.sent.items():
            found[outcome] += number
        return found


class Clinics:
    """A database of one engine as two processes have it open, the page's and the apps'; three services; what histories share."""

    def __init__(self, url: str, folder: Path) -> None:
        self.page, self.apps = (Database.open(url, run_dir=folder, pepper=b"p" * 32) for _ in range(2))
        self.pool = ThreadPoolExecutor(AT_ONCE)
        self.tally = Tally()
        dina = {"name": "Dina Dunn", "roles": ["admin"], "birth_date": None, "email": "dina@clinic.example"}
        admin = self.page.perform(SYSTEM, "account.create", **dina).value.account_uid
        self.admin = Actor.page(admin, Role.ADMIN, "session")
        self.services = [
            self.page.perform(self.admin, "service.create", name=f"Service {number}", price="50.00", currency="EUR").value for number in range(3)
        ]

    @classmethod
    @contextmanager
    def opened(cls, kind: str, folder: Path) -> Iterator[Clinics]:
        """Yield the clinics of a fresh database."""
        with DATABASES.fresh(kind, folder) as url:
            clinics = cls(url, folder)
            yield clinics
            clinics.pool.shutdown()
            for database in (clinics.page, clinics.apps):
                database.engine.dispose()

    def run(self, seed: int) -> list[str]:
        """Play one history; returns what is wrong with it."""
        history = History(self, seed)
        list(self.pool.map(history.play, range(AT_ONCE)))
        self.tally.histories += 1
        return history.wrong()


class History:
    """One history: Boris, whom Chen assists, and Bella treat Ana; Ada is Boris's patient. All five are in a group, three of them in another."""

    def __init__(self, clinics: Clinics, seed: int) -> None:
        self.clinics, self.seed = clinics, seed
        self.chance = [random.Random(seed * 10 + number) for number in range(AT_ONCE)]
        self.ticks, self.numbers, self.lock = itertools.count(1), itertools.count(1), threading.Lock()
        self.trace: list[str] = []
        self.problems: list[str] = []
        self.sent: list[Sent] = []
        self.answers_refused: list[tuple[int, int, Asked]] = []
        self.later: list[Callable[[], None]] = []  # facts about what others may have made known only afterwards
        self.entries: dict[str, list[tuple[str, str]]] = {}  # of each thread: texts, each with its author
        self.stored: list[tuple[str, str, str, dict[str, Any], str]] = []
        self.waiting: dict[str, tuple[str, str, threading.Lock]] = {}  # texts for later: whose, where
        self.inactive: set[str] = set()
        self.uids, self.actors, self.handles = dict[str, str](), dict[str, Actor](), dict[str, str]()
        self.labels: dict[str, str] = {}
        self._people()
        self._threads()

    # -- what there is at first

    def _do(self, actor: Actor, action: str, /, *subject: str, **values: Any) -> Any:
        return self.clinics.page.perform(actor, action, *subject, **values).value

    def _people(self) -> None:
        for name in PEOPLE:
            born = "1984-03-27" if name in PATIENTS else None
            self.uids[name] = self._do(SYSTEM, "account.create", name=name.title(), roles=[ROLES[name]], birth_date=born,
                                       email=f"{name}-{self.seed}@clinic.example").account_uid
            self.actors[name] = Actor.page(self.uids[name], ROLES[name], "session")
        names = {uid: name for name, uid in self.uids.items()}
        for uid, handle in self._sql("SELECT uid, handle FROM accounts WHERE uid IN", *names):
            self.handles[names[uid]] = handle
        for patient, chief in (("ana", "boris"), ("ana", "bella"), ("ada", "boris")):
            self._do(SYSTEM, "link.patient_add", patient=self.uids[patient], practitioner=self.uids[chief])
        self._do(SYSTEM, "link.coordinator_add", coordinator=self.uids["chen"], practitioner=self.uids["boris"])

    def _threads(self) -> None:
        for chief in PRACTITIONERS:
            self.labels[f"ana-{chief}"] = self._do(self.actors[chief], "thread.start", person=self.uids["ana"])
        people = [self.uids[name] for name in ("ana", "ada", "bella")]
        self.labels["group"] = self._do(self.actors["boris"], "group.create", title="All", people=people, reason="Care")
        self.labels["other"] = self._do(self.actors["boris"], "group.create", title="Other", people=[self.uids["ada"]])
        self.link = self._do(self.actors["boris"], "group.share", self.labels["other"]).token
        self.model = GateModel({
            "ana-boris": ["ana", "boris"], "ana-bella": ["ana", "bella"], "ada-boris": ["ada", "boris"], "other": ["ada", "boris"],
            "group": ["ana", "ada", "boris", "bella"],
        })
        self.begun = {("ana", "other"): Fact(False), ("ada", "ada-boris"): Fact(False)}

    def _sql(self, query: str, *keys: str) -> list[Any]:
        with self.clinics.page.reading() as connection:
            return list(connection.execute(sa.text(f"{query} :keys").bindparams(sa.bindparam("keys", list(keys), expanding=True))))

    # -- one call, and what it is noted as

    def play(self, number: int) -> None:
        """Do some steps, one after the other, beside the others who do so."""
        chance = self.chance[number]
        for _ in range(STEPS_EACH):
            chance.choices(list(STEPS), list(STEPS.values()))[0](self, chance)

    def once(self) -> str:
        """Return a client id that nobody has used."""
        return f"{self.seed}-{next(self.numbers)}"

    def call(self, actor: Actor, action: str, subject: str | None = None, **values: Any) -> tuple[int, int, Done | DomainError]:
        """Do something by the page, or as the clinic itself; returns when it began and was answered, and how."""
        begin = next(self.ticks)
        result: Done | DomainError
        try:
            result = self.clinics.page.perform(actor, action, subject, **values)
        except DomainError as error:
            result = error
        end = next(self.ticks)
        self._note(begin, end, action, actor, subject, result)
        return begin, end, result

    def _note(self, begin: int, end: int, action: str, actor: Actor, subject: str | None, result: Done | DomainError) -> None:
        who = next((name for name in PEOPLE if actor.account == self.uids[name] or actor.handle == self.handles[name]), "the clinic")
        where = next((label for label, uid in self.labels.items() if uid == subject), "")
        said = result.value if isinstance(result, Done) else type(result).__name__
        with self.lock:
            self.trace.append(f"{begin:3}-{end:3} {who} {action} {where} {actor.door} -> {said}")
            self.clinics.tally.actions[action] += 1
            if isinstance(result, Gated) and (action in NEVER_HELD_BACK or who not in PATIENTS):
                self.problems.append(f"{action} of {who} was held back")
            if isinstance(result, Busy | Held):
                self.problems.append(f"{action} of {who} was not done: {result!r}")

    def note_sent(self, begin: int, end: int, patient: str, label: str, what: str, result: Done | DomainError, begins: Fact | None = None) -> None:
        """Note what became of something that a patient sent."""
        outcome = PASSED if isinstance(result, Done) else HELD_BACK if isinstance(result, Gated) else OTHERWISE
        named = result.asks[0].values["request"] if isinstance(result, Gated) and result.asks else ""
        with self.lock:
            self.sent.append(Sent(begin, end, patient, label, what, outcome, named, begins))
            self.clinics.tally.sent[what, outcome] += 1

    # -- in the end

    def wrong(self) -> list[str]:
        """Return what is wrong with the history, and what happened in it."""
        for change in self.later:
            change()
        problems = list(self.problems)
        for one in self.sent:
            if why := self.model.judge(one):
                problems.append(f"{one.what} of {one.patient} in {one.label} ({one.begin}-{one.end}): {why} ({one.named})")
        for begin, end, asked in self.answers_refused:
            if self.model.could_be_answered(asked, begin, end):
                problems.append(f"an answer to {asked.uid} ({begin}-{end}) was refused while it was open")
        logs = self._logs()
        for label, log in logs.items():
            problems += self.model.in_order(label, log)
        states = dict(map(tuple, self._sql("SELECT r.uid, r.state FROM payment_requests r JOIN threads t ON t.id = r.thread_id WHERE t.uid IN",
                                           *self.labels.values())))
        problems += self.model.in_the_end(states, logs)
        return [f"seed {self.seed}:", *problems, *self.trace] if problems else []

    def _logs(self) -> dict[str, list[Line]]:
        labels, names = ({uid: name for name, uid in of.items()} for of in (self.labels, self.uids))
        logs: dict[str, list[Line]] = {label: [] for label in self.labels}
        query = ("SELECT t.uid, e.seq, e.kind, a.uid, e.payload FROM entries e JOIN threads t ON t.id = e.thread_id "
                 "LEFT JOIN accounts a ON a.id = e.author_id WHERE t.uid IN")
        for thread, seq, kind, author, payload in self._sql(query, *labels):
            if kind in SENT | {"payment-request", "payment-decision", "urgent", "notice"}:
                said = json.loads(payload)
                line = Line(seq, kind, names.get(author, ""), said.get("request", ""), said.get("decision", ""), said.get("code", ""))
                logs[labels[thread]].append(line)
        return {label: sorted(log, key=lambda line: line.seq) for label, log in logs.items()}
