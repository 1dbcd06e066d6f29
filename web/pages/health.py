"""GET /healthz, for the supervisor."""

from __future__ import annotations

from flask import Blueprint, Response

from web.policies import public

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def health() -> Response:
    """Answer that this process serves."""
    return Response("ok", mimetype="text/plain")
