"""The administrator's page of files: which kinds the clinic takes, what looks at them, whether links to them ask for a log-in. No file is shown here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, make_response, render_template, request
from werkzeug.wrappers import Response

from clinic.errors import DomainError
from clinic.file.allowed import BEGINS_WITH, GROUPS, file_settings
from clinic.permissions import Role
from web.actions import keeps
from web.auth import current_actor
from web.db import clinic_db
from web.media import clamav, inspecting
from web.policies import roles

blueprint = Blueprint("allowing", __name__, url_prefix="/admin/files")
ASKED_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Scanner:
    """Whether a virus scanner looks at files. trouble: why it cannot just now, in words."""

    named: bool
    trouble: str = ""


def scanner_now() -> Scanner:
    """Return whether the deployment names a virus scanner, and whether it answers."""
    where = current_app.config["BEDSIDE"].clamd
    if not where:
        return Scanner(False)
    try:
        clamav.Scanner(where, ASKED_SECONDS).ping()
    except clamav.Away as error:
        return Scanner(True, str(error))
    return Scanner(True)


@blueprint.get("")
@roles(Role.ADMIN)
def show() -> str:
    """What is taken and what looks at it."""
    return _page()


def _page(**more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        settings = file_settings(work)
    shown: dict[str, Any] = {"chosen": settings.allowed, "problem": "", **more}
    return render_template(
        "admin/files.html", here="admin", tab="files", groups=GROUPS, settings=settings, usual=BEGINS_WITH, scanner=scanner_now(),
        walls=inspecting.walls(), **shown,
    )


@keeps("file.allow")
def _choose_again(_uid: str | None, error: DomainError) -> Response:
    response = make_response(_page(chosen=request.form.getlist("allowed"), problem=error.text))
    response.status_code = error.status
    return response
