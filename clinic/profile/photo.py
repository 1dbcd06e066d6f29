"""A practitioner's photo: what patients and colleagues see of a face beside the name. Imports clinic only.

It comes in as any file does, and is looked at as one; what is shown is the picture that was made of it, and never the original, in which cameras
write where it was taken. Earlier ones are kept for the record and shown to nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import account_roles, accounts
from clinic.actions import action, view
from clinic.errors import NotFound, TooLong
from clinic.fields import ClientId
from clinic.file.fields import ANNOUNCED
from clinic.file.kinds import size_in_words
from clinic.file.media import Form, Purpose
from clinic.file.sending import RECEIVERS, Sending
from clinic.file.tables import files, uploads
from clinic.file.uploading import WAITING, begin_upload
from clinic.file.views import Readable, readable_row
from clinic.permissions import Permission
from clinic.profile.practitioner import newest_photo, practitioner_row
from clinic.profile.tables import practitioner_photos
from clinic.profile.versions import add
from clinic.storage import new_id
from clinic.work import Work

MOST_BYTES = 20_000_000
TOO_LARGE = "This photo has {size}; {most} is the most. Choose a smaller one."
OUTDONE = "You have chosen another photo since, or removed yours, so this one is not shown. Choose it again if you want it."
CLOSED = "You are no practitioner of this clinic any more, so this photo is not shown."
NO_PICTURE = "No picture could be made of this, so it is not your photo. Choose another one, for example a JPEG or PNG."


@action(
    "practitioner.begin_photo",
    Permission.PRACTITIONER_OWN,
    fields=(*ANNOUNCED, ClientId("client_id")),
    audited=False,
    same=lambda _payload, _values: False,
)
def begin_photo(work: Work, name: str, size_bytes: int, media_type: str, client_id: str) -> str:
    """Announce the actor's new photo; once its bytes have come and were checked it stands in their profile.

    size_bytes: 1 to MOST_BYTES. Returns: the upload's uid. Raises: TooLong, and as file.begin.
    """
    if size_bytes > MOST_BYTES:
        raise TooLong(TOO_LARGE.format(size=size_in_words(size_bytes), most=size_in_words(MOST_BYTES)), field="size_bytes")
    return begin_upload(work, None, name=name, size_bytes=size_bytes, media_type=media_type, client_id=client_id, purpose=Purpose.PHOTO)


def _received(work: Work, row: sa.Row[Any], sending: Sending) -> str:
    """Put what was checked into its sender's profile, as theirs. Returns: why not, or ""."""
    [sender] = work.rows(sa.select(accounts.c.uid).where(accounts.c.id == row.account_id))
    active = work.lock_account(row.account_id)
    has = sa.and_(account_roles.c.account_id == row.account_id, account_roles.c.role == row.role)
    if not active or work.row(sa.select(account_roles.c.account_id).where(has)) is None:
        return CLOSED
    if sending.found.form is not Form.IMAGE or not sending.found.shown:
        return NO_PICTURE
    before, file = newest_photo(work, row.account_id), new_id()
    if before is not None and _decided(work, before) > row.id:
        return OUTDONE
    work.insert(
        files, id=file, uid=sending.uid, blob_id=sending.blob_id, name=sending.name, kind="photo", added_by=row.account_id, added_at=work.now,
    )
    work.insert(
        practitioner_photos, id=new_id(), account_id=row.account_id, version=before.version + 1 if before else 1, file_id=file,
        author_id=row.account_id, role=row.role, at=work.now,
    )
    work.audit_detail(practitioner=sender.uid)
    return ""


def _decided(work: Work, version: sa.Row[Any]) -> int:
    """Return when somebody chose what a version shows, as an id, which grow with time: a large photo may arrive after a small one that was chosen later."""
    if version.file_uid is None:
        return int(version.id)
    announced = work.row(sa.select(uploads.c.id).where(uploads.c.uid == version.file_uid))
    return announced.id if announced is not None else 0  # what is forgotten was announced long ago


RECEIVERS[Purpose.PHOTO] = _received


@action("practitioner.remove_photo", Permission.PRACTITIONER_OWN)
def remove_photo(work: Work) -> None:
    """Show no photo of the actor from now on, nor one that is still on its way. Where there is neither, nothing changes."""
    work.lock_account(work.person.id)
    before, photos = newest_photo(work, work.person.id), sa.and_(uploads.c.purpose == Purpose.PHOTO, uploads.c.state.in_(WAITING))
    coming = work.row(sa.select(uploads.c.id).where(uploads.c.account_id == work.person.id, photos).limit(1))
    if coming is not None or (before is not None and before.file_id is not None):
        add(work, practitioner_photos, account_id=work.person.id, version=before.version + 1 if before else 1, file_id=None)


@view(Permission.PRACTITIONER_OPEN)
def photo(work: Work, uid: str) -> Readable:
    """Return the photo of a practitioner whose profile the actor may open, without what its file was called. uid: the practitioner's.

    Raises: NotFound, also where there is none.
    """
    shown = newest_photo(work, practitioner_row(work, uid).id)
    if shown is None or shown.file_uid is None:
        raise NotFound()
    return replace(readable_row(work, shown.file_uid), name="photo")
