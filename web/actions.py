"""POST /actions/<name>[/<uid>]: every action of clinic that a person can fill in, from a form or from JSON.

Owns the route and what a plain form sees afterwards. Imports Flask and clinic. The declared fields do the parsing; an
action with a computed field (a password's hash) is not reachable here and answers like one that does not exist.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, flash, jsonify, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from clinic.actions import ACTIONS
from clinic.calls import Done
from clinic.errors import Busy, DomainError, Invalid, NotFound, NotSignedIn
from clinic.fields import Choices, PickSeveral
from clinic.offers import told
from web.auth import current_actor
from web.db import clinic_db
from web.doing import draw_form, home_of
from web.errors import problem, wants_json
from web.headers import shareable_root
from web.policies import signed_in

blueprint = Blueprint("actions", __name__)
# What forms say beside an action's fields. form: "do" where the generic form of an offered action was filled in (web/doing.py).
_OWN_NAMES = frozenset({"csrf_token", "next", "form"})

# Pages that show their form again with what was typed, by action; others say the refusal and go back.
Keeper = Callable[[str | None, DomainError], BaseResponse]
KEEPERS: dict[str, Keeper] = {}
SAID: dict[str, str] = {
    "device.revoke": "The device is revoked and signed out.",
    "account.deactivate": "The account is deactivated and signed out everywhere.",
    "account.describe": "Saved.",
    "practitioner.remove_photo": "The photo is removed.",
    "urgent.settings": "Saved.",
    "text.forget_scheduled": "Discarded; it will not be sent.",
    "urgent.call_in": "Called in and alerted.",
    "absence.begin": "Saved. Patients are told when they write.",
    "absence.end": "Patients are not told any more that you are away.",
    "account.activate": "The account is active again.",
    "link.coordinator_add": "Linked.",
    "link.coordinator_remove": "The link is removed.",
    "link.patient_add": "Linked.",
    "link.patient_remove": "The link is removed.",
    "saved_reply.create": "The reply is saved.",
    "saved_reply.add_examples": "The examples are added.",
    "saved_reply.describe": "Saved.",
    "saved_reply.delete": "The reply is deleted.",
    "status.create": "Added.",
    "status.add_examples": "The examples are added.",
    "status.describe": "Saved.",
    "status.archive": "Archived: it is offered no more.",
    "status.restore": "It is offered again.",
    "status.permit": "Saved.",
    "clinic.permit_coordinators": "Saved.",
    "service.create": "Added. Staff can ask for it now.",
    "service.describe": "Saved.",
    "service.archive": "Archived: it is offered no more.",
    "service.restore": "It is offered again.",
    "file.allow": "Saved. It is for files that are sent from now on.",
    "file.ask_log_in": "Saved.",
    "payment.provide": "Saved.",
    "payment.head_receipts": "Saved.",
    "clinic.include_coordinators": "Saved.",
    "file.rename": "Renamed.",
    "file.put_away": "Put away. It is kept.",
    "file.bring_back": "It is back in the folder.",
    "group.ask": "You have asked to be let in.",
    "profile.describe": "Saved.",
    "profile.measure": "Saved.",
    "profile.add": "Added.",
    "profile.change": "Saved.",
    "profile.none_known": "Saved.",
    "profile.note": "The note is saved, for staff only.",
    "profile.correct_note": "Corrected. What the note said before can be opened.",
    "profile.withdraw_note": "The note is taken back.",
    "practitioner.describe": "Saved. Your patients read it from now on.",
}


def keeps(action: str) -> Callable[[Keeper], Keeper]:
    """Declare the function below as the page that shows `action`'s form again after a refusal."""

    def declare(keeper: Keeper) -> Keeper:
        KEEPERS[action] = keeper
        return keeper

    return declare


def local_path(given: str | None, default: str) -> str:
    """Return `given` if it is a path of this site, else `default`."""
    if not given or not given.startswith("/") or given.startswith("//") or "\\" in given or any(ord(c) < 0x20 for c in given):
        return default
    return given


@blueprint.post("/actions/<name>")
@blueprint.post("/actions/<name>/<uid>")
@signed_in
def act(name: str, uid: str | None = None) -> BaseResponse:
    """Perform one action of clinic for the signed-in person."""
    spec = ACTIONS.get(name)
    if spec is None or not spec.public or (spec.load is None) != (uid is None):
        raise NotFound()
    as_json = wants_json()
    try:
        values = _json_values() if request.is_json else _form_values(name)
        done = clinic_db().perform(current_actor(), name, uid, **values) if uid else clinic_db().perform(current_actor(), name, **values)
    except NotSignedIn:
        raise
    except DomainError as error:
        if as_json:
            return problem(error.status, error.code, error.page_text, error.field, error.wait_seconds)
        return _refused(name, uid, error)
    return _json(done) if as_json else _carry_on(name, uid, done)


def _json_values() -> dict[str, Any]:
    try:
        values = request.get_json()
    except RecursionError:
        raise Invalid("This JSON is nested too deeply.") from None
    if not isinstance(values, dict):
        raise Invalid("Send a JSON object with the action's fields.")
    return values


def _form_values(name: str) -> dict[str, Any]:
    lists = {field.name for field in ACTIONS[name].fields if isinstance(field, Choices | PickSeveral)}
    return {key: request.form.getlist(key) if key in lists else value for key, value in request.form.items() if key not in _OWN_NAMES}


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value


def _json(done: Done) -> Response:
    entry = done.entries[0].uid if done.entries else None
    return jsonify(ok=True, value=_plain(done.value), entry=entry, duplicate=done.duplicate)


def _refused(name: str, uid: str | None, error: DomainError) -> BaseResponse:
    generic = request.form.get("form") == "do"
    if name in KEEPERS and not generic and not isinstance(error, NotFound):
        return KEEPERS[name](uid, error)
    back = local_path(request.form.get("next"), home_of(uid) if generic else url_for("threads.home"))
    if generic:
        try:
            response = make_response(draw_form(name, uid, request.form.to_dict(flat=False), back, error))
        except (NotFound, Busy):  # it makes no sense there any more, which is why it was refused; or its form cannot be drawn just now
            pass
        else:
            response.status_code = error.status
            return response
    if isinstance(error, NotFound):
        raise error
    flash(error.page_text, "bad")
    return redirect(back, 303)


def _carry_on(name: str, uid: str | None, done: Done) -> BaseResponse:
    spec = ACTIONS[name]
    said = SAID.get(name)
    if spec.offer is not None:
        words, address = told(spec, done.value, "")
        if address is not None and not spec.offer.passes_on:
            if request.form.get("form") == "do":
                flash(words, "good")
            return redirect(address, 303)
        said = said or (words if address is None else f"{words} {shareable_root()}{address}")
    if said is not None:
        flash(said, "good")
    going = local_path(request.form.get("next"), home_of(uid) if request.form.get("form") == "do" else url_for("threads.home"))
    if spec.offer is not None and spec.offer.leads is not None and going == home_of(uid) and spec.offer.leads(done.value) == "/":
        going = url_for("threads.home")  # the thread is no place to stay
    return redirect(going, 303)
