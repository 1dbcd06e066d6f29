"""The kinds `file` and `voice`: what a thread says of something that was uploaded. Imports clinic.kinds and clinic.log.

An entry holds the file's uid and what is known of it, never an address: each reader gets one of their own (links.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol
from xml.sax.saxutils import quoteattr

from clinic.file.media import Form
from clinic.file.names import LONGEST_EXTENSION, safe_name
from clinic.kinds import Ask, SharedFile, kind
from clinic.log import Entry
from clinic.text.kinds import NOTE_WORDS

FILE_NS = "urn:bedside:file:1"
PUT_UNDER = "file.put_under"
FORMS = {
    Form.IMAGE: "Image",
    Form.AUDIO: "Sound",
    Form.VIDEO: "Video",
    Form.PDF: "PDF",
    Form.TEXT: "Text",
    Form.OTHER: "File",
}
"""What a file is, in a word."""
SHOWN_PIXELS = 2048
ENDS = {"image/jpeg": ("jpg", "jpeg"), "image/png": ("png",), "image/webp": ("webp",), "image/gif": ("gif",)}
"""How names of pictures end, the usual way first."""


def size_in_words(size_bytes: int) -> str:
    """Return a size as people read it: "2.1 MB". A megabyte is a million bytes, as 200 MB is the most that is taken."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} KB"
    return f"{size_bytes / 1_000_000:.1f} MB"


def time_in_words(duration_ms: int) -> str:
    """Return how long something lasts, as players show it: "1:05"."""
    seconds = max(1, round(duration_ms / 1000)) if duration_ms else 0
    return f"{seconds // 60}:{seconds % 60:02d}"


def fitting(width: int, height: int) -> tuple[int, int]:
    """Return the pixels of the picture that is shown of one of this size: neither side is longer than SHOWN_PIXELS."""
    most = max(width, height)
    if most <= SHOWN_PIXELS:
        return width, height
    return max(1, round(width * SHOWN_PIXELS / most)), max(1, round(height * SHOWN_PIXELS / most))


def named_as(name: str, media_type: str) -> str:
    """Return the name under which the picture is saved that is shown of an image: apps go by its end."""
    ends = ENDS.get(media_type, ())
    stem, dot, end = name.rpartition(".")
    if not ends or (dot and end.lower() in ends):
        return name
    return safe_name(f"{stem if dot and len(end) <= LONGEST_EXTENSION else name}.{ends[0]}")


class Described(Protocol):
    """What every kind that is a file says of it."""

    @property
    def file(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def duration_ms(self) -> int: ...


def file_xml(payload: Described, name: str = "file") -> str:
    """Return the own-namespace element of an entry that is a file: what it is, for software that asks."""
    given = {"id": payload.file, "name": payload.name, "media-type": payload.media_type, "size": str(payload.size_bytes)}
    if payload.duration_ms:
        given["duration-ms"] = str(payload.duration_ms)
    for mark in ("note", "sent_on"):
        if getattr(payload, mark, False):
            given[mark.replace("_", "-")] = "true"
    return f"<{name} xmlns='{FILE_NS}' {' '.join(f'{key}={quoteattr(value)}' for key, value in given.items())}/>"


@kind("file", fragment="file.html", ns=FILE_NS, xml=file_xml, retractable=True, found_as="File")
@dataclass(frozen=True, slots=True)
class FilePayload:
    """A file. file: its uid. name: as it was sent. media_type, form: by its content. width, height: pixels. shown_type, shown_bytes: of the
    picture that is shown of it, where there is one; thumb: whether there is a small one.

    note: staff only. unfiled: staff are to say whose folder it belongs to. origin: uid of the file that it was sent on from, or sent anew of.
    """

    file: str
    name: str
    media_type: str
    form: str
    size_bytes: int
    width: int = 0
    height: int = 0
    duration_ms: int = 0
    pages: int = 0
    shown_type: str = ""
    shown_bytes: int = 0
    thumb: bool = False
    note: bool = False
    unfiled: bool = False
    origin: str = ""

    @property
    def asks(self) -> tuple[Ask, ...]:
        """Staff are asked whose folder it belongs to, while nobody has said so."""
        return (Ask("Whose Images & Documents does it belong to?", PUT_UNDER, {"file": self.file}),) if self.unfiled else ()

    @property
    def doable(self) -> frozenset[str]:
        """What staff are to do with it yet."""
        return frozenset({PUT_UNDER}) if self.unfiled else frozenset()

    @property
    def what(self) -> str:
        """What it is, in a word: "Image"."""
        return FORMS[Form(self.form)]

    @property
    def size(self) -> str:
        return size_in_words(self.size_bytes)

    @property
    def shared_file(self) -> SharedFile:
        """The file as links serve it: of an image the picture that is shown of it."""
        if self.form != Form.IMAGE or not self.shown_type:
            return SharedFile(self.file, self.name, self.media_type, self.size_bytes, self.width, self.height, self.duration_ms)
        width, height = fitting(self.width, self.height)
        return SharedFile(self.file, named_as(self.name, self.shown_type), self.shown_type, self.shown_bytes, width, height)

    @property
    def body(self) -> str:
        words = f"{self.what}: {self.name} ({self.size})"
        return f"{NOTE_WORDS} {words}" if self.note else words


@kind("voice", fragment="voice.html", ns=FILE_NS, xml=lambda payload: file_xml(payload, "voice"), retractable=True, found_as="Voice message")
@dataclass(frozen=True, slots=True)
class VoicePayload:
    """A voice message. file: the sound's uid. waveform: at most 64 loudnesses from 0 to 31, in equal steps of time.

    transcript: what a machine understood of it, marked as such wherever it is shown; "" while there is none. note: staff only. origin: as of
    FilePayload. sent_on: it was sent on from Images & Documents, so that its author is not who speaks in it.
    """

    file: str
    name: str
    media_type: str
    size_bytes: int
    duration_ms: int
    waveform: tuple[int, ...] = ()
    transcript: str = ""
    note: bool = False
    origin: str = ""
    sent_on: bool = False

    @property
    def length(self) -> str:
        """How long it is: "1:05"."""
        return time_in_words(self.duration_ms)

    @property
    def shared_file(self) -> SharedFile:
        words = ["Sent on"] if self.sent_on else []
        words += [f"Written down by a machine: {self.transcript}"] if self.transcript else []
        return SharedFile(self.file, self.name, self.media_type, self.size_bytes, duration_ms=self.duration_ms, words="; ".join(words))

    @property
    def body(self) -> str:
        words = f"Voice message ({self.length})" + (", sent on" if self.sent_on else "")
        if self.transcript:
            words += f"; written down by a machine: {self.transcript}"
        return f"{NOTE_WORDS} {words}" if self.note else words


def _filed(entry: Entry, later: Entry) -> Entry:
    if not isinstance(entry.payload, FilePayload):
        return entry
    return replace(entry, payload=replace(entry.payload, unfiled=False))


@kind("filed", fragment="amending.html", changes=_filed, amends=True)
@dataclass(frozen=True, slots=True)
class Filed:
    """Staff have said whose folder a file belongs to, or that it belongs to nobody's: they are not asked any more. file: its uid."""

    file: str

    @property
    def body(self) -> str:
        return "This file was put where it belongs."
