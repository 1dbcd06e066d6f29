"""The thread log: one ordered list of entries a thread, and the one place that says who may see which.

Owns the tables of entries and clock steps, Audience, Entry, Author and the audience filter in both forms (SQL and in memory). Imports
clinic.storage, clinic.kinds, clinic.permissions and the tables. `Work.append` (work.py) takes an entry; transaction.py
gives it its `seq` under the thread's lock. Every reader (page, list, archive, live tail, search) goes
through `visible` or `allowed`: rule 13.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Row

from clinic.account.tables import accounts
from clinic.kinds import KINDS, Payload, kind_named, kind_of
from clinic.permissions import Role
from clinic.storage import UtcInstant, metadata
from clinic.thread.tables import memberships, threads

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("thread_id", sa.ForeignKey("threads.id"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("author_id", sa.ForeignKey("accounts.id")),
    sa.Column("author_role", sa.String(16)),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("audience", sa.String(16), nullable=False),
    sa.Column("client_id", sa.String(128)),
    sa.Column("message_id", sa.String(1024)),
    sa.Column("payload", sa.Text, nullable=False),
    # The place of the earlier entry that this one changes: its correction, its retraction, a reaction to it.
    sa.Column("about_seq", sa.BigInteger),
    # The one patient who sees an entry for an addressee. It is stored among those for everyone: a patient's page walks through one stretch
    # of the index below and passes over the few that are another's. Nobody else knows: `stored` and `whose` translate.
    sa.Column("addressee_id", sa.ForeignKey("accounts.id")),
    sa.UniqueConstraint("thread_id", "author_id", "client_id"),
    # Keeps a patient's page flat when most entries are for staff only.
    sa.Index("ix_entries_thread_id_audience_seq", "thread_id", "audience", "seq"),
    # Holds only entries that change an earlier one: what people write costs nothing here.
    sa.Index("ix_entries_thread_id_about_seq", "thread_id", "about_seq", sqlite_where=sa.text("about_seq IS NOT NULL"),
             postgresql_where=sa.text("about_seq IS NOT NULL")),
    sqlite_with_rowid=False,
)


# Entries whose instant is before that of the entry before them: a clock was set back. What finds dates needs to know.
clock_steps = sa.Table(
    "clock_steps",
    metadata,
    sa.Column("thread_id", sa.ForeignKey("threads.id"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)


class Audience(StrEnum):
    """Who may ever see an entry. ADDRESSEE: staff and one patient of the thread (`Entry.addressee`)."""

    EVERYONE = "everyone"
    STAFF = "staff"
    ADDRESSEE = "addressee"


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote an entry: the verified name, the name unique in the thread (`nick`), the role acted in."""

    uid: str
    name: str
    nick: str
    role: Role
    handle: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The earlier entry that a reply answers, as it reads now. text: its first words. nick: "" when the clinic itself spoke."""

    uid: str
    nick: str
    text: str


@dataclass(frozen=True, slots=True)
class Amended:
    """What later entries made of an entry (clinic/text/overlay.py). reactions: each emoji with the names of who chose it.

    reacted: the account uids of the same people, in the same order.
    """

    corrected_at: datetime | None = None
    reactions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    reacted: tuple[tuple[str, tuple[str, ...]], ...] = ()


UNCHANGED: Final = Amended()


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry, as stored until clinic/text/overlay.py has shown what became of it since. `seq` is for the clinic's own
    processes: a patient never learns it (rule 9).

    author: None when the clinic itself speaks. client_id: the sender's id, unique per thread and author.
    message_id: the id attribute of the sender's stanza where it had one. about: the seq of the earlier entry that it changes.
    addressee: the account uid of the one patient who sees it, where its audience is ADDRESSEE.
    """

    thread: str
    seq: int
    uid: str
    kind: str
    at: datetime
    author: Author | None
    audience: Audience
    payload: Any
    client_id: str | None
    message_id: str | None
    about: int | None = None
    quote: Quote | None = None
    amended: Amended = UNCHANGED
    addressee: str | None = None

    @property
    def body(self) -> str:
        """The entry in words, for any client (rule 14)."""
        payload: Payload = self.payload
        return payload.body

    @property
    def to_addressee(self) -> str:
        """The entry in words for the one patient who sees it: where its kind has some of its own, they speak to them."""
        return str(getattr(self.payload, "to_addressee", self.body))

    def body_for(self, uid: str) -> str:
        """Return the entry in words for the reader whose account's uid is `uid`."""
        return self.to_addressee if self.addressee == uid else self.body

    def xml(self) -> str | None:
        """The kind's own-namespace child as serialized XML, or None when the body says it all."""
        kind = kind_of(self.payload)
        return kind.xml(self.payload) if kind.xml else None


def settle(entry: Entry, seq: int, at: datetime) -> Entry:
    """Return `entry` with the place and the instant that it got under the thread's lock."""
    return Entry(
        entry.thread,
        seq,
        entry.uid,
        entry.kind,
        at,
        entry.author,
        entry.audience,
        entry.payload,
        entry.client_id,
        entry.message_id,
        entry.about,
        entry.quote,
        entry.amended,
        entry.addressee,
    )


class Reader(Protocol):
    """What the audience filter needs of a member: a relay.RelayedMember or a loaded one."""

    @property
    def uid(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def from_seq(self) -> int: ...


Place = sa.ColumnElement[int] | int


def stored(audience: Audience) -> Audience:
    """Return the audience under which an entry is stored; `addressee_id` beside it says the rest."""
    return Audience.EVERYONE if audience is Audience.ADDRESSEE else audience


_addressee = accounts.alias("addressees")
WHOSE: Final = (
    entries.c.audience,
    sa.select(_addressee.c.uid).where(_addressee.c.id == entries.c.addressee_id).scalar_subquery().label("addressee_uid"),
)
"""What `whose` reads of an entry's row."""


def whose(row: Row[Any]) -> tuple[Audience, str | None]:
    """Return the audience of an entry, and its addressee's account uid where it has one. row: of a select that holds WHOSE."""
    return (Audience(row.audience), None) if row.addressee_uid is None else (Audience.ADDRESSEE, row.addressee_uid)


def for_patient(account_id: Place) -> sa.ColumnElement[bool]:
    """Return the SQL condition that the audience of an entry holds the patient of this account."""
    to_them = sa.or_(entries.c.addressee_id.is_(None), entries.c.addressee_id == account_id)
    return sa.and_(entries.c.audience == Audience.EVERYONE, to_them)


def visible(role: Role, account_id: Place, from_seq: Place, after: Place | None = None) -> sa.ColumnElement[bool]:
    """Return the SQL condition on `entries` that a member may see them: of `role` and this account, in the thread from after `from_seq` on.

    after: a cursor that entries come after, as the larger of the two: SQLite looks up one lower bound, and would walk from
    there to a second one. Who may not see an entry learns nothing of its corrections either, though they came later.
    """
    interval = entries.c.seq > (from_seq if after is None else after)
    if role.is_staff:
        return interval
    known = sa.or_(entries.c.about_seq.is_(None), entries.c.about_seq > from_seq)
    return sa.and_(interval, for_patient(account_id), known)


def by_audience(query: sa.Select[Any], role: Role) -> sa.Select[Any]:
    """Return `query`, which holds the condition `visible` for `role`, so that SQLite never walks through hidden entries.

    Left alone it takes the primary key where a range has two ends. PostgreSQL's statistics see to it there.
    """
    index = "INDEXED BY ix_entries_thread_id_audience_seq"
    return query if role.is_staff else query.with_hint(entries, index, "sqlite")


def allowed(entry: Entry, reader: Reader) -> bool:
    """Say whether `reader` may see `entry`: the same rule as `visible`, for the live tail."""
    return reaches(entry.seq, entry.audience, reader, entry.about, entry.addressee)


def meant_for(audience: Audience, reader: Reader, addressee: str | None = None) -> bool:
    """Say whether an audience holds `reader`. addressee: the account uid of the one patient in it, where it is ADDRESSEE."""
    return audience is Audience.EVERYONE or reader.role.is_staff or (audience is Audience.ADDRESSEE and reader.uid == addressee)


def reaches(seq: int, audience: Audience, reader: Reader, about: int | None = None, addressee: str | None = None) -> bool:
    """Say whether an entry of this place and audience is for `reader`. about: the place of the entry that it changes."""
    if seq <= reader.from_seq or not meant_for(audience, reader, addressee):
        return False
    return about is None or about > reader.from_seq or reader.role.is_staff


def spoken() -> sa.ColumnElement[bool]:
    """Return the SQL condition that an entry has a line of its own: it does not only change how an earlier one is shown."""
    amending = sorted(kind.name for kind in KINDS.values() if kind.amends)
    return entries.c.kind.not_in(amending) if amending else sa.true()


def between_people(entry: Entry) -> bool:
    """Say whether an entry is something that people say to each other: no change of what was said, and for nobody apart."""
    return entry.author is not None and entry.audience is Audience.EVERYONE and not kind_named(entry.kind).amends


def said_between_people() -> sa.ColumnElement[bool]:
    """Return the SQL condition of `between_people`."""
    return sa.and_(entries.c.author_id.is_not(None), entries.c.audience == Audience.EVERYONE, entries.c.addressee_id.is_(None), spoken())


def select_entries(led_by: sa.FromClause | None = None) -> sa.Select[Any]:
    """Return the select whose rows `entry_of` reads: entries with their authors, unfiltered and unordered.

    led_by: a table to read beside the log, such as wanted keys; the caller says how they belong together.
    """
    author = sa.and_(memberships.c.thread_id == entries.c.thread_id, memberships.c.account_id == entries.c.author_id)
    log = entries if led_by is None else sa.join(led_by, entries, sa.true())
    return sa.select(
        entries,
        WHOSE[1],
        threads.c.uid.label("thread_uid"),
        accounts.c.uid.label("author_uid"),
        accounts.c.name.label("author_name"),
        accounts.c.handle.label("author_handle"),
        memberships.c.nick.label("author_nick"),
    ).select_from(
        log.join(threads, threads.c.id == entries.c.thread_id)
        .outerjoin(accounts, accounts.c.id == entries.c.author_id)
        .outerjoin(memberships, author)
    )


def entry_of(row: Row[Any]) -> Entry:
    """Return the Entry of one row of `select_entries`."""
    author = None
    if row.author_id is not None:
        nick = row.author_nick or row.author_name
        author = Author(row.author_uid, row.author_name, nick, Role(row.author_role), row.author_handle)
    audience, addressee = whose(row)
    return Entry(
        thread=row.thread_uid,
        seq=row.seq,
        uid=row.uid,
        kind=row.kind,
        at=row.at,
        author=author,
        audience=audience,
        payload=kind_named(row.kind).decode(row.payload),
        client_id=row.client_id,
        message_id=row.message_id,
        about=row.about_seq,
        addressee=addressee,
    )
