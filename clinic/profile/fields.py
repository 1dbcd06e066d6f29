"""Fields of profiles: telephone numbers, measures, days that are known roughly, versions. Imports clinic.fields and the standard library.

What they take of a person is never in the audit log; a version is.
"""

from __future__ import annotations

import re
import zoneinfo
from dataclasses import dataclass
from datetime import date
from typing import Any

from clinic.errors import Invalid
from clinic.fields import Field

_PHONE = re.compile(r"\+?[0-9(][0-9 ()./\-]{2,36}(?: ?(?:ext|x)\.? ?[0-9]{1,6})?")
_MEASURE = re.compile(r"[0-9]{1,4}(?:\.[0-9])?")
_ROUGHLY = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


@dataclass(frozen=True, slots=True)
class Phone(Field):
    """A telephone number as people write it: digits, blanks, a plus in front, brackets, an extension."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        value = " ".join(self.text(raw).split())
        if not _PHONE.fullmatch(value) or sum(character.isdigit() for character in value) < 3:
            raise Invalid("This is not a telephone number. Write digits, for example +49 30 1234567.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class Measure(Field):
    """A number with at most one decimal, behind a point or a comma. Returns it as text, without zeros that say nothing."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip().replace(",", ".")
        if not _MEASURE.fullmatch(value):
            raise Invalid(f"{self.label}: write a number with at most one decimal, for example 68.5.", field=self.name)
        return f"{float(value):g}"


@dataclass(frozen=True, slots=True)
class Roughly(Field):
    """A day as far as it is known: 2019, 2019-05 or 2019-05-02. That it is not still to come is for the action to see, which knows the time."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip()
        found = _ROUGHLY.fullmatch(value)
        try:
            first = date(*(int(part or 1) for part in found.groups())) if found else None
        except ValueError:
            first = None
        if first is None:
            raise Invalid(f"{self.label}: write the year, or year-month, or year-month-day: 2019, 2019-05 or 2019-05-02.", field=self.name)
        if first < date(1880, 1, 1):
            raise Invalid(f"{self.label}: {value} is not possible. Check the year.", field=self.name)
        return value


def roughly_in_words(value: str) -> str:
    """Return a day as far as it is known in words that no country reads wrongly: 2019, May 2019, 2 May 2019. value: of a Roughly, or ""."""
    if not (found := _ROUGHLY.fullmatch(value)):
        return value
    first = date(*(int(part or 1) for part in found.groups()))
    return f"{first:%-d %B %Y}" if found[3] else f"{first:%B %Y}" if found[2] else value


@dataclass(frozen=True, slots=True)
class ZoneName(Field):
    """A time zone by its name in the IANA database."""

    audited: bool = False

    def check(self, raw: Any) -> str:
        value = self.text(raw).strip()
        if value not in zoneinfo.available_timezones():
            raise Invalid("There is no such time zone. Write it like Europe/Berlin or America/New_York.", field=self.name)
        return value


@dataclass(frozen=True, slots=True)
class Version(Field):
    """Which version its sender has read, 0 where there was none: what somebody else has saved since is not written over unseen."""

    def check(self, raw: Any) -> int:
        value = str(raw).strip()
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise Invalid("This form does not say which version it is about. Reload the page and fill it in again.", field=self.name)
        return int(value)
