"""A practitioner's profile, for who shares a thread with them or is linked to them, and for themselves to fill in."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from clinic.errors import DomainError, NotFound
from clinic.permissions import Role
from clinic.profile.photo import photo as photo_of
from clinic.profile.practitioner import practitioner
from web import auth
from web.actions import keeps
from web.auth import current_actor, current_visitor
from web.db import clinic_db
from web.pages.files import picture
from web.pages.profile_forms import came_from_first
from web.policies import caring, roles
from web.serving import serve

blueprint = Blueprint("practitioners", __name__, url_prefix="/practitioners")


@blueprint.get("/<uid>")
@caring
def show(uid: str) -> str:
    """What they say of themselves, when they are away, who assists them."""
    with clinic_db().read(current_actor()) as work:
        found = practitioner(work, uid)
    found = replace(found, threads=came_from_first(found.threads))
    return render_template("practitioners/show.html", here="profile" if found.mine else "threads", practitioner=found)


@blueprint.get("/<uid>/photo")
@caring
def photo(uid: str) -> Response:
    """The picture that was made of their photo; never the photo itself, which says where it was taken. Raises: NotFound, also where there is none."""
    actor, visitor, database = current_actor(), current_visitor(), clinic_db()
    assert visitor is not None  # who cares for somebody or is cared for is signed in

    def still() -> bool:
        try:
            with database.read(actor) as work:
                stands = photo_of(work, uid).uid == found.uid
        except DomainError:
            return False
        return stands and auth.lasts(visitor, database)

    with database.read(actor) as work:
        found = photo_of(work, uid)
    return serve(picture(found, "shown"), visitor.account_uid, still)


@blueprint.get("/<uid>/edit")
@roles(Role.PRACTITIONER)
def edit(uid: str) -> str:
    """The form for one's own."""
    return _form(uid)


def _form(uid: str, error: DomainError | None = None) -> str:
    with clinic_db().read(current_actor()) as work:
        found = practitioner(work, uid)
    if not found.mine:
        raise NotFound()
    known = error is not None and error.field in found.said.values
    return render_template(
        "practitioners/edit.html",
        here="profile",
        practitioner=found,
        version=found.said.version,
        typed=found.said.values if error is None else request.form.to_dict(),
        stored=found.said.values if error is not None and error.field == "version" else None,
        problems={error.field: error.page_text} if error and known else {},
        problem=error.page_text if error and not known else None,
    )


@keeps("practitioner.describe")
def _again(_uid: str | None, error: DomainError) -> Response:
    visitor = current_visitor()
    assert visitor is not None  # who may the action is signed in
    response = make_response(_form(visitor.account_uid, error))
    response.status_code = error.status
    return response
