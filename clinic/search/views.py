"""What a person finds in their own threads. Imports clinic only.

The index narrows down; who may see an entry is asked of the log itself, as everywhere (rule 13). A person in few threads is looked for
within the index by its words for threads; of somebody in very many, the newest answers are walked through, a bounded number at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from clinic.account.folding import fold_name
from clinic.account.tables import accounts
from clinic.actions import view
from clinic.errors import NotFound
from clinic.kinds import KINDS
from clinic.log import Author, Entry, entries, entry_of, select_entries, visible
from clinic.permissions import Permission
from clinic.search.index import author, of_kind, scopes_of_patient, scopes_of_staff
from clinic.search.tables import search_rows, search_words
from clinic.search.words import Question, marked, parse
from clinic.text.overlay import said, texts_now
from clinic.thread.shown import put_away, title_for
from clinic.thread.tables import memberships, threads
from clinic.work import Work

PAGE_AT_MOST = 50
# So many threads are named within the question; who is in more has them looked up answer by answer.
# PostgreSQL may try each row against the whole question, which is then to be short.
THREADS_NAMED = {"sqlite": 64, "postgresql": 8}
# Whole words that the beginning of one stands for; where there are more, the index's own beginnings are used.
ENDINGS_AT_MOST = 64
# So many answers of the whole clinic are walked through at a time, the newest first; then the reader is asked whether to look further.
_WALKS = (200, 1_000, 4_000)
_SNIPPET, _BEFORE = 240, 60
_LAST = (1 << 63) - 1
_INDEX = sa.table("search_index", sa.column("rowid", sa.BigInteger), sa.column("words"))


@dataclass(frozen=True, slots=True)
class Hit:
    """One entry that answers. snippet: part of what it says now; ranges: half-open, of the snippet, of what was asked for."""

    thread: str
    title: str
    uid: str
    kind: str
    at: datetime
    author: Author | None
    mine: bool
    snippet: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of hits, newest first. older: where to look further, None when there is nothing; asked: whether there was a question."""

    hits: tuple[Hit, ...]
    older: str | None
    asked: bool


@dataclass(frozen=True, slots=True)
class _Mine:
    """The threads in which a person may look, by their ids, and whether they are few enough to be named."""

    threads: Sequence[int]
    named: bool


_NOTHING = Found((), None, False)


@view(Permission.SEARCH)
def search(
    work: Work,
    query: str,
    *,
    thread: str | None = None,
    person: str | None = None,
    kind: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    before: str | None = None,
    limit: int = 20,
) -> Found:
    """Return what was written in the actor's own threads and answers `query`: all its words, the last one also as a beginning.

    thread: a uid, to look in it alone. person: part of the name of who wrote. start, end: instants, inclusive and exclusive. before: `older` of the
    page before. Never raises for what is typed. Raises: NotFound for a thread that is not theirs. Source: product.md, Threads.
    """
    question = parse(query)
    if not question.phrases:
        return _NOTHING
    mine = _mine(work, thread)
    narrowed = _narrowed(work, question, mine, person, kind)
    if narrowed is None or not mine.threads:
        return Found((), None, True)
    limit = max(1, min(limit, PAGE_AT_MOST))
    low, high = _id_at(start, 0), min(_id_at(end, _LAST), _place(before))
    keys, older = _walk(work, narrowed, (low, high), mine, mine.threads[0] if thread else None, limit)
    return Found(tuple(_hits(work, keys, question)), older, True)


def _mine(work: Work, thread: str | None) -> _Mine:
    if thread is not None:
        return _Mine([work.thread(thread).id], named=True)
    query = _own_threads(work, memberships.c.thread_id).limit(THREADS_NAMED[work.dialect] + 1)
    found = [row.thread_id for row in work.rows(query)]
    return _Mine(found, named=len(found) <= THREADS_NAMED[work.dialect])


def _own_threads(work: Work, *columns: Any) -> sa.Select[Any]:
    """Return the select over the memberships in which the actor may look: current ones, and not those that they put away."""
    return (
        sa.select(*columns)
        .select_from(memberships.join(threads, threads.c.id == memberships.c.thread_id))
        .where(
            memberships.c.account_id == work.person.id,
            memberships.c.ended_at.is_(None),
            threads.c.closed_at.is_(None),
            ~put_away(),
        )
    )


def _narrowed(work: Work, question: Question, mine: _Mine, person: str | None, kind: str | None) -> str | None:
    """Return the question in the engine's own language; None when nothing can answer it."""
    on_sqlite = work.dialect == "sqlite"
    staff = work.role is not None and work.role.is_staff
    parts: list[list[tuple[tuple[str, ...], bool]]] = []
    if mine.named:
        readable = scopes_of_staff if staff else partial(scopes_of_patient, account_id=work.person.id)
        parts.append([((word,), False) for one in mine.threads for word in readable(one)])
    if person is not None and (name := fold_name(person).strip()):
        writers = [row.id for row in work.rows(sa.select(accounts.c.id).where(accounts.c.folded_name.contains(name, autoescape=True)).limit(200))]
        if not writers:
            return None
        parts.append([((author(one),), False) for one in writers])
    if kind in KINDS:
        parts.append([((of_kind(kind),), False)])
    *whole, last = question.phrases
    parts += [[(phrase, False)] for phrase in whole]
    parts.append(_endings(work, last) if question.prefix else [(last, False)])
    return " AND ".join(map(_any_fts5, parts)) if on_sqlite else " & ".join(map(_any_tsquery, parts))


def _endings(work: Work, phrase: tuple[str, ...]) -> list[tuple[tuple[str, ...], bool]]:
    """Return the phrases that one stands for whose last word is only a beginning: for few words, each is looked up quickly."""
    begins = phrase[-1]
    inside = sa.and_(search_words.c.word >= begins, search_words.c.word < begins + "\U0010ffff")
    words = [row.word for row in work.rows(sa.select(search_words.c.word).where(inside).order_by(search_words.c.word).limit(ENDINGS_AT_MOST + 1))]
    if len(words) > ENDINGS_AT_MOST:
        return [(phrase, True)]
    return [((*phrase[:-1], word), False) for word in words] or [(phrase, False)]


def _any_fts5(phrases: Sequence[tuple[tuple[str, ...], bool]]) -> str:
    return "(" + " OR ".join(f'"{" ".join(phrase)}"{"*" if begins else ""}' for phrase, begins in phrases) + ")"


def _any_tsquery(phrases: Sequence[tuple[tuple[str, ...], bool]]) -> str:
    def one(phrase: tuple[str, ...], begins: bool) -> str:
        return "(" + " <-> ".join(f"'{word}'" for word in phrase) + (":*" if begins else "") + ")"

    return "(" + " | ".join(one(phrase, begins) for phrase, begins in phrases) + ")"


def _walk(work: Work, narrowed: str, interval: tuple[int, int], mine: _Mine, thread: int | None, limit: int) -> tuple[list[tuple[int, int]], str | None]:
    """Return the (thread id, seq) of the newest hits that the actor may see, and where to go on from."""
    found: list[sa.Row[Any]] = []
    low, high = interval
    for at_once in _WALKS:
        answers = _answers(work, narrowed, low, high, mine).limit(at_once).subquery()
        found += work.rows(_seen(work, answers, thread).limit(limit + 1 - len(found)))
        keys = [(row.thread_id, row.seq) for row in found[:limit]]
        if len(found) > limit:
            return keys, _spelled(int(found[limit - 1].id))
        walked = work.row(sa.select(sa.func.count().label("number"), sa.func.min(answers.c.rowid).label("last")).select_from(answers))
        if walked is None or walked.number < at_once:
            return keys, None
        high = int(walked.last)
    return keys, _spelled(high)


def _answers(work: Work, narrowed: str, low: int, high: int, mine: _Mine) -> sa.Select[Any]:
    if work.dialect == "sqlite":
        matches = sa.literal_column("search_index").op("MATCH")(sa.bindparam(None, narrowed))
    else:
        # Its words are made already (words.py): PostgreSQL's own ways to make some would take them apart again.
        matches = _INDEX.c.words.op("@@")(sa.text("CAST(:asked AS tsquery)").bindparams(asked=narrowed))
    # Of few threads PostgreSQL is to gather all answers and sort them; in the order of its own key it would try every row of the clinic.
    newest = _INDEX.c.rowid + 0 if mine.named and work.dialect == "postgresql" else _INDEX.c.rowid
    return sa.select(_INDEX.c.rowid).where(matches, _INDEX.c.rowid >= low, _INDEX.c.rowid < high).order_by(newest.desc())


def _seen(work: Work, answers: sa.Subquery, thread: int | None) -> sa.Select[Any]:
    """Return the select over those of `answers` that the actor may see: by membership, interval and audience."""
    role = work.role
    assert role is not None  # the view has asked the table
    here = sa.and_(entries.c.thread_id == search_rows.c.thread_id, entries.c.seq == search_rows.c.seq)
    query = (
        sa.select(search_rows.c.id, search_rows.c.thread_id, search_rows.c.seq)
        .select_from(
            answers.join(search_rows, search_rows.c.id == answers.c.rowid)
            .join(memberships, sa.and_(memberships.c.thread_id == search_rows.c.thread_id, memberships.c.account_id == work.person.id))
            .join(threads, threads.c.id == search_rows.c.thread_id)
            .join(entries, here)
        )
        .where(memberships.c.ended_at.is_(None), threads.c.closed_at.is_(None), ~put_away(), visible(role, work.person.id, memberships.c.from_seq))
        .order_by(search_rows.c.id.desc())
    )
    return query if thread is None else query.where(search_rows.c.thread_id == thread)


def _hits(work: Work, keys: Sequence[tuple[int, int]], question: Question) -> list[Hit]:
    if not keys:
        return []
    wanted = sa.or_(*(sa.and_(entries.c.thread_id == thread_id, entries.c.seq == seq) for thread_id, seq in keys))
    rows = {(row.thread_id, row.seq): row for row in work.rows(select_entries().where(wanted))}
    loaded = {thread.id: thread for thread in work.threads(sorted({row.thread_uid for row in rows.values()}))}
    stored = {key: entry_of(rows[key]) for key in keys}
    now: dict[tuple[int, int], str | None] = {}
    for thread_id in loaded:
        here = [key for key in keys if key[0] == thread_id]
        now.update(zip(here, texts_now(work.rows, thread_id, [stored[key] for key in here]), strict=True))
    me = work.person.id
    hits = []
    for key in keys:
        row, entry, text = rows[key], stored[key], now[key]
        # Since it was indexed it may have been taken back, or corrected to what does not answer any more.
        if text is not None and (text == said(entry) or marked(" ".join(text.split()), question)):
            hits.append(_hit(entry, text, title_for(loaded[row.thread_id], me), row.author_id == me, question))
    return hits


def _hit(entry: Entry, text: str, title: str, mine: bool, question: Question) -> Hit:
    text = " ".join(text.split())
    ranges = marked(text, question)
    begin = max(0, (ranges[0][0] if ranges else 0) - _BEFORE)
    if begin:
        begin = text.rfind(" ", 0, begin) + 1 or begin
    end = min(len(text), begin + _SNIPPET)
    more_before, more_after = "… " if begin else "", " …" if end < len(text) else ""
    shift = len(more_before) - begin
    inside = tuple((max(start, begin) + shift, min(stop, end) + shift) for start, stop in ranges if start < end and stop > begin)
    return Hit(entry.thread, title, entry.uid, entry.kind, entry.at, entry.author, mine, f"{more_before}{text[begin:end]}{more_after}", inside)


def _id_at(at: datetime | None, otherwise: int) -> int:
    return otherwise if at is None else max(0, round(at.timestamp() * 1000)) << 22


def _place(before: str | None) -> int:
    try:
        return max(0, min(int(before, 36), _LAST)) if before is not None else _LAST
    except ValueError:
        raise NotFound("This place among the results is not known. Search again.") from None


def _spelled(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"
