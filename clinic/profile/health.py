"""A patient's health data: what is said of it, and how it stands. Imports clinic only.

What patients say of themselves and what staff say stand beside each other (`source`): each changes their own side only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from clinic.account.folding import fold_name
from clinic.account.settings import today
from clinic.actions import About, Offer, action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import Choice, Flag, Option, Text, Uid
from clinic.permissions import Permission, Role
from clinic.profile.fields import Measure, Roughly, Version, roughly_in_words
from clinic.profile.measures import ADULT_YEARS, HEIGHTS, WEIGHTS, possible, unlikely
from clinic.profile.patients import Patient, form_of, page_of, patient_for
from clinic.profile.tables import health_basics, health_items
from clinic.profile.versions import Change, Snapshot, add, changes, require_newest, snapshot, versions
from clinic.storage import new_uid
from clinic.thread.shown import NOBODY_HERE, patients_here
from clinic.work import Work

if TYPE_CHECKING:
    from clinic.profile.opening import Profile

STAFF, PATIENT = "staff", "patient"
SOURCES = (STAFF, PATIENT)
KINDS = ("allergy", "condition", "medication", "procedure")
STANDINGS = ("now", "past", "mistaken")
SEVERITIES = ("mild", "moderate", "severe")
GROUPS = ("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")
SMOKING = ("never", "former", "sometimes", "daily")
ALCOHOL = ("never", "rarely", "weekly", "daily")
MOST_ITEMS = 200
TOO_MANY = f"There are {MOST_ITEMS} of these already, which is the most. Mark those that are over or mistaken."

BASICS = (
    Measure("height", "Height", required=False),
    Choice("height_unit", "Unit of height", required=False, audited=False, options=tuple(HEIGHTS), words=("cm", "inches")),
    Measure("weight", "Weight", required=False),
    Choice("weight_unit", "Unit of weight", required=False, audited=False, options=tuple(WEIGHTS), words=("kg", "pounds")),
    Choice("blood_group", "Blood group", required=False, audited=False, options=GROUPS, words=tuple(one.replace("-", "−") for one in GROUPS)),
    Choice("smoking", "Smoking", required=False, audited=False, options=SMOKING, words=("Never", "Not any more", "Sometimes", "Daily")),
    Text("smoking_more", "More about smoking", required=False, max_bytes=500),
    Choice("alcohol", "Alcohol", required=False, audited=False, options=ALCOHOL),
    Text("alcohol_more", "More about alcohol", required=False, max_bytes=500),
)
BASIC_NAMES = tuple(field.name for field in BASICS)
KIND = Choice("kind", "Kind", audited=False, options=KINDS)
ITEM = (
    Text("name", "What it is", max_bytes=300),
    Text("detail", "More about it", required=False, max_bytes=2000, multiline=True),
    Choice("severity", "How severe, of an allergy", required=False, audited=False, options=SEVERITIES),
    Roughly("since", "Since", required=False),
)


@dataclass(frozen=True, slots=True)
class Item:
    """An allergy, condition, medication or procedure as it stands. name: "" says that none is known. first_at: since when it is recorded."""

    uid: str
    version: int
    kind: str
    source: str
    name: str
    detail: str
    severity: str
    since: str
    standing: str
    by: str
    role: Role
    at: datetime
    first_at: datetime

    @property
    def began(self) -> str:
        """Since when it is so, in words, or ""."""
        return roughly_in_words(self.since)


@dataclass(frozen=True, slots=True)
class Health:
    """All that is said of a patient's health now. staff, patient: what there is one of, by who says it. items: all but the mistaken ones."""

    staff: Snapshot
    patient: Snapshot
    items: tuple[Item, ...]

    def of(self, kind: str, standing: str = "now") -> tuple[Item, ...]:
        """Return the items of a kind that stand so, the staff's first, those that say that none is known last."""
        found = [item for item in self.items if item.kind == kind and item.standing == standing]
        return tuple(sorted(found, key=lambda item: (not item.name, item.source != STAFF, item.first_at)))


def source_of(work: Work) -> str:
    """Return on whose side the actor speaks."""
    return PATIENT if work.role is Role.PATIENT else STAFF


def shown(row: sa.Row[Any]) -> Mapping[str, str]:
    """Return the words of what a version of the basics says."""
    return {
        "height": f"{row.height} {row.height_unit}" if row.height else "",
        "weight": f"{row.weight} {row.weight_unit}" if row.weight else "",
        "blood_group": (row.blood_group or "").replace("-", "−"),
        "smoking": "; ".join(part for part in (row.smoking, row.smoking_more) if part),
        "alcohol": "; ".join(part for part in (row.alcohol, row.alcohol_more) if part),
    }


def basics(work: Work, patient_id: int, source: str) -> Snapshot:
    """Return how one side's basics stand."""
    return snapshot(_basics_rows(work, patient_id, source), BASIC_NAMES, shown)


def _basics_rows(work: Work, patient_id: int, source: str) -> Sequence[sa.Row[Any]]:
    return versions(work, health_basics, health_basics.c.patient_id == patient_id, health_basics.c.source == source)


def health_of(work: Work, patient_id: int) -> Health:
    """Return all that is said of a patient's health now."""
    items = [item for item in _items(work, patient_id) if item.standing != "mistaken"]
    return Health(basics(work, patient_id, STAFF), basics(work, patient_id, PATIENT), tuple(items))


def health_changes(work: Work, patient_id: int) -> list[Change]:
    """Return all that was ever changed of a patient's health data, also what was mistaken."""
    found = [change for source in SOURCES for change in changes(_basics_rows(work, patient_id, source), "basics", shown, source)]
    for rows in _by_item(work, patient_id).values():
        found += changes(rows, rows[0].kind, lambda row: {"item": words_of(row)}, rows[0].source)
    return found


def words_of(row: sa.Row[Any]) -> str:
    """Return all that a version of an item says, in one line."""
    if row.standing == "mistaken":
        return f"{row.name or 'none known'} (entered by mistake)"
    over = "over" if row.standing == "past" else ""
    more = [row.severity, " ".join(row.detail.split()), f"since {roughly_in_words(row.since)}" if row.since else "", over]
    return ", ".join([row.name or "none known", *(part for part in more if part)])


def _by_item(work: Work, patient_id: int) -> dict[str, list[sa.Row[Any]]]:
    found: dict[str, list[sa.Row[Any]]] = defaultdict(list)
    for row in versions(work, health_items, health_items.c.patient_id == patient_id):
        found[row.uid].append(row)
    return found


def _items(work: Work, patient_id: int) -> list[Item]:
    found = []
    for uid, rows in _by_item(work, patient_id).items():
        now = rows[-1]
        said = (now.kind, now.source, now.name, now.detail, now.severity or "", now.since or "", now.standing, now.by, Role(now.role), now.at)
        found.append(Item(uid, now.version, *said, rows[0].at))
    return found


def _own_items(work: Work, patient: Patient, kind: str) -> list[Item]:
    """Return what the actor's side says of a kind now, under the patient's lock."""
    work.lock_account(patient.id)
    return [item for item in _items(work, patient.id) if (item.kind, item.source, item.standing) == (kind, source_of(work), "now")]


def _ask_back(work: Work, patient: Patient, values: Mapping[str, str | None]) -> None:
    """Ask whether measures are right that are unlikely beside what stands: on the actor's own side, or where it says nothing, on the other's.

    Raises: Invalid, of the field `sure`.
    """
    own = source_of(work)
    sides = [basics(work, patient.id, source) for source in (own, *(one for one in SOURCES if one != own))]
    found = []
    for name in ("height", "weight"):
        stands = next((side for side in sides if side.values[name]), None)
        said = stands.get(name) if stands is not None else None
        if stands is None or said is None:
            continue
        if unlikely(name, stands.values, values, adult=_is_adult(work, patient)):
            found.append(f"{name.capitalize()} {values[name]} {values[f'{name}_unit']} would stand in the place of {said.value} ({said.by}).")
    if found:
        raise Invalid(f"{' '.join(found)} Check the number and the unit. If it is right, say so, and save again.", field="sure")


def _is_adult(work: Work, patient: Patient) -> bool:
    born, now = patient.birth_date, today(work)
    return born is None or now.year - born.year - ((now.month, now.day) < (born.month, born.day)) >= ADULT_YEARS


def _require_begun(work: Work, since: str | None) -> None:
    """Refuse a beginning that is still to come at the clinic, as far as it is known. Raises: Invalid."""
    if since and since > today(work).isoformat()[: len(since)]:
        raise Invalid(f"Since: {since} is still to come. Check the year.", field="since")


def _measured(profile: Profile, _entry: str) -> Mapping[str, Any]:
    side = profile.health.patient if profile.mine else profile.health.staff
    units = {name: side.values[name] or least for name, least in (("height_unit", "cm"), ("weight_unit", "kg"))}
    return {**side.values, **units, "version": side.version}


BESIDE = "What patients say of themselves and what staff say stand beside each other: this changes your own side only."


@action(
    "profile.measure",
    Permission.PROFILE_HEALTH,
    on=patient_for,
    fields=(*BASICS, Flag("sure", "A height or weight that is asked about is right", required=False), Version("version", "Version")),
    offer=Offer(
        "Change body and habits in the health data",
        "body",
        f"All of it is saved as the form shows it. {BESIDE}",
        "Saved.",
        otherwise=NOBODY_HERE,
        about=About(patients_here, form_of("basics"), opens="profile.open", filled=_measured, kept=("version",)),
    ),
)
def measure(work: Work, patient: Patient, height: str | None, height_unit: str | None, weight: str | None, weight_unit: str | None,
            blood_group: str | None, smoking: str | None, smoking_more: str | None, alcohol: str | None, alcohol_more: str | None,
            sure: bool | None, version: int) -> int:  # fmt: skip
    """Say a patient's height, weight, blood group and habits anew, on the actor's own side; what was said before is kept.

    sure: measures that are unlikely beside the former ones are right. version: the one of this side that was read.
    Returns: the version that stands. Raises: NotFound, Invalid; Conflict where somebody else has saved meanwhile.
    """
    height_unit = possible("height", height, height_unit, HEIGHTS)
    weight_unit = possible("weight", weight, weight_unit, WEIGHTS)
    given = (height, height_unit, weight, weight_unit, blood_group, smoking, smoking_more, alcohol, alcohol_more)
    values = dict(zip(BASIC_NAMES, given, strict=True))
    work.lock_account(patient.id)
    stands = basics(work, patient.id, source_of(work))
    if stands.values == values:
        return stands.version
    require_newest(stands.version, version)
    if not sure:
        _ask_back(work, patient, values)
    work.audit_detail(source=source_of(work), changed=[name for name in BASIC_NAMES if stands.values[name] != values[name]])
    add(work, health_basics, patient_id=patient.id, source=source_of(work), version=version + 1, **values)
    return version + 1


@action(
    "profile.add",
    Permission.PROFILE_HEALTH,
    on=patient_for,
    fields=(KIND, *ITEM),
    offer=Offer("Add to the health data", "health", BESIDE, "Added.", otherwise=NOBODY_HERE, about=About(patients_here, page_of)),
)
def add_item(work: Work, patient: Patient, kind: str, name: str, detail: str | None, severity: str | None, since: str | None) -> str:
    """Add an allergy, condition, medication or procedure on the actor's own side. That none was known is over by it; the same again is no second one.

    Returns: its uid. Raises: NotFound, Invalid; Conflict where this side has it already and says something else of it, or MOST_ITEMS of the kind.
    """
    return put_item(work, patient, kind, name, detail, severity, since)


def put_item(work: Work, patient: Patient, kind: str, name: str, detail: str | None, severity: str | None, since: str | None) -> str:
    """Buffer a new item of the actor's side, unless it stands there just so. Returns: its uid. Raises: Invalid, Conflict."""
    _require_begun(work, since)
    severity = severity if kind == "allergy" else None
    present = _own_items(work, patient, kind)
    for item in present:
        if (item.name, item.detail, item.severity, item.since) == (name, detail or "", severity or "", since or ""):
            return item.uid
    if any(fold_name(item.name) == fold_name(name) for item in present):
        raise Conflict(f"“{name}” stands there already. Change that entry instead of adding another.", field="name")
    if len(present) >= MOST_ITEMS:
        raise Conflict(TOO_MANY, field="name")
    for none in (item for item in present if not item.name):
        _next(work, patient, none, standing="past")
    uid = new_uid()
    said = {"name": name, "detail": detail or "", "severity": severity, "since": since, "standing": "now"}
    add(work, health_items, uid=uid, version=1, patient_id=patient.id, source=source_of(work), kind=kind, **said)
    work.audit_detail(item=uid, source=source_of(work))
    return uid


def _entries(profile: Profile) -> list[Option]:
    side = PATIENT if profile.mine else STAFF
    own = [item for item in profile.health.items if item.source == side]
    said = [(item, ", ".join(part for part in (item.name or "none known", item.severity, "over" if item.standing == "past" else "") if part)) for item in own]
    return [Option(item.uid, words, item.kind) for item, words in sorted(said, key=lambda one: one[0].at, reverse=True)]


def _as_it_stands(profile: Profile, entry: str) -> Mapping[str, Any]:
    item = next(one for one in profile.health.items if one.uid == entry)
    return {name: getattr(item, name) for name in ("name", "detail", "severity", "since", "standing", "version")} | {"item": entry}


@action(
    "profile.change",
    Permission.PROFILE_HEALTH,
    on=patient_for,
    fields=(
        Uid("item", "Entry"),
        replace(ITEM[0], required=False),
        *ITEM[1:],
        Choice("standing", "How it stands", audited=False, options=STANDINGS, words=("It is so now", "It is over", "It was entered by mistake")),
        Version("version", "Version"),
    ),
    offer=Offer(
        "Change an entry of the health data",
        "change-health",
        f"Say how it is, or that it is over or was a mistake; what it said before is kept. {BESIDE}",
        "Saved.",
        otherwise=NOBODY_HERE,
        about=About(
            patients_here, page_of, "profile.open", _entries, _as_it_stands, ("item", "version"),
            "Nothing stands on your side of these health data yet, so there is nothing to change. Add what there is.",
        ),
    ),
)
def change_item(
    work: Work, patient: Patient, item: str, name: str | None, detail: str | None, severity: str | None, since: str | None, standing: str, version: int
) -> int:
    """Say anew what an entry of the actor's own side says, or that it is over or was a mistake; what it said before is kept.

    name: None only of an entry that says that none is known.

    Returns: the version that stands. Raises: NotFound, also for what the other side has said; Invalid; Conflict.
    """
    work.lock_account(patient.id)
    present = next((one for one in _items(work, patient.id) if one.uid == item and one.source == source_of(work)), None)
    if present is None:
        raise NotFound()
    if bool(name) is not bool(present.name):
        raise Invalid(ITEM[0].missing if present.name else "This entry says that none is known. Add another entry instead.", field="name")
    _require_begun(work, since)
    severity = severity if present.kind == "allergy" else None
    values = {"name": name or "", "detail": detail or "", "severity": severity, "since": since, "standing": standing}
    if values == {key: getattr(present, key) or (None if key in ("severity", "since") else "") for key in values}:
        return present.version
    require_newest(present.version, version)
    work.audit_detail(source=present.source)
    _next(work, patient, present, **values)
    return present.version + 1


@action(
    "profile.none_known",
    Permission.PROFILE_HEALTH,
    on=patient_for,
    fields=(KIND,),
    offer=Offer(
        "Say that no allergy, condition, medication or procedure is known",
        "none-known",
        "Which is more than that nothing stands there.",
        "Saved.",
        otherwise=NOBODY_HERE,
        about=About(patients_here, page_of),
    ),
)
def none_known(work: Work, patient: Patient, kind: str) -> None:
    """Say that no allergy, condition, medication or procedure is known, which is more than that nothing stands there.

    Raises: NotFound; Conflict where this side says one.
    """
    present = _own_items(work, patient, kind)
    if any(item.name for item in present):
        raise Conflict("Something stands there. Mark it as over or mistaken first, then say that none is known.")
    if not present:
        said = {"name": "", "detail": "", "severity": None, "since": None, "standing": "now"}
        add(work, health_items, uid=new_uid(), version=1, patient_id=patient.id, source=source_of(work), kind=kind, **said)


def _next(work: Work, patient: Patient, item: Item, **changed: Any) -> None:
    said = {"name": item.name, "detail": item.detail, "severity": item.severity or None, "since": item.since or None} | changed
    add(work, health_items, uid=item.uid, version=item.version + 1, patient_id=patient.id, source=item.source, kind=item.kind, **said)
