"""The clinic's settings with their defaults. Imports the tables and SQLAlchemy."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clinic.account.tables import settings

if TYPE_CHECKING:
    from clinic.work import Work

DEFAULTS = {
    "clinic_name": "Your clinic",
    "emergency_number": "",
    "time_zone": "UTC",
    # What coordinators may beside what they always may; "1" is on.
    "coordinators_change_status": "0",
    "coordinators_request_video": "0",
    "coordinators_send_voice": "0",
    # Whether links to files in messaging apps always ask for a log-in too; "1" is on.
    "files_login_only": "0",
    # The media types of files that are taken, with spaces between (empty: clinic/file/allowed.py: BEGINS_WITH).
    "files_allowed": "",
    # Whether a practitioner's coordinators are included in groups with a patient too.
    "coordinators_in_groups": "1",
    # An urgent call that nobody has acknowledged after so long alerts the duty account (its uid; empty: nobody).
    "urgent_seconds": "120",
    "duty_account": "",
    # Who takes payments: "manual" (at the desk), or the name of a provider whose keys the deployment has.
    "payment_provider": "manual",
    # What stands at the top of receipts below the clinic's name: address, tax number.
    "receipt_header": "",
}

PUBLIC = ("clinic_name", "emergency_number", "time_zone")
"""What every page may show, to anybody."""


def setting(work: Work, key: str) -> str:
    """Return the value of one setting, or its default."""
    row = work.row(sa.select(settings.c.value).where(settings.c.key == key))
    return DEFAULTS[key] if row is None else str(row.value)


def instant(work: Work, at: datetime) -> datetime:
    """Return a date and time as an instant in UTC; one without an offset is on the clinic's clock."""
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(setting(work, "time_zone")))).astimezone(UTC)


def today(work: Work) -> date:
    """Return today's date at the clinic."""
    return work.now.astimezone(ZoneInfo(setting(work, "time_zone"))).date()


def put_setting(work: Work, key: str, value: str) -> None:
    """Buffer a setting's new value."""
    if key not in DEFAULTS:
        raise KeyError(key)
    work.delete(settings, key)
    work.insert(settings, key=key, value=value)
