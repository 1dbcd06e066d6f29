"""The name that tells a member from the others of a thread, and the form of it that every messaging app can address.

Imports the standard library only. A verified name may hold what an address may not: letters of both directions, a number
after right-to-left letters, marks that nobody sees. A server answers such an address with an error to each recipient.
Source: RFC 7622 section 3.4, RFC 6122 appendix B (resourceprep), RFC 3454 section 6 (direction).
"""

from __future__ import annotations

import functools
import stringprep
import unicodedata

LONGEST_CHARACTERS = 200  # an address's part may have 1,023 bytes
NOBODY = "Member"
CLINIC = "Clinic"
"""Under this name the clinic itself speaks in messaging apps; nobody in a thread is called so."""
_FOR_THE_NUMBER = 10
_FORBIDDEN = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשת"
_ARABIC = "ابجدهوزحطيكلمنسعفصقرشت"


@functools.lru_cache(maxsize=10_000)
def addressable(name: str) -> str:
    """Return `name` as an address can carry it: unchanged for most names, and unchanged when it is given back."""
    seen = "".join(character for character in name if not stringprep.in_table_b1(character))
    composed = unicodedata.normalize("NFKC", seen)
    kept = "".join(character for character in composed if _allowed(character))
    kept = _one_direction(" ".join(kept.split()))
    return kept[:LONGEST_CHARACTERS].strip() or NOBODY


def _allowed(character: str) -> bool:
    # What is no character yet has a direction for some servers and none for others.
    return unicodedata.category(character) != "Cn" and not any(forbidden(character) for forbidden in _FORBIDDEN)


def _directions(character: str) -> set[str]:
    # Servers differ in which edition of Unicode they ask: the one of the rule, or a recent one.
    return {edition.bidirectional(character) for edition in (unicodedata, unicodedata.ucd_3_2_0)}


def _right(character: str) -> bool:
    return not _directions(character).isdisjoint({"R", "AL"})


def _left(character: str) -> bool:
    return "L" in _directions(character)


def _one_direction(name: str) -> str:
    """Return `name` without the letters of the direction that has fewer of them, beginning and ending as the rule asks."""
    right, left = (sum(map(turned, name)) for turned in (_right, _left))
    if not right:
        return name
    if left > right:
        return " ".join("".join(c for c in name if not _right(c)).split())
    kept = "".join(c for c in name if not _left(c))
    places = [place for place, character in enumerate(kept) if _right(character)]
    return " ".join(kept[places[0] : places[-1] + 1].split())


def same(one: str, other: str) -> bool:
    """Say whether two names are one address, or differ only in capitals, which no reader would tell apart."""
    return folded(one) == folded(other)


def folded(name: str) -> str:
    """Return what two names have in common exactly when they are `same`."""
    return addressable(name).casefold()


def numbered(name: str, number: int) -> str:
    """Return what the `number`th person of this name in a thread is called; right-to-left names are counted in letters."""
    if number == 1:
        return name
    form = addressable(name)
    if len(form) > LONGEST_CHARACTERS - _FOR_THE_NUMBER:
        name = form = form[: LONGEST_CHARACTERS - _FOR_THE_NUMBER].strip()
    last = form[-1]
    if not _right(last):
        return f"{name} ({number})"
    letters = _HEBREW if "HEBREW" in unicodedata.name(last, "") else _ARABIC
    count = ""
    while number:
        number, place = divmod(number - 1, len(letters))
        count = letters[place] + count
    return f"{name} {count}"
