"""Times and dates in words, in the clinic's own zone; the page's script rewrites them in the reader's.

Owns local, iso, exact, plain_date, month_name, years, day_name, human, due. Imports the standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

_WEEK_DAYS = 7


def local(at: datetime, zone: tzinfo) -> datetime:
    """Return `at` in `zone`."""
    return at.astimezone(zone)


def iso(at: datetime) -> str:
    """Return `at` in UTC to the millisecond, as `<time datetime>` takes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact(at: datetime, zone: tzinfo) -> str:
    """Return `at` in full, for the hover text."""
    return f"{local(at, zone):%A, %-d %B %Y, %H:%M:%S %Z}"


def plain_date(day: date) -> str:
    """Return a calendar date in words that no country reads wrongly: 27 March 1984."""
    return f"{day:%-d %B %Y}"


def month_name(day: date) -> str:
    """Return the month of a calendar date in words: March 1984."""
    return f"{day:%B %Y}"


def years(born: date | None, today: date) -> int | None:
    """Return how many years old somebody is, None where it is not known when they were born."""
    return None if born is None else today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def day_name(at: datetime, zone: tzinfo, now: datetime) -> str:
    """Return the day of `at` as a person says it: Today, Yesterday, Tomorrow, a weekday, 14 March, 14 March 2025."""
    day, today = local(at, zone).date(), local(now, zone).date()
    days = (today - day).days
    if days == 0:
        return "Today"
    if days in (-1, 1):
        return "Yesterday" if days == 1 else "Tomorrow"
    if 1 < days < _WEEK_DAYS:
        return f"{day:%A}"
    return f"{day:%-d %B}" if day.year == today.year else plain_date(day)


def human(at: datetime, form: str, zone: tzinfo, now: datetime) -> str:
    """Return `at` in one of the forms of the page: clock, day, date, recent (a list) or moment (a sentence)."""
    day, clock = day_name(at, zone, now), f"{local(at, zone):%H:%M}"
    spoken = day.lower() if day in ("Yesterday", "Tomorrow") else day
    forms = {
        "clock": clock,
        "day": day,
        "date": plain_date(local(at, zone).date()),
        "recent": clock if day == "Today" else spoken,
        "moment": clock if day == "Today" else f"{spoken}, {clock}",
    }
    return forms[form]


@dataclass(frozen=True, slots=True)
class Due:
    """A promised time in words. by: when, "14:30". left: how long until then, or since. over: it has passed."""

    by: str
    left: str
    over: bool


def due(at: datetime, zone: tzinfo, now: datetime) -> Due:
    """Return a promised time as staff read it; the page's script counts on (frontend/src/due.ts)."""
    return Due(human(at, "moment", zone, now), span(abs(at - now)), now > at)


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: "2 h 10 min", "3 days 4 h"; never less than a minute."""
    minutes = max(1, int(length.total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min")]
    first = next(place for place, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {word}" for number, word in parts[first : first + 2] if number)
