"""Receipts as PDF, for the patient who paid and for administrators."""

from __future__ import annotations

import logging

from flask import Blueprint, make_response
from werkzeug.wrappers import Response

from clinic.payment.statement import own_receipt, receipt
from clinic.permissions import Role
from web.auth import current_actor
from web.db import clinic_db
from web.errors import problem
from web.policies import roles

blueprint = Blueprint("receipts", __name__)
NO_FONTS = "The clinic’s machine cannot print receipts just now: a font is missing. Tell the clinic; the payment itself is safe."
logger = logging.getLogger(__name__)


@blueprint.get("/payments/<uid>/receipt.pdf")
@roles(Role.PATIENT, Role.ADMIN)
def pdf(uid: str) -> Response:
    """The receipt of a paid request: one's own, or for an administrator any. Raises: NotFound, also where it is not paid."""
    from web.gateways.receipts import FontsMissing, pdf_of  # its library takes 25 MB, for clinics that print receipts

    with clinic_db().read(current_actor()) as work:
        found = own_receipt(work, uid) if work.role is Role.PATIENT else receipt(work, uid)
    try:
        content = pdf_of(found)
    except FontsMissing as error:
        logger.error("receipts: %s", error)
        return problem(503, "no-fonts", NO_FONTS)
    response = make_response(content)
    response.mimetype = "application/pdf"
    response.headers["Content-Disposition"] = f"inline; filename=receipt-{found.number}.pdf"
    return response
