"""The door to the sandbox for the rest of Bedside: what a file was found to be, or why it is not taken. Imports clinic.file.media.

What comes out of the sandbox is checked here once more, since a file may have taken over what read it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clinic.file.media import Form, Inspection, Purpose, Source, Unfit
from web.media import sandbox, words
from web.media.sandbox import TooSlow, Unavailable

MOST_SHOWN_BYTES, MOST_THUMB_BYTES = 8_000_000, 1_000_000
MOST_MENDED_BYTES = sandbox.MOST_BLOB_BYTES * 9 // 10
"""The largest recording that is made anew, as it is whole in memory then; two minutes of sound have a twentieth of it, 45 seconds of video half."""
ALIKE_MS = 500
"""By how much what was made anew may be longer or shorter than what came."""
_STARTS = {"image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}
logger = logging.getLogger("files")
_sandbox = sandbox.Sandbox()
_LOOKS = threading.BoundedSemaphore(2)
"""Looks at once in a process, as each may take half a gigabyte: ten uploads that begin together wait a moment for each other."""


@dataclass(frozen=True, slots=True)
class Derived:
    """What was found of a file, and the pictures that were made of it: "shown" and "thumb", where there are some.

    whole: the file itself, made anew, where it is a recording that left out its length: all that is said here is of that. None: it stays as it came.
    """

    inspection: Inspection
    pictures: dict[str, bytes]
    whole: bytes | None = None


@dataclass(frozen=True, slots=True)
class Walls:
    """How the process is kept that reads files. trouble: why none can be read here, ""; network: whether it has a network of its own, with nothing in it."""

    trouble: str
    network: bool = False


def inspect(source: Source, name: str, purpose: Purpose, allowed: Sequence[str], limit_ms: int | None = None) -> Derived:
    """Look at a whole file. allowed: the media types that the clinic takes. limit_ms: how long a recording may be.

    A recording that leaves out its length, as browsers make them, is made anew with it; where that fails it stays as it came.
    Returns: what it is. Raises: Unfit, with words for its sender; TooSlow where it was not over in time; Unavailable where none can be looked at
    just now; what `source.read` raises.
    """
    derived, unsaid = _looked(source, name, purpose, allowed, limit_ms)
    if not unsaid or source.size > MOST_MENDED_BYTES:
        return derived
    return _mended(derived, source, name, purpose, allowed, limit_ms) or derived


def _looked(source: Source, name: str, purpose: Purpose, allowed: Sequence[str], limit_ms: int | None) -> tuple[Derived, bool]:
    """Returns what a file is, and whether it is a recording that leaves out its length. Raises: as `inspect`."""
    result = _run("inspect", source, name, purpose, allowed, limit_ms)
    try:
        return _checked(result, allowed), result.values.get("unsaid") is True
    except (KeyError, TypeError, ValueError) as error:
        logger.warning("a look at a file came back with what makes no sense: %s", type(error).__name__)
        raise Unfit(words.CRASHED) from error


def _mended(came: Derived, source: Source, name: str, purpose: Purpose, allowed: Sequence[str], limit_ms: int | None) -> Derived | None:
    """Returns what a recording is that was made anew, None where it cannot be. It has passed the same look as what came, since a file may have taken
    over what made it, and is the same in all that people see of it. Raises: Unavailable; what `source.read` raises."""
    try:
        whole = _run("mend", source, name, purpose, allowed, limit_ms).blobs.get("whole", b"")
        mended, unsaid = _looked(_Held(whole), name, purpose, allowed, limit_ms)
    except (Unfit, TooSlow) as error:
        logger.warning("a recording could not be made anew and stays as it came: %s", type(error).__name__)
        return None
    if unsaid or not _alike(came.inspection, mended.inspection):
        logger.warning("a recording was another one when it was made anew, and stays as it came")
        return None
    return replace(mended, whole=whole)


def _alike(one: Inspection, other: Inspection) -> bool:
    seen = [(each.media_type, each.form, each.width, each.height, each.shown, each.thumb, bool(each.waveform)) for each in (one, other)]
    return seen[0] == seen[1] and abs((one.duration_ms or 0) - (other.duration_ms or 0)) <= ALIKE_MS


def early(source: Source, name: str, purpose: Purpose, allowed: Sequence[str], limit_ms: int | None = None) -> str | None:
    """Look at the beginning of a file whose rest is on its way. Returns: why it will not be taken, None if nothing says so yet."""
    try:
        _run("peek", source, name, purpose, allowed, limit_ms)
    except Unfit as unfit:
        # The whole may be readable where its beginning is not: only what was found counts.
        return None if unfit.words in (words.CRASHED, words.UNCHECKED) else unfit.words
    except (TooSlow, Unavailable):
        return None
    return None


def walls() -> Walls:
    """Return how the process is kept that reads files, by having one try what it must not be able to do."""
    try:
        tried = _sandbox.run("proof", _Held(b""))
    except Unavailable as error:
        return Walls(str(error))
    except (sandbox.Died, TooSlow) as error:
        return Walls(f"The process that looks into files ended ({type(error).__name__}).")
    open_ones = [name for name, refused in tried.values.items() if not refused]
    return Walls(f"The process that looks into files is not kept from: {', '.join(open_ones)}." if open_ones else "", _sandbox.alone)


def close() -> None:
    """End the waiting process, if there is one."""
    _sandbox.close()


class _Held:
    """A source that is in memory (clinic.file.media.Source)."""

    def __init__(self, content: bytes) -> None:
        self.content, self.size = content, len(content)

    def read(self, offset: int, length: int) -> bytes:
        return self.content[offset : offset + length]


def _run(task: str, source: Source, name: str, purpose: Purpose, allowed: Sequence[str], limit_ms: int | None) -> sandbox.Result:
    end = name.rpartition(".")[2].strip().lower()[:16] if "." in name else ""
    try:
        with _LOOKS:
            return _sandbox.run(task, source, end=end, purpose=purpose.value, allowed=list(allowed), limit_ms=limit_ms)
    except sandbox.Refused as refused:
        raise Unfit(words.refusal(refused.code, refused.values)) from refused
    except TooSlow:
        logger.warning("a file was not read in time")
        raise
    except sandbox.Died as error:
        logger.warning("a file ended the process that read it: %s", ascii(str(error)))
        raise Unfit(words.CRASHED) from error
    except sandbox.NoWalls as error:
        logger.error("files cannot be checked: %s", error)
        raise Unfit(words.UNCHECKED) from error
    except Unavailable as error:
        logger.error("files cannot be checked just now: %s", error)
        raise


def _checked(result: sandbox.Result, allowed: Sequence[str]) -> Derived:
    """Returns what the sandbox said as far as it can be meant. Raises: KeyError, TypeError, ValueError."""
    values, made = result.values, result.blobs
    media_type, form = values["media_type"], Form(values["form"])
    if media_type not in allowed:
        raise ValueError("media type")
    waveform = tuple(_whole(one, 0, 31) for one in values.get("waveform", ()))
    if len(waveform) > 64:
        raise ValueError("waveform")
    shown, thumb = (_picture(made.get(name), values.get(f"{name}_type", ""), most) for name, most in (("shown", MOST_SHOWN_BYTES), ("thumb", MOST_THUMB_BYTES)))
    inspection = Inspection(
        media_type, form, _some(values, "width", 1_000_000), _some(values, "height", 1_000_000), _some(values, "duration_ms", 10**9), waveform,
        _some(values, "pages", 10**7), shown, len(made["shown"]) if shown else 0, thumb,
    )
    return Derived(inspection, {name: made[name] for name, there in (("shown", shown), ("thumb", thumb)) if there})


def _whole(value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ValueError("number")
    return int(value)


def _some(values: dict[str, Any], name: str, most: int) -> int | None:
    return None if values.get(name) is None else _whole(values[name], 0, most)


def _picture(made: bytes | None, media_type: str, most: int) -> str:
    """Returns the media type of a picture that was made, "" if there is none."""
    if made is None:
        return ""
    if not made.startswith(_STARTS[media_type]) or len(made) > most:
        raise ValueError("picture")
    return media_type
