"""Entries as HTML: the one way in which history and live entries are drawn. (What is still on its way is drawn by the script.)

Owns draw, Line, lines, joined, TOGETHER. Imports Flask and clinic.kinds. Each kind names its template below templates/entries/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import render_template
from markupsafe import Markup

from clinic.kinds import kind_named
from clinic.thread.views import EntryView
from web.context import clinic_card
from web.times import local

TOGETHER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Line:
    """An entry in its place: whether a day begins, unread begins, it follows its author's last, its state is said later."""

    entry: EntryView
    day: bool
    fresh: bool
    follows: bool
    stated: bool


def draw(entry: EntryView, follows: bool = False, stated: bool = False) -> Markup:
    """Return the fragment of one entry."""
    kind = kind_named(entry.kind)
    return Markup(render_template(f"entries/{kind.fragment}", entry=entry, kind=kind, follows=follows, stated=stated))


def lines(entries: Sequence[EntryView], first_unread: str | None) -> list[Line]:
    """Return the entries of a page in order, each with what its neighbours say about it."""
    said_later = _said_later(entries)
    zone = clinic_card().zone
    found: list[Line] = []
    before: EntryView | None = None
    for entry in entries:
        day = before is None or local(entry.at, zone).date() != local(before.at, zone).date()
        fresh = entry.uid == first_unread
        found.append(Line(entry, day, fresh, not day and not fresh and joined(before, entry), entry.uid in said_later))
        before = entry
    return found


def joined(before: EntryView | None, entry: EntryView) -> bool:
    """Say whether `entry` follows without a heading of its own: two texts of one person, little apart.

    The page's script decides by the same rule (frontend/src/grouping.ts); one table of cases tests both.
    """
    if before is None or before.author is None or entry.author is None:
        return False
    return before.author.uid == entry.author.uid and before.kind == entry.kind == "text" and entry.at - before.at < TOGETHER


def _said_later(entries: Sequence[EntryView]) -> set[str]:
    found: set[str] = set()
    state = None
    for entry in reversed(entries):
        if not entry.mine or entry.state is None:
            continue
        if entry.state == state:
            found.add(entry.uid)
        state = entry.state
    return found
