"""What is known of a file's content once it has been looked at, and what to say of one that is not taken. Standard library only.

The looking is not done here: bytes are read in a process of its own without network (web/media), and what it found comes as these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Form(StrEnum):
    """What a file is for those who look at it: how the page shows it, and what the folder filters by."""

    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    PDF = "pdf"
    TEXT = "text"
    OTHER = "other"


class Purpose(StrEnum):
    """What somebody uploads for. VOICE and VIDEO (a short video) have limits of their own; PHOTO is somebody's own, for their profile."""

    FILE = "file"
    VOICE = "voice"
    VIDEO = "video"
    PHOTO = "photo"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file's content was found to be.

    media_type: by its content, never by its name. width, height: pixels of an image or a video, as shown. duration_ms: counted from the
    packets of a sound or a video. waveform: of a sound, at most 64 loudnesses from 0 to 31 in equal steps of time. pages: of a PDF.
    shown, thumb: whether a picture was made of it that may be shown (at most 2048 pixels a side, nothing of the original's metadata), and
    a small one (at most 320); shown_bytes: the size of the former; shown_type, thumb_type: their media types.
    """

    media_type: str
    form: Form
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    waveform: tuple[int, ...] = ()
    pages: int | None = None
    shown_type: str = ""
    shown_bytes: int = 0
    thumb_type: str = ""

    @property
    def shown(self) -> bool:
        return bool(self.shown_type)

    @property
    def thumb(self) -> bool:
        return bool(self.thumb_type)


class Unfit(Exception):
    """A file that the clinic does not take. words: why, and what to do, for whoever sent it."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Source(Protocol):
    """Bytes that can be read anywhere: `size` of them in all."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset` on; fewer only at the end."""
