"""Finding people to start a thread with, and colleagues to choose from. Views and a plain helper; imports clinic only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import sqlalchemy as sa

from clinic.account.folding import fold_name
from clinic.account.tables import account_roles, accounts, coordinator_links, patient_links
from clinic.actions import view
from clinic.errors import Invalid
from clinic.fields import Option, refuse_unsendable
from clinic.permissions import Permission, Role
from clinic.work import Work

FOUND_AT_MOST = 20
LONGEST_QUERY = 200  # a name is at most as long; what follows would only be more conditions for the database


@dataclass(frozen=True, slots=True)
class PersonRef:
    """A person as lists and pickers show them."""

    uid: str
    name: str
    birth_date: date | None


@dataclass(frozen=True, slots=True)
class Found:
    """A person one may start a thread with. linked: no reason is needed."""

    uid: str
    name: str
    role: Role
    birth_date: date | None
    linked: bool


class Named(Protocol):
    """Somebody among others of a list."""

    @property
    def role(self) -> Role: ...
    @property
    def birth_date(self) -> date | None: ...


def born(birth_date: date | None) -> str:
    """Return a birth date as lists say it beside a name, "born 27 March 1984", or "" where none is known."""
    return f"born {birth_date:%-d %B %Y}" if birth_date else ""


def told_apart(one: Named) -> str:
    """Return what tells two people of one name apart: the birth date, or the role."""
    return born(one.birth_date) or one.role.value


def is_active(work: Work, account_id: int) -> bool:
    """Say whether an account is active."""
    return work.row(sa.select(accounts.c.id).where(accounts.c.id == account_id, accounts.c.active.is_(True))) is not None


@view(Permission.THREAD_START)
def find_people(work: Work, query: str = "", *, roles: Sequence[Role] | None = None) -> list[Found]:
    """Return with whom the actor may start a 1:1 thread, at most FOUND_AT_MOST, by name.

    roles: for staff who look for people to bring into a thread: these, and without a query the staff of the clinic too.

    query: parts of the name and, for staff, a birth date (1984-03-27 or 27/3/1984). A patient sees the practitioners
    they are linked to; staff search everybody in care. Without a query staff see who is linked to them.
    Raises: Invalid for an impossible date. Source: product.md, Threads.
    """
    words, born = _search_terms(refuse_unsendable(query, "query")[:LONGEST_QUERY])
    me_id = work.person.id
    chiefs = sa.select(coordinator_links.c.practitioner_id).where(coordinator_links.c.coordinator_id == me_id)
    own_chiefs = sa.or_(patient_links.c.practitioner_id == me_id, patient_links.c.practitioner_id.in_(chiefs))
    linked_patients = sa.select(patient_links.c.patient_id).where(own_chiefs)
    linked_chiefs = sa.select(patient_links.c.practitioner_id).where(patient_links.c.patient_id == me_id)
    linked = sa.or_(
        sa.and_(account_roles.c.role == Role.PATIENT, accounts.c.id.in_(linked_patients)),
        sa.and_(account_roles.c.role == Role.PRACTITIONER, accounts.c.id.in_(linked_chiefs)),
    )
    wanted = [Role.PRACTITIONER] if work.role is Role.PATIENT else [Role.PATIENT, Role.PRACTITIONER]
    if work.role is Role.COORDINATOR:
        wanted = [Role.PATIENT]
    if roles is not None and work.role is not Role.PATIENT:
        wanted = list(roles)
    statement = (
        sa.select(accounts, account_roles.c.role, linked.label("linked"))
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(accounts.c.active.is_(True), accounts.c.id != me_id, account_roles.c.role.in_(wanted))
        .order_by(linked.desc(), accounts.c.folded_name, accounts.c.id)
        .limit(FOUND_AT_MOST)
    )
    for word in words:
        statement = statement.where(accounts.c.folded_name.contains(word, autoescape=True))
    if born is not None and work.role is not Role.PATIENT:
        statement = statement.where(accounts.c.birth_date == born)
    if work.role is Role.PATIENT or not (words or born):
        colleague = account_roles.c.role.in_([Role.PRACTITIONER, Role.COORDINATOR])
        statement = statement.where(sa.or_(linked, colleague) if roles and work.role is not Role.PATIENT else linked)
    return [
        Found(
            row.uid,
            row.name,
            Role(row.role),
            row.birth_date if row.role == Role.PATIENT else None,
            bool(row.linked) or row.role != Role.PATIENT,
        )
        for row in work.rows(statement)
    ]


@view(Permission.THREAD_START)
def assisted(work: Work) -> list[PersonRef]:
    """Return the practitioners whom the actor assists as coordinator, by name."""
    query = (
        sa.select(accounts)
        .join(coordinator_links, coordinator_links.c.practitioner_id == accounts.c.id)
        .where(coordinator_links.c.coordinator_id == work.person.id, accounts.c.active.is_(True))
        .order_by(accounts.c.folded_name, accounts.c.id)
    )
    return [PersonRef(row.uid, row.name, None) for row in work.rows(query)]


@view(Permission.THREAD_CLAIM)
def practitioners(work: Work) -> list[PersonRef]:
    """Return the clinic's active practitioners by name, for the filter of staff's list."""
    query = (
        sa.select(accounts)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(account_roles.c.role == Role.PRACTITIONER, accounts.c.active.is_(True))
        .order_by(accounts.c.folded_name, accounts.c.id)
    )
    return [PersonRef(row.uid, row.name, None) for row in work.rows(query)]


def _search_terms(query: str) -> tuple[list[str], date | None]:
    words, born = [], None
    for word in fold_name(query).split():
        iso = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", word)
        local = re.fullmatch(r"(\d{1,2})[./](\d{1,2})[./](\d{4})", word)
        if not (iso or local):
            words.append(word)
            continue
        year, month, day = iso.groups() if iso else tuple(reversed(local.groups() if local else ()))
        try:
            born = date(int(year), int(month), int(day))
        except ValueError:
            raise Invalid(f"{word} is not a date. Write it as 1984-03-27 or 27/3/1984.", field="query") from None
    return words, born


def staff_options(work: Work, *roles: Role) -> list[Option]:
    """Return the active accounts of these roles, by name."""
    query = (
        sa.select(accounts.c.uid, accounts.c.name, account_roles.c.role)
        .join(account_roles, account_roles.c.account_id == accounts.c.id)
        .where(account_roles.c.role.in_(roles), accounts.c.active.is_(True))
        .order_by(accounts.c.folded_name, accounts.c.id)
    )
    return [Option(row.uid, row.name, row.role) for row in work.rows(query)]
