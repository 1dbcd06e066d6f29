"""The administrator's list of statuses. Nothing of a thread is shown here but how many stand at each."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, make_response, render_template, request
from werkzeug.wrappers import Response

from clinic.errors import DomainError
from clinic.permissions import Role
from clinic.status.actions import EXAMPLES
from clinic.status.palette import COLOURS
from clinic.status.views import status_list
from web.actions import keeps
from web.auth import current_actor
from web.db import clinic_db
from web.policies import roles

blueprint = Blueprint("statuses", __name__, url_prefix="/admin/statuses")


@blueprint.get("")
@roles(Role.ADMIN)
def show() -> str:
    """The list in its order, what is archived, and who may change a thread's status."""
    return _page()


def _page(**more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        found = status_list(work)
    shown: dict[str, Any] = {"typed": {"name": "", "colour": "grey"}, "problems": {}, "edit": {}, **more}
    examples = [name for name, _colour in EXAMPLES]
    return render_template("admin/statuses.html", here="admin", tab="statuses", found=found, colours=COLOURS, examples=examples, **shown)


@keeps("status.create")
def _add_again(_uid: str | None, error: DomainError) -> Response:
    return _again(error, typed=_typed(), problems={error.field or "name": error.text})


@keeps("status.describe")
def _change_again(uid: str | None, error: DomainError) -> Response:
    return _again(error, edit={"uid": uid, "typed": _typed(), "problems": {error.field or "name": error.text}})


def _typed() -> dict[str, str]:
    return {key: request.form.get(key, "") for key in ("name", "colour")}


def _again(error: DomainError, **more: Any) -> Response:
    response = make_response(_page(**more))
    response.status_code = error.status
    return response
