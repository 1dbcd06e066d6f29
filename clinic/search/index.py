"""Keeping the search index up behind the log, in the worker: what is new in each thread, and what was amended. Imports clinic.

Indexing is no action: the index is derived from the log (README, rule 2), and posting waits for nothing of it. Each thread's cursor moves
in the transaction that writes its rows, so after a crash nothing is missing and nothing is there twice.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from clinic.database import Database
from clinic.kinds import kind_named
from clinic.log import Audience, Entry, entries, entry_of, select_entries, whose
from clinic.search.tables import search_cursors, search_rows, search_words
from clinic.search.words import words_of
from clinic.text.overlay import texts_now
from clinic.thread.tables import threads
from clinic.writes import insertion_of

# Under the writers' lock, which posting needs: a few milliseconds each time.
ROWS_AT_ONCE = 100
_PAUSE_SECONDS = 0.02
_TURN_SECONDS = 2.0
# Clocks of two machines, and a commit that took its time after it had named its instant.
OVERLAP = timedelta(seconds=60)
# Everything is looked at this often, whatever the instants say.
ALL_AGAIN = timedelta(minutes=10)
_WORDS_REMEMBERED = 200_000
_TO_ALL, _TO_STAFF = "_t", "_s"
_FORGET = sa.text("INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', :id, :words)")
_TAKE = {
    "sqlite": sa.text("INSERT INTO search_index (rowid, words) VALUES (:id, :words)"),
    "postgresql": sa.text("INSERT INTO search_index (rowid, words) VALUES (:id, CAST(:words AS tsvector))"),
}


@dataclass(frozen=True, slots=True)
class _Found:
    """An entry to index: words of an empty text are none, and nothing is found there any more."""

    thread_id: int
    seq: int
    at: datetime
    words: str
    is_again: bool


@dataclass(slots=True)
class _Some:
    """What is written together. looked: how many new entries; upto: the new cursors by thread id."""

    found: list[_Found] = field(default_factory=list)
    upto: dict[int, int] = field(default_factory=dict)
    looked: int = 0


class Indexer:
    """Indexes what is new, a little at a time. One process does."""

    def __init__(self) -> None:
        self._since: datetime | None = None
        self._all_at: datetime | None = None
        self._known: set[str] = set()

    def __call__(self, database: Database) -> int:
        """Index what is there, for two seconds at most. Returns: how many entries were looked at. Raises: Busy."""
        looked, ends = 0, time.monotonic() + _TURN_SECONDS
        now = database.now()
        if self._all_at is None or now - self._all_at > ALL_AGAIN:
            _start_again_if_lost(database)
            self._since, self._all_at = None, now
        behind = deque(_behind(database, self._since))
        while behind and time.monotonic() < ends:
            if looked:
                time.sleep(_PAUSE_SECONDS)  # between two writes others get theirs done: a long catching up must not slow posting
            with database.reading() as connection:
                some = _read_some(connection, behind)
            with database.writing() as connection:
                self._write(connection, some)
            looked += some.looked
        if not behind:
            self._since = now - OVERLAP
        return looked

    def _write(self, connection: Connection, some: _Some) -> None:
        kind = connection.dialect.name
        again: dict[int, list[int]] = {}
        for one in some.found:
            if one.is_again:
                again.setdefault(one.thread_id, []).append(one.seq)
        for thread_id, seqs in again.items():
            _take_out(connection, sa.and_(search_rows.c.thread_id == thread_id, search_rows.c.seq.in_(seqs)))
        said = [one for one in some.found if one.words]
        ids = _free_ids(connection, said)
        rows = [{"id": id_, "thread_id": one.thread_id, "seq": one.seq, "words": one.words} for id_, one in zip(ids, said, strict=True)]
        if rows:
            shaped = _plain if kind == "sqlite" else _vector
            connection.execute(sa.insert(search_rows), rows)
            connection.execute(_TAKE[kind], [{"id": row["id"], "words": shaped(str(row["words"]))} for row in rows])
            self._learn(connection, {word for one in said for word in one.words.split() if word[0] != "_"})
        place = insertion_of(kind)(search_cursors)
        place = place.on_conflict_do_update(index_elements=["thread_id"], set_={"seq": place.excluded.seq})
        connection.execute(place, [{"thread_id": thread_id, "seq": seq} for thread_id, seq in sorted(some.upto.items())])

    def _learn(self, connection: Connection, seen: set[str]) -> None:
        if len(self._known) > _WORDS_REMEMBERED:
            self._known.clear()
        new = sorted(seen - self._known)
        if new:
            learning = insertion_of(connection.dialect.name)(search_words).on_conflict_do_nothing()
            connection.execute(learning, [{"word": word} for word in new])
            self._known |= seen


def _behind(database: Database, since: datetime | None) -> list[tuple[int, int, int]]:
    """Return the threads whose index is behind their log: id, indexed up to, last seq."""
    indexed = sa.func.coalesce(search_cursors.c.seq, 0)
    query = (
        sa.select(threads.c.id, indexed.label("seq"), threads.c.last_seq)
        .select_from(threads.outerjoin(search_cursors))
        .where(threads.c.last_seq > indexed)
        .order_by(threads.c.changed_at)
    )
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(query if since is None else query.where(threads.c.changed_at >= since))]


def _read_some(connection: Connection, behind: deque[tuple[int, int, int]]) -> _Some:
    """Read up to ROWS_AT_ONCE new entries of the first threads that are behind, which leave the queue when nothing is left."""
    some = _Some()
    while behind and some.looked < ROWS_AT_ONCE:
        thread_id, after, last = behind.popleft()
        upto = _read(connection, thread_id, after, ROWS_AT_ONCE - some.looked, some)
        if after < upto < last:
            behind.appendleft((thread_id, upto, last))
    return some


def _read(connection: Connection, thread_id: int, after: int, limit: int, some: _Some) -> int:
    here = entries.c.thread_id == thread_id
    new = connection.execute(select_entries().where(here, entries.c.seq > after).order_by(entries.c.seq).limit(limit)).all()
    upto = new[-1].seq if new else after
    amended = {row.about_seq for row in new if row.about_seq is not None and row.about_seq <= after}
    again = connection.execute(select_entries().where(here, entries.c.seq.in_(sorted(amended)))).all() if amended else []
    rows = [row for row in (*new, *again) if _is_said(row)]
    found = [entry_of(row) for row in rows]
    texts = texts_now(lambda query: connection.execute(query).all(), thread_id, found)
    some.found += [_found(row, entry, text, again=row.seq <= after) for row, entry, text in zip(rows, found, texts, strict=True)]
    some.looked += len(new)
    some.upto[thread_id] = upto
    return int(upto)


def _is_said(row: sa.Row[tuple[object, ...]]) -> bool:
    """Say whether an entry holds somebody's words: what the clinic itself says, and what amends, is not looked for."""
    return row.author_id is not None and not kind_named(row.kind).amends


def _found(row: sa.Row[tuple[object, ...]], entry: Entry, text: str | None, *, again: bool) -> _Found:
    words = "" if text is None else " ".join(word.word for word in words_of(text))
    if words:
        words = f"{scope(row)} {author(row.author_id)} {of_kind(entry.kind)} {words}"
    return _Found(row.thread_id, row.seq, entry.at, words, again)


def scope(row: sa.Row[Any]) -> str:
    """Return the word that every entry of the same thread and audience has in the index. row: of `select_entries`."""
    audience, addressee = whose(row)
    if addressee is not None:
        return f"{_TO_STAFF}{row.thread_id:x} {_to_one(row.thread_id, row.addressee_id)}"
    return f"{_TO_ALL if audience is Audience.EVERYONE else _TO_STAFF}{row.thread_id:x}"


def scopes_of_staff(thread_id: int) -> tuple[str, ...]:
    """Return the words of which every entry of the thread has one."""
    return f"{_TO_ALL}{thread_id:x}", f"{_TO_STAFF}{thread_id:x}"


def scopes_of_patient(thread_id: int, account_id: int) -> tuple[str, ...]:
    """Return the words of which every entry of the thread has one that a patient in it may see, and no other."""
    return f"{_TO_ALL}{thread_id:x}", _to_one(thread_id, account_id)


def _to_one(thread_id: int, account_id: int) -> str:
    return f"_p{thread_id:x}_{account_id:x}"


def author(account_id: int) -> str:
    """Return the word that every entry of this author has in the index."""
    return f"_a{account_id:x}"


def of_kind(kind: str) -> str:
    """Return the word that every entry of this kind has in the index."""
    return f"_k{kind.replace('-', '_')}"


def _free_ids(connection: Connection, said: Sequence[_Found]) -> list[int]:
    """Return an id for each new row: as the entry's instant, then its place in the thread, then chance, until it is free."""
    ids: list[int] = []
    drawn = [_id(one) for one in said]
    taken = set(connection.scalars(sa.select(search_rows.c.id).where(search_rows.c.id.in_(drawn)))) if drawn else set()
    for one, number in zip(said, drawn, strict=True):
        while number in taken:
            number = _id(one)
            if connection.scalar(sa.select(search_rows.c.id).where(search_rows.c.id == number)) is not None:
                taken.add(number)
        taken.add(number)
        ids.append(number)
    return ids


def _id(one: _Found) -> int:
    return (round(one.at.timestamp() * 1000) << 22) | ((one.seq & 0x3F) << 16) | secrets.randbits(16)


def _plain(words: str) -> str:
    return words


def _vector(words: str) -> str:
    """Return words as PostgreSQL writes a tsvector: each with its places, of which it keeps 256 and counts to 16383."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words.split(), 1):
        places.setdefault(word, []).append(min(place, 16383))
    return " ".join(f"'{word}':{','.join(map(str, found[:255]))}" for word, found in places.items())


def _take_out(connection: Connection, which: sa.ColumnElement[bool]) -> None:
    rows = connection.execute(sa.select(search_rows.c.id, search_rows.c.words).where(which)).all()
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(_FORGET, [{"id": row.id, "words": row.words} for row in rows])
    else:
        connection.execute(sa.text("DELETE FROM search_index WHERE rowid = :id"), [{"id": row.id} for row in rows])
    connection.execute(sa.delete(search_rows).where(which))


def _start_again_if_lost(database: Database) -> None:
    """Forget what was indexed where the index itself is empty: the clinic's data came from another engine."""
    with database.reading() as connection:
        lost = (
            connection.execute(sa.select(search_rows.c.id).limit(1)).first() is not None
            and connection.execute(sa.text("SELECT rowid FROM search_index LIMIT 1")).first() is None
        )
    if lost:
        with database.writing() as connection:
            for table in (search_rows, search_cursors, search_words):
                connection.execute(sa.delete(table))
