"""The actions of opening a patient's profile: they change nothing, but each view is audited. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from clinic.actions import About, Offer, action
from clinic.fields import Flag
from clinic.permissions import Permission
from clinic.profile import demographics
from clinic.profile.health import Health, health_changes, health_of
from clinic.profile.notes import Note, notes_of
from clinic.profile.patients import Patient, SharedThread, page_of, patient_for, registered_for
from clinic.profile.versions import Change, Snapshot, changes
from clinic.profile.words import history_in_words, profile_in_words
from clinic.thread.shown import NOBODY_HERE, patients_here, title_for
from clinic.work import Work

AUDITED = "That you opened this is in the audit log."
OFFERED = (Permission.PROFILE_DEMOGRAPHICS, Permission.PROFILE_HEALTH, Permission.PROFILE_NOTE, Permission.PROFILE_EXPORT)


@dataclass(frozen=True, slots=True)
class Profile:
    """A patient, for themselves (mine) or for staff who share a thread with them. threads: those, the newest first.

    email: what the patient logs in with, for themselves only. may: permissions that the reader has here. notes: for staff; a patient has none.
    """

    uid: str
    name: str
    birth_date: date | None
    email: str | None
    active: bool
    mine: bool
    threads: tuple[SharedThread, ...]
    demographics: Snapshot
    health: Health
    notes: tuple[Note, ...]
    may: frozenset[str]


@dataclass(frozen=True, slots=True)
class History:
    """What was ever changed of a patient's demographics and health data, and by whom, the newest first. mine: the reader's own."""

    uid: str
    name: str
    mine: bool
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Register:
    """A patient for administrators: who they are, and nothing of their health. changes: what was changed of it, the newest first."""

    uid: str
    name: str
    birth_date: date | None
    email: str | None
    active: bool
    demographics: Snapshot
    changes: tuple[Change, ...]


@action(
    "profile.open",
    Permission.PROFILE_OPEN,
    on=patient_for,
    offer=Offer(
        "Open the profile",
        "profile",
        "Who the patient is, and their health data, with who has said it. Only you see the answer; that you opened it is in the audit log.",
        AUDITED,
        otherwise=NOBODY_HERE,
        about=About(patients_here, page_of),
        tells=profile_in_words,
    ),
)
def open_profile(work: Work, patient: Patient) -> Profile:
    """Return a patient's profile; that it was opened, by whom, is in the audit log.

    Raises: NotFound unless the actor shares a thread with the patient, or is the patient. Source: product.md, Patient profile.
    """
    return _profile(work, patient, notes=True)


@action("profile.export", Permission.PROFILE_EXPORT, on=patient_for, fields=(Flag("notes", "With staff’s notes", required=False),))
def export(work: Work, patient: Patient, notes: bool | None) -> Profile:
    """Return a patient's profile to be printed or kept outside the clinic, with staff's notes only where staff say so. Raises: as `open_profile`."""
    return _profile(work, patient, notes=bool(notes))


@action(
    "profile.history",
    Permission.PROFILE_OPEN,
    on=patient_for,
    offer=Offer(
        "See what was changed in the profile",
        "profile-history",
        "The newest first. Only you see the answer; that you opened it is in the audit log.",
        AUDITED,
        otherwise=NOBODY_HERE,
        about=About(patients_here, lambda uid, role: f"{page_of(uid, role)}/history"),
        tells=history_in_words,
    ),
)
def history(work: Work, patient: Patient) -> History:
    """Return what was ever changed of a patient's profile, but for notes; that it was opened, by whom, is in the audit log. Raises: as `open_profile`."""
    found = _register_changes(work, patient) + health_changes(work, patient.id)
    return History(patient.uid, patient.name, patient.mine, tuple(sorted(found, key=lambda change: change.at, reverse=True)))


@action("profile.register", Permission.PROFILE_REGISTER, on=registered_for)
def register(work: Work, patient: Patient) -> Register:
    """Return a patient's demographics for administrators, and nothing else of the profile. Raises: NotFound."""
    said = tuple(reversed(_register_changes(work, patient)))
    who = (patient.uid, patient.name, patient.birth_date, patient.email, patient.active)
    return Register(*who, demographics.standing(work, patient.id), said)


def _register_changes(work: Work, patient: Patient) -> list[Change]:
    return changes(demographics.rows_of(work, patient.id), "demographics", demographics.shown)


def _profile(work: Work, patient: Patient, *, notes: bool) -> Profile:
    return Profile(
        uid=patient.uid,
        name=patient.name,
        birth_date=patient.birth_date,
        email=patient.email if patient.mine else None,
        active=patient.active,
        mine=patient.mine,
        threads=tuple(SharedThread(one.uid, title_for(one, work.person.id)) for one in work.threads(patient.shared)),
        demographics=demographics.standing(work, patient.id),
        health=health_of(work, patient.id),
        notes=notes_of(work, patient) if notes else (),
        may=frozenset(permission.value for permission in OFFERED if work.may(permission)),
    )
