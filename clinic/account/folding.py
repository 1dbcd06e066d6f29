"""How names are folded, so that who searches finds them however they were typed. Imports the standard library, errors and the tables."""

from __future__ import annotations

import unicodedata

from clinic.account.tables import NAME_LENGTH
from clinic.errors import TooLong


def fold_name(name: str) -> str:
    """Return `name` as people search it: lower case, single blanks, one spelling of each letter."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def searchable(name: str) -> str:
    """Return `fold_name(name)` as it is stored. Raises: TooLong; some letters become three when they are folded."""
    folded = fold_name(name)
    if len(folded) > NAME_LENGTH:
        raise TooLong("This name is too long. Shorten it.", field="name")
    return folded
