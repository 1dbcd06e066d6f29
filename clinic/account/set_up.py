"""Actions on the clinic itself: its first set-up and what it says of itself. Imports clinic only."""

from __future__ import annotations

import zoneinfo
from datetime import timedelta

import sqlalchemy as sa

from clinic.account.actions import NAME, PASSWORD, insert_account, new_invitation, open_invitation
from clinic.account.fields import Email
from clinic.account.settings import put_setting
from clinic.account.tables import accounts, invitations
from clinic.actions import action
from clinic.errors import Conflict, Expired, Invalid
from clinic.fields import Choice, Computed, Flag, Text
from clinic.permissions import SWITCHES, Permission, Role
from clinic.work import Work

SET_UP_MINUTES = 30
CLINIC_NAME = Text("clinic_name", "Clinic's name", max_bytes=200)
EMERGENCY_NUMBER = Text("emergency_number", "Emergency number", max_bytes=40)


@action("clinic.open_set_up", Permission.SYSTEM)
def open_set_up(work: Work) -> str:
    """Make the one-time link of an empty clinic; earlier ones end. Returns: the token. Raises: Conflict."""
    if work.row(sa.select(accounts.c.id).limit(1)) is not None:
        raise Conflict("This clinic has accounts already. Use `bedside account` to reset one.")
    unused = sa.and_(invitations.c.account_id.is_(None), invitations.c.used_at.is_(None))
    for row in work.rows(sa.select(invitations.c.id).where(unused)):
        work.update(invitations, row.id, used_at=work.now)
    return new_invitation(work, None, timedelta(minutes=SET_UP_MINUTES))


@action(
    "clinic.set_up",
    Permission.SIGN_IN,
    fields=(
        Computed("token"),
        CLINIC_NAME,
        EMERGENCY_NUMBER,
        NAME,
        Email("email", "E-mail"),
        PASSWORD,
    ),
)
def set_up(
    work: Work, token: str, clinic_name: str, emergency_number: str, name: str, email: str, password_hash: str
) -> str:
    """Make the clinic's first account, an administrator, by the one-time link of the console.

    Returns: the account's uid. Raises: Expired when the link was used, is too old, or an account exists.
    """
    row = open_invitation(work, token, lock=True)
    if row is None or row.account_id is not None or work.row(sa.select(accounts.c.id).limit(1)) is not None:
        raise Expired("This set-up link is used or too old. Ask whoever runs the clinic for a new one: `bedside account set-up` prints it.")
    work.update(invitations, row.id, used_at=work.now)
    put_setting(work, "clinic_name", clinic_name)
    put_setting(work, "emergency_number", emergency_number)
    _, uid = insert_account(work, name, email, None, (Role.ADMIN,), password_hash)
    work.audit_subject(uid)
    return uid


@action(
    "clinic.describe",
    Permission.CLINIC_DESCRIBE,
    fields=(CLINIC_NAME, EMERGENCY_NUMBER, Text("time_zone", "Time zone", max_bytes=60)),
)
def describe(work: Work, clinic_name: str, emergency_number: str, time_zone: str) -> None:
    """Change the clinic's name, the number that patients call in an emergency, and its time zone (IANA name).

    Raises: Invalid for a time zone that does not exist.
    """
    if time_zone not in zoneinfo.available_timezones():
        raise Invalid("There is no such time zone. Write it like Europe/Berlin or America/New_York.", field="time_zone")
    put_setting(work, "clinic_name", clinic_name)
    put_setting(work, "emergency_number", emergency_number)
    put_setting(work, "time_zone", time_zone)


@action("clinic.include_coordinators", Permission.CLINIC_DESCRIBE, fields=(Flag("in_groups", "Coordinators in groups"),))
def include_coordinators(work: Work, in_groups: bool) -> None:
    """Include practitioners' coordinators in groups with a patient too, or not; of groups that there are nobody joins or leaves by it."""
    put_setting(work, "coordinators_in_groups", "1" if in_groups else "0")


@action(
    "clinic.permit_coordinators",
    Permission.CLINIC_DESCRIBE,
    fields=(Choice("what", "What coordinators may", options=tuple(str(permission) for permission in SWITCHES)), Flag("may", "They may")),
)
def permit_coordinators(work: Work, what: str, may: bool) -> None:
    """Let coordinators do one of the things that a clinic switches on for them, or leave it to practitioners. Source: product.md, Coordinators may."""
    put_setting(work, SWITCHES[Permission(what)], "1" if may else "0")
