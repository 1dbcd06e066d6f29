"""Headers of every answer: a strict content security policy and the rest of what a browser can be told.

Owns harden, websocket_url, shareable_root. Imports Flask and clinic.config.
"""

from __future__ import annotations

import re

from flask import Flask, Response, current_app, request

from clinic.config import is_this_machine

_HOST = re.compile(r"[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\]")
# The page records voice messages and short videos itself; nobody frames it, and it frames nobody.
_PERMISSIONS = "camera=(self), microphone=(self), geolocation=(), payment=(), usb=(), interest-cohort=()"


def _host_and_port() -> tuple[str, str]:
    host, _, port = request.host.lower().partition("]")
    if port or request.host.startswith("["):
        name, port = f"{host}]", port.removeprefix(":")
    else:
        name, _, port = host.partition(":")
    return (name if _HOST.fullmatch(name) else "localhost"), (port if port.isdecimal() else "")


def shareable_root() -> str:
    """Return the address of this clinic for a link that somebody else opens: where it serves a network, the one there."""
    config = current_app.config["BEDSIDE"]
    if is_this_machine(_host_and_port()[0]) and not is_this_machine(config.host):
        return str(config.https_url)
    return request.url_root.rstrip("/")


def websocket_url() -> str:
    """Return the address of the XMPP server's WebSocket as this browser reaches it."""
    name, port = _host_and_port()
    if request.is_secure:
        return f"wss://{name}{':' + port if port else ''}/xmpp-websocket"
    return f"ws://{name}:{current_app.config['BEDSIDE'].xmpp_http_port}/xmpp-websocket"


def _policy() -> str:
    return (
        # blob: what somebody is about to send, seen and heard before it is sent.
        f"default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self' {websocket_url()}; base-uri 'none'; "
        "object-src 'none'; form-action 'self'; frame-ancestors 'none'; frame-src 'none'"
    )


def _add(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", _policy())  # a file's own is stricter
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = _PERMISSIONS
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    # Not for this machine's own name: browsers keep HSTS for a name on all its ports, and plain http is one of them.
    if request.is_secure and not is_this_machine(_host_and_port()[0]):
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint == "static":
        built = (request.view_args or {}).get("filename", "").startswith("dist/")
        headers["Cache-Control"] = "public, max-age=31536000, immutable" if built else "public, max-age=3600"
    else:
        # Health data: neither a proxy nor the browser's disk keeps a page.
        headers["Cache-Control"] = "no-store"
        headers.add("Vary", "HX-Request")
    return response


def harden(app: Flask) -> None:
    """Add the headers to every answer of `app`."""
    app.after_request(_add)
