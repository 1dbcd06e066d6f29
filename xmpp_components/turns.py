"""Large answers in turn: archive pages and the history of joins, one a person at a time, few at once, none on top of another.

Owns who waits. What one answer may weigh, how fast one person may ask for more and how many questions may wait are bounded,
so that whoever asks for much waits for themselves and everybody else's messages pass. May import clinic and the package.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clinic.log import Entry
from xmpp_components import wire
from xmpp_components.request import Refusal, Request

if TYPE_CHECKING:
    from xmpp_components.stream import Stream

# The longest id that is copied from a question into its answers.
LONGEST_ID = 128
LARGEST_ANSWER_BYTES = 512 * 1024
ANSWERS_AT_ONCE = 2
# Somebody with hundreds of threads joins them all when their client starts.
MOST_WAITING = 500
BYTES_PER_SECOND = 2 * 1024 * 1024
TOO_MANY = "Too many of your questions wait for an answer already. Ask again in a moment; nothing is lost."


@dataclass(slots=True)
class Turn:
    """One answer being given. ``sent_bytes``: what it has come to."""

    sent_bytes: int = 0


@dataclass(slots=True)
class _Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Turns:
    """Who answers what when."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._places = asyncio.Semaphore(ANSWERS_AT_ONCE)

    @asynccontextmanager
    async def turn(self, request: Request, stream: Stream) -> AsyncIterator[Turn]:
        """Wait until it is this request's turn, and give the next its turn once the server has taken what was sent.

        The request's XML is emptied but for the mark of a join, as hundreds may wait: read it before. Raises: Refusal resource-constraint.
        """
        line = self._lines.setdefault(request.person, _Line())
        if line.waiting >= MOST_WAITING:
            raise Refusal("resource-constraint", "wait", TOO_MANY)
        _lighten(request)
        line.waiting += 1
        try:
            async with line.lock:
                turn = Turn()
                async with self._places:
                    await stream.drained()
                    yield turn
                    await stream.drained()
                await asyncio.sleep(turn.sent_bytes / BYTES_PER_SECOND)
        finally:
            line.waiting -= 1
            if not line.waiting:
                self._lines.pop(request.person, None)


def _lighten(request: Request) -> None:
    marks = [part for part in request.xml if part.tag == f"{{{wire.MUC}}}x"][:1]
    for part in marks:
        part.clear()
    request.xml[:] = marks


def fitting(entries: Sequence[Entry], text_of: Callable[[Entry], str], *, newest: bool) -> list[tuple[Entry, str]]:
    """Render entries until the answer is as large as it may be; one at least.

    entries: oldest first; newest: whether the newest are kept where not all fit, else the oldest.
    Returns: (entry, its stanza's text), oldest first.
    """
    kept: list[tuple[Entry, str]] = []
    left = LARGEST_ANSWER_BYTES
    for entry in reversed(entries) if newest else entries:
        text = text_of(entry)
        left -= len(text.encode())
        if kept and left < 0:
            break
        kept.append((entry, text))
    return kept[::-1] if newest else kept
