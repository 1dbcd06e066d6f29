"""Actions of logging in and of devices: sessions, device passwords. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.account import attempts
from clinic.account.secrets import mac, new_device_password, new_token
from clinic.account.tables import account_roles, accounts, devices, login_sessions
from clinic.actions import action
from clinic.errors import Conflict, NotFound, NotSignedIn, TooMany
from clinic.fields import Computed, Text
from clinic.permissions import Permission, Role
from clinic.storage import new_id, new_uid
from clinic.work import Work

DEVICES_EACH = 20
_ROLE_ORDER = (Role.PRACTITIONER, Role.COORDINATOR, Role.PATIENT, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class SessionStarted:
    """A new login session. `token` goes into the cookie and is not stored."""

    token: str
    uid: str


@dataclass(frozen=True, slots=True)
class Minted:
    """A new device. `password` is shown once and not stored; `handle` is the local part of its address."""

    uid: str
    name: str
    handle: str
    password: str


@action(
    "login.begin",
    Permission.SIGN_IN,
    fields=(
        Computed("account_uid", audited=True),
        Computed("checked_hash"),
        Text("user_agent", max_bytes=300, required=False),
        Computed("new_password_hash", required=False),
        Computed("keys", kind=list, required=False),
    ),
)
def begin(
    work: Work,
    account_uid: str,
    checked_hash: str,
    user_agent: str | None,
    new_password_hash: str | None,
    keys: list[str] | None,
) -> SessionStarted:
    """Start a login session for an account whose password the page has checked; the account's failures are forgotten.

    checked_hash: the stored hash that the password was checked against; a reset meanwhile makes the check worthless.
    new_password_hash: the same password under newer parameters. Raises: NotFound for an account that is not active or
    has another password by now.
    """
    found = sa.select(accounts).where(accounts.c.uid == account_uid, accounts.c.active.is_(True))
    account = work.row(found.with_for_update(key_share=True))
    if account is None or account.password_hash != checked_hash:
        raise NotFound()
    work.audit_subject(account.uid)
    held = {
        row.role for row in work.rows(sa.select(account_roles.c.role).where(account_roles.c.account_id == account.id))
    }
    token, uid = new_token(), new_uid()
    work.insert(
        login_sessions,
        id=new_id(),
        uid=uid,
        account_id=account.id,
        role=next(role for role in _ROLE_ORDER if role in held),
        token_mac=mac(work.pepper, "session", token),
        user_agent=user_agent or "",
        created_at=work.now,
        seen_at=work.now,
    )
    if new_password_hash:
        work.update(accounts, account.id, password_hash=new_password_hash)
    attempts.forget(work, keys)
    attempts.remember(work, keys)
    return SessionStarted(token, uid)


@action("login.seen", Permission.ACCOUNT_OWN, fields=(Computed("session_uid"),), audited=False)
def seen(work: Work, session_uid: str) -> None:
    """Say that a login session is in use, so that it does not end for idleness."""
    row = work.row(sa.select(login_sessions.c.id).where(login_sessions.c.uid == session_uid))
    if row is not None:
        work.update(login_sessions, row.id, seen_at=work.now)


@action("login.end", Permission.ACCOUNT_OWN, fields=(Computed("reason", required=False),))
def end(work: Work, reason: str | None) -> None:
    """End the actor's login session and its live feed."""
    row = work.row(sa.select(login_sessions.c.id).where(login_sessions.c.uid == (work.actor.session or "")))
    if row is not None:
        work.update(login_sessions, row.id, ended_at=work.now)
        work.enqueue("threads", "xmpp.disconnect", handle=work.person.handle, device=f"page:{work.actor.session}")


@action("login.expire", Permission.SYSTEM, fields=(Computed("uids", kind=list),), audited=False)
def expire(work: Work, uids: list[str]) -> None:
    """End login sessions that have idled out or grown old, and the live feeds that they opened."""
    query = sa.select(login_sessions.c.id, login_sessions.c.uid, accounts.c.handle).join(accounts)
    for row in work.rows(query.where(login_sessions.c.uid.in_(uids), login_sessions.c.ended_at.is_(None))):
        work.update(login_sessions, row.id, ended_at=work.now)
        work.enqueue("threads", "xmpp.disconnect", handle=row.handle, device=f"page:{row.uid}")


def device_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return the actor's own device; the system sees any. Raises: NotFound."""
    query = sa.select(devices, accounts.c.handle).join(accounts).where(devices.c.uid == uid)
    row = work.row(query if work.actor.is_system else query.where(devices.c.account_id == work.person.id))
    if row is None:
        raise NotFound()
    return row


@action("device.mint", Permission.DEVICE_OWN, fields=(Text("name", "Device", max_bytes=200),))
def mint(work: Work, name: str) -> Minted:
    """Make a password for one of the actor's own messaging apps.

    Returns: Minted, with the password for the only time. Raises: Conflict without a role in care or for a
    name in use; TooMany beyond DEVICES_EACH.
    """
    if work.person.care_role is None:
        raise Conflict("An administrator has no messages, so there is nothing to connect an app to.")
    if not work.lock_account(work.person.id):
        raise NotSignedIn()
    live = sa.and_(devices.c.account_id == work.person.id, devices.c.revoked_at.is_(None))
    names = [row.name for row in work.rows(sa.select(devices.c.name).where(live))]
    if name in names:
        raise Conflict("You have a device of this name. Choose another name, or revoke the old one.", field="name")
    if len(names) >= DEVICES_EACH:
        raise TooMany(f"You have {DEVICES_EACH} devices. Revoke one that you do not use any more.")
    uid, password = new_uid(), new_device_password()
    work.audit_subject(uid)
    work.insert(
        devices,
        id=new_id(),
        uid=uid,
        account_id=work.person.id,
        name=name,
        secret_mac=mac(work.pepper, "device", password),
        created_at=work.now,
    )
    return Minted(uid, name, work.person.handle, password)


@action("device.revoke", Permission.DEVICE_OWN, on=device_for)
def revoke(work: Work, device: sa.Row[Any]) -> None:
    """End a device: its password stops at once and its connections within seconds. Again is no error."""
    if device.revoked_at is None:
        work.update(devices, device.id, revoked_at=work.now)
        work.enqueue("threads", "xmpp.disconnect", handle=device.handle, device=device.uid)


@action(
    "device.used",
    Permission.SYSTEM,
    on=device_for,
    fields=(Computed("keys", kind=list, required=False),),
    audited=False,
)
def used(work: Work, device: sa.Row[Any], keys: list[str] | None) -> None:
    """Note that a device has just logged in; the account's failures among `keys` are forgotten."""
    work.update(devices, device.id, last_used_at=work.now)
    attempts.forget(work, keys)
