"""Names of files as people give them: what is left of one once it can harm nobody. Standard library only.

A name is shown, sent to apps and offered to be saved under; it is never a path of this machine.
"""

from __future__ import annotations

import re
import unicodedata

NAME_LENGTH, LONGEST_EXTENSION = 200, 16
NAMELESS = "file"
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Of Windows: a file that is saved under one of these opens a device.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def safe_name(given: str) -> str:
    """Return the name of a file without folders, control characters or marks that turn the direction of writing, at most NAME_LENGTH long.

    The end after the last dot is kept, as people and machines go by it. Of a safe name it gives the same again.
    """
    name = given.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(" " if char.isspace() else char for char in name if char.isspace() or unicodedata.category(char)[0] != "C")
    name = " ".join(_FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).split()).strip(". ")
    stem, dot, end = name.rpartition(".")
    if not dot or len(end) > LONGEST_EXTENSION:
        stem, end = name, ""
    if _DEVICES.fullmatch(stem.split(".")[0].strip()):
        stem = f"_{stem}"
    end = f".{end}" if end else ""
    return (stem[: NAME_LENGTH - len(end)].strip(". ") or NAMELESS) + end


def renamed(before: str, given: str) -> str:
    """Return the safe name that a file is to have from now on: as it was given, with the ending that it has had."""
    name = safe_name(given)
    stem, dot, end = before.rpartition(".")
    ending = f".{end}" if stem and dot and len(end) <= LONGEST_EXTENSION else ""
    return name if name.lower().endswith(ending.lower()) else name[: NAME_LENGTH - len(ending)] + ending
