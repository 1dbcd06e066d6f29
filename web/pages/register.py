"""A patient's demographics for administrators, who see nothing else of a profile. Each view is audited."""

from __future__ import annotations

from flask import Blueprint, render_template

from clinic.errors import DomainError
from clinic.permissions import Role
from clinic.profile.opening import Register
from web.auth import current_actor
from web.db import clinic_db
from web.pages.profile_forms import ZONES, filled_in, today
from web.policies import roles
from web.times import years

blueprint = Blueprint("register", __name__)


@blueprint.get("/admin/accounts/<uid>/demographics")
@roles(Role.ADMIN)
def show(uid: str) -> str:
    """Who a patient is, to read and to edit."""
    return register_page(uid)


def register_page(uid: str, error: DomainError | None = None) -> str:
    """Return the page, after a refusal with what was typed. Raises: NotFound."""
    found: Register = clinic_db().perform(current_actor(), "profile.register", uid).value
    return render_template(
        "admin/demographics.html",
        here="admin",
        tab="accounts",
        register=found,
        age=years(found.birth_date, today()),
        zones=ZONES,
        **filled_in(found.demographics.values, error),
    )
