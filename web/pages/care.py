"""Pages of urgent calls, absences and texts that wait for their time; and the part of other pages that shows them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.absence.views import covers, my_absences
from clinic.errors import DomainError, NotFound
from clinic.permissions import STAFF, Role
from clinic.text.scheduled import all_scheduled, scheduled
from clinic.thread.views import thread_head
from clinic.urgent.views import DutyAlert, callable_in, duty_alerts, on_duty
from web.actions import keeps, local_path
from web.auth import current_actor, current_visitor
from web.context import clinic_card
from web.db import clinic_db
from web.policies import caring, roles

blueprint = Blueprint("care", __name__)
_NOTHING_TYPED: dict[str, str] = {}


@blueprint.get("/threads/<uid>/later")
@caring
def later(uid: str) -> str:
    """The person's own texts that wait in a thread, alone for the script."""
    with clinic_db().read(current_actor()) as work:
        return render_template("later/_list.html", uid=uid, later=scheduled(work, uid))


@blueprint.get("/later")
@caring
def all_later() -> str:
    """All the person's own texts that wait or were not sent, also those of threads that they have left."""
    with clinic_db().read(current_actor()) as work:
        return render_template("later/show.html", here="later", later=all_scheduled(work))


@blueprint.get("/threads/<uid>/urgent")
@roles(Role.PATIENT)
def call(uid: str) -> str:
    """The form by which a patient calls for help."""
    return _call(uid)


def _call(uid: str, problem: str | None = None, typed: str = "", client_id: str | None = None) -> str:
    with clinic_db().read(current_actor()) as work:
        head = thread_head(work, uid)
    return render_template("urgent/call.html", here="threads", head=head, problem=problem, typed=typed, client_id=client_id or str(uuid.uuid4()))


@keeps("urgent.call")
def _call_again(uid: str | None, error: DomainError) -> Response:
    problem = f"Not sent. {error.text} If it is urgent, call {clinic_card().emergency_number or 'the emergency number of your country'}."
    response = make_response(_call(uid or "", problem, request.form.get("words", ""), request.form.get("client_id")))
    response.status_code = error.status
    return response


@blueprint.get("/away")
@roles(*STAFF)
def away() -> str:
    """One's own absences, and the form for another."""
    return _away(_NOTHING_TYPED)


def _away(typed: dict[str, str], problem: str | None = None) -> str:
    with clinic_db().read(current_actor()) as work:
        shown: dict[str, Any] = {"absences": my_absences(work), "covers": covers(work)}
    return render_template("account/away.html", here="away", typed=typed, problem=problem, zone=clinic_card().zone.key, **shown)


@keeps("absence.begin")
def _away_again(_uid: str | None, error: DomainError) -> Response:
    response = make_response(_away(request.form.to_dict(), error.text))
    response.status_code = error.status
    return response


@blueprint.get("/duty")
@roles(*STAFF)
def duty() -> str:
    """Calls that nobody has seen in time, for the duty account alone."""
    with clinic_db().read(current_actor()) as work:
        if not on_duty(work):
            raise NotFound()
        alerts, practitioners = duty_alerts(work), callable_in(work)
    return render_template("urgent/duty.html", here="duty", alerts=alerts, practitioners=practitioners)


@blueprint.get("/duty/alerts")
@roles(*STAFF)
def alerts() -> str:
    """The banner of the duty account, alone for the script; empty for everybody else."""
    return render_template("urgent/_duty.html", alerts=duty_banner() or ())


@blueprint.app_template_global("duty_banner")
def duty_banner() -> Sequence[DutyAlert] | None:
    """Return what the duty account is alerted of; None for everybody else."""
    visitor = current_visitor()
    if visitor is None or visitor.role not in STAFF:
        return None
    with clinic_db().read(current_actor()) as work:
        return duty_alerts(work) if on_duty(work) else None


@keeps("urgent.call_in")
@keeps("urgent.settings")
def _said(_uid: str | None, error: DomainError) -> Response:
    flash(error.text, "bad")
    return redirect(local_path(request.form.get("next"), url_for("threads.home")), 303)
