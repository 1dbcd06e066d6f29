"""The cast: Ana and Ada (patients), Boris and Bella (practitioners), Chen (coordinator of Boris), Dina (admin), Eve."""

from __future__ import annotations

from dataclasses import dataclass

from clinic import Actor, Database, Role
from clinic.account.views import me
from clinic.storage import new_uid

NAMES = {
    "ana": ("Ana Alvarez", Role.PATIENT, "1984-03-27"),
    "ada": ("Ada Almeida", Role.PATIENT, "1991-11-02"),
    "eve": ("Eve Evans", Role.PATIENT, "1970-01-01"),
    "boris": ("Boris Brandt", Role.PRACTITIONER, None),
    "bella": ("Bella Baptiste", Role.PRACTITIONER, None),
    "chen": ("Chen Cheng", Role.COORDINATOR, None),
    "dina": ("Dina Dunn", Role.ADMIN, None),
}


@dataclass
class Cast:
    """Actors by name; `uid` and `handle` give what a transport would know of them."""

    database: Database
    ana: Actor
    ada: Actor
    eve: Actor
    boris: Actor
    bella: Actor
    chen: Actor
    dina: Actor

    @classmethod
    def in_(cls, database: Database) -> Cast:
        """Create the accounts and links in an empty database."""
        actors = {}
        for name, (shown, role, born) in NAMES.items():
            values = {"name": shown, "roles": [role], "birth_date": born, "email": f"{name}@clinic.example"}
            uid = database.perform(Actor.system(), "account.create", **values).value.account_uid
            actors[name] = Actor.page(uid, role, f"session-of-{name}")
        cast = cls(database, **actors)
        cast.link("ana", "boris")
        people = {"coordinator": cast.uid("chen"), "practitioner": cast.uid("boris")}
        database.perform(cast.dina, "link.coordinator_add", **people)
        return cast

    def uid(self, name: str) -> str:
        """Return somebody's account uid."""
        actor: Actor = getattr(self, name)
        assert actor.account is not None
        return actor.account

    def handle(self, name: str) -> str:
        """Return the local part of somebody's address."""
        with self.database.read(getattr(self, name)) as work:
            return me(work).handle

    def link(self, patient: str, practitioner: str) -> None:
        """Link a patient to a practitioner."""
        people = {"patient": self.uid(patient), "practitioner": self.uid(practitioner)}
        self.database.perform(self.dina, "link.patient_add", **people)

    def start(self, by: str, other: str, **values: str) -> str:
        """Start the thread of two people; returns its uid."""
        uid: str = self.database.perform(getattr(self, by), "thread.start", person=self.uid(other), **values).value
        return uid

    def post(self, by: str, thread: str, text: str, client_id: str | None = None) -> str:
        """Post a text; returns the entry's uid."""
        values = {"body": text, "client_id": client_id or f"{by}: {text}"[:128]}
        uid: str = self.database.perform(getattr(self, by), "text.post", thread, **values).value
        return uid

    def note(self, by: str, thread: str, text: str) -> str:
        """Post an internal note, which only staff see; returns its uid."""
        uid: str = self.database.perform(getattr(self, by), "note.post", thread, body=text, client_id=f"{by} notes: {text}"[:128]).value
        return uid

    def amend(self, by: str, action: str, thread: str, entry: str | None = None, **values: object) -> str:
        """Correct, retract, moderate or react; returns the amending entry's uid."""
        values = {"client_id": new_uid(), **({"entry": entry} if entry else {}), **values}
        uid: str = self.database.perform(getattr(self, by), f"text.{action}", thread, **values).value
        return uid
