"""What the pages of profiles share: the way back, the date, time zones, what was typed and is not saved yet. No routes; imports Flask."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import request

from clinic.errors import DomainError
from clinic.profile.patients import SharedThread
from web.context import clinic_card
from web.db import clinic_db
from web.times import local

ZONES = tuple((name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name and not name.startswith(("Etc/", "SystemV/")))


def today() -> date:
    """Return today's date at the clinic."""
    return local(clinic_db().now(), clinic_card().zone).date()


def came_from_first(threads: Sequence[SharedThread]) -> tuple[SharedThread, ...]:
    """Return the threads that the reader of a profile shares with its person, first the one that they came from (`thread` in the address)."""
    return tuple(sorted(threads, key=lambda one: one.uid != request.args.get("thread")))


def filled_in(stored: Mapping[str, Any], error: DomainError | None) -> dict[str, Any]:
    """Return what a form's template takes: what is stored, or after a refusal what was typed, with what is wrong with it.

    stored: what the fields hold now; shown beside what was typed where somebody else has saved meanwhile.
    """
    known = error is not None and error.field in stored
    return {
        "typed": stored if error is None else request.form.to_dict(),
        "stored": stored if error is not None and error.field == "version" else None,
        "problems": {error.field: error.page_text} if error and known else {},
        "problem": error.page_text if error and not known else None,
    }
