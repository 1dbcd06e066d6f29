"""What an administrator sees of accounts and links. Views; imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.people import PersonRef
from clinic.account.settings import setting
from clinic.account.tables import account_roles, accounts, coordinator_links, invitations, patient_links
from clinic.actions import view
from clinic.permissions import SWITCHES, Permission, Role
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One row of the admin's list. invited: a link is open with which its owner can set a password."""

    uid: str
    name: str
    email: str | None
    roles: tuple[Role, ...]
    birth_date: date | None
    active: bool
    has_password: bool
    invited: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AccountLinks:
    """All links: (coordinator, practitioner) and (patient, practitioner)."""

    coordinators: tuple[tuple[PersonRef, PersonRef], ...]
    patients: tuple[tuple[PersonRef, PersonRef], ...]


@view(Permission.ACCOUNT_MANAGE)
def account_list(work: Work) -> list[AccountRow]:
    """Return all accounts by name."""
    roles: dict[int, list[Role]] = {}
    for row in work.rows(sa.select(account_roles).order_by(account_roles.c.role)):
        roles.setdefault(row.account_id, []).append(Role(row.role))
    still = sa.and_(invitations.c.used_at.is_(None), invitations.c.expires_at > work.now)
    invited = {row.account_id for row in work.rows(sa.select(invitations.c.account_id).where(still))}
    return [
        AccountRow(
            uid=row.uid,
            name=row.name,
            email=row.email,
            roles=tuple(roles.get(row.id, ())),
            birth_date=row.birth_date,
            active=row.active,
            has_password=row.password_hash is not None,
            invited=row.id in invited,
            created_at=row.created_at,
        )
        for row in work.rows(sa.select(accounts).order_by(accounts.c.folded_name, accounts.c.id))
    ]


@view(Permission.LINK_MANAGE)
def account_links(work: Work) -> AccountLinks:
    """Return all coordinator and patient links, by practitioner's name."""

    def pairs(table: sa.Table, other: sa.Column[Any]) -> tuple[tuple[PersonRef, PersonRef], ...]:
        one, chief = accounts.alias(), accounts.alias()
        query = (
            sa.select(
                *(column.label(f"a_{column.name}") for column in (one.c.uid, one.c.name, one.c.birth_date)),
                *(column.label(f"b_{column.name}") for column in (chief.c.uid, chief.c.name, chief.c.birth_date)),
            )
            .select_from(table)
            .join(one, one.c.id == other)
            .join(chief, chief.c.id == table.c.practitioner_id)
            .order_by(chief.c.folded_name, one.c.folded_name)
        )
        return tuple(
            (PersonRef(r.a_uid, r.a_name, r.a_birth_date), PersonRef(r.b_uid, r.b_name, r.b_birth_date))
            for r in work.rows(query)
        )

    return AccountLinks(
        pairs(coordinator_links, coordinator_links.c.coordinator_id), pairs(patient_links, patient_links.c.patient_id)
    )


@view(Permission.CLINIC_DESCRIBE)
def coordinators_in_groups(work: Work) -> bool:
    """Return whether practitioners' coordinators are included in groups with a patient too."""
    return setting(work, "coordinators_in_groups") == "1"


@view(Permission.CLINIC_DESCRIBE)
def coordinators_may(work: Work) -> dict[Permission, bool]:
    """Return, of what a clinic switches on for coordinators, whether this one has."""
    return {permission: setting(work, key) == "1" for permission, key in SWITCHES.items()}
