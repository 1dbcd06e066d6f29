"""Actions that change how an earlier message is shown: correct, take back, remove, react; and the record of what it said. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from clinic import endings
from clinic.actions import Offer, action, view
from clinic.errors import Invalid, NotPermitted
from clinic.fields import AppId, ClientId, Option, PickMessage, Text, Uid
from clinic.kinds import Tombstone, kind_named
from clinic.loading import LoadedThread
from clinic.log import Entry, entries, entry_of, select_entries
from clinic.permissions import Permission, Role
from clinic.text.emoji import Emojis
from clinic.text.find import GONE, NOT_TYPED, TYPED_KINDS, find, find_own, id_of, messages_listed, retractable_kinds, still_there
from clinic.text.kinds import NOTE_WORDS, TYPED, Correction, NotePayload, Reaction, Retraction
from clinic.text.mentions import mentioned
from clinic.text.posting import MAX_BYTES
from clinic.thread.actions import thread_for
from clinic.work import Work

NOT_IN_DIRECT = "In a 1:1 thread everybody takes back their own messages; nobody removes another's."
SAME_TEXT = "Nothing is different in this correction, so nothing was changed."


def _own(work: Work, thread: LoadedThread) -> list[Option]:
    listed = messages_listed(work, thread, sa.and_(entries.c.author_id == work.person.id, entries.c.kind.in_(TYPED_KINDS)))
    return [Option(one.value, one.label) for one in listed]


def _others(work: Work, thread: LoadedThread) -> list[Option]:
    return messages_listed(work, thread, sa.and_(entries.c.author_id != work.person.id, entries.c.kind.in_(retractable_kinds())))


def _any(work: Work, thread: LoadedThread) -> list[Option]:
    return messages_listed(work, thread, sa.true())


def _has_own(work: Work, thread: LoadedThread) -> bool:
    own = sa.and_(entries.c.thread_id == thread.id, entries.c.author_id == work.person.id, entries.c.kind.in_(TYPED_KINDS))
    return work.row(sa.select(entries.c.seq).where(own).limit(1)) is not None


def _retractable(work: Work, thread: LoadedThread) -> list[Option]:
    mine = sa.and_(entries.c.author_id == work.person.id, entries.c.kind.in_(retractable_kinds()))
    return [Option(one.value, one.label) for one in messages_listed(work, thread, mine)]


def _has_retractable(work: Work, thread: LoadedThread) -> bool:
    own = sa.and_(entries.c.thread_id == thread.id, entries.c.author_id == work.person.id, entries.c.kind.in_(retractable_kinds()))
    return work.row(sa.select(entries.c.seq).where(own).limit(1)) is not None


TO_RETRACT = PickMessage("entry", "Message", required=False, options=_retractable, newest=True)
OWN_ENTRY = PickMessage("entry", "Message", required=False, options=_own, newest=True)
CLIENT_ID, EARLIER = ClientId("client_id"), ClientId("earlier_client_id", required=False)
# What the actor's app calls the message that it means, and the one that it sends.
KNOWN_AS, MESSAGE_ID = AppId("known_as", required=False), AppId("message_id", required=False)


def _is_group(_work: Work, thread: LoadedThread) -> bool:
    return thread.kind == "group"


def _corrects(payload: Correction, entry: str | None, body: str) -> bool:
    return entry in (None, payload.target) and payload.text == (_unmarked(body) if payload.note else body)


def _unmarked(body: str) -> str:
    """Return a note without the words that apps show before it, and let people correct too."""
    return body.removeprefix(NOTE_WORDS).lstrip() or body


@action(
    "text.correct",
    Permission.TEXT_CORRECT,
    on=thread_for,
    fields=(
        Text("body", "Corrected message", max_bytes=MAX_BYTES, multiline=True),
        OWN_ENTRY,
        CLIENT_ID,
        EARLIER,
        KNOWN_AS,
        MESSAGE_ID,
    ),
    batchable=True,
    audited=False,
    same=lambda payload, values: isinstance(payload, Correction) and _corrects(payload, values["entry"], values["body"]),
    offer=Offer(
        "Correct a message of yours",
        "correct",
        "Write it as it should be. Everybody sees the corrected text; staff can look up what it said before.",
        "Corrected.",
        when=_has_own,
    ),
)
def correct(
    work: Work,
    thread: LoadedThread,
    body: str,
    entry: str | None,
    client_id: str,
    earlier_client_id: str | None,
    known_as: str | None,
    message_id: str | None,
) -> str:
    """Put a text in the place of one of the actor's own, the newest if none is named; idempotent on the client id.

    entry: its uid; known_as: the id that the actor's app gave it. The earlier versions are kept (`versions`).
    Returns: the correction's uid. Raises: NotFound, Invalid for another's or one taken back. Source: product.md, Threads; XEP-0308.
    """
    target = find_own(work, thread, entry, known_as)
    if not isinstance(target.payload, TYPED):
        raise Invalid(NOT_TYPED, field="entry")
    note = isinstance(target.payload, NotePayload)
    body = _unmarked(body) if note else body
    if target.payload.text == body:
        raise Invalid(SAME_TEXT, field="body")
    me, names = work.member(thread), mentioned(body, thread, audience=target.audience, addressee=target.addressee)
    payload = Correction(target.uid, body, id_of(target), note, target.payload.reply_to, names)
    return work.append_about(thread, target, payload, author=me, client_id=client_id, message_id=message_id)


@action(
    "text.retract",
    Permission.TEXT_RETRACT,
    on=thread_for,
    gated=False,
    fields=(TO_RETRACT, CLIENT_ID, EARLIER, KNOWN_AS, MESSAGE_ID),
    batchable=True,
    audited=False,
    same=lambda payload, values: isinstance(payload, Retraction) and values["entry"] in (None, payload.target),
    offer=Offer(
        "Take a message of yours back",
        "retract",
        "It disappears for everybody in the thread; a file also from Images & Documents and wherever it was sent on. "
        "The clinic's record keeps it, and staff can look it up; a file is sealed there.",
        "Taken back.",
        when=_has_retractable,
        grave=True,
    ),
)
def retract(
    work: Work,
    thread: LoadedThread,
    entry: str | None,
    client_id: str,
    earlier_client_id: str | None,
    known_as: str | None,
    message_id: str | None,
) -> str:
    """Take back one of the actor's own messages, notes or files, the newest if none is named: it is gone for everybody, and kept for the record.

    Returns: the retraction's uid. Raises: NotFound, Invalid. Source: product.md, Threads; XEP-0424.
    """
    target = find_own(work, thread, entry, known_as, retractable_kinds())
    payload = Retraction(target.uid, id_of(target))
    me = work.member(thread)
    endings.taken_back(work, thread, target)
    return work.append_about(thread, target, payload, author=me, client_id=client_id, message_id=message_id)


@action(
    "text.moderate",
    Permission.TEXT_MODERATE,
    on=thread_for,
    fields=(PickMessage("entry", "Message", options=_others), Text("reason", "Reason", max_bytes=500, required=False), CLIENT_ID, EARLIER),
    batchable=True,
    same=lambda payload, values: isinstance(payload, Retraction) and values["entry"] == payload.target,
    offer=Offer(
        "Remove a message",
        "moderate",
        "It disappears for everybody in the thread, who read that you removed it. The clinic's record keeps it.",
        "Removed.",
        when=_is_group,
        grave=True,
        takes_away=True,
    ),
)
def moderate(work: Work, thread: LoadedThread, entry: str, reason: str | None, client_id: str, earlier_client_id: str | None) -> str:
    """Remove another's message from a group, as its group admin. reason: everybody reads it.

    Returns: the retraction's uid. Raises: NotFound, NotPermitted, Invalid. Source: product.md, Permissions; XEP-0425.
    """
    if thread.kind != "group":
        raise NotPermitted(NOT_IN_DIRECT)
    target = still_there(find(work, thread, entry))
    me = work.member(thread)
    payload = Retraction(target.uid, id_of(target), moderator=me.nick, reason=reason or "")
    endings.taken_back(work, thread, target)
    return work.append_about(thread, target, payload, author=me, client_id=client_id)


@action(
    "text.react",
    Permission.TEXT_REACT,
    on=thread_for,
    fields=(
        Emojis("emojis", "Emojis", required=False),
        PickMessage("entry", "Message", required=False, options=_any, newest=True),
        CLIENT_ID,
        EARLIER,
        MESSAGE_ID,
    ),
    batchable=True,
    audited=False,
    same=lambda payload, values: (
        isinstance(payload, Reaction) and payload.emojis == values["emojis"] and values["entry"] in (None, payload.target)
    ),
    offer=Offer("React to a message", "react", "With an emoji, to the newest message. Without one, your reaction is taken back.", "Done."),
)
def react(
    work: Work,
    thread: LoadedThread,
    emojis: tuple[str, ...],
    entry: str | None,
    client_id: str,
    earlier_client_id: str | None,
    message_id: str | None,
) -> str:
    """Choose emojis for an entry that the actor sees, the newest if none is named, in place of those chosen before; none takes them back.

    Returns: the reaction's uid. Raises: NotFound, Invalid. Source: product.md, Threads; XEP-0444.
    """
    target = find(work, thread, entry)
    if isinstance(target.payload, Tombstone):
        raise Invalid(GONE, field="entry")
    me = work.member(thread)
    return work.append_about(thread, target, Reaction(target.uid, emojis), author=me, client_id=client_id, message_id=message_id)


@dataclass(frozen=True, slots=True)
class Version:
    """What a message said from `at` on."""

    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Versions:
    """What a message said, the oldest first. gone: it was taken back, and what it said is opened by `text.original` only.

    sealed: it was a file, of which no more than its name and what it was is opened.
    """

    entry: str
    author: str
    author_role: Role | None
    at: datetime
    gone: str | None
    versions: tuple[Version, ...]
    sealed: bool = False


@view(Permission.TEXT_ORIGINAL)
def versions(work: Work, thread_uid: str, entry: str) -> Versions:
    """Return the earlier versions of a message and the present one. Raises: NotFound."""
    thread = work.thread(thread_uid)
    shown = find(work, thread, entry)
    gone = shown.payload.body if isinstance(shown.payload, Tombstone) else None
    return _versions(shown, gone, () if gone else _said(work, thread, shown))


@action(
    "text.original",
    Permission.TEXT_ORIGINAL,
    on=thread_for,
    fields=(Uid("entry", "Message"),),
)
def original(work: Work, thread: LoadedThread, entry: str) -> Versions:
    """Open what a message said that was taken back; it is written down who opened it. Raises: NotFound."""
    shown = find(work, thread, entry)
    gone = shown.payload.body if isinstance(shown.payload, Tombstone) else None
    return _versions(shown, gone, _said(work, thread, shown))


def _said(work: Work, thread: LoadedThread, entry: Entry) -> tuple[Version, ...]:
    about = sa.or_(entries.c.seq == entry.seq, sa.and_(entries.c.about_seq == entry.seq, entries.c.kind == "correction"))
    rows = work.rows(select_entries().where(entries.c.thread_id == thread.id, about).order_by(entries.c.seq))
    said = [entry_of(row) for row in rows]
    return tuple(Version(one.at, getattr(one.payload, "text", one.body)) for one in said if hasattr(one.payload, "text") or _is_file(one))


def _is_file(entry: Entry) -> bool:
    return kind_named(entry.kind).retractable and "file" in {field.name for field in fields(kind_named(entry.kind).payload)}


def _versions(entry: Entry, gone: str | None, said: tuple[Version, ...]) -> Versions:
    author = entry.author
    return Versions(entry.uid, author.nick if author else "", author.role if author else None, entry.at, gone, said, _is_file(entry))
