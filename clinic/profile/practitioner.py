"""A practitioner's profile: what they say of themselves, when they are away, who assists them; their photo is photo.py's. Imports clinic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.absence.tables import absences
from clinic.account.people import PersonRef
from clinic.account.tables import account_roles, accounts, coordinator_links, patient_links
from clinic.actions import action, view
from clinic.errors import NotFound
from clinic.fields import Text, is_uid
from clinic.file.tables import files
from clinic.permissions import Permission, Role
from clinic.profile.fields import Version
from clinic.profile.patients import SharedThread
from clinic.profile.tables import practitioner_photos, practitioner_profiles
from clinic.profile.versions import Snapshot, add, require_newest, snapshot, versions
from clinic.thread.members import coordinators_of
from clinic.thread.shown import title_for
from clinic.thread.tables import threads
from clinic.thread.together import shares_thread, threads_with
from clinic.work import Work

FIELDS = (
    Text("title", "Title", required=False, max_bytes=200),
    Text("specialties", "Specialties", required=False, max_bytes=500),
    Text("languages", "Languages", required=False, max_bytes=300),
    Text("response_time", "When patients can expect an answer", required=False, max_bytes=200),
    Text("bio", "About you", required=False, max_bytes=4000, multiline=True),
)
NAMES = tuple(field.name for field in FIELDS)
SHARED_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Leave:
    """A time when somebody is away. cover: the colleague who covers, or None."""

    starts_at: datetime
    ends_at: datetime
    cover: str | None
    runs: bool


@dataclass(frozen=True, slots=True)
class PractitionerProfile:
    """A practitioner as those read them who are linked to them or share a thread. mine: the reader's own.

    threads: those that both are in now, the liveliest first, at most SHARED_AT_MOST. photo: the uid of the file, "" where there is none.
    """

    uid: str
    name: str
    mine: bool
    said: Snapshot
    leaves: tuple[Leave, ...]
    coordinators: tuple[PersonRef, ...]
    threads: tuple[SharedThread, ...]
    photo: str


def _shown(row: sa.Row[Any]) -> Mapping[str, str]:
    return {name: row._mapping[name] or "" for name in NAMES}


def _said(work: Work, account_id: int) -> Snapshot:
    return snapshot(versions(work, practitioner_profiles, practitioner_profiles.c.account_id == account_id), NAMES, _shown)


@view(Permission.PRACTITIONER_OPEN)
def practitioner(work: Work, uid: str) -> PractitionerProfile:
    """Return a practitioner's profile, for who shares a thread with them, is linked to them, or is them.

    Raises: NotFound, for everybody else as for somebody that there is not. Source: product.md, Practitioner profile.
    """
    row = practitioner_row(work, uid)
    assisting = tuple(PersonRef(one.uid, one.name, None) for one in coordinators_of(work, [row.id]))
    mine = row.id == work.person.id
    shared = () if mine else _shared(work, row.id)
    shown = newest_photo(work, row.id)
    return PractitionerProfile(
        row.uid, row.name, mine, _said(work, row.id), _leaves(work, row.id), assisting, shared, (shown and shown.file_uid) or ""
    )


def practitioner_row(work: Work, uid: str) -> sa.Row[Any]:
    """Return the account of a practitioner whose profile the actor may open. Raises: NotFound."""
    query = sa.select(accounts).join(account_roles, account_roles.c.account_id == accounts.c.id)
    known = sa.and_(accounts.c.uid == uid, account_roles.c.role == Role.PRACTITIONER, accounts.c.active.is_(True))
    row = work.row(query.where(known)) if is_uid(uid) else None
    if row is None or not (row.id == work.person.id or _linked(work, row.id) or shares_thread(work, row.id)):
        raise NotFound()
    return row


def newest_photo(work: Work, account_id: int) -> sa.Row[Any] | None:
    """Return the newest version of somebody's photo, with its file's uid as file_uid, None where they removed it; None where there was never one."""
    query = sa.select(practitioner_photos, files.c.uid.label("file_uid")).outerjoin(files, files.c.id == practitioner_photos.c.file_id)
    return work.row(query.where(practitioner_photos.c.account_id == account_id).order_by(practitioner_photos.c.version.desc()).limit(1))


def _shared(work: Work, account_id: int) -> tuple[SharedThread, ...]:
    both = sa.select(threads.c.uid).where(threads.c.id.in_(threads_with(work, account_id, Role.PRACTITIONER)), threads.c.closed_at.is_(None))
    rows = work.rows(both.order_by(threads.c.spoken_at.desc(), threads.c.id.desc()).limit(SHARED_AT_MOST))
    return tuple(SharedThread(one.uid, title_for(one, work.person.id)) for one in work.threads([row.uid for row in rows]))


def _linked(work: Work, account_id: int) -> bool:
    me = work.person.id
    for table, other in ((patient_links, patient_links.c.patient_id), (coordinator_links, coordinator_links.c.coordinator_id)):
        if work.row(sa.select(table.c.id).where(other == me, table.c.practitioner_id == account_id)):
            return True
    return False


def _leaves(work: Work, account_id: int) -> tuple[Leave, ...]:
    query = sa.select(absences, accounts.c.name).outerjoin(accounts, sa.and_(accounts.c.id == absences.c.cover_id, accounts.c.active.is_(True)))
    to_come = sa.and_(absences.c.account_id == account_id, absences.c.ended_at.is_(None), absences.c.ends_at > work.now)
    rows: Sequence[sa.Row[Any]] = work.rows(query.where(to_come).order_by(absences.c.starts_at))
    return tuple(Leave(row.starts_at, row.ends_at, row.name, row.starts_at <= work.now) for row in rows)


@action("practitioner.describe", Permission.PRACTITIONER_OWN, fields=(*FIELDS, Version("version", "Version")))
def describe(
    work: Work, title: str | None, specialties: str | None, languages: str | None, response_time: str | None, bio: str | None, version: int
) -> int:
    """Say anew what patients read of the actor, all of it; what was said before is kept. The name stays the verified one.

    version: the one that was read. Returns: the version that stands. Raises: Conflict where it was saved in another window meanwhile.
    """
    values = dict(zip(NAMES, (title, specialties, languages, response_time, bio), strict=True))
    work.lock_account(work.person.id)
    stands = _said(work, work.person.id)
    if stands.values == values:
        return stands.version
    require_newest(stands.version, version)
    add(work, practitioner_profiles, account_id=work.person.id, version=version + 1, **values)
    return version + 1
