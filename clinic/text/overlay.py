"""What later entries have made of an entry: corrected, taken back, reacted to, decided. The one place that shows it, for every reader.

What a later entry does to the one that it is about, its kind declares (`changes`). Imports clinic.log, clinic.kinds and the text kinds.
Whoever loads entries hands them to `overlay` before they leave the domain: what was taken back is gone then, for everybody; the action
`text.original` alone opens it. One more query a page, and none to post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clinic.kinds import Tombstone, kind_named, kind_of
from clinic.log import Audience, Entry, Quote, entries, entry_of, select_entries, visible
from clinic.text.kinds import TYPED, Correction, NotePayload, TextPayload

if TYPE_CHECKING:
    from clinic.loading import LoadedMember, LoadedThread
    from clinic.work import Work

QUOTED_CHARACTERS = 160
Rows = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]
"""Runs a select: `Work.rows`, or a connection's."""


def amends(entry: Entry) -> bool:
    """Say whether an entry only changes how an earlier one is shown."""
    return entry.about is not None and kind_named(entry.kind).amends


def changes(entry: Entry) -> bool:
    """Say whether an entry changes how an earlier one is shown, be it a line of its own or not."""
    return entry.about is not None and kind_named(entry.kind).changes is not None


def fold(entry: Entry, later: Entry) -> Entry:
    """Return `entry` as it is shown after `later`, which is about it. Nothing brings back what was taken back, nor tells of what others see."""
    change = kind_of(later.payload).changes
    if change is None or isinstance(entry.payload, Tombstone) or (later.audience, later.addressee) != (entry.audience, entry.addressee):
        return entry
    return change(entry, later)


def fold_amending(later: Entry, target: Entry | None) -> Entry:
    """Return an amending entry as its target stands now: an old correction holds nothing that a newer one or a retraction took away."""
    if not isinstance(later.payload, Correction) or target is None:
        return later
    if isinstance(target.payload, Tombstone):
        return replace(later, payload=target.payload)
    if isinstance(target.payload, TYPED):
        return replace(later, payload=replace(later.payload, text=target.payload.text, mentions=target.payload.mentions))
    return later


def overlay(work: Work, thread_id: int, found: Sequence[Entry]) -> list[Entry]:
    """Return entries of one thread, in the same order, as they are to be shown now.

    found: entries that their reader may see, as stored. Amending ones among them are shown as their targets stand; what changes another and
    has a line of its own is shown as it is.
    """
    return _overlay(work.rows, thread_id, found)


def _overlay(rows: Rows, thread_id: int, found: Sequence[Entry]) -> list[Entry]:
    places = {entry.about if entry.about is not None and amends(entry) else entry.seq for entry in found}
    later = _about(rows, thread_id, sorted(places))
    if not later:
        return list(found)
    targets = {entry.seq: entry for entry in found}
    if missing := later.keys() - targets.keys():
        wanted = select_entries().where(entries.c.thread_id == thread_id, entries.c.seq.in_(sorted(missing)))
        targets |= {row.seq: entry_of(row) for row in rows(wanted)}
    shown = {seq: _folded(targets[seq], about) for seq, about in later.items() if seq in targets}

    def now(entry: Entry) -> Entry:
        return fold_amending(entry, shown.get(entry.about)) if entry.about is not None and amends(entry) else shown.get(entry.seq, entry)

    return [now(entry) for entry in found]


def texts_now(rows: Rows, thread_id: int, found: Sequence[Entry]) -> list[str | None]:
    """Return what each of these entries of one thread, as stored and none of them amending, says now; None of what was taken back."""
    return [None if isinstance(entry.payload, Tombstone) else said(entry) for entry in _overlay(rows, thread_id, found)]


def said(entry: Entry) -> str:
    """Return what somebody typed, without the words that apps show beside it; of other entries, what they say."""
    return str(getattr(entry.payload, "text", "")) or entry.body


def overlay_last(work: Work, found: Sequence[tuple[int, Entry]]) -> list[Entry]:
    """Return entries of many threads, one a thread, as they are to be shown now. found: (thread's id, entry as stored)."""
    by_thread = dict(found)
    later: dict[int, list[Entry]] = {}
    if by_thread:
        about = sa.and_(entries.c.thread_id.in_(by_thread), entries.c.about_seq.in_({entry.seq for entry in by_thread.values()}))
        for row in _in_order(work.rows, about):
            if row.about_seq == by_thread[row.thread_id].seq:
                later.setdefault(row.thread_id, []).append(entry_of(row))
    return [_folded(entry, later.get(thread_id, ())) for thread_id, entry in found]


def with_quotes(work: Work, thread: LoadedThread, me: LoadedMember | None, found: Sequence[Entry]) -> list[Entry]:
    """Return `found` with what each reply answers, as it reads now and as far as `me` may see it (None: the clinic itself)."""
    wanted = {entry.payload.reply_to for entry in found if isinstance(entry.payload, TYPED) and entry.payload.reply_to}
    if not wanted:
        return list(found)
    query = select_entries().where(entries.c.thread_id == thread.id, entries.c.uid.in_(sorted(wanted)))
    if me is not None:
        query = query.where(visible(me.role, me.account_id, me.from_seq))
    shown = overlay(work, thread.id, [entry_of(row) for row in work.rows(query)])
    targets = {entry.uid: entry for entry in shown}

    def quoted(entry: Entry) -> Entry:
        reply_to = getattr(entry.payload, "reply_to", "") if isinstance(entry.payload, TYPED) else ""
        if not reply_to:
            return entry
        target = targets.get(reply_to)
        if target is None or (me is None and not quotable(target, entry.audience, thread)):
            return replace(entry, quote=None)
        return replace(entry, quote=quote_of(target))

    return [quoted(entry) for entry in found]


def quotable(target: Entry, audience: Audience, thread: LoadedThread) -> bool:
    """Say whether a message for `audience` may quote an entry: all who will read the message now see the entry too."""
    if target.audience is Audience.EVERYONE or audience is Audience.STAFF:
        return True
    return target.audience is Audience.ADDRESSEE and all(patient.uid == target.addressee for patient in thread.patients)


def quote_of(entry: Entry) -> Quote:
    """Return the first words of an entry, for a reply to it."""
    words = entry.payload.text if isinstance(entry.payload, (TextPayload, NotePayload)) else entry.body
    line = " ".join(words.split())
    if len(line) > QUOTED_CHARACTERS:
        line = line[: QUOTED_CHARACTERS - 1].rstrip() + "…"
    return Quote(entry.uid, entry.author.nick if entry.author else "", line)


def _about(rows: Rows, thread_id: int, places: Sequence[int]) -> Mapping[int, list[Entry]]:
    """Return what is about the entries at `places`, in order."""
    found: dict[int, list[Entry]] = {}
    if places:
        about = sa.and_(entries.c.thread_id == thread_id, entries.c.about_seq.in_(places))
        for row in _in_order(rows, about):
            found.setdefault(row.about_seq, []).append(entry_of(row))
    return found


def _in_order(rows: Rows, about: sa.ColumnElement[bool]) -> list[sa.Row[Any]]:
    # SQLite is told its index, and put in order here: otherwise it walks through the whole thread, which is in order already.
    query = select_entries().where(about).with_hint(entries, "INDEXED BY ix_entries_thread_id_about_seq", "sqlite")
    return sorted(rows(query), key=lambda row: int(row.seq))


def _folded(entry: Entry, about: Iterable[Entry]) -> Entry:
    for later in about:
        entry = fold(entry, later)
    return entry
