"""What a profile says in words, for apps that show plain text alone: short lines, the newest first, with the page where more is. Imports clinic only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from clinic.actions import Telling
from clinic.profile import demographics, health
from clinic.profile.patients import page_of
from clinic.profile.versions import Datum, Snapshot, shortened

if TYPE_CHECKING:
    from clinic.profile.notes import Note
    from clinic.profile.opening import History, Profile

# So much is told of one thing, and so many things of one sort; the page has all of it.
MOST_LETTERS, MOST_ITEMS, MOST_NOTES, MOST_CHANGES = 300, 20, 5, 20
KINDS = {  # how each is called, and what to say where none is known and where nothing stands
    "allergy": ("Allergies", "no known allergies", "nothing recorded, which does not mean that there are none"),
    "condition": ("Conditions", "no known conditions", "nothing recorded"),
    "medication": ("Medications", "takes no medication", "nothing recorded"),
    "procedure": ("Procedures", "no procedures so far", "nothing recorded"),
}
LABELS = {field.name: field.label for field in (*demographics.FIELDS, *health.BASICS)}


def profile_in_words(profile: Profile, to: Telling) -> str:
    """Return a profile as an app shows it to one person. The page has what is left out."""
    lines = [_title(profile, to)]
    for kind in KINDS:
        lines += _items(profile, kind, to)
    lines += _basics(profile, to)
    lines += _demographics(profile.demographics, to, mine=profile.mine)
    if not profile.mine:
        lines += _notes(profile, to)
    lines.append("Images & Documents: the command list-documents lists them.")
    lines.append(f"All of it: {to.base}{page_of(profile.uid)}")
    return "\n".join(lines)


def history_in_words(history: History, to: Telling) -> str:
    """Return what was changed in a profile as an app shows it to one person, the newest first."""
    whose = "your profile" if history.mine else f"the profile of {history.name}"
    lines = [f"What was changed in {whose}:" if history.changes else f"Nothing was changed in {whose} yet."]
    for one in history.changes[:MOST_CHANGES]:
        label = LABELS.get(one.name) or KINDS[one.part][0]
        before, after = (f"“{shortened(value, MOST_LETTERS)}”" if value else "nothing" for value in (one.before, one.after))
        side = {"staff": ", staff’s side", "patient": ", patient’s side"}.get(one.source, "")
        lines.append(f"- {to.day(one.at)}, {one.by}: {label}{side}: {before} → {after}")
    lines += _more(len(history.changes) - MOST_CHANGES)
    return "\n".join([*lines, f"All of it: {to.base}{page_of(history.uid)}/history"])


def _title(profile: Profile, to: Telling) -> str:
    born, today = profile.birth_date, to.now.astimezone(to.zone).date()
    age = f" ({today.year - born.year - ((today.month, today.day) < (born.month, born.day))})" if born else ""
    said = f"{profile.name}{f', born {born:%-d %B %Y}{age}' if born else ''}, verified by the clinic"
    closed = "" if profile.active else " The account is deactivated."
    return f"{'Your profile' if profile.mine else 'Profile'}: {said}.{closed}"


def _side(source: str, by: str) -> str:
    return f"staff: {by}" if source == health.STAFF else "patient says"


def _more(left: int) -> list[str]:
    return [f"- … and {left} more on the page"] if left > 0 else []


def _items(profile: Profile, kind: str, to: Telling) -> Iterator[str]:
    title, none_known, nothing = KINDS[kind]
    found = sorted((one for one in profile.health.items if one.kind == kind), key=lambda one: (one.standing == "now", one.at), reverse=True)
    found = [one for one in found if one.name or one.standing == "now"]
    if not any(one.standing == "now" for one in found):
        yield f"{title}: {nothing}"
    else:
        yield f"{title}:"
    for one in found[:MOST_ITEMS]:
        parts = (one.severity, shortened(one.detail, MOST_LETTERS), f"since {one.began}" if one.since else "", "over" if one.standing == "past" else "")
        said = ", ".join([one.name or none_known, *(part for part in parts if part)])
        yield f"- {said} ({_side(one.source, one.by)}, {to.day(one.at)})"
    yield from _more(len(found) - MOST_ITEMS)


def _basics(profile: Profile, to: Telling) -> list[str]:
    sides = ((health.STAFF, profile.health.staff), (health.PATIENT, profile.health.patient))
    said = [(source, one) for source, side in sides for one in side.data]
    order = list(LABELS)
    said.sort(key=lambda one: order.index(one[1].name))
    lines = [f"- {LABELS[one.name]}: {shortened(one.value, MOST_LETTERS)} ({_side(source, one.by)}, {to.day(one.at)})" for source, one in said]
    return ["Body and habits:", *lines] if lines else ["Body and habits: nothing recorded"]


def _demographics(said: Snapshot, to: Telling, *, mine: bool) -> list[str]:
    title = "About you" if mine else "Demographics"
    lines = [f"- {LABELS[one.name]}: {shortened(one.value, MOST_LETTERS)} ({one.by}, {to.day(one.at)})" for one in _ordered(said.data)]
    return [f"{title}:", *lines] if lines else [f"{title}: nothing recorded"]


def _ordered(data: Iterable[Datum]) -> list[Datum]:
    return sorted(data, key=lambda one: demographics.NAMES.index(one.name))


def _notes(profile: Profile, to: Telling) -> list[str]:
    titles = {one.uid: one.title for one in profile.threads}
    lines = [_note(note, titles, to) for note in profile.notes[:MOST_NOTES]]
    title = "Notes, for staff only"
    return [f"{title}:", *lines, *_more(len(profile.notes) - MOST_NOTES)] if lines else [f"{title}: none"]


def _note(note: Note, titles: dict[str, str], to: Telling) -> str:
    only = f", only for the staff of “{titles.get(note.thread, 'one thread')}”" if note.thread else ""
    corrected = f", corrected {to.day(note.at)}" if note.earlier and note.body else ""
    said = shortened(note.body, MOST_LETTERS) if note.body else "taken back"
    return f"- {to.day(note.first_at)}, {note.by}{only}{corrected}: {said}"
