"""Fields of what an account says of a person: name, e-mail address, birth date. Imports clinic.fields and the standard library."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any

from clinic.errors import Invalid
from clinic.fields import Field, Text

# Marks of direction, and others that come along when a name is copied. (The two joiners belong to some languages' words.)
_UNSEEN = frozenset("\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff")
IMPOSSIBLE = "This birth date is not possible. Check the year."
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")


@dataclass(frozen=True, slots=True)
class PersonName(Text):
    """A person's name on one line, in one spelling whichever machine it was typed on, without marks that nobody sees."""

    max_bytes: int = 200

    def check(self, raw: Any) -> str:
        shown = "".join(character for character in self.text(raw) if character not in _UNSEEN)
        return Text.check(self, unicodedata.normalize("NFC", shown))


@dataclass(frozen=True, slots=True)
class Email(Field):
    """An e-mail address, folded to lower case."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip().casefold()
        if len(value) > 254 or not _EMAIL.fullmatch(value):
            raise Invalid("This is not an e-mail address. It looks like name@example.org.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class BirthDate(Field):
    """A date from 1880 on, as YYYY-MM-DD. That it is not still to come is for the action to see, which knows the time."""

    audited: bool = False

    def check(self, raw: Any) -> date:
        try:
            value = raw if isinstance(raw, date) else date.fromisoformat(self.text(raw).strip())
        except ValueError:
            raise Invalid("Write the birth date as year-month-day, for example 1984-03-27.", field=self.name) from None
        if value < date(1880, 1, 1):
            raise Invalid(IMPOSSIBLE, field=self.name)
        return value
