"""What an administrator keeps: accounts and links. No message is ever shown here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.account.admin import AccountRow, account_links, account_list, coordinators_in_groups, coordinators_may
from clinic.errors import DomainError
from clinic.permissions import Permission, Role
from clinic.urgent.views import urgent_settings
from web.actions import keeps
from web.auth import current_actor
from web.context import clinic_card
from web.db import clinic_db
from web.headers import shareable_root
from web.policies import roles

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
Answer = str | Response | tuple[str, int]
_WAITS = {"60": "1 minute", "120": "2 minutes", "180": "3 minutes", "300": "5 minutes", "600": "10 minutes", "900": "15 minutes"}
_MAY = {
    Permission.STATUS_CHANGE: "Change the status of a thread",
    Permission.VOICE_SEND: "Send voice messages",
    Permission.VIDEO_REQUEST: "Ask patients for short videos",
}
_NOTHING_TYPED: dict[str, Any] = {"roles": ["patient"]}


@blueprint.get("/accounts")
@roles(Role.ADMIN)
def accounts() -> str:
    """All accounts, and on a young clinic the list of steps to the first message."""
    return _page()


def _page(**more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        rows = account_list(work)
        links = account_links(work)
    shown = {"typed": _NOTHING_TYPED, "problems": {}, "edit": {}, **more}
    return render_template("admin/accounts.html", here="admin", tab="accounts", rows=rows, steps=_steps(rows, bool(links.patients)), **shown)


def _steps(rows: Sequence[AccountRow], linked: bool) -> list[dict[str, Any]]:
    def any_of(role: Role, joined: bool = False) -> bool:
        return any(role in row.roles and row.active and (row.has_password or not joined) for row in rows)

    card = clinic_card()
    return [
        {"text": f"Name of the clinic: {card.name}", "done": True},
        {"text": f"Emergency number: {card.emergency_number or 'set it on the page Clinic'}", "done": bool(card.emergency_number)},
        {"text": "Add the first practitioner and hand over the invitation link", "done": any_of(Role.PRACTITIONER)},
        {"text": "Add the first patient and hand over the invitation link", "done": any_of(Role.PATIENT)},
        {"text": "Link the patient with the practitioner, on the page Links", "done": linked},
        {"text": "Both have chosen a password: they can write", "done": any_of(Role.PRACTITIONER, True) and any_of(Role.PATIENT, True)},
    ]


def _shown_link(name: str, token: str) -> dict[str, str]:
    return {"name": name, "link": f"{shareable_root()}{url_for('joining.invite', token=token)}"}


@blueprint.post("/accounts")
@roles(Role.ADMIN)
def create_account() -> Answer:
    """Add an account and show its invitation link this once."""
    form = request.form
    typed: dict[str, Any] = {key: form.get(key, "").strip() for key in ("name", "email", "birth_date")}
    typed["roles"] = form.getlist("roles")
    try:
        values = {key: value or None for key, value in typed.items()}
        invited = clinic_db().perform(current_actor(), "account.create", **values).value
    except DomainError as error:
        known = error.field in ("roles", "name", "email", "birth_date")
        more = {"problems": {error.field: error.text}} if known else {"problem": error.text}
        return _page(typed=typed, **more), error.status
    return _page(invited=_shown_link(typed["name"], invited.token))


@keeps("account.describe")
def _correct_again(uid: str | None, error: DomainError) -> Response:
    typed = {key: request.form.get(key, "").strip() for key in ("name", "email", "birth_date")}
    problems, problem = ({error.field: error.text}, None) if error.field in typed else ({}, error.text)
    edit = {"uid": uid, "typed": typed, "problems": problems, "problem": problem}
    response = make_response(_page(edit=edit))
    response.status_code = error.status
    return response


@blueprint.post("/accounts/<uid>/invite")
@roles(Role.ADMIN)
def invite(uid: str) -> Answer:
    """Make a new invitation link for an account and show it this once; earlier links stop working."""
    invited = clinic_db().perform(current_actor(), "account.invite", uid).value
    with clinic_db().read(current_actor()) as work:
        name = next((row.name for row in account_list(work) if row.uid == uid), "this account")
    return _page(invited=_shown_link(name, invited.token))


@blueprint.get("/links")
@roles(Role.ADMIN)
def links() -> str:
    """Which patients and which coordinators belong to which practitioner."""
    with clinic_db().read(current_actor()) as work:
        rows = [row for row in account_list(work) if row.active]
        found = account_links(work)
    by_role = {role: [row for row in rows if role in row.roles] for role in Role}
    return render_template(
        "admin/links.html",
        here="admin",
        tab="links",
        links=found,
        patients=by_role[Role.PATIENT],
        practitioners=by_role[Role.PRACTITIONER],
        coordinators=by_role[Role.COORDINATOR],
    )


@blueprint.get("/clinic")
@roles(Role.ADMIN)
def clinic() -> str:
    """What the clinic says of itself: name, emergency number, time zone."""
    card = clinic_card()
    return _clinic({"clinic_name": card.name, "emergency_number": card.emergency_number, "time_zone": str(card.zone)}, {})


def _clinic(typed: dict[str, str], problems: dict[str | None, str]) -> str:
    with clinic_db().read(current_actor()) as work:
        more = {"urgent": urgent_settings(work), "in_groups": coordinators_in_groups(work), "waits": _WAITS}
        more |= {"may": coordinators_may(work), "may_words": _MAY}
    return render_template("admin/clinic.html", here="admin", tab="clinic", typed=typed, problems=problems, **more)


@blueprint.post("/clinic")
@roles(Role.ADMIN)
def describe_clinic() -> Answer:
    """Change what the clinic says of itself."""
    typed = {key: request.form.get(key, "").strip() for key in ("clinic_name", "emergency_number", "time_zone")}
    try:
        clinic_db().perform(current_actor(), "clinic.describe", **typed)
    except DomainError as error:
        return _clinic(typed, {error.field: error.text}), error.status
    flash("Saved.")
    return redirect(url_for("admin.clinic"), 303)
