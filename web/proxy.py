"""Whose request it is: over the unix socket the TLS proxy says so, over TCP the peer itself.

Owns as_peer. Imports the standard library only. A header from a TCP peer is never believed.
"""

from __future__ import annotations

from typing import Any


def as_peer(environ: dict[str, Any]) -> dict[str, Any]:
    """Return the WSGI `environ` with address and scheme from the proxy on the unix socket; from TCP such headers are dropped."""
    if environ.get("REMOTE_ADDR"):
        environ.pop("HTTP_X_FORWARDED_FOR", None)
        environ.pop("HTTP_X_FORWARDED_PROTO", None)
        environ["wsgi.url_scheme"] = "http"
    else:
        # The proxy says what it saw last; what stands before it came from the client.
        environ["REMOTE_ADDR"] = environ.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        environ["wsgi.url_scheme"] = "https" if environ.get("HTTP_X_FORWARDED_PROTO") == "https" else "http"
    return environ
