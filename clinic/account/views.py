"""Views of accounts: who may log in, who I am, my devices, the clinic's settings. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa

from clinic.account.actions import open_invitation
from clinic.account.secrets import mac, session_of_page_token
from clinic.account.secrets import page_token as make_page_token
from clinic.account.settings import PUBLIC, setting
from clinic.account.tables import (
    account_roles,
    accounts,
    login_sessions,
)
from clinic.account.tables import (
    devices as device_table,
)
from clinic.actions import view
from clinic.permissions import CARE_ROLES, Permission, Role
from clinic.work import Work

IDLE = {True: timedelta(minutes=15), False: timedelta(minutes=30)}  # staff, patients
ABSOLUTE = {True: timedelta(hours=12), False: timedelta(hours=24)}


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """What the log-in page needs of an account; the hash goes no further than the page's check."""

    account_uid: str
    handle: str
    password_hash: str | None
    active: bool


@dataclass(frozen=True, slots=True)
class Session:
    """A live login session and whose it is."""

    uid: str
    account_uid: str
    role: Role
    roles: frozenset[Role]
    name: str
    handle: str
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class InvitationView:
    """Whose password a link sets."""

    account_uid: str
    name: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Me:
    """The signed-in person's own account."""

    uid: str
    name: str
    email: str | None
    role: Role
    roles: tuple[Role, ...]
    handle: str
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One of the person's own devices."""

    uid: str
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceCheck:
    """A device whose password was given. A revoked device's retries must not lock out its owner."""

    device_uid: str
    revoked: bool


@view(Permission.ACCOUNT_OWN)
def own_login_record(work: Work) -> LoginRecord:
    """Return what is checked before the signed-in person changes their own password, whether or not they have an e-mail."""
    row = work.rows(sa.select(accounts).where(accounts.c.id == work.person.id))[0]
    return LoginRecord(row.uid, row.handle, row.password_hash, row.active)


@view(Permission.SIGN_IN)
def login_record(work: Work, email: str) -> LoginRecord | None:
    """Return the account of an e-mail address, or None."""
    if not email.strip().isprintable():
        return None  # PostgreSQL refuses a null character even in a question, and no account has a control character.
    row = work.row(sa.select(accounts).where(accounts.c.email == email.strip().casefold()))
    return None if row is None else LoginRecord(row.uid, row.handle, row.password_hash, row.active)


def _live_session(work: Work, condition: sa.ColumnElement[bool]) -> Session | None:
    row = work.row(
        sa.select(
            login_sessions, accounts.c.uid.label("account_uid"), accounts.c.name, accounts.c.handle, accounts.c.active
        )
        .join(accounts, accounts.c.id == login_sessions.c.account_id)
        .where(condition)
    )
    if row is None or not row.active or row.ended_at is not None:
        return None
    roles = work.rows(sa.select(account_roles.c.role).where(account_roles.c.account_id == row.account_id))
    held = frozenset(Role(held.role) for held in roles)
    watched = held != {Role.PATIENT}
    expires_at = min(row.seen_at + IDLE[watched], row.created_at + ABSOLUTE[watched])
    if expires_at <= work.now or Role(row.role) not in held:
        return None
    return Session(row.uid, row.account_uid, Role(row.role), held, row.name, row.handle, row.seen_at, expires_at)


@view(Permission.SIGN_IN)
def session(work: Work, token: str) -> Session | None:
    """Return the live login session of a cookie's token, or None when it has ended or idled out."""
    return _live_session(work, login_sessions.c.token_mac == mac(work.pepper, "session", token))


@view(Permission.SYSTEM)
def expired_sessions(work: Work) -> list[str]:
    """Return the uids of login sessions that are over and not yet ended."""
    shortest = work.now - min(IDLE.values()), work.now - min(ABSOLUTE.values())
    old = sa.or_(login_sessions.c.seen_at < shortest[0], login_sessions.c.created_at < shortest[1])
    candidates = sa.select(login_sessions.c.uid).where(login_sessions.c.ended_at.is_(None), old)
    uids = [row.uid for row in work.rows(candidates)]
    return [uid for uid in uids if _live_session(work, login_sessions.c.uid == uid) is None]


@view(Permission.SIGN_IN)
def invitation(work: Work, token: str) -> InvitationView | None:
    """Return whose password an open link sets, or None."""
    row = open_invitation(work, token)
    return None if row is None or row.account_id is None else InvitationView(row.uid, row.name, row.email)


@view(Permission.SIGN_IN)
def set_up_open(work: Work, token: str) -> bool:
    """Say whether `token` is the live set-up link of an empty clinic."""
    row = open_invitation(work, token)
    return row is not None and row.account_id is None and is_empty(work)


@view(Permission.SIGN_IN)
def is_empty(work: Work) -> bool:
    """Say whether the clinic has no account yet."""
    return work.row(sa.select(accounts.c.id).limit(1)) is None


@view(Permission.SIGN_IN)
def clinic_settings(work: Work) -> dict[str, str]:
    """Return the settings that every page may show: the clinic's name, emergency number, time zone."""
    return {key: setting(work, key) for key in PUBLIC}


@view(Permission.ACCOUNT_OWN)
def me(work: Work) -> Me:
    """Return the actor's own account."""
    person = work.person
    row = work.row(sa.select(accounts.c.email).where(accounts.c.id == person.id))
    assert work.role is not None and row is not None  # ACCOUNT_OWN has a person
    roles = tuple(sorted(person.roles))
    return Me(person.uid, person.name, row.email, work.role, roles, person.handle, person.birth_date)


@view(Permission.DEVICE_OWN)
def devices(work: Work) -> list[DeviceView]:
    """Return the actor's own devices, newest first, revoked ones last."""
    query = (
        sa.select(device_table)
        .where(device_table.c.account_id == work.person.id)
        .order_by(device_table.c.revoked_at.is_not(None), device_table.c.id.desc())
    )
    return [DeviceView(row.uid, row.name, row.created_at, row.last_used_at, row.revoked_at) for row in work.rows(query)]


@view(Permission.SYSTEM)
def check_device(work: Work, handle: str, secret: str) -> DeviceCheck | None:
    """Return the device of active account `handle` whose password is `secret`, or None."""
    if not handle.isprintable():
        return None
    query = (
        sa.select(device_table.c.uid, device_table.c.revoked_at)
        .join(accounts, accounts.c.id == device_table.c.account_id)
        .where(
            device_table.c.secret_mac == mac(work.pepper, "device", secret),
            accounts.c.handle == handle,
            accounts.c.active.is_(True),
        )
    )
    row = work.row(query)
    return None if row is None else DeviceCheck(row.uid, row.revoked_at is not None)


@view(Permission.SYSTEM)
def check_page_token(work: Work, handle: str, token: str) -> str | None:
    """Return the uid of the live login session that `token` stands for, when `handle` is its person; else None."""
    uid = session_of_page_token(work.pepper, handle, token, work.now)
    live = _live_session(work, login_sessions.c.uid == uid) if uid else None
    return live.uid if live is not None and live.handle == handle and live.role in CARE_ROLES else None


@view(Permission.SYSTEM)
def handle_exists(work: Work, handle: str) -> bool:
    """Say whether `handle` is an active account's."""
    if not handle.isprintable():
        return False
    query = sa.select(accounts.c.id).where(accounts.c.handle == handle, accounts.c.active.is_(True))
    return work.row(query) is not None


@view(Permission.THREAD_READ)
def page_token(work: Work) -> str:
    """Return a one-minute token with which this login session's page logs in to XMPP."""
    return make_page_token(work.pepper, work.person.handle, work.actor.session or "", work.now)
