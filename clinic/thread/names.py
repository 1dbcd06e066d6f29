"""The action by which an administrator corrects a person: name, e-mail, birth date. Imports clinic only.

It stands here and not with accounts because a changed name reaches every thread: what a person is called there is
unique in each, and rooms and pages show it at once.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from clinic.account.actions import NAME, account_for, check_birth_date, refuse_taken
from clinic.account.fields import BirthDate, Email
from clinic.account.folding import searchable
from clinic.account.tables import account_roles, accounts
from clinic.actions import action
from clinic.errors import NotPermitted
from clinic.permissions import Permission
from clinic.thread.members import free_nick, members_changed
from clinic.thread.tables import memberships, threads
from clinic.work import Work


@action(
    "account.describe",
    Permission.ACCOUNT_MANAGE,
    on=account_for,
    fields=(
        NAME,
        Email("email", "E-mail", required=False),
        BirthDate("birth_date", "Birth date", required=False),
    ),
)
def describe(work: Work, account: sa.Row[Any], name: str, email: str | None, birth_date: date | None) -> None:
    """Correct a person's verified name, e-mail address and birth date; threads show the new name at once.

    Raises: Conflict when the e-mail is taken; Invalid for a patient without a birth date; NotPermitted when
    administrators would take their own way in.
    """
    roles = work.rows(sa.select(account_roles.c.role).where(account_roles.c.account_id == account.id))
    check_birth_date(work, [row.role for row in roles], birth_date)
    refuse_taken(work, email, but=account.id)
    if email is None and work.person_or_none is not None and work.person.id == account.id:
        raise NotPermitted("You log in with your e-mail address: write another one instead of none.", field="email")
    work.lock_account(account.id)  # against a thread that is being started at this moment, with the earlier name
    work.update(
        accounts, account.id, name=name, folded_name=searchable(name), email=email, birth_date=birth_date
    )
    if (name, birth_date) != (account.name, account.birth_date):
        _show(work, account.id, name, renamed=name != account.name)


def _show(work: Work, account_id: int, name: str, *, renamed: bool) -> None:
    """Let every thread of an account show its name; former ones too, whose entries still carry it."""
    query = (
        sa.select(memberships.c.id, threads.c.uid)
        .join(threads, threads.c.id == memberships.c.thread_id)
        .where(memberships.c.account_id == account_id)
    )
    own = {row.uid: row.id for row in work.rows(query)}
    for thread in work.threads(sorted(own)):
        if renamed:
            nick = free_nick(work, thread, name, but=account_id)
            work.update(memberships, own[thread.uid], nick=nick)
            if account_id in thread.members:
                thread.members[account_id].nick = nick
                thread.members[account_id].name = name
        members_changed(work, thread)
