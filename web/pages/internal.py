"""What the XMPP server asks over loopback: does this secret open this account, and is there such an account.

Only with the internal token, and never through the proxy. A yes or no is not cached anywhere.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request

from clinic.account.attempts import login_wait, xmpp_keys
from clinic.account.views import check_device, check_page_token, handle_exists
from clinic.calls import Actor, Door
from web.attempts import network
from web.db import clinic_db
from web.policies import internal

blueprint = Blueprint("internal", __name__, url_prefix="/internal/xmpp")


@blueprint.post("/check")
@internal
def check() -> Response:
    """Check a device password or a page token of the account `user` (a handle)."""
    asked: dict[str, Any] = request.get_json()
    user, secret, address = (str(asked.get(key) or "") for key in ("user", "secret", "ip"))
    keys = xmpp_keys(user, network(address))
    system = Actor.system(Door.XMPP)
    with clinic_db().read(system) as work:
        session_uid = check_page_token(work, user, secret)
        if session_uid:
            return jsonify(ok=True, device=f"page:{session_uid}")
        wait = login_wait(work, keys)
        device = check_device(work, user, secret) if wait <= 0 else None
    if wait > 0:
        return jsonify(ok=False, wait=wait)
    if device and not device.revoked:
        clinic_db().perform(system, "device.used", device.device_uid, keys=keys)
        return jsonify(ok=True, device=device.device_uid)
    if device is None and not secret.startswith("page."):
        # A revoked device or an old page goes on trying by itself: that must not lock its owner out.
        wait = clinic_db().perform(Actor.anonymous(Door.XMPP), "login.failed", keys=keys).value or 0
    return jsonify(ok=False, wait=wait)


@blueprint.get("/exists")
@internal
def exists() -> Response:
    """Say whether `user` is the handle of an active account."""
    with clinic_db().read(Actor.system(Door.XMPP)) as work:
        return jsonify(exists=handle_exists(work, request.args.get("user", "")))
