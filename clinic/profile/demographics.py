"""A patient's demographics: the action that describes them, and how they stand. Imports clinic only.

Verified names and birth dates are the account's (`account.describe`) and are not changed here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clinic.account.fields import Email, PersonName
from clinic.actions import About, Offer, action
from clinic.fields import Choice, Text
from clinic.permissions import Permission
from clinic.profile.fields import Phone, Version, ZoneName
from clinic.profile.patients import Patient, form_of, registered_for
from clinic.profile.tables import demographics
from clinic.profile.versions import Snapshot, add, require_newest, snapshot, versions
from clinic.thread.shown import NOBODY_HERE, patients_here
from clinic.work import Work

if TYPE_CHECKING:
    from clinic.profile.opening import Profile

SEXES = ("female", "male", "other")
FIELDS = (
    PersonName("called", "Would like to be called", required=False),
    Choice("sex", "Sex", required=False, audited=False, options=SEXES),
    Phone("phone", "Telephone", required=False),
    Email("email", "E-mail", required=False),
    Text("address", "Address", required=False, max_bytes=1000, multiline=True),
    Text("language", "Languages", required=False, max_bytes=200),
    ZoneName("time_zone", "Time zone", required=False),
    PersonName("emergency_name", "Emergency contact", required=False),
    Text("emergency_relation", "Emergency contact’s relation", required=False, max_bytes=200),
    Phone("emergency_phone", "Emergency contact’s telephone", required=False),
    PersonName("guardian_name", "Guardian", required=False),
    Text("guardian_relation", "Guardian’s relation", required=False, max_bytes=200),
    Phone("guardian_phone", "Guardian’s telephone", required=False),
)
NAMES = tuple(field.name for field in FIELDS)


def shown(row: sa.Row[Any]) -> Mapping[str, str]:
    """Return the words of each field of a version."""
    return {name: row._mapping[name] or "" for name in NAMES}


def rows_of(work: Work, patient_id: int) -> Sequence[sa.Row[Any]]:
    """Return the versions of a patient's demographics, the oldest first."""
    return versions(work, demographics, demographics.c.patient_id == patient_id)


def standing(work: Work, patient_id: int) -> Snapshot:
    """Return how a patient's demographics stand."""
    return snapshot(rows_of(work, patient_id), NAMES, shown)


def _filled(profile: Profile, _entry: str) -> Mapping[str, Any]:
    return {**profile.demographics.values, "version": profile.demographics.version}


@action(
    "profile.describe",
    Permission.PROFILE_DEMOGRAPHICS,
    on=registered_for,
    fields=(*FIELDS, Version("version", "Version")),
    offer=Offer(
        "Change the demographics",
        "demographics",
        "All of them are saved as the form shows them. Name and birth date are verified by the clinic, which corrects them.",
        "Saved.",
        otherwise=NOBODY_HERE,
        about=About(patients_here, form_of("demographics"), opens="profile.open", filled=_filled, kept=("version",)),
    ),
)
def describe(work: Work, patient: Patient, called: str | None, sex: str | None, phone: str | None, email: str | None, address: str | None,
             language: str | None, time_zone: str | None, emergency_name: str | None, emergency_relation: str | None,
             emergency_phone: str | None, guardian_name: str | None, guardian_relation: str | None, guardian_phone: str | None,
             version: int) -> int:  # fmt: skip
    """Say a patient's demographics anew, all of them; what was said before is kept. By the patient, practitioners and administrators.

    version: the one that was read. Returns: the version that stands. Raises: NotFound, Invalid; Conflict where somebody else has saved meanwhile.
    """
    given = (called, sex, phone, email, address, language, time_zone, emergency_name, emergency_relation, emergency_phone, guardian_name,
             guardian_relation, guardian_phone)  # fmt: skip
    values = dict(zip(NAMES, given, strict=True))
    work.lock_account(patient.id)
    stands = standing(work, patient.id)
    if stands.values == values:
        return stands.version  # also when it comes again
    require_newest(stands.version, version)
    changed = [name for name in NAMES if stands.values[name] != values[name]]
    work.audit_detail(changed=changed)
    add(work, demographics, patient_id=patient.id, version=version + 1, **values)
    return version + 1
