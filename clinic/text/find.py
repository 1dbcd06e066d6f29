"""Finding the entry that an action is about, as its actor sees it now. Imports clinic only."""

from __future__ import annotations

from collections.abc import Callable, Collection

import sqlalchemy as sa

from clinic.errors import Invalid, NotFound
from clinic.fields import Option
from clinic.kinds import KINDS, Tombstone, kind_named
from clinic.loading import LoadedThread
from clinic.log import Entry, allowed, entries, entry_of, select_entries, spoken, visible
from clinic.text.kinds import Correction
from clinic.text.overlay import amends, fold, overlay, quote_of
from clinic.work import Work

# What an app calls a message is looked for among so many of the thread's newest.
KNOWN_AMONG = 5000
OFFERED_MESSAGES = 20
TYPED_KINDS = ("text", "internal-note")
# A client id that the component made up because the app sent none: nobody else would know it.
MADE_UP = ("id:", "none:", "iq:", "file:")
NO_MESSAGE = "This message is not known in this thread. It may have been written before you joined; nothing was changed."
NOTHING_YET = "There is no message here yet that this could be about."
NOT_YOURS = "You can do this with your own messages only. Nothing was changed."
NOT_TYPED = "This is not a message that somebody typed, so it stays as it is."
GONE = "This message was taken back already."


def find(work: Work, thread: LoadedThread, uid: str | None, known_as: str | None = None, *, own: Collection[str] = ()) -> Entry:
    """Return the entry named by its uid or by the id that its author's app gave it; with neither, the newest.

    own: with neither, the newest of the actor's own of these kinds. Returned as it reads now. Raises: NotFound, also for what is hidden.
    """
    me = work.member(thread)
    here = sa.and_(entries.c.thread_id == thread.id, visible(me.role, me.account_id, me.from_seq))
    mine = entries.c.author_id == me.account_id
    if uid:
        condition = entries.c.uid == uid
    elif known_as:
        recent = entries.c.seq > thread.last_seq - KNOWN_AMONG
        condition = sa.and_(recent, mine, sa.or_(entries.c.client_id == known_as, entries.c.message_id == known_as))
    else:
        condition = sa.and_(spoken(), mine, entries.c.kind.in_(own)) if own else spoken()

    def fits(entry: Entry) -> bool:
        by_me = entry.author is not None and entry.author.uid == me.uid
        if uid:
            return entry.uid == uid
        if known_as:
            return by_me and known_as in (entry.client_id, entry.message_id)
        return not amends(entry) and (not own or (by_me and entry.kind in own))

    found = _newest(work, thread, here, condition, fits, skip_gone=not (uid or known_as))
    if found is None:
        raise NotFound(NO_MESSAGE if uid or known_as else NOTHING_YET)
    if amends(found):  # some apps name the last correction, not what it corrects
        if not isinstance(found.payload, Correction):
            raise NotFound(NO_MESSAGE)
        return find(work, thread, found.payload.target)
    return found


def _newest(
    work: Work,
    thread: LoadedThread,
    here: sa.ColumnElement[bool],
    condition: sa.ColumnElement[bool],
    fits: Callable[[Entry], bool],
    *,
    skip_gone: bool,
) -> Entry | None:
    """Return the newest entry that meets the condition, in the database or appended by an earlier call of this transaction."""
    me = work.member(thread)
    fresh = [entry for entry in work.unwritten(thread) if allowed(entry, me)]
    rows = work.rows(select_entries().where(here, condition).order_by(entries.c.seq.desc()).limit(20 if skip_gone else 1))
    for entry in [*(entry for entry in reversed(fresh) if fits(entry)), *(entry_of(row) for row in rows)]:
        [now] = overlay(work, thread.id, [entry])
        for later in fresh:
            now = fold(now, later) if later.about == now.seq else now
        if not (skip_gone and isinstance(now.payload, Tombstone)):
            return now
    return None


def retractable_kinds() -> list[str]:
    """Return the names of the kinds that can be taken back."""
    return sorted(kind.name for kind in KINDS.values() if kind.retractable)


def find_own(work: Work, thread: LoadedThread, uid: str | None, known_as: str | None, kinds: Collection[str] = TYPED_KINDS) -> Entry:
    """Return the actor's own entry, one that can be taken back and is still there. kinds: of which the newest is meant where none is named.

    Raises: NotFound, Invalid.
    """
    entry = find(work, thread, uid, known_as, own=kinds)
    if entry.author is None or entry.author.uid != work.person.uid:
        raise Invalid(NOT_YOURS, field="entry")
    return still_there(entry)


def still_there(entry: Entry) -> Entry:
    """Return an entry that can be taken back and has not been. Raises: Invalid."""
    if isinstance(entry.payload, Tombstone):
        raise Invalid(GONE, field="entry")
    if not kind_named(entry.kind).retractable:
        raise Invalid(NOT_TYPED, field="entry")
    return entry


def id_of(entry: Entry) -> str:
    """Return the id attribute under which messaging apps know an entry (xmpp_components/rooms/render.py gives it)."""
    client_id = entry.client_id
    made_up = client_id is None or client_id.startswith(MADE_UP)
    return entry.message_id or (entry.uid if made_up or client_id is None else client_id)


def messages_listed(work: Work, thread: LoadedThread, condition: sa.ColumnElement[bool]) -> list[Option]:
    """Return the newest messages that meet `condition` and were not taken back, as options of a PickMessage, newest first."""
    me = work.member(thread)
    seen = sa.and_(entries.c.thread_id == thread.id, visible(me.role, me.account_id, me.from_seq), spoken(), condition)
    rows = work.rows(select_entries().where(seen).order_by(entries.c.seq.desc()).limit(OFFERED_MESSAGES))
    shown = overlay(work, thread.id, [entry_of(row) for row in rows])
    here = [(entry, quote_of(entry)) for entry in shown if not isinstance(entry.payload, Tombstone)]
    return [Option(entry.uid, quote.text[:80], quote.nick) for entry, quote in here]
