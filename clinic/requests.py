"""A request to one patient of a thread, whatever it asks for: whom it asks, what is said of it, what is open, what withdraws it. Imports clinic only.

It is for that patient and for staff, it stands in a table with the `columns` below, and its entry reads as it stands now: what comes later is
about that entry and folded into it (`reads`). A capability declares its table, its kinds of entries and one `Requests` (payment/record.py,
short_video/record.py). What can be answered, by whom and what that does, is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from clinic import endings
from clinic.account.people import is_active
from clinic.account.tables import accounts
from clinic.errors import Conflict, Invalid
from clinic.fields import Option, Pick, is_uid
from clinic.kinds import Payload
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, Entry, entries
from clinic.storage import UtcInstant, new_id
from clinic.thread.shown import patient_options
from clinic.thread.tables import threads
from clinic.work import Work

OPEN, WITHDRAWN = "open", "withdrawn"
"""The states that every request knows: it waits for its patient, or for nothing any more. A capability's State names them too, beside its own."""

WITHDRAWN_BECAUSE = {
    "": "",
    "deactivated": " The account of who asked, or was asked, is closed.",
    "left": " Somebody whom it concerns has left the thread.",
}
"""Why a request withdrew by itself, by code."""


def columns() -> tuple[sa.Column[Any], ...]:
    """Return what every table of requests has; its own columns follow."""
    return (
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("uid", sa.String(26), nullable=False, unique=True),
        sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False, index=True),
        sa.Column("entry_uid", sa.String(26), nullable=False),  # the request's own entry in the log
        sa.Column("addressee_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("requester_id", sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", UtcInstant, nullable=False),
        sa.Column("decided_at", UtcInstant),  # answered or withdrawn
    )


class Changed:
    """A row as it is after what this action has written of it: an action does not read its own writes."""

    def __init__(self, row: Any, **changed: Any) -> None:
        self._row, self._changed = row, changed

    def __getattr__(self, name: str) -> Any:
        return self._changed[name] if name in self._changed else getattr(self._row, name)


# Whom it asks.


def _several(_work: Work, thread: LoadedThread | None) -> list[Option]:
    return [] if thread is None or len(thread.patients) < 2 else patient_options(thread)


PATIENT = Pick("patient", "Patient", required=False, options=_several, needed=True)
"""The field that says whom a request asks, where several patients are in the thread."""


def addressee(work: Work, thread: LoadedThread, uid: str | None, nobody: str) -> LoadedMember:
    """Return whom a request asks: the only patient of a thread, or the chosen one. nobody: what to say where there is none. Raises: Conflict, Invalid."""
    if not thread.patients:
        raise Conflict(nobody)
    only = thread.patients[0] if uid is None and len(thread.patients) == 1 else None
    found = only or next((one for one in thread.patients if one.uid == uid), None)
    if found is None:
        raise Invalid("Several patients are in this thread. Choose whom you ask.", field="patient")
    if not is_active(work, found.account_id):
        raise Conflict(f"The account of {found.nick} is closed, so nobody could answer.")
    return found


# What is said of it.


def say(work: Work, thread: LoadedThread, row: Any, payload: Payload, author: LoadedMember | None = None) -> str:
    """Append what became of a request to its thread's log, for the patient who was asked and for staff. Returns: the entry's uid."""
    about = work.row(sa.select(entries.c.seq).where(entries.c.uid == row.entry_uid))
    whom = work.row(sa.select(accounts.c.uid, accounts.c.id.label("account_id")).where(accounts.c.id == row.addressee_id))
    assert about is not None and whom is not None  # both were there when the request was made
    return work.append(thread, payload, Audience.ADDRESSEE, addressee=whom, author=author, about=about.seq)


def reads(entry: Entry, payload: type[Any], **now: Any) -> Entry:
    """Return an entry whose payload is of a class with fields as they are `now`, for the `changes` of a kind; another entry as it is."""
    return replace(entry, payload=replace(entry.payload, **now)) if isinstance(entry.payload, payload) else entry


def sentence(words: str) -> str:
    """Return somebody's words as a sentence among others: what they end without is put there."""
    return words if words[-1] in ".!?…:;" else f"{words}."


def newest(found: Sequence[Option]) -> str:
    """Return the request that is meant where none is named: the uid of the first of the options, or "" where there is none."""
    return found[0].value if found else ""


# How it is kept.


@dataclass(frozen=True, slots=True)
class Requests:
    """The requests of one kind, in their table. label: one (a row) in a few words. missing: what to say where there is no such one in a thread.

    already: what to say where something was asked for that a request's state does not allow, by state. withdrawn: what a thread says when
    one is withdrawn, of its row, the shown name of who did ("" where it withdrew by itself) and a code of why. concerns: the columns of
    the accounts without which nobody could answer it, or read the answer.
    """

    table: sa.Table
    label: Callable[[Any], str]
    missing: str
    already: Mapping[Any, str]
    withdrawn: Callable[[Any, str, str], Payload]
    concerns: tuple[str, ...] = ("requester_id", "addressee_id")

    def ask(self, work: Work, thread: LoadedThread, uid: str, whom: LoadedMember, payload: Payload, client_id: str, **own: Any) -> None:
        """Ask a patient: the entry, and a row with columns of its `own`. uid: new, as the payload names it."""
        me = work.member(thread)
        entry = work.append(thread, payload, Audience.ADDRESSEE, addressee=whom, author=me, client_id=client_id)
        work.insert(
            self.table, id=new_id(), uid=uid, thread_id=thread.id, entry_uid=entry, addressee_id=whom.account_id,
            requester_id=me.account_id, state=OPEN, created_at=work.now, **own,
        )
        work.audit_detail(request=uid, addressee=whom.uid)

    def named(self, work: Work, thread: LoadedThread, uid: str, states: Collection[str]) -> sa.Row[Any]:
        """Return a request that was made in a loaded thread and stands in one of `states`. Raises: Invalid, Conflict in words."""
        mine = sa.and_(self.table.c.uid == uid, self.table.c.thread_id == thread.id)
        row = work.row(sa.select(self.table).where(mine)) if is_uid(uid) else None
        if row is None:
            raise Invalid(self.missing, field="request")
        if row.state not in states:
            raise Conflict(self.already[row.state], field="request")
        return row

    def options(self, work: Work, thread: LoadedThread, states: Collection[str]) -> list[Option]:
        """Return the requests of a thread that stand in one of `states`, newest first, for a form: each with whom it asks."""
        query = (
            sa.select(self.table, accounts.c.name.label("patient"))
            .join(accounts, accounts.c.id == self.table.c.addressee_id)
            .where(self.table.c.thread_id == thread.id, self.table.c.state.in_(states))
            .order_by(self.table.c.id.desc())
        )
        return [Option(row.uid, self.label(row), row.patient, row.entry_uid) for row in work.rows(query)]

    def open_options(self, work: Work, thread: LoadedThread | None) -> list[Option]:
        """Return the open requests of a thread, as `options`."""
        return [] if thread is None else self.options(work, thread, (OPEN,))

    def move(self, work: Work, row: Any, to: str, **values: Any) -> Changed:
        """Move a request to another state, and set other columns with it. Returns: the request as it is then."""
        work.update(self.table, row.id, state=to, **values)
        self._moved(work).add(row.id)
        return Changed(row, state=to, **values)

    def _moved(self, work: Work) -> set[int]:
        """Return the requests that this transaction has moved: what it has written it does not read."""
        moved: set[int] = work.once(f"{self.table.name}.moved", set)
        return moved

    # How it is withdrawn.

    def withdraw(self, work: Work, thread: LoadedThread, uid: str | None) -> None:
        """Withdraw an open request as the actor, the newest of the thread if none is named. Raises: Invalid, Conflict when it was answered."""
        row = self.named(work, thread, uid or newest(self.open_options(work, thread)), (OPEN,))
        me = thread.members.get(work.person.id)
        self._withdraw(work, thread, row, me.nick if me else work.person.name, "", me)

    def _withdraw(self, work: Work, thread: LoadedThread, row: Any, by: str, why: str, author: LoadedMember | None = None) -> None:
        self.move(work, row, WITHDRAWN, decided_at=work.now)
        say(work, thread, row, self.withdrawn(row, by, why), author)
        work.audit_detail(request=row.uid, before=str(row.state), state=WITHDRAWN)

    def withdraw_all(self, work: Work, condition: sa.ColumnElement[bool], why: str, *, held: bool = False) -> None:
        """Withdraw, by itself, every open request that `condition` on their table is true of. why: a code of its reasons.

        held: only in threads that are locked already.
        """
        wanted = sa.and_(self.table.c.state == OPEN, condition)
        for thread in work.threads(sorted(uid for uid in self.open_in(work, condition) if not held or work.holds(uid))):
            for row in work.rows(sa.select(self.table).where(wanted, self.table.c.thread_id == thread.id)):
                if row.id not in self._moved(work):
                    self._withdraw(work, thread, row, "", why)

    def open_in(self, work: Work, condition: sa.ColumnElement[bool]) -> set[str]:
        """Return the uids of the threads with an open request that `condition` on their table is true of."""
        query = sa.select(threads.c.uid).join(self.table, threads.c.id == self.table.c.thread_id)
        return {row.uid for row in work.rows(query.where(self.table.c.state == OPEN, condition))}

    def withdraw_with_endings(self) -> None:
        """Have requests withdrawn by themselves when somebody whom they concern leaves the thread, or is deactivated."""
        endings.MEMBERSHIP.append(self._membership_ended)
        endings.ACCOUNT.append(self._account_ended)
        endings.CONCERNED.append(lambda work, account_id: self.open_in(work, self._concern(account_id)))

    def _concern(self, account_id: int) -> sa.ColumnElement[bool]:
        return sa.or_(*(self.table.c[name] == account_id for name in self.concerns))

    def _membership_ended(self, work: Work, thread: LoadedThread, member: LoadedMember) -> None:
        self.withdraw_all(work, sa.and_(self.table.c.thread_id == thread.id, self._concern(member.account_id)), "left")

    def _account_ended(self, work: Work, account_id: int) -> None:
        # Theirs are all held (endings.CONCERNED); what they are asked at this very moment was asked afterwards.
        self.withdraw_all(work, self._concern(account_id), "deactivated", held=True)
