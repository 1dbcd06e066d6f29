"""What tests of files share: an upload that was announced, checked, sent, with its bytes or without; whether somebody may read it."""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from clinic import Actor, Database, Done, outbox
from clinic.errors import NotFound
from clinic.file.folders import Folder, own_folder
from clinic.file.media import Form, Inspection
from clinic.file.tables import files
from clinic.file.uploading import State
from clinic.file.views import readable
from clinic.file.withdrawing import TAKE_BACK
from clinic.thread.views import EntryView, thread_page
from tests.support.cast import Cast
from web.gateways.storage import Store

JPEG = Inspection("image/jpeg", Form.IMAGE, 40, 30, shown_type="image/webp", shown_bytes=100, thumb_type="image/webp")


def begun(database: Database, actor: Actor, thread: str, client_id: str = "c-file", **values: Any) -> str:
    given = {"name": "knee.jpg", "size_bytes": 1000, "client_id": client_id} | values
    action = "voice.begin" if given.pop("purpose", "file") == "voice" else "file.begin"
    return str(database.perform(actor, action, thread, **given).value)


def checked(database: Database, upload: str, found: Inspection = JPEG) -> Done:
    database.perform(Actor.system(), "file.keep_key", upload, wrapped_key="key")
    database.perform(Actor.system(), "file.received", upload)
    return database.perform(Actor.system(), "file.checked", upload, found=found, size_bytes=1000, sha256="0" * 64, wrapped_key="key")


def sent(database: Database, actor: Actor, thread: str, client_id: str = "c-file", found: Inspection = JPEG, **values: Any) -> str:
    upload = begun(database, actor, thread, client_id, **values)
    assert checked(database, upload, found).value is State.SENT
    return upload


def kept(
    database: Database, store: Store, actor: Actor, thread: str, content: bytes, found: Inspection = JPEG, client_id: str = "c-file", **values: Any
) -> str:
    """Send a file with its bytes, as web and the worker do between them. Its pictures say which they are. Returns: its uid."""
    upload = begun(database, actor, thread, client_id, size_bytes=len(content), **values)
    key = database.perform(Actor.system(), "file.keep_key", upload, wrapped_key=store.new_key()).value
    with store.staging(upload, key, len(content)).take() as taking:
        taking.add(content)
    store.keep(upload, len(content))
    for name, media_type in (("shown", found.shown_type), ("thumb", found.thumb_type)):
        if media_type:
            store.put_derived(upload, key, name, f"{name} of {upload}".encode())
    digest = hashlib.sha256(content).hexdigest()
    done = database.perform(Actor.system(), "file.checked", upload, found=found, size_bytes=len(content), sha256=digest, wrapped_key=key)
    assert done.value is State.SENT
    store.forget(upload)
    return upload


def entries_of(database: Database, actor: Actor, thread: str) -> list[EntryView]:
    """Return what stands in a thread as somebody sees it, the oldest first."""
    with database.read(actor) as work:
        return list(thread_page(work, thread).entries)


def can_read(database: Database, actor: Actor, file: str) -> bool:
    with database.read(actor) as work:
        try:
            readable(work, file)
        except NotFound:
            return False
    return True


def handout(database: Database, actor: Actor, name: str = "exercises.pdf", client_id: str = "c-handout") -> str:
    """Put a file among somebody's own handouts. Returns: its uid."""
    upload = str(database.perform(actor, "file.begin_handout", name=name, size_bytes=1000, client_id=client_id).value)
    assert checked(database, upload).value is State.SENT
    return upload


def file_in(database: Database, thread: str, entry: str) -> str:
    """Return the uid of the file that an entry shows."""
    with database.read(Actor.system()) as work:
        row = work.row(sa.select(files.c.uid).where(files.c.entry_uid == entry))
        assert row is not None, thread
        return str(row.uid)


def forwarded(database: Database, actor: Actor, thread: str, document: str, client_id: str = "c-forward") -> str:
    """Send a document on. Returns: the uid of the file that it is there."""
    return file_in(database, thread, str(database.perform(actor, "file.forward", thread, document=document, client_id=client_id).value))


def own_names(database: Database, actor: Actor, **wanted: Any) -> list[str]:
    """Return what lies in somebody's own folder, by name, the newest first."""
    with database.read(actor) as work:
        return [one.name for one in own_folder(work, wanted).documents]


def copies_taken_back(database: Database) -> None:
    """Do what the worker does after a withdrawal."""
    for job in outbox.claim(database, "worker"):
        if job.name == TAKE_BACK:
            database.perform(Actor.system(), job.name, job.payload["thread"], entry=job.payload["entry"])
        outbox.done(database, job)


def opened(database: Database, actor: Actor, patient: str, **wanted: object) -> Folder:
    folder: Folder = database.perform(actor, "file.open_folder", patient, **wanted).value
    return folder


def group(cast: Cast, *patients: str) -> str:
    people = [cast.uid(name) for name in patients]
    return str(cast.database.perform(cast.boris, "group.create", title="Knee class", people=people, reason="Same exercises.").value)
