"""One prepared clinic for the proof of who may what: people in every relation to a thread, and marker words that show a leak.

Each marker stands in one thing only (a text, a note, a handle) and knows who may ever read it, by product.md. What an answer
to anybody else holds of it is a leak, wherever it stands.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partialmethod
from typing import Any

from clinic import ACTIONS, Actor, Database, Role, Work
from clinic.account.views import me
from clinic.log import Audience
from tests.support.addressing import addressed

ABSENT = "0" * 26
NOBODY = "nobody"

PEOPLE = {
    "ana": ("Ana Alvarez", Role.PATIENT, "1931-07-19"),
    "ada": ("Ada Almeida", Role.PATIENT, "1932-08-21"),
    "eve": ("Eve Evans", Role.PATIENT, "1933-09-23"),
    "rosa": ("Rosa Ruiz", Role.PATIENT, "1934-10-25"),
    "boris": ("Boris Brandt", Role.PRACTITIONER, None),
    "bella": ("Bella Baptiste", Role.PRACTITIONER, None),
    "bruno": ("Bruno Bauer", Role.PRACTITIONER, None),
    "rolf": ("Rolf Richter", Role.PRACTITIONER, None),
    "dora": ("Dora Dietz", Role.PRACTITIONER, None),
    "chen": ("Chen Cheng", Role.COORDINATOR, None),
    "cora": ("Cora Costa", Role.COORDINATOR, None),
    "dina": ("Dina Dunn", Role.ADMIN, None),
}
DISABLED = "dora"
ACTORS = (NOBODY, *PEOPLE)
STAFF = frozenset(name for name, (_, role, _) in PEOPLE.items() if role is not Role.PATIENT)
MONTHS = "January February March April May June July August September October November December".split()
STAFF_ONLY = frozenset({"note"})
NOT_FOR = frozenset({("ada", "early"), ("ada", "for ana"), ("ana", "for ada"), ("ana", "asked of ada"), *(
    (who, f"{what} {whose}") for who, whose in (("ada", "ana"), ("ana", "ada")) for what in ("video asked of", "video of")
)})
HELD_BACK = frozenset({("ada", "group")})
"""Patients who have not answered a payment request (furniture.py: payments), and where: what they would send is refused."""
LINKED = frozenset({("ana", "boris"), ("ada", "boris"), ("rosa", "boris"), ("eve", "bruno"), ("chen", "boris")})
"""Who belongs to which practitioner in the end, as a patient or as their coordinator."""
PATIENT, PRACTITIONER, COORDINATOR, GROUP_ADMIN = "patient", "practitioner", "coordinator", "group admin"


@dataclass(frozen=True)
class Marker:
    """What must be read by `seers` only; `words` are its spellings, where it has several."""

    what: str
    words: tuple[str, ...]
    seers: frozenset[str]


@dataclass
class Thread:
    """A thread with the relation of each of its members; `entries` by what they are for."""

    uid: str
    members: dict[str, str]
    entries: dict[str, str] = field(default_factory=dict)


class Scene:
    """The clinic. `threads`: direct (Boris and Ana, with Chen), group (Boris's; Ada came later), foreign (Bruno and Eve), closed."""

    def __init__(self, database: Database, password_hash: str | None = None) -> None:
        self.database = database
        self.markers: list[Marker] = []
        self.threads: dict[str, Thread] = {}
        self.things: dict[tuple[str, str], str] = {}  # (kind, whose or which) -> uid
        self.uids, self.handles = dict[str, str](), dict[str, str]()
        for name, (shown, role, born) in PEOPLE.items():
            self._person(name, shown, role, born, password_hash)
        for patient, practitioner in (("ana", "boris"), ("ada", "boris"), ("rosa", "boris"), ("eve", "bruno")):
            self.as_admin("link.patient_add", patient=self.uids[patient], practitioner=self.uids[practitioner])
        for coordinator in ("chen", "cora"):
            self.as_admin("link.coordinator_add", coordinator=self.uids[coordinator], practitioner=self.uids["boris"])
        self._direct()
        self._foreign()
        self._group()
        self._closed()
        for furnish in FURNISHED:
            furnish(self)

    def end(self) -> None:
        """Do what is done when everybody has a page and an app open: unlink, remove, close, deactivate; then go on talking."""
        self.as_admin("link.coordinator_remove", coordinator=self.uids["cora"], practitioner=self.uids["boris"])
        for name in ("rosa", "rolf"):
            self.do("boris", "group.remove", self.threads["group"].uid, person=self.uids[name])
        self.do("boris", "group.close", self.threads["closed"].uid)
        self.as_admin("account.deactivate", self.uids[DISABLED])
        for label, whose in (("direct", "boris"), ("foreign", "bruno"), ("group", "bella")):
            thread = self.threads[label]
            thread.entries["late"] = self.post(whose, label, f"pain later {self.marker(f'late text of {label}', set(thread.members))}")

    # -- people

    def _person(self, name: str, shown: str, role: Role, born: str | None, password_hash: str | None) -> None:
        email = f"{secrets.token_hex(5)}@clinic.example"
        invited = self.database.perform(Actor.system(), "account.create", name=shown, roles=[role], birth_date=born, email=email).value
        self.uids[name] = invited.account_uid
        if password_hash:
            self.database.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash=password_hash)
        with self.database.read(self.actor(name)) as work:
            self.handles[name] = me(work).handle
        self.emails = {**getattr(self, "emails", {}), name: email}
        self.markers.append(Marker(f"handle of {name}", (self.handles[name],), frozenset({name})))
        self.markers.append(Marker(f"e-mail of {name}", (email,), frozenset({name, "dina"})))
        if born:
            year, month, day = (int(part) for part in born.split("-"))
            words = (born, f"{day} {MONTHS[month - 1]} {year}", f"{day}/{month}/{year}")
            staff = {other for other, (_, held, _) in PEOPLE.items() if held is not Role.PATIENT}
            self.markers.append(Marker(f"birth date of {name}", words, frozenset({name, *staff})))

    def actor(self, name: str) -> Actor:
        """Return somebody as the page would know them."""
        return Actor.anonymous() if name == NOBODY else Actor.page(self.uids[name], PEOPLE[name][1], f"session-of-{name}")

    def role(self, name: str) -> str:
        """Return somebody's role, or "nobody" for who is not signed in (any more)."""
        return NOBODY if name in (NOBODY, DISABLED) else str(PEOPLE[name][1])

    def relation(self, name: str, label: str) -> str:
        """Return what somebody is in a thread, or "" for who is not in it (any more)."""
        thread = self.threads.get(label)
        return thread.members.get(name, "") if thread is not None and self.role(name) != NOBODY else ""

    def knows(self, name: str, practitioner: str) -> bool:
        """Say whether somebody may open a practitioner's profile: they are it, are linked to it, or share a thread with it."""
        if NOBODY in (self.role(name), self.role(practitioner)):
            return False
        return name == practitioner or (name, practitioner) in LINKED or self.shares(name, practitioner)

    def as_admin(self, action: str, /, *subject: str, **values: object) -> Any:
        """Have the administrator do something."""
        return self.database.perform(self.actor("dina"), action, *subject, **values).value

    def do(self, who: str, action: str, /, *subject: str, **values: object) -> Any:
        """Have somebody do something; it must succeed."""
        return self.database.perform(self.actor(who), action, *subject, **values).value

    # -- markers

    def marker(self, what: str, seers: Iterator[str] | set[str] | frozenset[str]) -> str:
        """Return a new word that only `seers` may ever read."""
        word = f"zq{secrets.token_hex(6)}"
        self.markers.append(Marker(what, (word,), frozenset(seers)))
        return word

    @cached_property
    def _all(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(word) for marker in self.markers for word in marker.words))

    def leaks(self, said: str, reader: str) -> list[str]:
        """Return what `said` tells `reader` of things that are not for them. reader: "" for a log or a job, which may hold none."""
        found = set(self._all.findall(said))
        return sorted(marker.what for marker in self.markers if reader not in marker.seers and found.intersection(marker.words))

    def seen(self, said: str) -> set[str]:
        """Return the names of all the markers in `said`."""
        found = set(self._all.findall(said))
        return {marker.what for marker in self.markers if found.intersection(marker.words)}

    def texts(self) -> list[Marker]:
        """Return the markers that are people's words: no log and no job may hold one."""
        return [marker for marker in self.markers if not marker.what.startswith("handle of")]

    # -- threads

    def post(self, name: str, label: str, text: str) -> str:
        """Post a text. Returns: the entry's uid."""
        uid: str = self.database.perform(self.actor(name), "text.post", self.threads[label].uid, body=text, client_id=secrets.token_hex(8)).value
        return uid

    def staff_only(self, name: str, label: str, text: str) -> str:
        """Post an internal note. Returns: the entry's uid."""
        if "note.post" in ACTIONS:
            return str(self.do(name, "note.post", self.threads[label].uid, body=text, client_id=secrets.token_hex(8)))
        with _appending(Audience.STAFF):
            return self.post(name, label, text)

    def staff_of(self, label: str) -> set[str]:
        """Return the staff of a thread."""
        return {name for name, relation in self.threads[label].members.items() if relation != PATIENT}

    def hidden(self, name: str, label: str, which: str) -> bool:
        """Say whether an entry of somebody's own thread is not for them."""
        return self.relation(name, label) == PATIENT and (which in STAFF_ONLY or (name, which) in NOT_FOR)

    def _fill(self, label: str, patient: str, practitioner: str) -> None:
        thread = self.threads[label]
        everyone, staff = set(thread.members), self.staff_of(label)
        thread.entries["text"] = self.post(patient, label, f"pain {self.marker(f'text of {label}', everyone)}")
        thread.entries["answer"] = self.post(practitioner, label, f"pain {self.marker(f'answer of {label}', everyone)}")
        thread.entries["note"] = self.staff_only(practitioner, label, f"pain {self.marker(f'note of {label}', staff)}")

    # Markers are for those who are in a thread in the end: who was in it before has read some, and is to find them no more.

    def _direct(self) -> None:
        uid = str(self.do("boris", "thread.start", person=self.uids["ana"]))
        self.threads["direct"] = Thread(uid, {"ana": PATIENT, "boris": PRACTITIONER, "chen": COORDINATOR})
        self._fill("direct", "ana", "boris")

    def _foreign(self) -> None:
        uid = str(self.do("bruno", "thread.start", person=self.uids["eve"]))
        self.threads["foreign"] = Thread(uid, {"eve": PATIENT, "bruno": PRACTITIONER})
        self._fill("foreign", "eve", "bruno")

    def _group(self) -> None:
        people = [self.uids[name] for name in ("ana", "rosa", "bella", "rolf", DISABLED)]
        uid = str(self.do("boris", "group.create", title="The team of Ana", people=people))
        members = {"boris": GROUP_ADMIN, "ana": PATIENT, "bella": PRACTITIONER, "chen": COORDINATOR}
        thread = self.threads["group"] = Thread(uid, members)
        thread.entries["early"] = self.post("rosa", "group", f"pain early {self.marker('early text of group', set(members))}")
        self.do("boris", "thread.invite", uid, people=[self.uids["ada"]])
        thread.members["ada"] = PATIENT
        self._fill("group", "ana", "boris")
        for name in ("ana", "ada"):
            word = self.marker(f"entry for {name} of group", {*self.staff_of("group"), name})
            with addressed(self.uids[name]):
                thread.entries[f"for {name}"] = self.post("boris", "group", f"pain {word}")

    def _closed(self) -> None:
        uid = str(self.do("boris", "group.create", title="An old group", people=[self.uids["ana"], self.uids["bella"]]))
        self.threads["closed"] = Thread(uid, {})
        self._fill("closed", "ana", "boris")

    def shares(self, name: str, patient: str) -> bool:
        """Say whether somebody is in a thread with a patient, or another person."""
        return any(self.relation(name, label) and self.relation(patient, label) for label in self.threads)

    def objects(self) -> Iterator[tuple[str, str]]:
        """Yield every thread that may be asked for: its label and uid; among them one that there is not."""
        yield from ((label, thread.uid) for label, thread in self.threads.items())
        yield "absent", ABSENT


FURNISHED: list[Callable[[Scene], None]] = []
"""What each capability adds to the scene; see furniture.py."""


@contextmanager
def _appending(audience: Audience) -> Iterator[None]:
    append = Work.append
    try:
        Work.append = partialmethod(append, audience=audience)
        yield
    finally:
        Work.append = append
