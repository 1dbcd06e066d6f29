"""A patient's profile, for themselves and for the staff who share a thread with them. Each view is audited. GET changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.errors import DomainError, NotFound
from clinic.permissions import Role
from clinic.profile.health import GROUPS, KINDS
from clinic.profile.opening import History, Profile
from clinic.short_video.views import video_waiting
from web.actions import keeps
from web.auth import current_actor, current_visitor
from web.db import clinic_db
from web.pages.printing import as_pdf, place_to_print
from web.pages.profile_forms import ZONES, came_from_first, filled_in, today
from web.pages.register import register_page
from web.policies import caring, roles
from web.times import years

blueprint = Blueprint("patients", __name__)
_TITLES = {"demographics": "Demographics", "basics": "Body and habits", "note": "Note",
           **{kind: f"Add {'an' if kind == 'allergy' else 'a'} {kind}" for kind in KINDS}}  # fmt: skip


def _opened(uid: str) -> Profile:
    # An action: while its audit row cannot be stored, nobody sees a profile.
    profile: Profile = clinic_db().perform(current_actor(), "profile.open", uid).value
    return profile


@blueprint.get("/profile")
@roles(Role.PATIENT)
def own() -> Response:
    """Lead a patient to their own profile."""
    visitor = current_visitor()
    assert visitor is not None  # the route's policy
    return redirect(url_for("patients.show", uid=visitor.account_uid))


@blueprint.get("/patients/<uid>")
@caring
def show(uid: str) -> str:
    """Who the patient is, how they are, and the threads that the reader shares with them."""
    profile = _opened(uid)
    folder = url_for("documents.home") if profile.mine else url_for("documents.of_patient", uid=uid)
    shown = {"here": "profile" if profile.mine else "threads", "age": years(profile.birth_date, today()), "documents": folder}
    if profile.mine:
        with clinic_db().read(current_actor()) as work:
            shown["videos_waiting"] = video_waiting(work)
    shown["came_from"] = came_from_first(profile.threads)
    return render_template("patients/show.html", profile=profile, titles={thread.uid: thread.title for thread in profile.threads}, **shown)


@blueprint.get("/patients/<uid>/history")
@caring
def history(uid: str) -> str:
    """What was ever changed, by whom."""
    found: History = clinic_db().perform(current_actor(), "profile.history", uid).value
    return render_template("patients/history.html", here="profile" if found.mine else "threads", history=found)


@blueprint.get("/patients/<uid>/profile.pdf")
@roles(Role.PATIENT, Role.PRACTITIONER)
def pdf(uid: str) -> Response:
    """The profile to be printed or kept; `notes`: with staff's notes, where staff say so. Audited as an export, once it can be printed."""
    notes = request.args.get("notes") == "1"
    with place_to_print():
        profile: Profile = clinic_db().perform(current_actor(), "profile.export", uid, notes=notes).value
        age, now = years(profile.birth_date, today()), clinic_db().now()
        return as_pdf("patients/print.html", "profile.pdf", profile=profile, age=age, notes=notes, printed_at=now)


@blueprint.get("/patients/<uid>/edit")
@caring
def edit(uid: str) -> str:
    """One form of the profile. `what`: demographics, basics, a kind of health data, item or note; `entry`: the uid of what is changed."""
    return _form(uid, request.args.get("what", ""), request.args.get("entry", ""))


def _form(uid: str, what: str, entry: str, error: DomainError | None = None) -> str:
    profile = _opened(uid)
    form = _Form(profile, what, entry)
    return render_template(
        "patients/edit.html",
        here="profile" if profile.mine else "threads",
        profile=profile, what=what, entry=entry, kind=form.kind, title=form.title, action=form.action, hidden=form.hidden, anchor=form.anchor,
        zones=ZONES,
        groups=[(group, group.replace("-", "−")) for group in GROUPS],
        threads=[(thread.uid, f"Only the staff of “{thread.title}”") for thread in profile.threads],
        **filled_in(form.stored, error),
    )  # fmt: skip


class _Form:
    """What a form of a profile is about. stored: what its fields hold now. Raises: NotFound where it is not the reader's to fill in."""

    def __init__(self, profile: Profile, what: str, entry: str) -> None:
        self.kind, self.hidden, self.anchor = what, dict[str, str](), what
        self.title = _TITLES.get(what, "")
        if what == "demographics":
            self.action, self._needs, found = "profile.describe", "profile.demographics", profile.demographics
            self.stored: Mapping[str, Any] = found.values
            self.hidden["version"] = str(found.version)
        elif what == "basics":
            self.action, self._needs = "profile.measure", "profile.health"
            found = profile.health.patient if profile.mine else profile.health.staff
            self.stored = {**found.values, "height_unit": found.values["height_unit"] or "cm", "weight_unit": found.values["weight_unit"] or "kg"}
            self.stored["sure"] = ""  # asked for only where a measure is unlikely
            self.hidden["version"] = str(found.version)
        elif what in KINDS:
            self.action, self._needs, self.stored = "profile.add", "profile.health", dict.fromkeys(("name", "detail", "severity", "since"))
            self.hidden["kind"] = what
        elif what == "item":
            self._item(profile, entry)
        elif what == "note":
            self._note(profile, entry)
        else:
            raise NotFound()
        if self._needs not in profile.may:
            raise NotFound()

    def _item(self, profile: Profile, entry: str) -> None:
        side = "patient" if profile.mine else "staff"
        item = next((one for one in profile.health.items if one.uid == entry and one.source == side), None)
        if item is None:
            raise NotFound()
        self.action, self._needs, self.kind, self.anchor = "profile.change", "profile.health", item.kind, item.kind
        self.title = f"Change: {item.name}" if item.name else "Change"
        self.stored = {name: getattr(item, name) for name in ("name", "detail", "severity", "since", "standing")}
        self.hidden |= {"item": entry, "version": str(item.version)}

    def _note(self, profile: Profile, entry: str) -> None:
        self._needs, self.anchor = "profile.note", "notes"
        if not entry:
            self.action, self.title, self.stored = "profile.note", "Write a note", {"body": "", "thread": ""}
            self.hidden["client_id"] = str(uuid.uuid4())  # one form, one note
            return
        note = next((one for one in profile.notes if one.uid == entry and one.mine), None)
        if note is None:
            raise NotFound()
        self.action, self.title, self.stored = "profile.correct_note", "Correct the note", {"body": note.body}
        self.hidden |= {"note": entry, "version": str(note.version)}


def _again(uid: str | None, error: DomainError, what: str, entry: str = "") -> Response:
    visitor = current_visitor()
    if visitor is not None and visitor.role is Role.ADMIN:
        response = make_response(register_page(uid or "", error))
    else:
        response = make_response(_form(uid or "", what, entry, error))
    response.status_code = error.status
    return response


@keeps("profile.describe")
def _demographics_again(uid: str | None, error: DomainError) -> Response:
    return _again(uid, error, "demographics")


@keeps("profile.measure")
def _basics_again(uid: str | None, error: DomainError) -> Response:
    return _again(uid, error, "basics")


@keeps("profile.add")
def _add_again(uid: str | None, error: DomainError) -> Response:
    return _again(uid, error, request.form.get("kind", ""))


@keeps("profile.change")
def _change_again(uid: str | None, error: DomainError) -> Response:
    return _again(uid, error, "item", request.form.get("item", ""))


@keeps("profile.note")
@keeps("profile.correct_note")
def _note_again(uid: str | None, error: DomainError) -> Response:
    return _again(uid, error, "note", request.form.get("note", ""))
