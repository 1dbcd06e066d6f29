"""How a status looks: a colour of the page's palette, and a shape that says the same without it. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

# Each colour with its shape (an icon of the page) and the words for both: nobody has to tell colours apart.
COLOURS = MappingProxyType(
    {
        "grey": "Grey circle",
        "blue": "Blue square",
        "green": "Green tick",
        "amber": "Amber triangle",
        "red": "Red octagon",
        "violet": "Violet diamond",
    }
)


@dataclass(frozen=True, slots=True)
class StatusView:
    """A status as staff see it. colour: a key of COLOURS. archived: it is no longer offered."""

    uid: str
    name: str
    colour: str
    archived: bool = False
