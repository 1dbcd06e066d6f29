"""What a writing connection has loaded and nobody else has changed since: most texts then ask only whether their client id is known.

Owns Memory. SQLite alone says, and in 2 us, whether anybody else has committed
(PRAGMA data_version). A memory belongs to one connection and is used under the writers' lock only; what its own transactions
change it learns from their buffers, or forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clinic.account.tables import account_roles, accounts
from clinic.loading import MEMBER_FIELDS, THREAD_FIELDS, Person, ThreadRows
from clinic.prepared import driver_cursor
from clinic.thread.tables import memberships, threads
from clinic.writes import Buffer

Fact = TypeVar("Fact")
MOST_THREADS, MOST_PERSONS = 500, 5000
_MARKS = {"delivered_seq", "read_seq", "muted", "opened_at", "put_away_seq"}
_PLACE_OF_THREAD = {name: place for place, name in enumerate(THREAD_FIELDS)}
_PLACE_OF_MEMBER = {name: place for place, name in enumerate(MEMBER_FIELDS)}
_KEY = "bedside_memory"


class Memory:
    """Threads by uid and active persons by uid and handle, as they are in the database now."""

    def __init__(self) -> None:
        self._version: int | None = None
        self.forget()

    @classmethod
    def of(cls, connection: Connection) -> Memory:
        """Return the memory of a connection that has just begun to write: empty when anybody else has written since."""
        memory: Memory | None = connection.info.get(_KEY)
        if memory is None:
            memory = connection.info[_KEY] = cls()
        with driver_cursor(connection) as cursor:
            [version] = cursor.execute("PRAGMA data_version").fetchone()
        if version != memory._version:
            memory.forget()
            memory._version = version
        return memory

    @staticmethod
    def drop(info: dict[Any, Any]) -> None:
        """Give up the memory of a connection (its `info`) that is written to in another way, or not after all."""
        info.pop(_KEY, None)

    def forget(self) -> None:
        """Forget everything."""
        self.persons: dict[str, Person] = {}
        self._threads: dict[str, ThreadRows] = {}
        self._uids: dict[int, str] = {}
        self._members: dict[int, tuple[ThreadRows, int]] = {}  # by membership id: the thread and the account id
        self._facts: dict[str, tuple[sa.Table, Any]] = {}

    def threads(self, uids: Collection[str]) -> dict[str, ThreadRows]:
        """Return those of the threads `uids` that are remembered."""
        return {uid: self._threads[uid] for uid in uids if uid in self._threads}

    def kept(self) -> Mapping[str, ThreadRows]:
        """Return everything remembered of threads, by uid."""
        return self._threads

    def keep(self, found: Mapping[str, ThreadRows]) -> None:
        """Remember threads that were loaded just now."""
        if len(self._threads) + len(found) > MOST_THREADS or len(self.persons) > MOST_PERSONS:
            self.forget()
        for uid, rows in found.items():
            self._threads[uid], self._uids[rows.thread[0]] = rows, uid
            for account_id, row in rows.members.items():
                self._members[row[0]] = rows, account_id

    def fact(self, key: str, table: sa.Table, make: Callable[[], Fact]) -> Fact:
        """Return what `make` gave of one table, until anybody writes to that table."""
        if key not in self._facts:
            self._facts[key] = table, make()
        found: Fact = self._facts[key][1]
        return found

    def facts(self) -> Mapping[str, Any]:
        """Return every fact that is remembered, by its key."""
        return {key: value for key, (_, value) in self._facts.items()}

    def learn(self, buffer: Buffer) -> None:
        """Take over what the transaction that is about to commit has written; is not simply another value makes it forget everything."""
        for table, key, row in buffer.rows():
            if self._facts:
                self._facts = {name: fact for name, fact in self._facts.items() if fact[0] is not table}
            if table is threads and not row.delete:
                self._learn_thread(key, row.update)
            elif table is memberships:
                if key not in self._members or row.insert or row.delete or not row.update.keys() <= _MARKS:
                    self.forget()
                    return
                rows, account_id = self._members[key]
                rows.members[account_id] = _with(rows.members[account_id], row.update, _PLACE_OF_MEMBER)
            elif table is accounts or table is account_roles or (table is threads and row.delete):
                self.forget()
                return

    def _learn_thread(self, thread_id: int, update: Mapping[str, Any]) -> None:
        uid = self._uids.get(thread_id)
        if uid is None:
            return
        rows = self._threads[uid]
        rows.thread = _with(rows.thread, update, _PLACE_OF_THREAD)


def _with(row: Any, update: Mapping[str, Any], places: Mapping[str, int]) -> list[Any]:
    changed = list(row)
    for name, value in update.items():
        if name in places:
            changed[places[name]] = value
    return changed
