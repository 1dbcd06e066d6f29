"""Secrets that the clinic hands out once and keeps only as a MAC: devices, sessions, links, page tokens.

Imports the standard library. They are random (128 bit and more), so a keyed hash is enough; passwords that people
choose are hashed by the page with argon2id and never come here (rule 4).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime

PAGE_TOKEN_SECONDS = 60
_DEVICE_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_token() -> str:
    """Return a random token of 256 bits for a link or a cookie."""
    return secrets.token_urlsafe(32)


def new_device_password() -> str:
    """Return a device password of 138 bits: seven groups of four characters that can be typed on a phone."""
    return "-".join("".join(secrets.choice(_DEVICE_ALPHABET) for _ in range(4)) for _ in range(7))


def mac(pepper: bytes, purpose: str, secret: str) -> str:
    """Return HMAC-SHA256 of `secret` under the pepper, bound to its purpose, as 64 hexadecimal characters."""
    return hmac.new(pepper, f"{purpose}:{secret}".encode(errors="surrogatepass"), hashlib.sha256).hexdigest()


def page_token(pepper: bytes, handle: str, session_uid: str, now: datetime) -> str:
    """Return a token that lets the page of `session_uid` log in to XMPP as `handle` for PAGE_TOKEN_SECONDS."""
    expires = int(now.timestamp()) + PAGE_TOKEN_SECONDS
    claims = f"{session_uid}.{expires}"
    return f"page.{claims}.{mac(pepper, 'page-token', f'{handle}.{claims}')}"


def session_of_page_token(pepper: bytes, handle: str, token: str, now: datetime) -> str | None:
    """Return the login session's uid of a page token that is genuine and still young, else None."""
    parts = token.split(".")
    if len(parts) != 4 or parts[0] != "page":
        return None
    claims = f"{parts[1]}.{parts[2]}"
    wanted = mac(pepper, "page-token", f"{handle}.{claims}")
    # As bytes: a text that is not ASCII cannot be compared. And before anything is read of what a stranger may have written.
    if not hmac.compare_digest(parts[3].encode(errors="surrogatepass"), wanted.encode()):
        return None
    return parts[1] if datetime.fromtimestamp(int(parts[2]), UTC) >= now else None
