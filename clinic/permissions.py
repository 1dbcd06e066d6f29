"""Who may do what: the one table (product.md, "Permissions"), and the question `can()`.

Owns Role, Permission, TABLE. Imports the standard library only. Actions and views name a Permission; nothing else
decides. A transport asks `can()` only to hide a button.

A cell says under which relation a role may: ALWAYS (with any subject the actor can load), OWN (the subject is the
actor's own: the loader of the subject sees to it), NEVER. Group admin is a relation on top of practitioner, not a role.
"""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What an account is in the clinic; a login session acts in one role at a time."""

    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    COORDINATOR = "coordinator"
    ADMIN = "admin"

    @property
    def is_staff(self) -> bool:
        """Practitioners and coordinators: the people who treat."""
        return self in STAFF


STAFF = frozenset({Role.PRACTITIONER, Role.COORDINATOR})
CARE_ROLES = frozenset({Role.PATIENT, Role.PRACTITIONER, Role.COORDINATOR})


class Permission(StrEnum):
    """One row of the table. Named object.verb like the action it guards."""

    THREAD_START = "thread.start"
    THREAD_READ = "thread.read"
    THREAD_MARK = "thread.mark"
    THREAD_MUTE = "thread.mute"
    TEXT_POST = "text.post"
    DEVICE_OWN = "device.own"
    ACCOUNT_OWN = "account.own"
    ACCOUNT_MANAGE = "account.manage"
    LINK_MANAGE = "link.manage"
    CLINIC_DESCRIBE = "clinic.describe"
    SIGN_IN = "sign-in"
    SYSTEM = "system"


class Grant(StrEnum):
    """A cell of the table."""

    NEVER = "never"
    OWN = "own"
    ALWAYS = "always"


def _row(patient: Grant, practitioner: Grant, coordinator: Grant, admin: Grant) -> dict[Role, Grant]:
    return {
        Role.PATIENT: patient,
        Role.PRACTITIONER: practitioner,
        Role.COORDINATOR: coordinator,
        Role.ADMIN: admin,
    }


_N, _O, _Y = Grant.NEVER, Grant.OWN, Grant.ALWAYS

# Relations finer than a role (linked or not, coordinator of whom) are checked by the action that knows the subject;
# the row then says ALWAYS and the action's docstring names the relation.
TABLE: dict[Permission, dict[Role, Grant]] = {
    #                                 patient practitioner coordinator admin
    Permission.THREAD_START: _row(_Y, _Y, _Y, _N),
    Permission.THREAD_READ: _row(_O, _O, _O, _N),
    Permission.THREAD_MARK: _row(_O, _O, _O, _N),
    Permission.THREAD_MUTE: _row(_O, _O, _O, _N),
    Permission.TEXT_POST: _row(_O, _O, _O, _N),
    Permission.DEVICE_OWN: _row(_O, _O, _O, _O),
    Permission.ACCOUNT_OWN: _row(_O, _O, _O, _O),
    Permission.ACCOUNT_MANAGE: _row(_N, _N, _N, _Y),
    Permission.LINK_MANAGE: _row(_N, _N, _N, _Y),
    Permission.CLINIC_DESCRIBE: _row(_N, _N, _N, _Y),
    # SIGN_IN: anybody at the door, before a role is known. SYSTEM: the clinic's own processes, never a person.
    Permission.SIGN_IN: _row(_Y, _Y, _Y, _Y),
    Permission.SYSTEM: _row(_N, _N, _N, _N),
}


def can(role: Role | None, permission: Permission) -> bool:
    """Say whether `role` may do `permission` at all; a role of None (nobody signed in) may only sign in.

    Where the cell says OWN, it is the loader of the subject that finds only what is the actor's own (rule 5).
    Source: product.md, "Permissions".
    """
    if role is None:
        return permission is Permission.SIGN_IN
    return TABLE[permission][role] is not Grant.NEVER


def missing_rows() -> set[Permission]:
    """Permissions without a complete row: a start with any is refused."""
    return {permission for permission in Permission if set(TABLE.get(permission, {})) != set(Role)}
