"""Who may do what: the one table (product.md, "Permissions"), and the question `can()`.

Owns Role, Permission, TABLE. Imports the standard library only. Actions and views name a Permission; nothing else
decides. A transport asks `can()` only to hide a button.

A cell says under which relation a role may: ALWAYS (with any subject the actor can load), OWN (the subject is the
actor's own: the loader of the subject sees to it), SETTING (where the clinic has switched it on: SWITCHES), NEVER.
Group admin is a relation on top of practitioner, not a role: the column GROUP_ADMIN holds in threads where one is it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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
    THREAD_LEAVE = "thread.leave"
    THREAD_RENAME = "thread.rename"
    THREAD_INVITE = "thread.invite"
    THREAD_CLAIM = "thread.claim"
    GROUP_CREATE = "group.create"
    GROUP_MANAGE = "group.manage"
    TEXT_POST = "text.post"
    TEXT_CORRECT = "text.correct"
    TEXT_RETRACT = "text.retract"
    TEXT_MODERATE = "text.moderate"
    TEXT_REACT = "text.react"
    TEXT_SCHEDULE = "text.schedule"
    TEXT_FORWARD = "text.forward"
    TEXT_ORIGINAL = "text.original"
    SEARCH = "search"
    NOTE = "internal-note"
    STATUS_SEE = "status.see"
    STATUS_CHANGE = "status.change"
    STATUS_MANAGE = "status.manage"
    SAVED_REPLY_OWN = "saved-reply.own"
    PROFILE_OPEN = "profile.open"
    PROFILE_DEMOGRAPHICS = "profile.demographics"
    PROFILE_HEALTH = "profile.health"
    PROFILE_NOTE = "profile.note"
    PROFILE_EXPORT = "profile.export"
    PROFILE_REGISTER = "profile.register"
    PRACTITIONER_OPEN = "practitioner.open"
    PRACTITIONER_OWN = "practitioner.own"
    URGENT_CALL = "urgent.call"
    URGENT_ANSWER = "urgent.answer"
    ABSENCE_OWN = "absence.own"
    SERVICE_MANAGE = "service.manage"
    PAYMENT_REQUEST = "payment.request"
    PAYMENT_DECIDE = "payment.decide"
    PAYMENT_WITHDRAW = "payment.withdraw"
    PAYMENT_SETTLE = "payment.settle"
    PAYMENT_REFUND = "payment.refund"
    PAYMENT_OWN = "payment.own"
    PAYMENT_LIST = "payment.list"
    FILE_UPLOAD = "file.upload"
    FILE_READ = "file.read"
    FILE_HANDOUTS = "file.handouts"
    FILE_SETTLE = "file.settle"
    FILE_FOLDER = "file.folder"
    FILE_FORWARD = "file.forward"
    FILE_RENAME = "file.rename"
    FILE_PUT_UNDER = "file.put-under"
    VOICE_SEND = "voice.send"
    VIDEO_REQUEST = "video.request"
    VIDEO_SEND = "video.send"
    VIDEO_WITHDRAW = "video.withdraw"
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
    SETTING = "setting"
    ALWAYS = "always"


GROUP_ADMIN: Final = "group admin"
"""The column of the relation: a practitioner in the group thread that is theirs to manage."""
Column = Role | str


def _row(patient: Grant, practitioner: Grant, coordinator: Grant, group_admin: Grant, admin: Grant) -> dict[Column, Grant]:
    return {
        Role.PATIENT: patient,
        Role.PRACTITIONER: practitioner,
        Role.COORDINATOR: coordinator,
        GROUP_ADMIN: group_admin,
        Role.ADMIN: admin,
    }


_N, _O, _S, _Y = Grant.NEVER, Grant.OWN, Grant.SETTING, Grant.ALWAYS

# Relations finer than a role (linked or not, coordinator of whom) are checked by the action that knows the subject;
# the row then says ALWAYS and the action's docstring names the relation.
TABLE: dict[Permission, dict[Column, Grant]] = {
    #                            patient practitioner coordinator group-admin admin
    Permission.THREAD_START: _row(_Y, _Y, _Y, _Y, _N),
    Permission.THREAD_READ: _row(_O, _O, _O, _O, _N),
    Permission.THREAD_MARK: _row(_O, _O, _O, _O, _N),
    Permission.THREAD_MUTE: _row(_O, _O, _O, _O, _N),
    Permission.THREAD_LEAVE: _row(_O, _O, _O, _O, _N),
    Permission.THREAD_RENAME: _row(_N, _Y, _Y, _Y, _N),
    Permission.THREAD_INVITE: _row(_N, _Y, _Y, _Y, _N),
    Permission.THREAD_CLAIM: _row(_N, _Y, _Y, _Y, _N),
    Permission.GROUP_CREATE: _row(_N, _Y, _N, _Y, _N),
    Permission.GROUP_MANAGE: _row(_N, _N, _N, _Y, _N),
    Permission.TEXT_POST: _row(_O, _O, _O, _O, _N),
    Permission.TEXT_CORRECT: _row(_O, _O, _O, _O, _N),
    Permission.TEXT_RETRACT: _row(_O, _O, _O, _O, _N),
    Permission.TEXT_MODERATE: _row(_N, _N, _N, _Y, _N),
    Permission.TEXT_REACT: _row(_O, _O, _O, _O, _N),
    Permission.TEXT_SCHEDULE: _row(_O, _O, _O, _O, _N),
    Permission.TEXT_FORWARD: _row(_N, _Y, _Y, _Y, _N),
    Permission.TEXT_ORIGINAL: _row(_N, _Y, _Y, _Y, _N),
    Permission.SEARCH: _row(_O, _O, _O, _O, _N),
    Permission.NOTE: _row(_N, _Y, _Y, _Y, _N),
    Permission.STATUS_SEE: _row(_N, _Y, _Y, _Y, _N),
    Permission.STATUS_CHANGE: _row(_N, _Y, _S, _Y, _N),
    Permission.STATUS_MANAGE: _row(_N, _N, _N, _N, _Y),
    Permission.SAVED_REPLY_OWN: _row(_N, _O, _O, _O, _N),
    # Of a patient's profile: the patient's own; of staff, of those with whom they share a thread.
    Permission.PROFILE_OPEN: _row(_O, _O, _O, _O, _N),
    Permission.PROFILE_DEMOGRAPHICS: _row(_O, _Y, _N, _Y, _Y),
    Permission.PROFILE_HEALTH: _row(_O, _Y, _N, _Y, _N),
    Permission.PROFILE_NOTE: _row(_N, _Y, _Y, _Y, _N),
    Permission.PROFILE_EXPORT: _row(_O, _Y, _N, _Y, _N),
    Permission.PROFILE_REGISTER: _row(_N, _N, _N, _N, _Y),
    Permission.PRACTITIONER_OPEN: _row(_O, _O, _O, _O, _N),
    Permission.PRACTITIONER_OWN: _row(_N, _O, _N, _O, _N),
    Permission.URGENT_CALL: _row(_Y, _N, _N, _N, _N),
    Permission.URGENT_ANSWER: _row(_N, _Y, _Y, _Y, _N),
    Permission.ABSENCE_OWN: _row(_N, _O, _O, _O, _N),
    Permission.SERVICE_MANAGE: _row(_N, _N, _N, _N, _Y),
    Permission.PAYMENT_REQUEST: _row(_N, _Y, _Y, _Y, _N),
    Permission.PAYMENT_DECIDE: _row(_O, _N, _N, _N, _N),
    Permission.PAYMENT_WITHDRAW: _row(_N, _Y, _Y, _Y, _Y),
    Permission.PAYMENT_SETTLE: _row(_N, _Y, _Y, _Y, _Y),
    Permission.PAYMENT_REFUND: _row(_N, _N, _N, _N, _Y),
    Permission.PAYMENT_OWN: _row(_O, _N, _N, _N, _N),
    Permission.PAYMENT_LIST: _row(_N, _N, _N, _N, _Y),
    Permission.FILE_UPLOAD: _row(_O, _O, _O, _O, _N),
    Permission.FILE_READ: _row(_O, _O, _O, _O, _N),
    Permission.FILE_HANDOUTS: _row(_N, _O, _O, _O, _N),
    Permission.FILE_SETTLE: _row(_N, _N, _N, _N, _Y),
    Permission.FILE_FOLDER: _row(_O, _O, _O, _O, _N),
    Permission.FILE_FORWARD: _row(_O, _Y, _Y, _Y, _N),
    Permission.FILE_RENAME: _row(_O, _Y, _Y, _Y, _N),
    Permission.FILE_PUT_UNDER: _row(_N, _Y, _Y, _Y, _N),
    Permission.VOICE_SEND: _row(_O, _Y, _S, _Y, _N),
    Permission.VIDEO_REQUEST: _row(_N, _Y, _S, _Y, _N),
    Permission.VIDEO_SEND: _row(_O, _N, _N, _N, _N),
    Permission.VIDEO_WITHDRAW: _row(_N, _Y, _Y, _Y, _Y),
    Permission.DEVICE_OWN: _row(_O, _O, _O, _O, _O),
    Permission.ACCOUNT_OWN: _row(_O, _O, _O, _O, _O),
    Permission.ACCOUNT_MANAGE: _row(_N, _N, _N, _N, _Y),
    Permission.LINK_MANAGE: _row(_N, _N, _N, _N, _Y),
    Permission.CLINIC_DESCRIBE: _row(_N, _N, _N, _N, _Y),
    # SIGN_IN: anybody at the door, before a role is known. SYSTEM: the clinic's own processes, never a person.
    Permission.SIGN_IN: _row(_Y, _Y, _Y, _Y, _Y),
    Permission.SYSTEM: _row(_N, _N, _N, _N, _N),
}

MANAGED = frozenset(
    permission for permission, row in TABLE.items() if {one for one, grant in row.items() if grant is not Grant.NEVER} == {GROUP_ADMIN}
)
"""What only the group admin may."""

# What SETTING asks: the clinic's setting ("1" or "0") that switches it on for that role.
SWITCHES: Mapping[Permission, str] = {
    Permission.STATUS_CHANGE: "coordinators_change_status",
    Permission.VOICE_SEND: "coordinators_send_voice",
    Permission.VIDEO_REQUEST: "coordinators_request_video",
}


def can(role: Role | None, permission: Permission) -> bool:
    """Say whether `role` may do `permission` at all, with some subject; a role of None (nobody signed in) may only sign in.

    Where the cell says OWN, it is the loader of the subject that finds only what is the actor's own (rule 5). In a thread
    `Work.may` asks more narrowly: SETTING and the group admin's column. Source: product.md, "Permissions".
    """
    if role is None:
        return permission is Permission.SIGN_IN
    row = TABLE[permission]
    return row[role] is not Grant.NEVER or (role is Role.PRACTITIONER and row[GROUP_ADMIN] is not Grant.NEVER)


def missing_rows() -> set[Permission]:
    """Permissions without a complete row, or with a switch that is not named: a start with any is refused."""
    columns = {*Role, GROUP_ADMIN}
    whole = {permission for permission in Permission if set(TABLE.get(permission, {})) == columns}
    switched = {permission for permission, row in TABLE.items() if Grant.SETTING in row.values()}
    return (set(Permission) - whole) | (switched ^ set(SWITCHES))
