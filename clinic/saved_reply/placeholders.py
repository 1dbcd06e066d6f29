"""Placeholders of saved replies, `[PATIENT NAME]` and the like: found, filled in, put back. Imports the standard library only.

Whatever capital words stand in brackets are a placeholder. KNOWN are filled in by the clinic where the thread says with what;
every other one, and one of KNOWN that several people would fit, is completed by hand before the text is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

PATIENT, PRACTITIONER, ME, CLINIC, DATE = "[PATIENT NAME]", "[PRACTITIONER NAME]", "[MY NAME]", "[CLINIC NAME]", "[DATE]"
KNOWN: Mapping[str, str] = {
    PATIENT: "the patient of the thread",
    PRACTITIONER: "you, or the practitioner whom you assist there",
    ME: "your own name",
    CLINIC: "the clinic's name",
    DATE: "the day on which it is sent",
}
_BRACKETED = re.compile(r"\[[^\[\]\n]{2,60}\]")
_SHORTEST_NAME = 2


def placeholders(text: str) -> tuple[str, ...]:
    """Return the placeholders in `text`, each once, in order: capital words in brackets."""
    found = (match.group() for match in _BRACKETED.finditer(text))
    return tuple(dict.fromkeys(one for one in found if one == one.upper() and sum(letter.isalpha() for letter in one) >= 2))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the placeholders that `values` has a value for replaced; what a value holds is left alone."""
    return _BRACKETED.sub(lambda match: values.get(match.group(), match.group()), text)


def put_back(text: str, names: Sequence[str]) -> str:
    """Return `text` with PATIENT for each of `names`, whole or the first word alone, however it is capitalised."""
    whole = sorted({name for name in names if len(name) >= _SHORTEST_NAME}, key=len, reverse=True)
    first = sorted({name.split()[0] for name in whole}, key=len, reverse=True)
    for name in (*whole, *(one for one in first if len(one) >= _SHORTEST_NAME)):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", lambda _match: PATIENT, text, flags=re.IGNORECASE)
    return text
