"""Says what a file is and has it read by whoever may; the tasks of the sandbox. Imports python-magic; runs inside the sandbox.

Order matters: the name's end, then our own signs, then libmagic, then the clinic's list, and only then a reader, which opens the file as what it is
and as nothing else.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TYPE_CHECKING

import magic

from web.media import documents, pictures, signs, sound
from web.media.found import Found, Pictures, Refused
from web.media.signs import Kind

if TYPE_CHECKING:
    from web.media.child import RemoteFile

TAIL_BYTES = 65_600
_ENCODINGS = ("ascii", "latin-1", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp437", "cp1252")
_magic: list[magic.Magic] = []


def prepare() -> None:
    """Load everything that reading may want: once there are walls, nothing more can be loaded."""
    _magic.append(magic.Magic(mime=True))
    _said(b"%PDF-1.7\n")
    for reader in (pictures, documents, sound):
        reader.prepare()
    for encoding in _ENCODINGS:
        codecs.lookup(encoding)


def _said(head: bytes) -> str:
    try:
        return str(_magic[0].from_buffer(head))
    except magic.MagicException:
        return ""


def recognise(file: RemoteFile, end: str, allowed: list[str] | None, *, whole: bool = True) -> Kind:
    """Return what a file is. end: of its name. allowed: media types, None for all. whole: False for a file's beginning. Raises: Refused."""
    if end.lower() in signs.RUN_BY_NAME:
        raise Refused("name", end=end.lower())
    head = file.at(0, signs.HEAD_BYTES)
    if not head:
        raise Refused("empty")
    kind, said = signs.kind_of(head, whole and len(head) == file.size), _said(head)
    if kind is None:
        raise Refused("type", thing=said)
    if kind.reader == "text":
        _text(file, head, said, whole=whole)
    elif kind.reader in ("zip", "ole"):
        if whole:
            kind = Kind(kind.name, documents.office_type(file) if kind.reader == "zip" else documents.old_office_type(file, said))
    elif not signs.agrees(kind, said) or whole and signs.hidden_archive(file.at(max(0, file.size - TAIL_BYTES), TAIL_BYTES), file.size):
        raise Refused("contradictory", thing=kind.media_type)
    may_be = {kind.media_type, *kind.magic} if kind.reader == "sound" else {kind.media_type}
    if allowed is not None and kind.reader not in ("zip", "ole") and not may_be & set(allowed):
        raise Refused("type", thing=kind.media_type)
    return kind


def _text(file: RemoteFile, head: bytes, said: str, *, whole: bool) -> None:
    """Refuses what is more than a text, and what is one in its first part only."""
    more = signs.guise(head) or signs.NO_TEXTS.get(said, "")
    if more:
        raise Refused("type", thing=more)
    if not said.startswith("text/") and said not in ("application/octet-stream", "application/json", "application/x-ndjson", "application/csv", ""):
        raise Refused("type", thing=said)
    if whole and file.size > len(head):
        tail = file.at(max(0, file.size - TAIL_BYTES) // 2 * 2, TAIL_BYTES)
        wide = head.startswith((b"\xff\xfe", b"\xfe\xff"))
        if b"\0" in tail and not wide:
            raise Refused("contradictory", thing="text/plain")


def inspect(file: RemoteFile, *, end: str, purpose: str, allowed: list[str], limit_ms: int | None) -> tuple[Found, Pictures]:
    """Look at a whole file. Returns: the values of an Inspection, and the pictures "shown" and "thumb" where there are some. Raises: Refused."""
    kind = recognise(file, end, allowed)
    found, made = _read(file, kind, purpose, limit_ms)
    if found["media_type"] not in allowed:
        raise Refused("type", thing=found["media_type"])
    return found, made


def peek(file: RemoteFile, *, end: str, purpose: str, allowed: list[str], limit_ms: int | None) -> tuple[Found, Pictures]:
    """Look at the beginning of a file whose rest is still on its way. Raises: Refused for what no rest can make good."""
    kind = recognise(file, end, allowed, whole=False)
    _for_purpose(kind, purpose)
    if kind.reader == "sound" and limit_ms is not None:
        sound.peek(file, kind, purpose, limit_ms)
    return {}, {}


def mend(file: RemoteFile, *, end: str, purpose: str, allowed: list[str], limit_ms: int | None) -> tuple[Found, Pictures]:
    """Make a recording anew whose header leaves out its length. Returns: nothing that was found, and the whole file as "whole". Raises: Refused."""
    return {}, {"whole": sound.mend(file, recognise(file, end, allowed))}


def _for_purpose(kind: Kind, purpose: str) -> None:
    if purpose != "file" and kind.reader != ("picture" if purpose == "photo" else "sound"):
        raise Refused(f"no_{purpose}", thing=kind.media_type)


def _read(file: RemoteFile, kind: Kind, purpose: str, limit_ms: int | None) -> tuple[Found, Pictures]:
    """Has a file read by the one reader of its kind, if it has one."""
    _for_purpose(kind, purpose)
    if kind.reader == "picture":
        return pictures.read(file, kind)
    if kind.reader == "pdf":
        return documents.read_pdf(file)
    if kind.reader == "sound":
        return sound.read(file, kind, purpose, limit_ms)
    return {"media_type": kind.media_type, "form": "text" if kind.reader == "text" else "other"}, {}


TASKS: dict[str, Callable[..., tuple[Found, Pictures]]] = {"inspect": inspect, "peek": peek, "mend": mend}
