"""The kinds that people type, `text` and `internal-note`, and those that change them afterwards. Imports clinic.kinds only.

Corrections, retractions and reactions are entries of the log of their own, as they are messages of their own on the wire;
overlay.py shows what becomes of the entry that they are about.
"""

from __future__ import annotations

from dataclasses import dataclass

from clinic.kinds import kind


@kind("text", fragment="text.html")
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


@kind("internal-note", fragment="note.html")
@dataclass(frozen=True, slots=True)
class NotePayload:
    """An internal note: what staff write to each other in a thread with a patient. As of TextPayload."""

    text: str
    reply_to: str = ""
    mentions: tuple[str, ...] = ()

    @property
    def body(self) -> str:
        return f"{NOTE_WORDS} {self.text}"


@kind("correction", fragment="amending.html", amends=True)
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


@kind("retraction", fragment="amending.html", amends=True)
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


@kind("reaction", fragment="amending.html", amends=True)
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

RETRACTABLE = frozenset({"text", "internal-note", "forwarded"})
"""Kinds of entries that can be taken back."""
