"""What one action or view works with: what its actor may load, and what they want changed.

Owns Work. Imports the clinic's tables, log and loading. A Work reads at once and writes into a
buffer; transaction.py decides what becomes of it, and database.py commits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.account.tables import account_roles, accounts
from clinic.audit.tables import audit_entries
from clinic.calls import Actor
from clinic.errors import NotFound, NotPermitted, NotSignedIn
from clinic.fields import is_uid
from clinic.kinds import Payload, kind_of
from clinic.loading import LoadedMember, LoadedThread, Person
from clinic.log import Audience, Author, Entry, Quote
from clinic.outbox import jobs
from clinic.permissions import CARE_ROLES, MANAGED, SWITCHES, TABLE, Grant, Permission, Role, can
from clinic.prepared import Query
from clinic.storage import new_entry_uid, new_id
from clinic.thread.tables import threads
from clinic.writes import Buffer

if TYPE_CHECKING:
    from clinic.transaction import Transaction

Result = TypeVar("Result")

NOT_GROUP_ADMIN = "Only the group admin of this thread may do this. The thread's list of members says who that is."
NO_GROUP = "This is done in groups only, by their group admin: a 1:1 thread has none. Nothing was changed."
NOT_SWITCHED_ON = "This is switched off for coordinators in this clinic. Ask a practitioner of the thread, or the administrator."


_ADMINISTERS = {Permission.ACCOUNT_MANAGE, Permission.LINK_MANAGE, Permission.CLINIC_DESCRIBE, Permission.SERVICE_MANAGE}
_SYSTEM_MAY = frozenset({Permission.SYSTEM, Permission.SIGN_IN} | _ADMINISTERS)


@dataclass(frozen=True, slots=True)
class Pending:
    """An entry that an action appended, before it has its place."""

    thread: LoadedThread
    author_id: int | None
    entry: Entry
    addressee_id: int | None = None


class Addressee(Protocol):
    """Whom an entry is for: a member of its thread who is a patient."""

    @property
    def uid(self) -> str: ...
    @property
    def account_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Gone:
    """An addressee who has left the thread, and may come back."""

    uid: str
    account_id: int


class Work:
    """What one action or view works with: the actor, the moment, loading, and (in an action) buffered writing."""

    def __init__(self, transaction: Transaction, actor: Actor) -> None:
        self._transaction = transaction
        self.actor = actor
        self.now = transaction.now
        self.pepper = transaction.pepper
        self.person_or_none = transaction.person_of(actor)
        if self.person_or_none is None and not actor.is_anonymous and not actor.is_system:
            raise NotSignedIn("This account is not active any more. Ask the clinic.")
        self.role = self._role()
        self.buffer = Buffer()
        self.pending: list[Pending] = []
        self.changed: set[str] = set()
        self.queues: set[str] = set()
        self.subject: str | None = None
        self.detail: dict[str, Any] = {}
        self._enqueued: list[dict[str, Any]] = []

    def _role(self) -> Role | None:
        person = self.person_or_none
        if person is None:
            return None
        role = self.actor.role or person.care_role
        if role is None:
            raise NotPermitted("This account has no role in care, so it has no messages. Use the page's admin part.")
        if role not in person.roles:
            raise NotPermitted("Your account does not hold this role any more. Log in again.")
        return role

    @property
    def person(self) -> Person:
        """The active account that acts. Raises: NotSignedIn."""
        if self.person_or_none is None:
            raise NotSignedIn()
        return self.person_or_none

    def may(self, permission: Permission, thread: LoadedThread | None = None) -> bool:
        """Say whether the table allows `permission` to this actor: at all, or in a thread that they are a member of."""
        if self.actor.is_system:
            return permission in _SYSTEM_MAY
        if thread is None or self.role is None or not can(self.role, permission):
            return can(self.role, permission)
        row = TABLE[permission]
        if row[self.role] is Grant.SETTING:
            return setting(self, SWITCHES[permission]) == "1"
        return row[self.role] is not Grant.NEVER or self.member(thread).group_admin

    def require(self, permission: Permission, thread: LoadedThread | None = None) -> None:
        """Raise NotSignedIn or NotPermitted unless `may(permission, thread)`."""
        if self.may(permission, thread):
            return
        if self.actor.is_anonymous:
            raise NotSignedIn()
        if thread is not None and self.role is not None and self.may(permission):
            switched = TABLE[permission][self.role] is Grant.SETTING
            raise NotPermitted(NOT_SWITCHED_ON if switched else NOT_GROUP_ADMIN if thread.kind == "group" else NO_GROUP)
        raise NotPermitted(NOT_GROUP_ADMIN if permission in MANAGED else None)

    # -- reading

    @property
    def dialect(self) -> str:
        """The name of the database's engine, where a question is asked in its own language."""
        return self._transaction.connection.dialect.name

    def rows(self, statement: sa.Executable) -> Sequence[sa.Row[Any]]:
        """Return all rows of `statement`."""
        return self._transaction.connection.execute(statement).all()

    def quick(self, query: Query, keys: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the rows of a prepared query, each by position: for what every text asks. keys: as the driver takes them (`storage.for_driver`)."""
        return query.rows(self._transaction.connection, keys)

    def row(self, statement: sa.Executable, values: Mapping[str, Any] | None = None) -> sa.Row[Any] | None:
        """Return the first row of `statement`, or None. values: of its bound parameters, where it was built beforehand."""
        return self._transaction.connection.execute(statement, values).first()

    def once(self, key: str, make: Callable[[], Result]) -> Result:
        """Return what `make` gives, asked once a transaction, whoever acts in it."""
        memo = self._transaction.memo
        if key not in memo:
            memo[key] = make()
        found: Result = memo[key]
        return found

    def kept(self, key: str, table: sa.Table, make: Callable[[], Result]) -> Result:
        """Return what `make` gives of one table, whoever acts: asked once a transaction, and where it is safe less often (memory.py).

        What is made may be added to, from that table only.
        """
        return self._transaction.fact(key, table, make)

    @property
    def acting(self) -> list[Person]:
        """The actor and whoever else acts in the same transaction, so that something can be asked for all of them at once."""
        return self._transaction.acting

    def thread(self, uid: str) -> LoadedThread:
        """Return the thread through the actor: NotFound unless they are a member now (system: unless it exists)."""
        thread = self._transaction.thread(uid) if is_uid(uid) else None
        if thread is None or not (self.actor.is_system or self._is_member(thread)):
            raise NotFound()
        return thread

    def threads(self, uids: Sequence[str]) -> list[LoadedThread]:
        """Return many threads at once, without asking for membership: for actions that administer them."""
        self._transaction.preload_threads(uids)
        return [thread for uid in uids if (thread := self._transaction.thread(uid)) is not None]

    def holds(self, uid: str) -> bool:
        """Say whether a thread is locked already: what turns up in another one meanwhile is too late, as threads are locked in one order."""
        return self._transaction.holds(uid)

    def known(self, thread: LoadedThread, client_id: str) -> Entry | None:
        """Return the actor's own entry already stored under their `client_id` in a thread that is not the call's subject, or None."""
        return self._transaction.known(thread, self.person, client_id)

    def member(self, thread: LoadedThread) -> LoadedMember:
        """Return the actor's own membership of a loaded thread."""
        return thread.members[self.person.id]

    def unwritten(self, thread: LoadedThread) -> list[Entry]:
        """Return what calls before this one in the same transaction have appended to `thread`: no statement finds it yet."""
        return [entry for thread_id, entry in self._transaction.settled if thread_id == thread.id]

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
        about: int | None = None,
        quote: Quote | None = None,
        addressee: Addressee | None = None,
    ) -> str:
        """Append an entry to the log of `thread`; it gets its seq when the action has succeeded.

        author: None when the clinic itself speaks. about: the seq of the earlier entry that this one changes (`append_about`). quote: the
        one that it answers, for whoever is told of it live. addressee: the patient whom it is for, exactly where the audience is
        ADDRESSEE. Returns: the entry's uid.
        """
        if (addressee is not None) is not (audience is Audience.ADDRESSEE):
            raise ValueError("an addressee and the audience of one come together")
        by = None if author is None else Author(author.uid, author.name, author.nick, author.role, author.handle)
        kind = kind_of(payload).name
        entry = Entry(thread.uid, 0, new_entry_uid(), kind, self.now, by, audience, payload, client_id, message_id, about, quote)
        if addressee is not None:
            entry = replace(entry, addressee=addressee.uid)
        self.pending.append(Pending(thread, author.account_id if author else None, entry, addressee.account_id if addressee else None))
        return entry.uid

    def append_about(
        self,
        thread: LoadedThread,
        target: Entry,
        payload: Payload,
        *,
        author: LoadedMember | None = None,
        client_id: str | None = None,
        message_id: str | None = None,
    ) -> str:
        """Append an entry that changes `target`, an earlier one of the same thread, for all who see that one. Returns: the entry's uid."""
        whom = self._addressee(thread, target)
        return self.append(
            thread, payload, target.audience, author=author, client_id=client_id, message_id=message_id, about=target.seq, addressee=whom
        )

    def _addressee(self, thread: LoadedThread, entry: Entry) -> Addressee | None:
        if entry.addressee is None:
            return None
        here = next((member for member in thread.patients if member.uid == entry.addressee), None)
        return here or _Gone(entry.addressee, self.rows(sa.select(accounts.c.id).where(accounts.c.uid == entry.addressee))[0].id)

    def enqueue(self, queue: str, name: str, *, after: timedelta = timedelta(0), **payload: Any) -> None:
        """Queue a durable job that runs after the commit, or some time `after` it (rule 4); the same twice is one."""
        job = {"queue": queue, "name": name, "payload": json.dumps(payload), "due_at": self.now + after}
        if job not in self._enqueued:
            self._enqueued.append(job)
            self.insert(jobs, id=new_id(), attempts=0, **job)
            self.queues.add(queue)

    def audit_detail(self, **detail: Any) -> None:
        """Add codes, ids and flags to the action's audit row: what its fields alone do not tell. Never a text."""
        self.detail.update(detail)

    def audit_subject(self, uid: str) -> None:
        """Say what the action's audit row is about, where it is not the subject that the call named."""
        self.subject = uid

    def lock_account(self, account_id: int) -> bool:
        """Lock an account's row until the commit, so that what depends on its links and ways in is decided one after the other.

        Posting does not wait for it: entries refer to the account's key, which this lock leaves free.
        Returns: whether the account is active now.
        """
        locked = sa.select(accounts.c.active).where(accounts.c.id == account_id).with_for_update(key_share=True)
        return any(row.active for row in self.rows(locked))

    def lock_people(self, uids: Sequence[str]) -> None:
        """Lock the accounts of `uids` as `lock_account` does, coordinators' before others' and each in the order of ids, as everywhere.

        What names nobody is passed over.
        """
        roles = account_roles.c
        assists = sa.exists().where(roles.account_id == accounts.c.id, roles.role == Role.COORDINATOR)
        named = sa.select(accounts.c.id).where(accounts.c.uid.in_([uid for uid in uids if is_uid(uid)]))
        in_order = named.order_by(sa.case((assists, 0), else_=1), accounts.c.id)
        self.rows(in_order.with_for_update(of=accounts, key_share=True))

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
