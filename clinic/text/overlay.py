"""What later entries have made of an entry: corrected, taken back, reacted to. The one place that shows it, for every reader.

Imports clinic.log, clinic.kinds and the kinds. Whoever loads entries hands them to `overlay` before they leave the domain: what
was taken back is gone then, for everybody; the action `text.original` alone opens it. One more query a page, and none to post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clinic.kinds import KINDS, Tombstone
from clinic.log import UNCHANGED, Amended, Audience, Entry, Quote, entries, entry_of, select_entries, visible
from clinic.text.kinds import TYPED, Correction, NotePayload, Reaction, Retraction, TextPayload

if TYPE_CHECKING:
    from clinic.loading import LoadedMember, LoadedThread
    from clinic.work import Work

QUOTED_CHARACTERS = 160
Rows = Callable[[sa.Select[Any]], Sequence[sa.Row[Any]]]
"""Runs a select: `Work.rows`, or a connection's."""


def amends(entry: Entry) -> bool:
    """Say whether an entry only changes how an earlier one is shown."""
    return entry.about is not None and entry.kind in KINDS and KINDS[entry.kind].amends


def fold(entry: Entry, later: Entry) -> Entry:
    """Return `entry` as it is shown after `later`, an amending entry about it. Nothing brings back what was taken back."""
    change = later.payload
    if isinstance(entry.payload, Tombstone):
        return entry
    if isinstance(change, Retraction):
        tomb = Tombstone(later.uid, later.at.isoformat(), change.moderator, change.reason)
        return replace(entry, payload=tomb, quote=None, amended=UNCHANGED)
    if isinstance(change, Correction) and isinstance(entry.payload, TYPED):
        now = replace(entry.payload, text=change.text, mentions=change.mentions)
        return replace(entry, payload=now, amended=replace(entry.amended, corrected_at=later.at))
    if isinstance(change, Reaction) and later.author is not None:
        return replace(entry, amended=_reacted(entry, later.author.uid, later.author.nick, change.emojis))
    return entry


def _reacted(entry: Entry, uid: str, nick: str, emojis: Sequence[str]) -> Amended:
    chosen: dict[str, dict[str, str]] = {}
    for (emoji, nicks), (_emoji, uids) in zip(entry.amended.reactions, entry.amended.reacted, strict=True):
        chosen[emoji] = {u: n for u, n in zip(uids, nicks, strict=True) if u != uid}
    for emoji in emojis:
        chosen.setdefault(emoji, {})[uid] = nick
    kept = [(emoji, people) for emoji, people in chosen.items() if people]
    return replace(
        entry.amended,
        reactions=tuple((emoji, tuple(people.values())) for emoji, people in kept),
        reacted=tuple((emoji, tuple(people)) for emoji, people in kept),
    )


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

    found: entries that their reader may see, as stored. Amending ones among them are shown as their targets stand.
    """
    return _overlay(work.rows, thread_id, found)


def _overlay(rows: Rows, thread_id: int, found: Sequence[Entry]) -> list[Entry]:
    places = {entry.seq for entry in found if entry.about is None} | {entry.about for entry in found if entry.about is not None}
    later = _amending(rows, thread_id, sorted(place for place in places if place is not None))
    if not later:
        return list(found)
    targets = {entry.seq: entry for entry in found}
    if missing := later.keys() - targets.keys():
        wanted = select_entries().where(entries.c.thread_id == thread_id, entries.c.seq.in_(sorted(missing)))
        targets |= {row.seq: entry_of(row) for row in rows(wanted)}
    shown = {seq: _folded(targets[seq], changes) for seq, changes in later.items() if seq in targets}
    return [shown.get(entry.seq, entry) if entry.about is None else fold_amending(entry, shown.get(entry.about)) for entry in found]


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


def _amending(rows: Rows, thread_id: int, places: Sequence[int]) -> Mapping[int, list[Entry]]:
    """Return what amends the entries at `places`, in order."""
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


def _folded(entry: Entry, changes: Iterable[Entry]) -> Entry:
    for later in changes:
        entry = fold(entry, later)
    return entry
