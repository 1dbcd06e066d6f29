"""What the forms of profiles share: the clinic's date, time zones to choose from, what was typed where it is not saved yet. No routes; imports Flask."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import request

from clinic.errors import DomainError
from web.context import clinic_card
from web.db import clinic_db
from web.times import local

ZONES = tuple((name, name.replace("_", " ")) for name in sorted(zoneinfo.available_timezones()) if "/" in name and not name.startswith(("Etc/", "SystemV/")))


def today() -> date:
    """Return today's date at the clinic."""
    return local(clinic_db().now(), clinic_card().zone).date()


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
