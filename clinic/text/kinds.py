"""The kind `text`: what people type. Imports clinic.kinds only."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.kinds import kind


@kind("text", fragment="text.html")
@dataclass(frozen=True, slots=True)
class TextPayload:
    """A message. text: as typed, lines kept, at most actions.MAX_BYTES."""

    text: str

    @property
    def body(self) -> str:
        return self.text
