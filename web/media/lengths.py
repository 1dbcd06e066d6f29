"""Whether a recording's own header says how long it is: what browsers record says nothing. Standard library only; runs inside the sandbox.

A browser writes as it records, and goes back to nothing: WebM without a duration and without cues, MP4 in pieces (fragments) behind a header that says 0.
Players then show no length, and seek badly or not at all. Source: RFC 8794 and 9559 (WebM), ISO/IEC 14496-12 (MP4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

HEAD_BYTES = 65_536
_MOST_BOXES = 64
_EBML, _SEGMENT, _INFO, _CLUSTER, _DURATION = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1F43B675, 0x4489


class Content(Protocol):
    """Bytes of a file that can be read anywhere (child.RemoteFile)."""

    size: int

    def at(self, offset: int, length: int) -> bytes: ...


def unsaid(file: Content, name: str) -> bool:
    """Say whether a file is a recording whose header leaves out its length. name: of its kind (signs.Kind). What makes no sense is none."""
    if name == "matroska":
        return _webm_unsaid(file.at(0, HEAD_BYTES))
    return name == "mp4" and _mp4_unsaid(file)


def _number(head: bytes, at: int, *, marked: bool) -> tuple[int, int]:
    """Returns a number of variable length and where it ends. marked: with the bit that says its length, as ids have it. Raises: ValueError, IndexError."""
    length = 9 - head[at].bit_length()
    if length > 8 or at + length > len(head):
        raise ValueError("no number")
    value = int.from_bytes(head[at : at + length])
    return value if marked else value & (1 << 7 * length) - 1, at + length


def _elements(head: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yields the id of each element from a place up to another, and from where to where its content lies."""
    while at < min(end, len(head)):
        name, size_at = _number(head, at, marked=True)
        size, start = _number(head, size_at, marked=False)
        unknown = size == (1 << 7 * (start - size_at)) - 1
        at = end if unknown else start + size
        yield name, start, at


def _webm_unsaid(head: bytes) -> bool:
    try:
        for name, start, end in _elements(head, 0, len(head)):
            if name == _SEGMENT:
                return _segment_unsaid(head, start, end)
            if name != _EBML:
                return False
    except (ValueError, IndexError):
        pass
    return False


def _segment_unsaid(head: bytes, start: int, end: int) -> bool:
    for name, begins, ends in _elements(head, start, end):
        if name == _INFO:
            return not any(one == _DURATION and any(head[at:to]) for one, at, to in _elements(head, begins, ends))
        if name == _CLUSTER:
            break
    return False


def boxes(file: Content, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each box of an MP4 from a place up to another, and from where to where its content lies: the first 64."""
    for _ in range(_MOST_BOXES):
        head = file.at(start, 16)
        if start >= end or len(head) < 8:
            return
        size, name, content = int.from_bytes(head[:4]), head[4:8], start + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16]), start + 16
        start = start + size if size else end
        if start < content:
            return
        yield name, content, min(start, end)


def _mp4_unsaid(file: Content) -> bool:
    found = next((one for one in boxes(file, 0, file.size) if one[0] == b"moov"), None)
    if found is None:
        return False
    inside = {name: (start, end) for name, start, end in boxes(file, found[1], found[2])}
    if b"mvhd" not in inside or b"mvex" not in inside:
        return False
    # Before the length in `mvhd` stand two times and how many units a second has; in `mehd` nothing.
    said = [_length(file, inside[b"mvhd"][0], times=2, units=4)]
    said += [_length(file, start) for name, start, _ in boxes(file, *inside[b"mvex"]) if name == b"mehd"]
    return not any(said)


def _length(file: Content, start: int, times: int = 0, units: int = 0) -> int:
    """Returns what a box says of a length, 0 where it says that it is unknown. times: numbers before it that are as long as it; units: bytes of others."""
    size = 8 if file.at(start, 1) == b"\1" else 4
    found = int.from_bytes(file.at(start + 4 + times * size + units, size))
    return 0 if found == (1 << 8 * size) - 1 else found
