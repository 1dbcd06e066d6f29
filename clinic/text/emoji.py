"""The field of an action that takes a few emojis. Imports clinic.fields and the standard library."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clinic.errors import Invalid
from clinic.fields import Text

MOST_EMOJIS = 5
LONGEST_EMOJI = 32  # code points: a flag of a region, or a family, is one emoji of many
# What an emoji consists of: pictures, skin tones, joiners and selectors, the signs and digits that become one on a key.
_PARTS = frozenset({"So", "Sk", "Sm", "Mn", "Me", "Cf", "Po", "Nd"})
_KEY = "\u20e3"


def is_emoji(text: str) -> bool:
    """Say whether `text` looks like one emoji: not a word, a number or a blank."""
    kinds = [unicodedata.category(character) for character in text]
    pictured = "So" in kinds or _KEY in text or "\ufe0f" in text
    return 0 < len(text) <= LONGEST_EMOJI and pictured and set(kinds) <= _PARTS and ("Nd" not in kinds or _KEY in text)


@dataclass(frozen=True, slots=True)
class Emojis(Text):
    """At most MOST_EMOJIS emojis, as a list or as text separated by blanks; none is an answer too. Source: XEP-0444."""

    def parse(self, raw: Any) -> tuple[str, ...]:
        """Return the emojis, each once. Raises: Invalid."""
        if raw is None:
            return ()
        given = raw.split() if isinstance(raw, str) else raw
        if not isinstance(given, Sequence):
            raise Invalid(f"{self.label or self.name} must be a list.", field=self.name)
        found = tuple(dict.fromkeys(self.text(one).strip() for one in given))
        if not all(is_emoji(one) for one in found):
            raise Invalid("React with an emoji, for example 👍. To say more, write a message.", field=self.name)
        if len(found) > MOST_EMOJIS:
            raise Invalid(f"React with at most {MOST_EMOJIS} emojis.", field=self.name)
        return found
