"""The administrator's page of services: what can be asked payment for, who takes payments, what heads receipts. No thread is shown here.

Of the keys of whoever takes cards it knows whether there are some and whether they are for tests; it never shows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, make_response, render_template, request
from werkzeug.wrappers import Response

from clinic.errors import DomainError
from clinic.payment.ledger import money_settings
from clinic.payment.record import CARD
from clinic.payment.views import service_list
from clinic.permissions import Role
from web.actions import keeps
from web.auth import current_actor
from web.currencies import choices
from web.db import clinic_db
from web.gateways import keys
from web.policies import roles

blueprint = Blueprint("services", __name__, url_prefix="/admin/services")
_NAMES = ("name", "price", "currency", "description", "response_hours", "price_may_change", "tax_note")


@dataclass(frozen=True, slots=True)
class Cards:
    """Whether cards can be taken. trouble: why the keys cannot be used, in words. name: of the account behind them, where it is known."""

    ready: bool = False
    test: bool = False
    name: str = ""
    hears: bool = False
    trouble: str = ""


def cards_now() -> Cards:
    """Return whether the deployment has keys by which cards can be taken."""
    try:
        found = keys.keys(current_app.config["BEDSIDE"])
    except keys.Damaged as error:
        return Cards(trouble=str(error))
    if found is None:
        return Cards()
    return Cards(True, found.test, found.account.name if found.account else "", bool(found.webhook_secrets))


@blueprint.get("")
@roles(Role.ADMIN)
def show() -> str:
    """What is offered and what is archived, who takes payments, what heads receipts."""
    return _page()


def _page(**more: Any) -> str:
    with clinic_db().read(current_actor()) as work:
        rows = service_list(work)
        settings = money_settings(work)
    offered = [row for row in rows if not row.archived]
    groups = choices(settings.currencies)
    blank = dict.fromkeys(_NAMES, "") | {"currency": groups[0][1][0][0]}
    shown: dict[str, Any] = {"typed": blank, "problems": {}, "edit": {}, "header": settings.receipt_header, "header_problem": "", **more}
    return render_template(
        "admin/services.html", here="admin", tab="services", offered=offered, archived=[row for row in rows if row.archived],
        currencies=groups, settings=settings, cards=cards_now(), by_card=settings.provider == CARD, card=CARD, **shown,
    )


@keeps("service.create")
def _add_again(_uid: str | None, error: DomainError) -> Response:
    return _again(error, typed=_typed(), problems={error.field or "name": error.text})


@keeps("service.describe")
def _change_again(uid: str | None, error: DomainError) -> Response:
    return _again(error, edit={"uid": uid, "typed": _typed(), "problems": {error.field or "name": error.text}})


@keeps("payment.head_receipts")
def _head_again(_uid: str | None, error: DomainError) -> Response:
    return _again(error, header=request.form.get("receipt_header", ""), header_problem=error.text)


def _typed() -> dict[str, str]:
    return {key: request.form.get(key, "") for key in _NAMES}


def _again(error: DomainError, **more: Any) -> Response:
    response = make_response(_page(**more))
    response.status_code = error.status
    return response
