"""What tests of files share: an upload that was announced, checked, sent; whether somebody may read it. No bytes move. Imports clinic."""

from __future__ import annotations

from typing import Any

from clinic import Actor, Database, Done
from clinic.errors import NotFound
from clinic.file.media import Form, Inspection
from clinic.file.uploading import State
from clinic.file.views import readable

JPEG = Inspection("image/jpeg", Form.IMAGE, 40, 30, shown_type="image/webp", shown_bytes=100, thumb_type="image/webp")


def begun(database: Database, actor: Actor, thread: str, client_id: str = "c-file", **values: Any) -> str:
    given = {"name": "knee.jpg", "size_bytes": 1000, "client_id": client_id} | values
    action = "voice.begin" if given.pop("purpose", "file") == "voice" else "file.begin"
    return str(database.perform(actor, action, thread, **given).value)


def checked(database: Database, upload: str, found: Inspection = JPEG) -> Done:
    database.perform(Actor.system(), "file.keep_key", upload, wrapped_key="key")
    database.perform(Actor.system(), "file.received", upload)
    return database.perform(Actor.system(), "file.checked", upload, found=found, sha256="0" * 64, wrapped_key="key")


def sent(database: Database, actor: Actor, thread: str, client_id: str = "c-file", found: Inspection = JPEG, **values: Any) -> str:
    upload = begun(database, actor, thread, client_id, **values)
    assert checked(database, upload, found).value is State.SENT
    return upload


def can_read(database: Database, actor: Actor, file: str) -> bool:
    with database.read(actor) as work:
        try:
            readable(work, file)
        except NotFound:
            return False
    return True
