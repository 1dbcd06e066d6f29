"""Actions on accounts: creating, inviting, passwords, roles, activity. Imports clinic only."""

from __future__ import annotations

import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from clinic.account.fields import IMPOSSIBLE, BirthDate, Email, PersonName
from clinic.account.folding import searchable
from clinic.account.secrets import mac, new_token
from clinic.account.settings import today
from clinic.account.tables import account_roles, accounts, devices, invitations, login_sessions
from clinic.actions import action
from clinic.errors import Conflict, Expired, Invalid, NotFound, NotPermitted
from clinic.fields import Choice, Choices, Computed
from clinic.permissions import CARE_ROLES, Permission, Role
from clinic.storage import new_id, new_uid
from clinic.work import Work

INVITATION_DAYS = 7
ROLES = tuple(Role)
NAME = PersonName("name", "Name")
PASSWORD = Computed("password_hash")


@dataclass(frozen=True, slots=True)
class Invited:
    """A new one-time link for an account: `token` is shown once and never stored."""

    account_uid: str
    token: str


def account_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return the row of any account, active or not, for who manages accounts. Raises: NotFound."""
    row = work.row(sa.select(accounts).where(accounts.c.uid == uid))
    if row is None:
        raise NotFound()
    return row


def check_birth_date(work: Work, roles: Sequence[str], birth_date: date | None) -> None:
    """Refuse a birth date that is still to come by the clinic's clock, and a patient without one. Raises: Invalid."""
    if birth_date is not None and birth_date > today(work):
        raise Invalid(IMPOSSIBLE, field="birth_date")
    if Role.PATIENT in roles and birth_date is None:
        raise Invalid("A patient needs a birth date: it tells two people of one name apart.", field="birth_date")


def refuse_taken(work: Work, email: str | None, *, but: int = 0) -> None:
    """Refuse the e-mail address of another account than `but` (account id). Raises: Conflict."""
    if email and work.row(sa.select(accounts.c.id).where(accounts.c.email == email, accounts.c.id != but)):
        raise Conflict(
            "An account with this e-mail address exists already. Use another address, "
            "or the button “New link” beside that account.",
            field="email",
        )


def insert_account(
    work: Work, name: str, email: str | None, birth_date: date | None, roles: tuple[str, ...], password_hash: str | None
) -> tuple[int, str]:
    refuse_taken(work, email)
    if len(CARE_ROLES & set(roles)) > 1:
        raise Invalid("An account holds one role in care: patient, practitioner or coordinator.", field="roles")
    account_id, uid = new_id(), new_uid()
    work.insert(
        accounts,
        id=account_id,
        uid=uid,
        handle=random.token_hex(8),
        email=email,
        name=name,
        folded_name=searchable(name),
        birth_date=birth_date,
        password_hash=password_hash,
        active=True,
        created_at=work.now,
    )
    for role in roles:
        work.insert(account_roles, account_id=account_id, role=role)
    return account_id, uid


def new_invitation(work: Work, account_id: int | None, lifetime: timedelta) -> str:
    """Buffer a one-time link for an account (None: for the clinic's set-up). Returns: its token."""
    token = new_token()
    work.insert(
        invitations,
        id=new_id(),
        account_id=account_id,
        token_mac=mac(work.pepper, "invitation", token),
        created_at=work.now,
        expires_at=work.now + lifetime,
    )
    return token


def open_invitation(work: Work, token: str, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return the invitation of `token` while it is unused, in time and (for an account) active; else None.

    lock: hold it until the commit, so that of two who use it at once one is too late.
    """
    query = (
        sa.select(invitations, accounts.c.uid, accounts.c.name, accounts.c.email, accounts.c.active)
        .select_from(invitations.outerjoin(accounts, accounts.c.id == invitations.c.account_id))
        .where(invitations.c.token_mac == mac(work.pepper, "invitation", token))
    )
    row = work.row(query.with_for_update(of=invitations) if lock else query)
    if row is None or row.used_at is not None or row.expires_at <= work.now or row.active is False:
        return None
    return row


def _use_up_invitations(work: Work, account_id: int) -> None:
    unused = sa.and_(invitations.c.account_id == account_id, invitations.c.used_at.is_(None))
    for row in work.rows(sa.select(invitations.c.id).where(unused)):
        work.update(invitations, row.id, used_at=work.now)


def end_access(work: Work, account_id: int) -> bool:
    """End an account's login sessions and devices. Returns: whether there were any, and so perhaps live connections."""
    ways_in = 0
    for table, over in ((login_sessions, "ended_at"), (devices, "revoked_at")):
        for row in work.rows(sa.select(table.c.id).where(table.c.account_id == account_id, table.c[over].is_(None))):
            work.update(table, row.id, **{over: work.now})
            ways_in += 1
    return ways_in > 0


@action(
    "account.create",
    Permission.ACCOUNT_MANAGE,
    fields=(
        NAME,
        Email("email", "E-mail", required=False),
        BirthDate("birth_date", "Birth date", required=False),
        Choices("roles", "Role", options=ROLES),
    ),
)
def create(work: Work, name: str, email: str | None, birth_date: date | None, roles: tuple[str, ...]) -> Invited:
    """Create an account without a password, and the link by which its owner sets one.

    Raises: Conflict when the e-mail is taken; Invalid for a patient without a birth date.
    """
    check_birth_date(work, roles, birth_date)
    account_id, uid = insert_account(work, name, email, birth_date, roles, None)
    work.audit_subject(uid)
    return Invited(uid, new_invitation(work, account_id, timedelta(days=INVITATION_DAYS)))


@action("account.invite", Permission.ACCOUNT_MANAGE, on=account_for)
def invite(work: Work, account: sa.Row[Any]) -> Invited:
    """Make a new link by which the account's owner sets a (new) password; earlier links end."""
    if not account.active:
        raise Conflict("This account is deactivated. Activate it first.")
    _use_up_invitations(work, account.id)
    return Invited(account.uid, new_invitation(work, account.id, timedelta(days=INVITATION_DAYS)))


def shut_out(work: Work, account: sa.Row[Any]) -> None:
    """Deactivate an account and end its every way in. Raises: NotPermitted for the actor's own."""
    if work.person_or_none is not None and work.person.id == account.id:
        raise NotPermitted("You cannot deactivate the account you are using. Another administrator can.")
    work.lock_account(account.id)  # against a log-in or a device that is being made at this moment
    work.update(accounts, account.id, active=False)
    _use_up_invitations(work, account.id)
    end_access(work, account.id)
    work.enqueue("threads", "xmpp.disconnect", handle=account.handle, device=None)


@action("account.accept_invitation", Permission.SIGN_IN, fields=(Computed("token"), PASSWORD))
def accept_invitation(work: Work, token: str, password_hash: str) -> str:
    """Set the password of the account that `token` belongs to; the link is then used up.

    Returns: the account's uid. Raises: Expired.
    """
    row = open_invitation(work, token)
    if row is None or row.account_id is None:
        raise Expired()
    # The account first, as whoever ends its invitations does: otherwise the two could wait for each other.
    work.lock_account(row.account_id)
    if open_invitation(work, token, lock=True) is None:
        raise Expired()
    work.audit_subject(row.uid)
    work.update(invitations, row.id, used_at=work.now)
    work.update(accounts, row.account_id, password_hash=password_hash)
    handle = work.rows(sa.select(accounts.c.handle).where(accounts.c.id == row.account_id))[0].handle
    if end_access(work, row.account_id):  # a job without need would end, when it runs late, who has come since
        work.enqueue("threads", "xmpp.disconnect", handle=handle, device=None)
    return str(row.uid)


@action("account.change_password", Permission.ACCOUNT_OWN, fields=(PASSWORD,))
def change_password(work: Work, password_hash: str) -> None:
    """Set the actor's own password and end their other login sessions; devices have passwords of their own and stay."""
    work.lock_account(work.person.id)
    work.update(accounts, work.person.id, password_hash=password_hash)
    others = sa.and_(
        login_sessions.c.account_id == work.person.id,
        login_sessions.c.uid != (work.actor.session or ""),
        login_sessions.c.ended_at.is_(None),
    )
    for row in work.rows(sa.select(login_sessions.c.id, login_sessions.c.uid).where(others)):
        work.update(login_sessions, row.id, ended_at=work.now)
        work.enqueue("threads", "xmpp.disconnect", handle=work.person.handle, device=f"page:{row.uid}")


@action("account.switch_role", Permission.ACCOUNT_OWN, fields=(Choice("role", "Role", options=ROLES),))
def switch_role(work: Work, role: str) -> None:
    """Let the actor's login session act in another of their roles; audited. Raises: NotPermitted."""
    if Role(role) not in work.person.roles:
        raise NotPermitted("Your account does not hold this role.")
    row = work.row(sa.select(login_sessions.c.id).where(login_sessions.c.uid == (work.actor.session or "")))
    if row is None:
        raise NotFound()
    work.update(login_sessions, row.id, role=role)
    work.enqueue("threads", "xmpp.disconnect", handle=work.person.handle, device=f"page:{work.actor.session}")
