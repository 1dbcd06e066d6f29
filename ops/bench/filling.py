"""A database filled set-wise: people with devices, threads between them, entries by the hundred thousand. Imports `clinic`.

Rows go through the clinic's tables and its writers' lock, past its actions: one by one they would take hours. For measurements only.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count, islice
from typing import Any

import sqlalchemy as sa

from clinic import Database, Role
from clinic.account.folding import fold_name
from clinic.account.secrets import mac, new_device_password
from clinic.account.tables import account_roles, accounts, devices
from clinic.kinds import encode
from clinic.log import Audience, entries
from clinic.storage import new_entry_uid, new_id, new_uid
from clinic.text.kinds import TextPayload
from clinic.thread.tables import memberships, threads

ROWS_AT_ONCE = 5_000
HIDDEN_IN_A_ROW = 900
"""Of each thousand entries of a thread that hides some: a reader must not walk through what they do not see."""
SECONDS_APART = 30
TEXT = "Good morning. I have taken the tablets twice a day as you said, and sleep a little better; the cough is nearly gone. Shall I go on? "
_PAYLOAD = encode(TextPayload(TEXT))


@dataclass(frozen=True)
class FilledPerson:
    """An active account. `device_password`: of its only device."""

    id: int
    uid: str
    handle: str
    name: str
    email: str
    role: Role
    device_password: str


@dataclass(frozen=True)
class FilledThread:
    """A thread of two, the first of them the patient where there is one. `hides`: whether some entries are for staff only."""

    id: int
    uid: str
    members: tuple[FilledPerson, FilledPerson]
    length: int
    hides: bool = False

    def seen_by(self, reader: FilledPerson) -> Sequence[int]:
        """Returns the seqs of the entries that a member sees, in order."""
        if reader.role.is_staff or not self.hides:
            return range(1, self.length + 1)
        return [seq for seq in range(1, self.length + 1) if not is_hidden(seq)]


def is_hidden(seq: int) -> bool:
    """Returns whether this entry of a thread that hides some is for staff only."""
    return (seq - 1) % 1000 < HIDDEN_IN_A_ROW


class Filling:
    """Fills one database. `password_hash`: of everybody's account password."""

    def __init__(self, database: Database, password_hash: str) -> None:
        self.database = database
        self.password_hash = password_hash
        self.now = database.now()
        # In a row: as many random ones within a millisecond would clash.
        self.ids = count(new_id())

    def people(self, role: Role, number: int) -> list[FilledPerson]:
        """Returns so many new people, each with a device."""
        made = [self._person(role) for _ in range(number)]
        self._insert(accounts, (self._account(one) for one in made))
        self._insert(account_roles, ({"account_id": one.id, "role": one.role} for one in made))
        self._insert(devices, (self._device(one) for one in made))
        return made

    def threads(self, pairs: Sequence[tuple[FilledPerson, FilledPerson]], entries_each: int) -> list[FilledThread]:
        """Returns a new thread a pair, in which the two have written to each other; the second has read none of it."""
        made = [FilledThread(next(self.ids), new_uid(), pair, entries_each) for pair in pairs]
        self._insert_threads(made)
        return made

    def long_thread(self, pair: tuple[FilledPerson, FilledPerson], length: int) -> FilledThread:
        """Returns a new thread of `length` entries, of which the patient sees the last hundred of each thousand."""
        made = FilledThread(next(self.ids), new_uid(), pair, length, hides=True)
        self._insert_threads([made])
        return made

    def uids(self, thread: FilledThread, seqs: Iterable[int]) -> dict[int, str]:
        """Returns the uids of entries by their seqs."""
        query = sa.select(entries.c.seq, entries.c.uid).where(entries.c.thread_id == thread.id, entries.c.seq.in_(list(seqs)))
        with self.database.reading() as connection:
            return {row.seq: row.uid for row in connection.execute(query)}

    def settle(self) -> None:
        """Lets the database look at what it has now: PostgreSQL would do so by itself after a minute."""
        if self.database.engine.dialect.name == "postgresql":
            with self.database.writing() as connection:
                connection.exec_driver_sql("ANALYZE")

    def _insert_threads(self, made: Sequence[FilledThread]) -> None:
        self._insert(threads, (self._thread(one) for one in made))
        self._insert(memberships, (self._membership(thread, one) for thread in made for one in thread.members))
        self._insert(entries, (row for thread in made for row in self._entries(thread)))

    def _insert(self, table: Any, rows: Iterable[dict[str, Any]]) -> None:
        found = iter(rows)
        while chunk := list(islice(found, ROWS_AT_ONCE)):
            with self.database.writing() as connection:
                connection.execute(table.insert(), chunk)

    def _person(self, role: Role) -> FilledPerson:
        id, handle = next(self.ids), secrets.token_hex(8)
        return FilledPerson(id, new_uid(), handle, f"Bench {role.title()} {handle}", f"{handle}@bench.example", role, new_device_password())

    def _account(self, one: FilledPerson) -> dict[str, Any]:
        born = date(1980, 1, 1) if one.role is Role.PATIENT else None
        named = {"handle": one.handle, "email": one.email, "name": one.name, "folded_name": fold_name(one.name), "birth_date": born}
        return {"id": one.id, "uid": one.uid, **named, "password_hash": self.password_hash, "active": True, "created_at": self.now}

    def _device(self, one: FilledPerson) -> dict[str, Any]:
        secret = mac(self.database.pepper, "device", one.device_password)
        return {"id": next(self.ids), "uid": new_uid(), "account_id": one.id, "name": "Benchmark", "secret_mac": secret, "created_at": self.now}

    def _thread(self, thread: FilledThread) -> dict[str, Any]:
        length = thread.length
        pair = "-".join(str(id) for id in sorted(one.id for one in thread.members))
        moments = {"created_at": self.at(0, length), "last_entry_at": self.at(length, length), "changed_at": self.now, "spoken_at": self.at(length, length)}
        if thread.members[length % 2].role is Role.PATIENT:  # whoever wrote last
            moments["waiting_since"] = self.at(length, length)
        return {"id": thread.id, "uid": thread.uid, "kind": "direct", "pair_key": pair, "last_seq": length, "relayed_seq": length, "version": 1, **moments}

    def _membership(self, thread: FilledThread, one: FilledPerson) -> dict[str, Any]:
        length = thread.length
        has_read = length if one is thread.members[0] else 0
        marks = {"from_seq": 0, "delivered_seq": length, "read_seq": has_read, "muted": False, "joined_at": self.at(0, length)}
        named = {"thread_id": thread.id, "account_id": one.id, "role": one.role, "group_admin": False, "nick": one.name}
        return {"id": next(self.ids), **named, **marks}

    def payload(self, thread: FilledThread, seq: int) -> str:
        """Returns what an entry says, as the log stores it."""
        return _PAYLOAD

    def _entries(self, thread: FilledThread) -> Iterator[dict[str, Any]]:
        for seq in range(1, thread.length + 1):
            hidden = thread.hides and is_hidden(seq)
            author = thread.members[1] if hidden else thread.members[seq % 2]
            yield {
                "thread_id": thread.id,
                "seq": seq,
                "uid": new_entry_uid(),
                "kind": "text",
                "author_id": author.id,
                "author_role": author.role,
                "at": self.at(seq, thread.length),
                "audience": Audience.STAFF if hidden else Audience.EVERYONE,
                "client_id": f"bench-{seq}",
                "message_id": None,
                "payload": self.payload(thread, seq),
            }

    def at(self, seq: int, length: int) -> datetime:
        """Returns when an entry of a thread of `length` entries was written: the newest of each a moment ago."""
        return self.now - timedelta(seconds=SECONDS_APART * (length - seq))
