"""Links to files, one for each reader: signed, so that nobody makes one, and good for a week, to the end of the day. Standard library only.

A link is no permission: whoever asks with one is looked up as they are then (views.py: readable_by). The archive and what people
write hold none: an entry names its file by uid, and a link in a text becomes the address that asks who one is (`canonical`).
A link is /f/<file>/<recipient>/<expiry>/<mac>/<name>. Source: product.md, Files.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from clinic.file.names import safe_name

GOOD_FOR = timedelta(days=7)
_ID = "[0-9a-z]{26}"
_OURS = re.compile(
    rf"(?P<at>https?://[^\s/<>\"']{{1,255}})/(?:f/(?P<file>{_ID})/{_ID}/\d{{1,11}}|slots/(?P<slot>{_ID}))/[A-Za-z0-9_-]{{43}}/[A-Za-z0-9_.~%-]*"
)
"""A link in its whole form, by whatever name the clinic is reached. What is shorter opens nothing, and may be another site's."""


@dataclass(frozen=True, slots=True)
class FileLink:
    """What a link says. file, recipient: uids of the file and of the account whose link it is. expires_at: in UTC, to the second."""

    file: str
    recipient: str
    expires_at: datetime


def key_of(pepper: bytes) -> bytes:
    """Return the key that signs links: 256 bits, derived from the clinic's pepper."""
    return hmac.new(pepper, b"links to files", hashlib.sha256).digest()


def _mac(key: bytes, *parts: str) -> str:
    digest = hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def in_path(name: str) -> str:
    """Return the name of a file as the last part of an address."""
    return quote(safe_name(name), safe="")


def sign(key: bytes, file: str, recipient: str, name: str, now: datetime) -> str:
    """Return the path of a recipient's link to a file. It stays the same for a day, so that apps need not fetch again what they have."""
    until = int((now + GOOD_FOR).timestamp()) // 86400 * 86400 + 86400
    return f"/f/{file}/{recipient}/{until}/{_mac(key, 'get', file, recipient, str(until), safe_name(name))}/{in_path(name)}"


def opened(key: bytes, file: str, recipient: str, expiry: str, mac: str, name: str) -> FileLink | None:
    """Return what a link says, or None where the clinic never made it. name: decoded. It may have expired: ask `expires_at`."""
    if not expiry.isascii() or not expiry.isdecimal() or len(expiry) > 11:
        return None
    if not hmac.compare_digest(mac.encode(), _mac(key, "get", file, recipient, expiry, name).encode()):
        return None
    return FileLink(file, recipient, datetime.fromtimestamp(int(expiry), UTC))


def slot_mac(key: bytes, upload: str) -> str:
    """Return what an upload's own address holds so that nobody else finds it."""
    return _mac(key, "put", upload)


def page_of(file: str) -> str:
    """Return the path at which a signed-in person sees a file."""
    return f"/files/{file}"


def _named(found: re.Match[str]) -> str:
    return found["file"] or found["slot"]


def canonical(text: str) -> str:
    """Return a text with each link to a file replaced by the address that asks who one is: nobody passes their own link on by quoting."""
    if "/f/" not in text and "/slots/" not in text:
        return text
    return _OURS.sub(lambda found: found["at"] + page_of(_named(found)), text)


def files_in(text: str) -> list[tuple[str, str]]:
    """Return what looks like links to files in a text, in their order: of each the address before its path, and the file's uid."""
    if "/f/" not in text and "/slots/" not in text:
        return []
    return [(found["at"], _named(found)) for found in _OURS.finditer(text)]


def file_named(text: str) -> str | None:
    """Return the uid of the file that a text names by a link alone, or None. Whose clinic's it is, is seen when it is looked up."""
    found = _OURS.fullmatch(text.strip())
    return _named(found) if found else None
