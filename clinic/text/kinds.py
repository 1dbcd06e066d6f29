"""The kinds that people type, `text` and `internal-note`, and those that change them afterwards. Imports clinic.kinds and clinic.log.

Corrections, retractions and reactions are entries of the log of their own, as they are messages of their own on the wire;
overlay.py shows what becomes of the entry that they are about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clinic.kinds import Tombstone, kind
from clinic.log import UNCHANGED, Amended, Entry


@kind("text", fragment="text.html", retractable=True, forwardable=True, found_as="Message")
@dataclass(frozen=True, slots=True)
class TextPayload:
    """A message. text: as typed, lines kept, at most posting.MAX_BYTES.

    reply_to: uid of the entry that it answers, or "". mentions: account uids of the members whom it names after an @.
    """

    text: str
    reply_to: str = ""
    mentions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return self.text


NOTE_WORDS = "[Internal note, staff only]"


@kind("internal-note", fragment="note.html", retractable=True, forwardable=True, found_as="Internal note", staff_only=True)
@dataclass(frozen=True, slots=True)
class NotePayload:
    """An internal note: what staff write to each other in a thread with a patient. As of TextPayload."""

    text: str
    reply_to: str = ""
    mentions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return f"{NOTE_WORDS} {self.text}"


def _corrected(entry: Entry, later: Entry) -> Entry:
    if not isinstance(entry.payload, TYPED):
        return entry
    now = replace(entry.payload, text=later.payload.text, mentions=later.payload.mentions)
    return replace(entry, payload=now, amended=replace(entry.amended, corrected_at=later.at))


@kind("correction", fragment="amending.html", changes=_corrected, amends=True)
@dataclass(frozen=True, slots=True)
class Correction:
    """The whole text that takes the place of an earlier one. target: its uid; known_as: the id that messaging apps know it by.

    note: whether it corrects an internal note. reply_to, mentions: as of the text.
    """

    target: str
    text: str
    known_as: str = ""
    note: bool = False
    reply_to: str = ""
    mentions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return NotePayload(self.text).body if self.note else self.text


def _taken_back(entry: Entry, later: Entry) -> Entry:
    tomb = Tombstone(later.uid, later.at.isoformat(), later.payload.moderator, later.payload.reason)
    return replace(entry, payload=tomb, quote=None, amended=UNCHANGED)


@kind("retraction", fragment="amending.html", changes=_taken_back, amends=True)
@dataclass(frozen=True, slots=True)
class Retraction:
    """Takes an earlier entry back. moderator: name of the group admin who removed another's; reason: theirs, or ""."""

    target: str
    known_as: str = ""
    moderator: str = ""
    reason: str = ""

    @property
    def body(self) -> str:
        if not self.moderator:
            return "I took a message back."
        return f"{self.moderator} removed a message." + (f" Reason: {self.reason}" if self.reason else "")


def _reacted(entry: Entry, later: Entry) -> Entry:
    by = later.author
    return replace(entry, amended=_chosen(entry.amended, by.uid, by.nick, later.payload.emojis)) if by else entry


def _chosen(amended: Amended, uid: str, nick: str, emojis: Sequence[str]) -> Amended:
    chosen: dict[str, dict[str, str]] = {}
    for (emoji, nicks), (_emoji, uids) in zip(amended.reactions, amended.reacted, strict=True):
        chosen[emoji] = {u: n for u, n in zip(uids, nicks, strict=True) if u != uid}
    for emoji in emojis:
        chosen.setdefault(emoji, {})[uid] = nick
    kept = [(emoji, people) for emoji, people in chosen.items() if people]
    return replace(
        amended,
        reactions=tuple((emoji, tuple(people.values())) for emoji, people in kept),
        reacted=tuple((emoji, tuple(people)) for emoji, people in kept),
    )


@kind("reaction", fragment="amending.html", changes=_reacted, amends=True)
@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's reactions to an earlier entry, in place of those they had chosen before. emojis: none takes them back."""

    target: str
    emojis: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return f"Reacted with {' '.join(self.emojis)}" if self.emojis else "Took a reaction back."


TYPED = (TextPayload, NotePayload)
"""Payloads of what a person typed: these can be corrected."""
