"""Set-wise loading of what an action stands on: the persons who act, their threads with members, known client ids.

Owns Person, LoadedThread, LoadedMember, their rows and the load functions. One query a kind of thing for a whole batch
(rule 3); a single action uses the same code with sets of one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import Enum, auto
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clinic.account.tables import account_roles, accounts
from clinic.log import Entry, entries, entry_of, select_entries
from clinic.permissions import CARE_ROLES, Role
from clinic.prepared import Query
from clinic.thread.tables import memberships, threads

RowValues = Sequence[Any]
"""A row by position, in the order of the fields of what is made of it."""


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
    """A current member of a loaded thread. invited_by: the account id of who invited them; opened_at: since when they have something of it."""

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
    invited_by: int | None
    opened_at: datetime | None

    @property
    def included(self) -> bool:
        """Whether they are here by themselves, as the coordinator of a practitioner in the thread; nobody invited them."""
        return self.role is Role.COORDINATOR and self.invited_by is None


class Members(MutableMapping[int, LoadedMember]):
    """The current members of a thread by account id, in order of joining, each made of its row when it is asked for: a text asks for one."""

    __slots__ = ("_made", "_rows")

    def __init__(self, rows: Mapping[int, RowValues] | None = None) -> None:
        self._rows = dict(rows or {})
        self._made: dict[int, LoadedMember] = {}

    def __getitem__(self, account_id: int) -> LoadedMember:
        made = self._made.get(account_id)
        if made is None:
            row = list(self._rows[account_id])
            row[_ROLE] = Role(row[_ROLE])
            made = self._made[account_id] = LoadedMember(*row)
        return made

    def __setitem__(self, account_id: int, member: LoadedMember) -> None:
        self._rows[account_id] = ()
        self._made[account_id] = member

    def __delitem__(self, account_id: int) -> None:
        del self._rows[account_id]
        self._made.pop(account_id, None)

    def __contains__(self, account_id: object) -> bool:
        return account_id in self._rows

    def __iter__(self) -> Iterator[int]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(slots=True)
class LoadedThread:
    """A thread under its lock, with its current members by account id. `last_seq` moves as entries are settled.

    title: what staff named it. waiting_since: the oldest message of a patient that no staff has
    answered. answer_due_at: by when staff have promised to. put_away: a member has put it away, and the next entry brings it back to their list.
    """

    id: int
    uid: str
    kind: str
    last_seq: int
    last_entry_at: datetime
    relayed_seq: int
    version: int
    title: str | None = None
    status_id: int | None = None
    claimed_by: int | None = None
    waiting_since: datetime | None = None
    answer_due_at: datetime | None = None
    put_away: bool = False
    members: MutableMapping[int, LoadedMember] = field(default_factory=Members)

    @property
    def patients(self) -> list[LoadedMember]:
        """The members who are patients, in order of joining."""
        return [member for member in self.members.values() if member.role is Role.PATIENT]


@dataclass(slots=True)
class ThreadRows:
    """A thread and its current members (by account id) as the database has them: values in the order of the fields above."""

    thread: RowValues
    members: dict[int, RowValues] = field(default_factory=dict)

    def loaded(self) -> LoadedThread:
        """Return the thread for one transaction to work with."""
        thread = LoadedThread(*self.thread)
        thread.members = Members(self.members)
        return thread


THREAD_FIELDS = tuple(one.name for one in fields(LoadedThread))[:-1]
MEMBER_FIELDS = tuple(one.name for one in fields(LoadedMember))
_ROLE = MEMBER_FIELDS.index("role")


def _persons(column: sa.Column[str]) -> Query:
    return Query(
        lambda keys: sa.select(accounts.c.id, accounts.c.uid, accounts.c.handle, accounts.c.name, accounts.c.birth_date, account_roles.c.role)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.active.is_(True), column.in_(keys))
    )


_PERSONS_BY_UID, _PERSONS_BY_HANDLE = _persons(accounts.c.uid), _persons(accounts.c.handle)


def _threads(keys: Sequence[sa.BindParameter[Any]]) -> sa.Select[Any]:
    return sa.select(*(threads.c[name] for name in THREAD_FIELDS)).where(threads.c.uid.in_(keys)).order_by(threads.c.id)


_EXISTING = Query(lambda keys: sa.select(threads.c.uid).where(threads.c.uid.in_(keys)))
_OF_ACCOUNTS = {"uid", "handle", "name", "birth_date"}
_MEMBERS = Query(
    lambda keys: sa.select(
        memberships.c.thread_id, *((accounts if name in _OF_ACCOUNTS else memberships).c[name] for name in MEMBER_FIELDS)
    )
    .join(accounts, accounts.c.id == memberships.c.account_id)
    .where(memberships.c.thread_id.in_(keys), memberships.c.ended_at.is_(None))
    .order_by(memberships.c.thread_id, memberships.c.id)
)
_KEYS = [entries.c.thread_id, entries.c.author_id, entries.c.client_id]


# For a list of row values SQLite reads the whole log. A table of keys it reads first, and then asks the index once a key.
def _wanted(listed: sa.BindParameter[Any]) -> tuple[sa.TableValuedAlias, sa.ColumnElement[bool]]:
    table = sa.func.json_each(listed).table_valued("value", name="wanted")
    given = [sa.func.json_extract(table.c.value, sa.literal_column(f"'$[{place}]'")) for place in range(3)]
    return table, sa.and_(*(column == key for column, key in zip(_KEYS, given, strict=True)))


def _any_known(keys: Sequence[sa.BindParameter[Any]]) -> sa.Select[Any]:
    table, is_wanted = _wanted(keys[0])  # one key: the list of all
    return sa.select(entries.c.seq).select_from(sa.join(table, entries, is_wanted))


def _known_by_list() -> sa.Select[Any]:
    table, is_wanted = _wanted(sa.bindparam("listed"))
    return select_entries(table).where(is_wanted)


_ANY_KNOWN, _KNOWN_BY_LIST = Query(_any_known), _known_by_list()
_KNOWN = select_entries().where(sa.tuple_(*_KEYS).in_(sa.bindparam("keys", expanding=True)))
_ROLES = {str(role): frozenset({role}) for role in Role}


class Lock(Enum):
    """What becomes of the threads that are loaded, on PostgreSQL; on SQLite a write transaction has locked everything.

    SKIP: lock those that nobody else has locked, and leave the others out.
    """

    NONE = auto()
    WAIT = auto()
    SKIP = auto()


# Entries and memberships refer to a thread's key, which these locks leave free. SQLite is told nothing of them.
_LOADING = {
    Lock.NONE: Query(_threads),
    Lock.WAIT: Query(lambda keys: _threads(keys).with_for_update(key_share=True)),
    Lock.SKIP: Query(lambda keys: _threads(keys).with_for_update(key_share=True, skip_locked=True)),
}


def load_persons(connection: Connection, uids: Collection[str], handles: Collection[str]) -> list[Person]:
    """Return the active accounts of `uids` and `handles`, each once."""
    found: dict[int, Person] = {}
    for query, keys in ((_PERSONS_BY_UID, uids), (_PERSONS_BY_HANDLE, handles)):
        for id_, uid, handle, name, birth_date, given in query.rows(connection, list(keys)):
            roles = _ROLES[given] if id_ not in found else _ROLES[given] | found[id_].roles
            found[id_] = Person(id_, uid, handle, name, birth_date, roles)
    return list(found.values())


def load_threads(connection: Connection, uids: Collection[str], lock: Lock) -> dict[str, ThreadRows]:
    """Return the threads of `uids` with their current members, locked in id order as `lock` says."""
    found = {row[0]: ThreadRows(row) for row in _LOADING[lock].rows(connection, sorted(uids))}
    for thread_id, *row in _MEMBERS.rows(connection, list(found)):
        found[thread_id].members[row[1]] = row
    return {rows.thread[1]: rows for rows in found.values()}


def existing(connection: Connection, uids: Collection[str]) -> set[str]:
    """Return those of `uids` that are threads, locked or not."""
    return {row[0] for row in _EXISTING.rows(connection, list(uids))}


def load_known(connection: Connection, keys: Collection[tuple[int, int, str]]) -> dict[tuple[int, int, str], Entry]:
    """Return the entries already stored under (thread id, author id, client id): what is being sent again."""
    if not keys:
        return {}
    if connection.dialect.name == "sqlite":
        listed = json.dumps(list(keys))
        # Asked twice: almost no text is a resend, and the cheap question says so.
        if not _ANY_KNOWN.rows(connection, [listed]):
            return {}
        rows = connection.execute(_KNOWN_BY_LIST, {"listed": listed})
    else:
        rows = connection.execute(_KNOWN, {"keys": list(keys)})
    return {(row.thread_id, row.author_id, row.client_id): entry_of(row) for row in rows}
