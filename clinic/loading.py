"""Set-wise loading of what an action stands on: the persons who act, their threads with members, known client ids.

Owns Person, LoadedThread, LoadedMember and the load functions. Imports the tables, clinic.log, SQLAlchemy. One query a
kind of thing for a whole batch (rule 3); a single action uses the same code with sets of one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clinic.account.tables import account_roles, accounts
from clinic.log import Entry, entries, entry_of, select_entries
from clinic.permissions import CARE_ROLES, Role
from clinic.thread.tables import memberships, threads


@functools.cache
def _care_role(roles: frozenset[Role]) -> Role | None:
    return next(iter(roles & CARE_ROLES), None)


@dataclass(frozen=True, slots=True)
class Person:
    """An active account as an action or a view meets it."""

    id: int
    uid: str
    handle: str
    name: str
    birth_date: date | None
    roles: frozenset[Role]

    @property
    def care_role(self) -> Role | None:
        """The role in threads; None for somebody who is an administrator only."""
        return _care_role(self.roles)


@dataclass(slots=True)
class LoadedMember:
    """A current member of a loaded thread."""

    id: int
    account_id: int
    uid: str
    handle: str
    name: str
    nick: str
    role: Role
    group_admin: bool
    from_seq: int
    delivered_seq: int
    read_seq: int
    muted: bool
    birth_date: date | None


@dataclass(slots=True)
class LoadedThread:
    """A thread under its lock, with its current members by account id. `last_seq` moves as entries are settled."""

    id: int
    uid: str
    kind: str
    last_seq: int
    last_entry_at: datetime
    relayed_seq: int
    version: int
    members: dict[int, LoadedMember] = field(default_factory=dict)

    @property
    def patients(self) -> list[LoadedMember]:
        """The members who are patients, in order of joining."""
        return [member for member in self.members.values() if member.role is Role.PATIENT]


def _many(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True)


# Built once: constructing a select costs more than running it on a warm database. The columns are those of the dataclasses above,
# in their order, so that a row becomes one without being taken apart.
_PERSONS = (
    sa.select(accounts.c.id, accounts.c.uid, accounts.c.handle, accounts.c.name, accounts.c.birth_date, account_roles.c.role)
    .join(account_roles, account_roles.c.account_id == accounts.c.id)
    .where(
        accounts.c.active.is_(True),
        sa.or_(accounts.c.uid.in_(_many("uids")), accounts.c.handle.in_(_many("handles"))),
    )
)
_THREADS = (
    sa.select(*(threads.c[name] for name in ("id", "uid", "kind", "last_seq", "last_entry_at", "relayed_seq", "version")))
    .where(threads.c.uid.in_(_many("uids")))
    .order_by(threads.c.id)
)
# Entries and memberships refer to a thread's key, which this lock leaves free. SQLite is told nothing of it.
_THREADS_LOCKED = _THREADS.with_for_update(key_share=True)
_THREADS_NOT_HELD = _THREADS.with_for_update(key_share=True, skip_locked=True)
_EXISTING = sa.select(threads.c.uid).where(threads.c.uid.in_(_many("uids")))
_MEMBERS = (
    sa.select(
        memberships.c.thread_id,
        memberships.c.id,
        memberships.c.account_id,
        accounts.c.uid,
        accounts.c.handle,
        accounts.c.name,
        *(memberships.c[name] for name in ("nick", "role", "group_admin", "from_seq", "delivered_seq", "read_seq", "muted")),
        accounts.c.birth_date,
    )
    .join(accounts, accounts.c.id == memberships.c.account_id)
    .where(memberships.c.thread_id.in_(_many("ids")), memberships.c.ended_at.is_(None))
    .order_by(memberships.c.thread_id, memberships.c.id)
)
_KNOWN = select_entries().where(
    sa.tuple_(entries.c.thread_id, entries.c.author_id, entries.c.client_id).in_(_many("keys"))
)
# For a list of row values SQLite reads the whole log. A table of keys it reads first, and then asks the index once a key.
_WANTED = sa.func.json_each(sa.bindparam("keys")).table_valued("value", name="wanted")
_KEY = [sa.func.json_extract(_WANTED.c.value, sa.literal_column(f"'$[{place}]'")) for place in range(3)]
_KNOWN_BY_LIST = select_entries(_WANTED).where(
    entries.c.thread_id == _KEY[0], entries.c.author_id == _KEY[1], entries.c.client_id == _KEY[2]
)
_ROLE = [one.name for one in fields(LoadedMember)].index("role")
_ROLES = {str(role): frozenset({role}) for role in Role}


class Lock(Enum):
    """What becomes of the threads that are loaded, on PostgreSQL; on SQLite a write transaction has locked everything.

    SKIP: lock those that nobody else has locked, and leave the others out.
    """

    NONE = auto()
    WAIT = auto()
    SKIP = auto()


_LOADING = {Lock.NONE: _THREADS, Lock.WAIT: _THREADS_LOCKED, Lock.SKIP: _THREADS_NOT_HELD}


def load_persons(connection: Connection, uids: Collection[str], handles: Collection[str]) -> list[Person]:
    """Return the active accounts of `uids` and `handles`, each once."""
    found: dict[int, Person] = {}
    for id_, uid, handle, name, birth_date, given in connection.execute(_PERSONS, {"uids": list(uids), "handles": list(handles)}).all():
        roles = _ROLES[given] if id_ not in found else _ROLES[given] | found[id_].roles
        found[id_] = Person(id_, uid, handle, name, birth_date, roles)
    return list(found.values())


def load_threads(connection: Connection, uids: Collection[str], lock: Lock) -> dict[str, LoadedThread]:
    """Return the threads of `uids` with their current members, locked in id order as `lock` says."""
    found = {row[0]: LoadedThread(*row) for row in connection.execute(_LOADING[lock], {"uids": list(uids)}).all()}
    if found:
        for thread_id, *row in connection.execute(_MEMBERS, {"ids": list(found)}).all():  # each fetch by itself gives up the interpreter
            row[_ROLE] = Role(row[_ROLE])
            found[thread_id].members[row[1]] = LoadedMember(*row)
    return {thread.uid: thread for thread in found.values()}


def existing(connection: Connection, uids: Collection[str]) -> set[str]:
    """Return those of `uids` that are threads, locked or not."""
    return set(connection.scalars(_EXISTING, {"uids": list(uids)}))


def load_known(connection: Connection, keys: Collection[tuple[int, int, str]]) -> dict[tuple[int, int, str], Entry]:
    """Return the entries already stored under (thread id, author id, client id): what is being sent again."""
    if not keys:
        return {}
    if connection.dialect.name == "sqlite":
        rows = connection.execute(_KNOWN_BY_LIST, {"keys": json.dumps(list(keys))})
    else:
        rows = connection.execute(_KNOWN, {"keys": list(keys)})
    return {(row.thread_id, row.author_id, row.client_id): entry_of(row) for row in rows}
