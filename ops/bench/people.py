"""The made-up people of a measurement, and their threads: made by the clinic's own actions. Imports `clinic`."""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic import Actor, Database, Role
from clinic.outbox import jobs
from web.passwords import hash_password


@dataclass(frozen=True)
class Writer:
    """Somebody with an XMPP client, and the thread that they share with others."""

    user: str
    secret: str
    nick: str
    room: str


def people(database: Database, threads_domain: str, threads: int, size: int) -> list[Writer]:
    """Makes so many threads of `size` new people each: a patient, a practitioner, and coordinators who assist that one.

    size: at least 2. Returns them, those of a thread side by side.
    """
    known = hash_password(secrets.token_urlsafe(15))
    made = [writer for number in range(threads) for writer in _thread(database, threads_domain, f"{size}-{number}", size, known)]
    with database.writing() as connection:
        # Invitations and bookmarks of so many new people would still go out while something else is measured.
        connection.execute(sa.delete(jobs))
    return made


def _thread(database: Database, threads_domain: str, label: str, size: int, known: str) -> list[Writer]:
    roles = [Role.PATIENT, Role.PRACTITIONER, *[Role.COORDINATOR] * (size - 2)]
    found = [_person(database, role, f"{label}-{place}", known) for place, role in enumerate(roles)]
    patient, practitioner, *coordinators = [actor for actor, _, _ in found]
    for one in coordinators:
        # They are members of every thread that the practitioner has with patients.
        database.perform(Actor.system(), "link.coordinator_add", coordinator=one.account, practitioner=practitioner.account)
    thread = database.perform(practitioner, "thread.start", person=patient.account, reason="Benchmark").value
    return [Writer(device.handle, device.password, nick, f"{thread}@{threads_domain}") for _, nick, device in found]


def _person(database: Database, role: Role, label: str, known: str) -> tuple[Actor, str, Any]:
    nick = f"Bench {role.title()} {label}"
    born = "1980-01-01" if role is Role.PATIENT else None
    values = {"name": nick, "email": f"{role}-{label}@bench.example", "roles": [role], "birth_date": born}
    invited = database.perform(Actor.system(), "account.create", **values).value
    database.perform(Actor.anonymous(), "account.accept_invitation", token=invited.token, password_hash=known)
    actor = Actor.page(invited.account_uid, role, "")
    return actor, nick, database.perform(actor, "device.mint", name="Benchmark").value
