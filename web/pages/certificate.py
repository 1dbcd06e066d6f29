"""The certificate of the clinic's own authority, for apps and browsers that do not know it. Public: it holds no secret."""

from __future__ import annotations

from flask import Blueprint, Response, make_response

from clinic.errors import NotFound
from web.authority import path
from web.policies import public

blueprint = Blueprint("certificate", __name__)


@blueprint.get("/authority.pem")
@public
def authority() -> Response:
    """The certificate as a file. Raises: NotFound where the clinic has no authority of its own."""
    if not path().is_file():
        raise NotFound()
    response = make_response(path().read_bytes())
    response.mimetype = "application/x-x509-ca-cert"
    response.headers["Content-Disposition"] = "attachment; filename=authority.pem"
    return response
