"""A patient's page for the staff who share a thread with them. Each view is audited."""

from __future__ import annotations

from flask import Blueprint, render_template

from clinic.permissions import STAFF
from web.auth import current_actor
from web.db import clinic_db
from web.policies import roles

blueprint = Blueprint("patients", __name__, url_prefix="/patients")


@blueprint.get("/<uid>")
@roles(*STAFF)
def show(uid: str) -> str:
    """Who the patient is, and the threads that the reader shares with them."""
    # An action: while its audit row cannot be stored, nobody sees a profile.
    profile = clinic_db().perform(current_actor(), "profile.open", uid).value
    return render_template("patient.html", here="threads", profile=profile)
