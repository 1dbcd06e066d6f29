"""The list of threads beside a page: its rows as the person narrowed it, how far it reaches, and what it is narrowed by.

Owns side, narrow and what of it the session keeps. Imports Flask and clinic. The filter stays in the signed cookie until the person
changes it or logs out, so that it survives opening one thread after the other.
"""

from __future__ import annotations

from typing import Any

from flask import request, session

from clinic.account.people import find_people, practitioners
from clinic.fields import is_uid
from clinic.short_video.views import video_waiting
from clinic.status.views import offered_statuses
from clinic.thread.listing import EVERYTHING, NO_STATUS, ROWS, ROWS_AT_MOST, SHOWS, Wanted, thread_list, unread_in_all
from clinic.urgent.views import urgent_in_mine
from clinic.work import Work

_KEY = "list"
SHOW_WORDS = {
    "all": "All threads",
    "waiting": "My waiting patients, longest first",
    "unanswered": "Unanswered, newest first",
    "promised": "Answers promised, first due first",
    "mine": "Threads that I answer",
}


def wanted_now() -> Wanted:
    """Return what this browser's person wants of their list."""
    kept = session.get(_KEY)
    return Wanted(*kept) if isinstance(kept, list) and len(kept) == 3 else EVERYTHING


def narrow(show: str, practitioner: str, status: str) -> None:
    """Keep what the person wants of their list; what is no known wish is none."""
    session[_KEY] = [
        show if show in SHOWS else "all",
        practitioner if is_uid(practitioner) else None,
        status if status == NO_STATUS or is_uid(status) else None,
    ]


def reach() -> int:
    """Return how many rows are asked for."""
    asked = request.args.get("upto", "")
    return max(ROWS, min(int(asked), ROWS_AT_MOST)) if asked.isdecimal() and len(asked) < 6 else ROWS


def side(work: Work, open_uid: str | None, *, whole: bool = True) -> dict[str, Any]:
    """Return what templates/threads/_side.html and _list.html show. whole: with the filter's own choices, not only the rows.

    heard: where the list is narrowed, the newest rows of all, as news of any thread call the person back.
    """
    staff = work.role is not None and work.role.is_staff
    wanted, upto = wanted_now() if staff else EVERYTHING, reach()
    rows = thread_list(work, wanted, upto + 1)
    narrowed = wanted != EVERYTHING
    shown = {
        "rows": rows[:upto],
        "more": min(upto * 2, ROWS_AT_MOST) if len(rows) > upto else 0,
        "upto": upto,
        "most": ROWS_AT_MOST,
        "narrowed": narrowed,
        "heard": thread_list(work) if narrowed else None,
        "unread_all": unread_in_all(work),
        "open_uid": open_uid,
        "urgent_rows": urgent_in_mine(work) if staff else [],
        "videos_waiting": [] if staff else video_waiting(work),
        # Somebody without a thread may have a person to start the first one with; a patient may have none.
        "linked": bool(rows) or staff or bool(find_people(work, "")),
    }
    if whole and staff:
        choices = {"shows": SHOW_WORDS, "practitioners": practitioners(work), "statuses": offered_statuses(work)}
        shown |= {"wanted": wanted, **choices, "narrowed_words": _words(wanted, choices)}
    return shown


def _words(wanted: Wanted, choices: dict[str, Any]) -> str:
    found = [] if wanted.show == "all" else [SHOW_WORDS[wanted.show]]
    found += [one.name for one in choices["practitioners"] if one.uid == wanted.practitioner]
    found += [one.name for one in choices["statuses"] if one.uid == wanted.status]
    if wanted.status == NO_STATUS:
        found.append("no status")
    return ", ".join(found) or "a choice that is no longer there"
