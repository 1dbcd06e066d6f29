"""The clinic's settings with their defaults. Imports the tables and SQLAlchemy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from clinic.account.tables import settings

if TYPE_CHECKING:
    from clinic.work import Work

DEFAULTS = {
    "clinic_name": "Your clinic",
    "emergency_number": "",
    "time_zone": "UTC",
}


def setting(work: Work, key: str) -> str:
    """Return the value of one setting, or its default."""
    row = work.row(sa.select(settings.c.value).where(settings.c.key == key))
    return DEFAULTS[key] if row is None else str(row.value)


def put_setting(work: Work, key: str, value: str) -> None:
    """Buffer a setting's new value."""
    if key not in DEFAULTS:
        raise KeyError(key)
    work.delete(settings, key)
    work.insert(settings, key=key, value=value)
