"""One transaction: who acts, what they may load, what they change, and how many of them commit together.

Owns Actor, Call, Done, Work, Database. Imports the clinic's tables, log, registry and SQLAlchemy. This is the only
place that commits (rule 2). The order inside is always: parse fields, lock threads, load the subject through the actor,
ask the table, recognise a resend, run the action into a buffer, then audit and log and, for all together, one commit.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from clinic import doorbell
from clinic.actions import ACTIONS, ActionSpec, require
from clinic.audit.tables import audit_entries, denials
from clinic.database import FairLock, new_id, new_uid, open_engine, prepare_engine
from clinic.errors import Busy, Conflict, DomainError, NotFound, NotPermitted, NotSignedIn
from clinic.fields import parse_all
from clinic.kinds import Payload, encode, kind_of
from clinic.loading import (
    LoadedMember,
    LoadedThread,
    Person,
    load_known,
    load_persons,
    load_threads,
)
from clinic.log import Audience, Author, Entry, entries
from clinic.outbox import jobs
from clinic.permissions import CARE_ROLES, Permission, Role, can
from clinic.thread.tables import threads
from clinic.writes import Buffer

logger = logging.getLogger(__name__)


class Door(StrEnum):
    """Through which transport somebody came in."""

    PAGE = "page"
    XMPP = "xmpp"
    CONSOLE = "console"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, as a transport has authenticated them: an account by uid or handle, nobody yet, or the clinic itself.

    role: the role acted in; None means the account's care role. session: the login session's or device's uid.
    """

    door: Door
    account: str | None = None
    handle: str | None = None
    role: Role | None = None
    session: str | None = None
    is_system: bool = False

    @classmethod
    def page(cls, account_uid: str, role: Role, session_uid: str) -> Actor:
        """Somebody signed in to the page."""
        return cls(Door.PAGE, account=account_uid, role=role, session=session_uid)

    @classmethod
    def xmpp(cls, handle: str) -> Actor:
        """Somebody whose XMPP server vouches for the address; they act in their care role."""
        return cls(Door.XMPP, handle=handle)

    @classmethod
    def anonymous(cls, door: Door = Door.PAGE) -> Actor:
        """Somebody not signed in."""
        return cls(door)

    @classmethod
    def system(cls, door: Door = Door.CONSOLE) -> Actor:
        """The clinic's own process, or who sits at its console."""
        return cls(door, is_system=True)

    @property
    def is_anonymous(self) -> bool:
        return self.account is None and self.handle is None and not self.is_system


_ADMINISTERS = {Permission.ACCOUNT_MANAGE, Permission.LINK_MANAGE, Permission.CLINIC_DESCRIBE}
_SYSTEM_MAY = frozenset({Permission.SYSTEM, Permission.SIGN_IN} | _ADMINISTERS)


@dataclass(frozen=True, slots=True)
class Call:
    """One action asked for: its name, its subject's uid, its raw field values."""

    actor: Actor
    action: str
    subject: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call. entries: as committed, in order; of a duplicate, the one stored the first time.

    version: the thread's version at this entry, so that nobody delivers it by an older list of members.
    """

    value: Any = None
    entries: tuple[Entry, ...] = ()
    duplicate: bool = False
    version: int | None = None


class Work:
    """What one action or view works with: the actor, the moment, loading, and (in an action) buffered writing."""

    def __init__(self, transaction: Transaction, actor: Actor) -> None:
        self._transaction = transaction
        self.actor = actor
        self.now = transaction.now
        self.pepper = transaction.pepper
        self.person_or_none = transaction.person_of(actor)
        if self.person_or_none is None and not actor.is_anonymous and not actor.is_system:
            raise NotSignedIn("This account is not active, or does not hold this role any more. Ask the clinic.")
        self.role = self._role()
        self.buffer = Buffer()
        self.pending: list[tuple[LoadedThread, Entry]] = []
        self.changed: set[str] = set()
        self.queues: set[str] = set()

    def _role(self) -> Role | None:
        person = self.person_or_none
        if person is None:
            return None
        role = self.actor.role or person.care_role
        if role is None or role not in person.roles:
            raise NotPermitted("This account has no role in care, so it has no messages. Use the page's admin part.")
        return role

    @property
    def person(self) -> Person:
        """The active account that acts. Raises: NotSignedIn."""
        if self.person_or_none is None:
            raise NotSignedIn()
        return self.person_or_none

    def may(self, permission: Permission) -> bool:
        """Say whether the table allows `permission` to this actor."""
        return permission in _SYSTEM_MAY if self.actor.is_system else can(self.role, permission)

    # -- reading

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Return all rows of `statement`."""
        return self._transaction.connection.execute(statement).all()

    def row(self, statement: sa.Executable) -> sa.Row[Any] | None:
        """Return the first row of `statement`, or None."""
        return self._transaction.connection.execute(statement).first()

    def thread(self, uid: str) -> LoadedThread:
        """Return the thread through the actor: NotFound unless they are a member now (system: unless it exists)."""
        thread = self._transaction.thread(uid)
        if thread is None or not (self.actor.is_system or self._is_member(thread)):
            raise NotFound()
        return thread

    def threads(self, uids: Sequence[str]) -> list[LoadedThread]:
        """Return many threads at once, without asking for membership: for actions that administer them."""
        self._transaction.preload_threads(uids)
        return [thread for uid in uids if (thread := self._transaction.thread(uid)) is not None]

    def member(self, thread: LoadedThread) -> LoadedMember:
        """Return the actor's own membership of a loaded thread."""
        return thread.members[self.person.id]

    def _is_member(self, thread: LoadedThread) -> bool:
        person = self.person_or_none
        # Somebody acting as administrator is in no thread, also where their other role is (product.md, Roles).
        return person is not None and self.role in CARE_ROLES and person.id in thread.members

    # -- writing: buffered until the action has succeeded

    def insert(self, table: sa.Table, **values: Any) -> None:
        """Insert a row; it must hold its primary key."""
        self.buffer.insert(table, values)

    def update(self, table: sa.Table, key: Any, **values: Any) -> None:
        """Set columns of the row with primary key `key`."""
        self.buffer.update(table, key, values)

    def delete(self, table: sa.Table, key: Any) -> None:
        """Delete the row with primary key `key`."""
        self.buffer.delete(table, key)

    def touch(self, thread: LoadedThread, *, members: bool) -> None:
        """Say that something of `thread` other than its log changed, so that readers look again.

        members: whether who is in it, or what they are called, changed; otherwise marks moved.
        """
        thread.version += members
        self.update(threads, thread.id, version=thread.version, changed_at=self.now)
        self.changed.add(thread.uid)

    def append(
        self,
        thread: LoadedThread,
        payload: Payload,
        audience: Audience = Audience.EVERYONE,
        *,
        author: LoadedMember | None = None,
        client_id: str | None = None,
        message_id: str | None = None,
    ) -> str:
        """Append an entry to the log of `thread`; it gets its seq when the action has succeeded.

        author: None when the clinic itself speaks. Returns: the entry's uid.
        """
        by = None if author is None else Author(author.uid, author.name, author.nick, author.role, author.handle)
        kind = kind_of(payload).name
        entry = Entry(thread.uid, 0, new_uid(), kind, self.now, by, audience, payload, client_id, message_id)
        self.pending.append((thread, entry))
        return entry.uid

    def enqueue(self, queue: str, name: str, **payload: Any) -> None:
        """Queue a durable job that runs after the commit (rule 4)."""
        self.insert(jobs, id=new_id(), queue=queue, name=name, payload=json.dumps(payload), due_at=self.now, attempts=0)
        self.queues.add(queue)

    def audit(self, action: str, subject: str | None, detail: Mapping[str, Any]) -> None:
        """Write an audit row: ids and event codes only, never a text or a health datum."""
        self.insert(
            audit_entries,
            id=new_id(),
            at=self.now,
            actor_id=self.person_or_none.id if self.person_or_none else None,
            role=self.role,
            door=self.actor.door,
            action=action,
            subject=subject,
            detail=json.dumps(detail, default=str, sort_keys=True),
        )


class Transaction:
    """What calls that commit together share: the connection, what is loaded, and the collapsed writes."""

    def __init__(self, connection: Connection, now: datetime, pepper: bytes, *, writing: bool) -> None:
        self.connection = connection
        self.now = now
        self.pepper = pepper
        self.buffer = Buffer()
        self.changed: set[str] = set()
        self.queues: set[str] = set()
        self.denied: dict[tuple[int | None, str, str], int] = {}
        self._writing = writing
        self._persons: dict[str, Person | None] = {}
        self._threads: dict[str, LoadedThread | None] = {}
        self._known: dict[tuple[int, int, str], Entry] = {}
        self._asked: set[tuple[int, int, str]] = set()

    def preload(self, calls: Sequence[tuple[ActionSpec, Call, Mapping[str, Any]]]) -> None:
        """Load set-wise what `calls` name: persons, threads with members, known client ids."""
        self._preload_persons([call.actor for _, call, _ in calls])
        self.preload_threads([call.subject for spec, call, _ in calls if spec.batchable and call.subject])
        keys = set()
        for _, call, values in calls:
            person, thread = self.person_of(call.actor), self._threads.get(call.subject or "")
            if values.get("client_id") and person and thread:
                keys.add((thread.id, person.id, values["client_id"]))
        self._load_known(keys)

    def person_of(self, actor: Actor) -> Person | None:
        """Return the active account of `actor`, loading it when it is not yet."""
        key = actor.account or actor.handle
        if key is None:
            return None
        if key not in self._persons:
            self._preload_persons([actor])
        return self._persons[key]

    def preload_threads(self, uids: Sequence[str]) -> None:
        """Load and lock the threads of `uids` that are not loaded yet."""
        missing = sorted({uid for uid in uids if uid not in self._threads})
        if missing:
            found = load_threads(self.connection, missing, lock=self._writing)
            self._threads.update({uid: found.get(uid) for uid in missing})

    def thread(self, uid: str) -> LoadedThread | None:
        """Return the thread of `uid` whoever asks, or None."""
        self.preload_threads([uid])
        return self._threads[uid]

    def known(self, thread: LoadedThread, person: Person, client_id: str) -> Entry | None:
        """Return the entry already stored, or settled in this transaction, under the sender's `client_id`."""
        key = (thread.id, person.id, client_id)
        if key not in self._asked:
            self._load_known({key})
        return self._known.get(key)

    def execute(self, spec: ActionSpec, call: Call, values: Mapping[str, Any]) -> Done:
        """Run one call into its own buffer and, when it succeeds, into the transaction. Raises: DomainError."""
        work = Work(self, call.actor)
        require(work, spec.permission)
        if spec.load is not None and call.subject is None:
            raise NotFound()
        subject = () if spec.load is None else (spec.load(work, call.subject or ""),)
        client_id = values.get("client_id")
        if client_id and subject and isinstance(subject[0], LoadedThread):
            known = self.known(subject[0], work.person, client_id)
            if known is not None:
                return Done(known.uid, (known,), duplicate=True, version=subject[0].version)
        value = spec.function(work, *subject, **values)
        if spec.audited:
            work.audit(spec.name, call.subject, {f.name: values[f.name] for f in spec.fields if f.audited})
        version = subject[0].version if subject and isinstance(subject[0], LoadedThread) else None
        return Done(value, self._settle(work), version=version)

    def flush(self) -> None:
        """Send the collapsed writes and the count of refusals."""
        self.buffer.flush(self.connection)
        for (actor_id, action, code), count in self.denied.items():
            self._count_denial(actor_id, action, code, count)

    def _settle(self, work: Work) -> tuple[Entry, ...]:
        settled = []
        for thread, entry in work.pending:
            thread.last_seq += 1
            thread.last_entry_at = self.now
            author_id = None if entry.author is None else self._author_id(thread, entry.author)
            entry = Entry(**{**{name: getattr(entry, name) for name in Entry.__slots__}, "seq": thread.last_seq})
            work.insert(entries, **_entry_row(thread.id, author_id, entry))
            work.update(threads, thread.id, last_seq=thread.last_seq, last_entry_at=self.now, changed_at=self.now)
            if author_id is not None and entry.client_id is not None:
                self._known[(thread.id, author_id, entry.client_id)] = entry
            work.changed.add(thread.uid)
            settled.append(entry)
        self.buffer.absorb(work.buffer)
        self.changed |= work.changed
        self.queues |= work.queues
        return tuple(settled)

    @staticmethod
    def _author_id(thread: LoadedThread, author: Author) -> int:
        return next(member.account_id for member in thread.members.values() if member.uid == author.uid)

    def _preload_persons(self, actors: Sequence[Actor]) -> None:
        uids = {actor.account for actor in actors if actor.account and actor.account not in self._persons}
        handles = {actor.handle for actor in actors if actor.handle and actor.handle not in self._persons}
        if uids or handles:
            self._persons.update(dict.fromkeys(uids | handles))
            for person in load_persons(self.connection, uids, handles):
                self._persons[person.uid] = self._persons[person.handle] = person

    def _load_known(self, keys: set[tuple[int, int, str]]) -> None:
        missing = keys - self._asked
        self._asked |= missing
        self._known.update(load_known(self.connection, missing))

    def _count_denial(self, actor_id: int | None, action: str, code: str, count: int) -> None:
        minute = self.now.replace(second=0, microsecond=0)
        key = f"{actor_id or 0} {action} {code} {minute:%Y%m%d%H%M}"
        row = {"key": key, "actor_id": actor_id, "action": action, "code": code, "minute": minute, "count": count}
        more = {"count": denials.c.count + count}
        if self.connection.dialect.name == "sqlite":
            statement: sa.Executable = (
                sqlite.insert(denials).values(**row).on_conflict_do_update(index_elements=["key"], set_=more)
            )
        else:
            statement = (
                postgresql.insert(denials).values(**row).on_conflict_do_update(index_elements=["key"], set_=more)
            )
        self.connection.execute(statement)


def _entry_row(thread_id: int, author_id: int | None, entry: Entry) -> dict[str, Any]:
    return {
        "thread_id": thread_id,
        "seq": entry.seq,
        "uid": entry.uid,
        "kind": entry.kind,
        "author_id": author_id,
        "author_role": entry.author.role if entry.author else None,
        "at": entry.at,
        "audience": entry.audience,
        "client_id": entry.client_id,
        "message_id": entry.message_id,
        "payload": encode(entry.payload),
    }


class Database:
    """The clinic's database as every process holds it: run an action, a batch of them, or views."""

    def __init__(self, engine: Engine, *, run_dir: Path, pepper: bytes) -> None:
        self.engine = engine
        self.run_dir = run_dir
        self.pepper = pepper
        self._writers: FairLock | None = FairLock(run_dir) if engine.dialect.name == "sqlite" else None

    @classmethod
    def open(cls, url: str, *, run_dir: Path, pepper: bytes) -> Database:
        """Open the database of `url`. run_dir: where the writers' lock and the doorbells live."""
        return cls(open_engine(url), run_dir=run_dir, pepper=pepper)

    @classmethod
    def adopt(cls, engine: Engine, *, run_dir: Path, pepper: bytes) -> Database:
        """Use an engine that somebody else made (Flask-SQLAlchemy) and set it up as the rules need."""
        return cls(prepare_engine(engine), run_dir=run_dir, pepper=pepper)

    def now(self) -> datetime:
        """Return the present instant in UTC."""
        return datetime.now(UTC)

    def perform(self, actor: Actor, action: str, subject: str | None = None, /, **values: Any) -> Done:
        """Run one action in its own transaction.

        Returns: Done. Raises: the action's DomainError; Busy when nothing could be stored.
        """
        call = Call(actor, action, subject, values)
        try:
            [result] = self._run([call])
        except sa.exc.IntegrityError:
            # Somebody else stored the same thing between our read and our write: what was read is out of date.
            try:
                [result] = self._run([call])
            except sa.exc.IntegrityError as error:
                raise Conflict() from error
        if isinstance(result, DomainError):
            raise result
        return result

    def batch(self, calls: Sequence[Call]) -> list[Done | DomainError]:
        """Run many batchable actions in one transaction (group commit, rule 3).

        Returns: a result a call, in order; on a database error nothing of the batch is stored and each call runs
        again by itself. Raises: TypeError for an action that is not batchable.
        """
        for call in calls:
            if not ACTIONS[call.action].batchable:
                raise TypeError(f"{call.action} is not batchable")
        try:
            return self._run(calls)
        except Busy as error:
            return [error for _ in calls]
        except sa.exc.DBAPIError:
            if len(calls) == 1:
                logger.exception("batch.failed action=%s", calls[0].action)
                return [Busy()]
            return [result for call in calls for result in self.batch([call])]

    @contextmanager
    def read(self, actor: Actor) -> Iterator[Work]:
        """Open a read transaction for views. Raises: NotSignedIn, Busy."""
        with self.reading() as connection:
            yield Work(Transaction(connection, self.now(), self.pepper, writing=False), actor)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a read transaction for the clinic's own plumbing (outbox, sealing). Raises: Busy."""
        with _in_words(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a write transaction, behind the fair lock on SQLite; commits at the end. Raises: Busy."""
        lock: AbstractContextManager[None] = self._writers() if self._writers else nullcontext()
        with _in_words(), lock, self.engine.connect() as plain:
            connection = plain.execution_options(bedside_begin="BEGIN IMMEDIATE")
            with connection.begin():
                yield connection

    def _run(self, calls: Sequence[Call]) -> list[Done | DomainError]:
        results: list[Done | DomainError | None] = [None] * len(calls)
        parsed = []
        for index, call in enumerate(calls):
            spec = ACTIONS[call.action]
            try:
                parsed.append((index, spec, call, parse_all(spec.fields, call.values)))
            except DomainError as error:
                results[index] = error
        if parsed:
            with self.writing() as connection:
                transaction = Transaction(connection, self.now(), self.pepper, writing=True)
                transaction.preload([(spec, call, values) for _, spec, call, values in parsed])
                for index, spec, call, values in parsed:
                    results[index] = _settled(transaction, spec, call, values)
                transaction.flush()
            if transaction.changed or transaction.queues:
                doorbell.ring(self.run_dir, transaction.changed, transaction.queues)
        return [result for result in results if result is not None]


def _settled(transaction: Transaction, spec: ActionSpec, call: Call, values: Mapping[str, Any]) -> Done | DomainError:
    try:
        return transaction.execute(spec, call, values)
    except DomainError as error:
        person = transaction.person_of(call.actor)
        key = (person.id if person else None, spec.name, error.code)
        transaction.denied[key] = transaction.denied.get(key, 0) + 1
        return error


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn what a database says when it is held, full or gone into Busy; the driver's words go to the log."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.TimeoutError) as error:
        logger.error("database.busy %s", getattr(error, "orig", error))
        raise Busy() from error
