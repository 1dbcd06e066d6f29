"""What calls that commit together share: set-wise loading, one buffer, and the order of checks for each call.

Owns Transaction. Imports clinic only. For each call: actor, table, subject through the actor, resend, gates, the action itself,
audit, log. The order of entries is given here, under the thread's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clinic.actions import ActionSpec
from clinic.audit.tables import denials
from clinic.calls import Actor, Call, Done
from clinic.errors import Conflict, NotFound
from clinic.fields import PickPerson, is_uid
from clinic.gates import pass_gates
from clinic.kinds import encode, kind_named
from clinic.loading import LoadedThread, Lock, Person, existing, load_known, load_persons, load_threads
from clinic.log import Audience, Entry, between_people, clock_steps, entries, settle, stored
from clinic.memory import Memory
from clinic.outbox import BOOKMARK, BOOKMARKS
from clinic.permissions import Role
from clinic.thread.tables import threads
from clinic.work import Pending, Work
from clinic.writes import Buffer, insertion_of

Result = TypeVar("Result")
CLOCKS_APART = timedelta(seconds=5)
SAME_ID = "Another message of yours was sent under the same id, so this one was not stored. Send it again."


class Transaction:
    """What calls that commit together share: the connection, what is loaded, and the collapsed writes."""

    def __init__(self, connection: Connection, now: datetime, pepper: bytes, lock: Lock, memory: Memory | None = None) -> None:
        self.connection = connection
        self.now = now
        self.pepper = pepper
        self.buffer = Buffer()
        self.changed: set[str] = set()
        self.queues: set[str] = set()
        self.memo: dict[str, Any] = {}  # Work.once
        self.denied: dict[tuple[int | None, str, str], int] = {}
        # What calls before it in this transaction have appended, with the thread's id: not in the database yet.
        self.settled: list[tuple[int, Entry]] = []
        # Threads that somebody else has locked, left to the next batch (Lock.SKIP on PostgreSQL).
        self.held: set[str] = set()
        self._lock = lock
        self._memory = memory
        self._persons: dict[str, Person | None] = {}
        self._threads: dict[str, LoadedThread | None] = {}
        self._known: dict[tuple[int, int, str], Entry] = {}
        self._asked: set[tuple[int, int, str]] = set()

    def preload(self, calls: Sequence[tuple[ActionSpec, Call, Mapping[str, Any]]]) -> None:
        """Load set-wise what `calls` name: persons, threads (locked first, in the order of ids) with members, known client ids."""
        self._preload_persons([call.actor for _, call, _ in calls])
        named = [call.subject or "" for spec, call, _ in calls if spec.batchable]
        self.preload_threads([uid for uid in named if is_uid(uid)])
        keys = set()
        for _, call, values in calls:
            person, thread = self.person_of(call.actor), self._threads.get(call.subject or "")
            if person and thread:
                keys |= {(thread.id, person.id, given) for given in _client_ids(values)}
        self._load_known(keys)

    def person_of(self, actor: Actor) -> Person | None:
        """Return the active account of `actor`, loading it when it is not yet."""
        key = actor.account or actor.handle
        if key is None:
            return None
        if key not in self._persons:
            self._preload_persons([actor])
        return self._persons[key]

    def fact(self, key: str, table: sa.Table, make: Callable[[], Result]) -> Result:
        """Return what `make` gives of one table: asked once a transaction, on SQLite once until that table is written to."""
        if self._memory:
            return self._memory.fact(key, table, make)
        if key not in self.memo:
            self.memo[key] = make()
        found: Result = self.memo[key]
        return found

    @property
    def acting(self) -> list[Person]:
        """Everybody whose calls are in this transaction, as far as they are loaded."""
        return list({person.id: person for person in self._persons.values() if person is not None}.values())

    def preload_threads(self, uids: Sequence[str]) -> None:
        """Load and lock the threads of `uids` that are not loaded yet."""
        missing = sorted({uid for uid in uids if uid not in self._threads})
        if missing:
            found = self._memory.threads(missing) if self._memory else {}
            if asked := [uid for uid in missing if uid not in found]:
                loaded = load_threads(self.connection, asked, self._lock)
                if self._memory:
                    self._memory.keep(loaded)
                found |= loaded
            self._threads.update({uid: found[uid].loaded() if uid in found else None for uid in missing})
            if self._lock is Lock.SKIP and len(found) < len(missing):
                self.held |= existing(self.connection, [uid for uid in missing if uid not in found])

    def thread(self, uid: str) -> LoadedThread | None:
        """Return the thread of `uid` whoever asks, or None."""
        if uid not in self._threads:
            self.preload_threads([uid])
        return self._threads[uid]

    def holds(self, uid: str) -> bool:
        """Say whether this transaction has loaded, and so locked, the thread of `uid`."""
        return self._threads.get(uid) is not None

    def known(self, thread: LoadedThread, person: Person, client_id: str) -> Entry | None:
        """Return the entry already stored, or settled in this transaction, under the sender's `client_id`."""
        key = (thread.id, person.id, client_id)
        if key not in self._asked:
            self._load_known({key})
        return self._known.get(key)

    def execute(self, spec: ActionSpec, call: Call, values: Mapping[str, Any]) -> Done:
        """Run one call into its own buffer and, when it succeeds, into the transaction. Raises: DomainError."""
        work = Work(self, call.actor)
        work.require(spec.permission)
        if spec.load is not None and not is_uid(call.subject or ""):
            raise NotFound()
        if not spec.batchable and (people := _people_named(spec, values)):
            work.lock_people([*people, *([work.person.uid] if work.person_or_none else ())])  # accounts before threads, everywhere
        subject = () if spec.load is None else (spec.load(work, call.subject or ""),)
        if subject and (thread := subject[0] if isinstance(subject[0], LoadedThread) else None):
            work.require(spec.permission, thread)
            known = [self.known(subject[0], work.person, given) for given in _client_ids(values)]
            if first := next(filter(None, known), None):
                if spec.same is None or not spec.same(first.payload, values):
                    raise Conflict(SAME_ID)
                return Done(first.uid, (first,), duplicate=True, version=subject[0].version)
            if spec.gated and work.role is Role.PATIENT:
                pass_gates(work, work.person.id, thread)
        value = spec.function(work, *subject, **values)
        if spec.audited:
            given = {f.name: values[f.name] for f in spec.fields if f.audited}
            work.audit(spec.name, work.subject or call.subject, given | work.detail)
        version = subject[0].version if subject and isinstance(subject[0], LoadedThread) else None
        return Done(value, self._settle(work), version=version)

    def flush(self) -> None:
        """Send the collapsed writes and the count of refusals; what follows is the commit."""
        self.buffer.flush(self.connection)
        if self._memory:
            self._memory.learn(self.buffer)
        if self.denied:
            self._count_denials()

    def _settle(self, work: Work) -> tuple[Entry, ...]:
        settled = []
        for pending in work.pending:
            thread, entry = pending.thread, pending.entry
            thread.last_seq += 1
            at = _instant(self.now, thread.last_entry_at)
            if at < thread.last_entry_at:
                work.insert(clock_steps, thread_id=thread.id, seq=thread.last_seq)
            thread.last_entry_at = at
            entry = settle(entry, thread.last_seq, at)
            _note_answer(thread, entry)
            work.insert(entries, **_entry_row(thread.id, pending, entry))
            if thread.put_away and not kind_named(entry.kind).amends:
                # What is for staff, and for one patient at most, brings it back to them; to who else has put it away the next entry for all does.
                thread.put_away = entry.audience is not Audience.EVERYONE
                work.update(threads, thread.id, put_away=thread.put_away)
                work.enqueue(BOOKMARKS, BOOKMARK, thread=thread.uid)
            work.update(
                threads,
                thread.id,
                last_seq=thread.last_seq,
                last_entry_at=at,
                changed_at=self.now,
                waiting_since=thread.waiting_since,
                answer_due_at=thread.answer_due_at,
                **({} if kind_named(entry.kind).amends else {"spoken_at": at}),
            )
            if pending.author_id is not None and entry.client_id is not None:
                self._known[(thread.id, pending.author_id, entry.client_id)] = entry
            work.changed.add(thread.uid)
            settled.append(entry)
            self.settled.append((thread.id, entry))
        self.buffer.absorb(work.buffer)
        self.changed |= work.changed
        self.queues |= work.queues
        return tuple(settled)

    def _preload_persons(self, actors: Sequence[Actor]) -> None:
        remembered = self._memory.persons if self._memory else {}
        uids, handles = set[str](), set[str]()
        for actor in actors:
            for key, asked in ((actor.account, uids), (actor.handle, handles)):
                if key and key not in self._persons:
                    self._persons[key] = remembered.get(key)
                    if self._persons[key] is None:
                        asked.add(key)
        if uids or handles:
            for person in load_persons(self.connection, uids, handles):
                for key in (person.uid, person.handle):
                    self._persons[key] = remembered[key] = person

    def _load_known(self, keys: set[tuple[int, int, str]]) -> None:
        missing = keys - self._asked
        self._asked |= missing
        self._known.update(load_known(self.connection, missing))

    def _count_denials(self) -> None:
        minute = self.now.replace(second=0, microsecond=0)
        rows = [
            {
                "key": f"{actor_id or 0} {action} {code} {minute:%Y%m%d%H%M}",
                "actor_id": actor_id,
                "action": action,
                "code": code,
                "minute": minute,
                "count": count,
            }
            for (actor_id, action, code), count in self.denied.items()
        ]
        counting = insertion_of(self.connection.dialect.name)(denials)
        more = {"count": denials.c.count + counting.excluded.count}
        # Each transaction in the order of keys: two that count the same refusals must not wait for each other.
        for row in sorted(rows, key=itemgetter("key")):
            self.connection.execute(counting.on_conflict_do_update(index_elements=["key"], set_=more), row)


def _client_ids(values: Mapping[str, Any]) -> list[str]:
    """Return the ids under which what is being sent may be stored already, the one it would get now first."""
    return [values[name] for name in ("client_id", "earlier_client_id") if values.get(name)]


def _people_named(spec: ActionSpec, values: Mapping[str, Any]) -> list[str]:
    """Return the uids of the accounts that the fields of a call name."""
    given = [values[field.name] or () for field in spec.fields if isinstance(field, PickPerson)]
    return [uid for value in given for uid in ((value,) if isinstance(value, str) else value)]


def _instant(now: datetime, last: datetime) -> datetime:
    """Return when an entry happened: now, unless another process's clock was a little ahead at the entry before it."""
    return last if now < last < now + CLOCKS_APART else now


def _note_answer(thread: LoadedThread, entry: Entry) -> None:
    """Keep since when a patient has waited for staff: what people say to each other counts, not what only changes an entry."""
    if entry.author is None or not between_people(entry):
        return
    if entry.author.role.is_staff:
        thread.waiting_since = thread.answer_due_at = None
    elif thread.waiting_since is None:
        thread.waiting_since = entry.at


def _entry_row(thread_id: int, pending: Pending, entry: Entry) -> dict[str, Any]:
    return {
        "thread_id": thread_id,
        "seq": entry.seq,
        "uid": entry.uid,
        "kind": entry.kind,
        "author_id": pending.author_id,
        "author_role": entry.author.role if entry.author else None,
        "at": entry.at,
        "audience": stored(entry.audience),
        "client_id": entry.client_id,
        "message_id": entry.message_id,
        "payload": encode(entry.payload),
        "about_seq": entry.about,
        "addressee_id": pending.addressee_id,
    }
