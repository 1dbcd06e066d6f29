"""Images & Documents by random histories against a small model that knows nothing of the product: who reads what, and what lies where.

The model says of each file: whose folder it is in, in which thread it stands, what it was sent on from, whether it is gone. Everything else
follows: a person reads a file exactly if it is not gone, and is in their folder, or in that of a patient of theirs, or in a thread of theirs.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from clinic import Actor, Database
from clinic.errors import DomainError
from clinic.file.tables import files
from tests.support.cast import Cast
from tests.support.filing import can_read, copies_taken_back, file_in, handout, own_names, sent

PATIENTS, STAFF = ("ana", "ada"), ("boris", "bella")
PEOPLE = (*PATIENTS, *STAFF)
MEMBERS = {"ana": ("boris", "ana"), "ada": ("boris", "ada"), "both": ("boris", "ana", "ada"), "bella": ("bella", "ada"), "staff": ("boris", "bella")}
STEPS = 45


@dataclass
class Lies:
    """A file as the model has it. place: a thread's label, "" for a handout."""

    uid: str
    by: str
    name: str
    place: str
    folder: str
    entry: str = ""
    origin: Lies | None = None
    note: bool = False
    gone: bool = False
    handout: bool = field(default=False)

    def under(self, root: Lies) -> bool:
        """Whether it is `root`, or was sent on from it."""
        return self is root or (self.origin is not None and self.origin.under(root))


class History:
    """One history: the clinic and the model side by side."""

    def __init__(self, cast: Cast, seed: int) -> None:
        self.cast, self.random, self.files, self.number = cast, random.Random(seed), list[Lies](), 0
        cast.link("ada", "boris")
        cast.link("ada", "bella")
        people = [cast.uid(name) for name in PATIENTS]
        both = cast.database.perform(cast.boris, "group.create", title="Both", people=people).value
        self.threads = {"ana": cast.start("boris", "ana"), "ada": cast.start("boris", "ada"), "both": str(both),
                        "bella": cast.start("bella", "ada"), "staff": cast.start("boris", "bella")}

    def actor(self, name: str) -> Actor:
        actor: Actor = getattr(self.cast, name)
        return actor

    def next_id(self) -> str:
        self.number += 1
        return f"c-{self.number}"

    def patients(self, place: str) -> list[str]:
        return [name for name in MEMBERS.get(place, ()) if name in PATIENTS]

    def reads(self, who: str, one: Lies) -> bool:
        if one.gone:
            return False
        treats = who in STAFF and one.folder in PATIENTS and any({who, one.folder} <= set(members) for members in MEMBERS.values())
        return one.folder == who or treats or (who in MEMBERS.get(one.place, ()) and not (one.note and who in PATIENTS))

    def sends(self) -> None:
        place = self.random.choice(list(self.threads))
        by = self.random.choice(MEMBERS[place])
        here, name, note = self.patients(place), f"{self.number}.jpg", by in STAFF and self.random.random() < 0.2
        given, folder = {"note": note}, "" if note else here[0] if len(here) == 1 else ""
        if len(here) > 1 and not note:
            folder = by if by in PATIENTS else self.random.choice([*here, ""])
            given |= {"folder": self.cast.uid(folder) if folder else "nobody"} if by in STAFF else {}
        uid = sent(self.cast.database, self.actor(by), self.threads[place], self.next_id(), name=name, **given)
        self.files.append(Lies(uid, by, name, place, folder, note=note))

    def keeps(self) -> None:
        by, name = self.random.choice(STAFF), f"{self.number}.jpg"
        self.files.append(Lies(handout(self.cast.database, self.actor(by), name, self.next_id()), by, name, "", by, handout=True))

    def sends_on(self) -> None:
        """Try a few times: most of what is tried at random is refused, and that must be right too."""
        before = len(self.files)
        for _ in range(8):
            if len(self.files) == before:
                self._sends_on()

    def _sends_on(self) -> None:
        one, place = self.random.choice(self.files), self.random.choice(list(self.threads))
        by = self.random.choice(MEMBERS[place])
        mine = one.folder == by
        may = self.reads(by, one) and (mine or (by in STAFF and one.folder in self.patients(place)))
        try:
            entry = self.cast.database.perform(self.actor(by), "file.forward", self.threads[place], document=one.uid, client_id=self.next_id()).value
        except DomainError:
            assert not may, f"{by} may send {one} in {place}"
            return
        assert may, f"{by} may not send {one} in {place}"
        here = self.patients(place)
        folder = here[0] if by in STAFF and mine and len(here) == 1 else ""
        self.files.append(Lies(file_in(self.cast.database, self.threads[place], entry), by, one.name, place, folder, origin=one))

    def takes_back(self) -> None:
        there = [one for one in self.files if one.place and not one.gone]
        if not there:
            return
        one = self.random.choice(there)
        with self.cast.database.read(Actor.system()) as work:
            entry = work.rows(sa.select(files.c.entry_uid).where(files.c.uid == one.uid))[0].entry_uid
        self.cast.database.perform(self.actor(one.by), "text.retract", self.threads[one.place], entry=entry, client_id=self.next_id())
        for other in self.files:
            other.gone = other.gone or other.under(one)
        copies_taken_back(self.cast.database)

    def puts_under(self) -> None:
        may = [one for one in self.files if one.place == "both" and one.by in STAFF and not one.gone and not one.note
               and (one.origin is None or one.origin.handout)]
        if not may:
            return
        one, whose = self.random.choice(may), self.random.choice([*PATIENTS, ""])
        before, patient = one.folder, self.cast.uid(whose) if whose else "nobody"
        self.cast.database.perform(self.cast.boris, "file.put_under", self.threads["both"], file=one.uid, patient=patient)
        one.folder = whose
        for other in self.files:
            if before not in ("", whose) and other is not one and other.under(one) and whose not in self.patients(other.place):
                other.gone = True
        copies_taken_back(self.cast.database)

    def compare(self) -> None:
        for who in PEOPLE:
            read = [one.name for one in self.files if can_read(self.cast.database, self.actor(who), one.uid)]
            assert read == [one.name for one in self.files if self.reads(who, one)], who
            lies = sorted(one.name for one in self.files if one.folder == who and not one.gone)
            assert sorted(own_names(self.cast.database, self.actor(who))) == lies, who


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everybody_reads_what_the_model_says_and_nothing_else(cast: Cast, database: Database, seed: int) -> None:
    history = History(cast, seed)
    history.sends()
    for step in range(STEPS):
        history.random.choice([history.sends, history.keeps, history.sends_on, history.sends_on, history.takes_back, history.puts_under])()
        if step % 9 == 0:
            history.compare()
    history.compare()
    assert any(one.origin for one in history.files) and any(one.gone for one in history.files)
