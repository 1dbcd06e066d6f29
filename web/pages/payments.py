"""A patient's own payments: all of them, one, and the way to where it is paid. GET changes nothing."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from clinic.payment.kinds import STANDS
from clinic.payment.own import OwnPayment, own_payment, own_payments
from clinic.payment.states import UNPAID
from clinic.permissions import Role
from web.auth import current_actor
from web.db import clinic_db
from web.policies import roles

blueprint = Blueprint("payments", __name__)
_LOOKS = {"rejected": "circle-x", "withdrawn": "undo-2", "paid": "circle-check", "partly-refunded": "circle-check", "refunded": "undo-2"}


@blueprint.get("/payments")
@roles(Role.PATIENT)
def home() -> str:
    """All that the person was asked to pay."""
    with clinic_db().read(current_actor()) as work:
        return render_template("payments/home.html", here="payments", payments=own_payments(work), stands=STANDS, unpaid=UNPAID)


@blueprint.get("/payments/<uid>")
@roles(Role.PATIENT)
def show(uid: str) -> str:
    """One payment and what to do next. `back`: the person comes back from the card service."""
    return render_template("payments/show.html", **_shown(uid))


@blueprint.get("/payments/<uid>/state")
@roles(Role.PATIENT)
def state(uid: str) -> str:
    """How far a payment has come, alone for the script."""
    return render_template("payments/_state.html", **_shown(uid))


@blueprint.get("/payments/<uid>/go")
@roles(Role.PATIENT)
def go(uid: str) -> Response:
    """Lead to where the payment is made: the card service's own page. Nobody else learns its address, and nothing is sent along."""
    own = _own(uid)
    return redirect(own.url if own.way == "card" and own.url else url_for("payments.show", uid=uid), 303)


def _own(uid: str) -> OwnPayment:
    with clinic_db().read(current_actor()) as work:
        return own_payment(work, uid)


def _shown(uid: str) -> dict[str, Any]:
    own = _own(uid)
    checking = "back" in request.args and own.payment.state in UNPAID and own.way in ("card", "arriving")
    return {"here": "payments", "own": own, "checking": checking, "stands": STANDS, "looks": _LOOKS}
