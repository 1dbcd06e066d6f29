"""Everything at once on one database: what one process of a stress test does, by chance, and what was answered.

All processes turn to the same few rows at the same time, then to others: a wait in a circle is a matter of milliseconds.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from clinic import Actor, Call, Database, Done, Role
from clinic.account import attempts, sweep
from clinic.account.attempts import page_keys
from clinic.account.views import login_record
from clinic.audit.seal import seal
from clinic.errors import Busy, DomainError, Held
from tests.support.cast import NAMES

SYSTEM, ANYBODY = Actor.system(), Actor.anonymous()
PEPPER = b"p" * 32
TURN_SECONDS = 1.0
# Which each process does some of however slow the machine is.
OF_EACH = ("text.post", "thread.mark", "live.enter", "live.leave", "account.describe", "thread.start", "payment.request")
SOME = 3


@dataclass(frozen=True)
class Place:
    """Where to do it: the database, and who and what is in it. services: what can be asked payment for."""

    url: str
    run_dir: Path
    actors: dict[str, Actor]
    handles: dict[str, str]
    threads: tuple[str, ...]
    services: tuple[str, ...]


@dataclass
class Answers:
    """What one process was told. `stored`: client id → uid of the entry; `busy`: refusals that should not have been needed."""

    tried: set[str] = field(default_factory=set)
    stored: dict[str, str] = field(default_factory=dict)
    busy: list[str] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)


class Crowd:
    """One process's part."""

    def __init__(self, place: Place, number: int, seed: int) -> None:
        self.place, self.number, self.chance, self.answers = place, number, random.Random(seed * 100 + number), Answers()
        self.database = Database.open(place.url, run_dir=place.run_dir, pepper=PEPPER)
        self.count = 0
        self.people = tuple(NAMES)
        attempts.FORGOTTEN = timedelta(seconds=0.05)  # so that failures are counted and swept at the same time

    def anybody(self, *roles: Role) -> str:
        """Return the name of somebody in one of these roles."""
        return self.chance.choice([name for name in self.people if not roles or NAMES[name][1] in roles] or ["ana"])

    def perform(self, actor: Actor, action: str, subject: str | None = None, **values: object) -> Done | None:
        """Perform an action. Refusals are part of it, but Busy is noted."""
        self.answers.done[action] = self.answers.done.get(action, 0) + 1
        try:
            return self.database.perform(actor, action, subject, **values)
        except Busy:
            self.answers.busy.append(action)
        except DomainError:
            pass
        return None

    def a_post(self) -> Call:
        """Return a text of somebody in some thread; a few are in none of it."""
        self.count += 1
        client_id = f"{self.number}-{self.count}"
        return Call(self.place.actors[self.anybody()], "text.post", self.chance.choice(self.place.threads), {"body": client_id, "client_id": client_id})

    def some_live(self) -> Call:
        """Return that somebody comes or goes."""
        name, thread = self.anybody(), self.chance.choice(self.place.threads[:2])
        values = {"address": f"{name}@x/{self.chance.randrange(3)}", "kind": "occupant", "thread": thread}
        if self.chance.random() < 0.4:
            return Call(SYSTEM, "live.leave", None, values)
        return Call(SYSTEM, "live.enter", None, {**values, "handle": self.place.handles[name]})

    def a_mark(self) -> Call:
        """Return somebody's mark at something that this process stored."""
        entry = self.chance.choice(list(self.answers.stored.values()) or ["0" * 26])
        return Call(self.place.actors[self.anybody()], "thread.mark", self.chance.choice(self.place.threads), {"entry": entry, "state": "read"})

    def a_refusal(self) -> Call:
        """Return a call that is refused, and counted."""
        actor = self.chance.choice([*self.place.actors.values(), ANYBODY])
        values = self.chance.choice([{"entry": "0" * 26, "state": "read"}, {"entry": "0" * 26, "state": "delivered"}])
        return Call(actor, "thread.mark", self.chance.choice(["0" * 26, *self.place.threads]), values)

    def batch(self, *kinds: Callable[[], Call]) -> None:
        """Commit many calls together, then those that were left, as the component does."""
        kinds = kinds or (self.a_post, self.a_post, self.some_live, self.a_mark, self.a_refusal)
        calls = [self.chance.choice(kinds)() for _ in range(self.chance.randrange(1, 30))]
        self.note(calls, results := self.database.batch(calls))
        left = [call for call, result in zip(calls, results, strict=True) if isinstance(result, Held)]
        for thread in dict.fromkeys(call.subject for call in left):
            again = [call for call in left if call.subject == thread]
            self.note(again, self.database.batch(again, 10.0))

    def note(self, calls: Sequence[Call], results: Sequence[Done | DomainError]) -> None:
        """Note what was answered."""
        for call, result in zip(calls, results, strict=True):
            self.answers.done[call.action] = self.answers.done.get(call.action, 0) + 1
            if call.action == "text.post":
                self.answers.tried.add(call.values["client_id"])
                if isinstance(result, Done):
                    self.answers.stored[call.values["client_id"]] = result.value
            if isinstance(result, Busy) and not isinstance(result, Held):
                self.answers.busy.append(call.action)

    def post(self) -> None:
        """Post one text, as the page does."""
        call = self.a_post()
        self.answers.tried.add(call.values["client_id"])
        if done := self.perform(call.actor, call.action, call.subject, **call.values):
            self.answers.stored[call.values["client_id"]] = done.value

    def administer(self) -> None:
        """Change accounts and links."""
        name = self.anybody()
        uid = self.place.actors[name].account
        shown, _, born = NAMES[name]
        number = self.chance.randrange(3)
        chief, helper = (self.place.actors[who].account for who in (self.anybody(Role.PRACTITIONER), "chen"))
        patient = self.place.actors[self.anybody(Role.PATIENT)].account
        self.chance.choice([
            lambda: self.perform(SYSTEM, "account.describe", uid, name=f"{shown} {number}", email=f"{name}{number}@clinic.example", birth_date=born),
            lambda: self.perform(SYSTEM, "link.coordinator_add", coordinator=helper, practitioner=chief),
            lambda: self.perform(SYSTEM, "link.coordinator_remove", coordinator=helper, practitioner=chief),
            lambda: self.perform(SYSTEM, "link.patient_add", patient=patient, practitioner=chief),
            lambda: self.perform(SYSTEM, "link.patient_remove", patient=patient, practitioner=chief),
            lambda: self.perform(SYSTEM, "clinic.describe", clinic_name=name, emergency_number="112", time_zone="UTC"),
        ])()

    def close_and_open(self) -> None:
        """Send links, use them, close an account and open it again."""
        uid = self.place.actors[self.anybody()].account
        if invited := self.perform(SYSTEM, "account.invite", uid):
            self.perform(ANYBODY, "account.accept_invitation", token=invited.value.token, password_hash="$hash0")
        self.perform(SYSTEM, "account.deactivate", uid)
        self.perform(SYSTEM, "account.activate", uid)

    def log_in(self) -> None:
        """Fail, log in, make and use and revoke devices, log out; with counters that others count too."""
        name = self.anybody()
        keys = page_keys(name, f"192.0.2.{self.chance.randrange(2)}")
        self.chance.shuffle(keys)
        self.perform(ANYBODY, "login.failed", keys=keys)
        with self.database.read(ANYBODY) as work:
            record = next(filter(None, (login_record(work, f"{name}{end}@clinic.example") for end in ("", 0, 1, 2))), None)
        if record is None:
            return
        begun = self.perform(ANYBODY, "login.begin", account_uid=record.account_uid, checked_hash=record.password_hash or "$hash0", keys=keys)
        actor = self.place.actors[name]
        minted = self.perform(actor, "device.mint", name=f"Phone {self.chance.randrange(9)}")
        if minted:
            self.perform(SYSTEM, "device.used", minted.value.uid, keys=keys)
            self.perform(actor, "device.revoke", minted.value.uid)
        if begun and self.chance.random() < 0.5:
            self.perform(SYSTEM, "login.expire", uids=[begun.value.uid])
        self.perform(actor, "account.change_password", password_hash="$hash0")

    def start(self) -> None:
        """Start a thread that may be there already."""
        one, other = self.anybody(Role.PATIENT, Role.PRACTITIONER, Role.COORDINATOR), self.anybody(Role.PATIENT, Role.PRACTITIONER)
        self.perform(self.place.actors[one], "thread.start", person=self.place.actors[other].account, reason="Stress")

    def charge(self) -> None:
        """Ask for a payment, answer what waits, and take it back; in several threads of the same people."""
        staff, patient = self.place.actors[self.anybody(Role.PRACTITIONER, Role.COORDINATOR)], self.place.actors[self.anybody(Role.PATIENT)]
        self.count += 1
        values = {"service": self.chance.choice(self.place.services), "client_id": f"{self.number}-{self.count}"}
        asked = self.perform(staff, "payment.request", thread := self.chance.choice(self.place.threads), **values)
        self.perform(patient, "payment.decide", self.chance.choice(self.place.threads), decision=self.chance.choice(["accept", "reject"]))
        if asked:
            self.perform(staff, "payment.withdraw", thread, request=asked.value)

    def clear(self) -> None:
        """Forget somebody's live sessions, and what has run out."""
        self.perform(SYSTEM, "live.clear_account", handle=self.place.handles[self.anybody()])
        with contextlib.suppress(Busy):
            sweep.sweep(self.database)
            sweep.expire(self.database)
        if self.number == 0:
            seal(self.database)

    def run(self, seconds: float) -> Answers:
        """Do it for so long, and until some of everything was done, each TURN_SECONDS something else with other people."""
        whole = [self.batch, self.post, self.administer, self.close_and_open, self.log_in, self.start, self.charge, self.clear]
        turns: list[tuple[list[Callable[[], None]], tuple[str, ...]]] = [
            (whole, tuple(NAMES)),
            ([lambda: self.batch(self.some_live), lambda: self.batch(self.some_live), self.clear], ("ana", "boris")),
            ([lambda: self.batch(self.a_refusal)], tuple(NAMES)),
            ([self.close_and_open, self.administer], ("ana",)),
            ([self.log_in, self.clear, self.close_and_open], ("ana",)),
            ([self.administer, self.start, self.batch, self.post], tuple(NAMES)),
            ([self.charge, self.charge, self.administer, self.close_and_open, self.post], tuple(NAMES)),
        ]
        end = time.time() + seconds
        while (now := time.time()) < end or any(self.answers.done.get(action, 0) < SOME for action in OF_EACH):
            ways, self.people = turns[int(now / TURN_SECONDS) % len(turns)]
            self.chance.choice(ways)()
        self.database.engine.dispose()
        return self.answers


def crush(place: Place, number: int, seed: int, seconds: float) -> Answers:
    """Run one process's part. Returns: what it was told."""
    return Crowd(place, number, seed).run(seconds)
