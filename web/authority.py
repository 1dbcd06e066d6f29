"""The certificate of the clinic's own authority (`ops` makes it). Owns path, fingerprint. Imports Flask for the deployment."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from flask import current_app


def path() -> Path:
    """Return where the certificate lies when the clinic has an authority of its own."""
    data: Path = current_app.config["BEDSIDE"].data
    return data / "ca" / "ca.pem"


def fingerprint() -> str | None:
    """Return the certificate's SHA-256 fingerprint as programs show it, or None where there is no certificate."""
    try:
        der = ssl.PEM_cert_to_DER_cert(path().read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        return None
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())
