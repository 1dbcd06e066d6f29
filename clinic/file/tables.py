"""Tables of uploads, blobs and files. Imports clinic.storage. No row holds a file's content: that is stored encrypted elsewhere.

An upload is bytes on their way in, a blob is bytes that were checked and are kept, a file is a blob at a place: an entry of a thread, a
folder, or both. All three begin under one uid; a file that was sent on has one of its own over the same blob.
"""

from __future__ import annotations

import sqlalchemy as sa

from clinic.file.names import NAME_LENGTH
from clinic.storage import UtcInstant, metadata

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the content, in hexadecimal
    sa.Column("wrapped_key", sa.Text, nullable=False),  # its own key, under the clinic's
    sa.Column("media_type", sa.String(127), nullable=False),  # by its content
    sa.Column("form", sa.String(16), nullable=False),  # a media.Form
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("waveform", sa.Text, nullable=False),  # loudnesses as JSON, [] where there are none
    sa.Column("pages", sa.Integer),
    sa.Column("shown_type", sa.String(127), nullable=False),  # of the picture that is shown of it, "" where there is none
    sa.Column("shown_bytes", sa.BigInteger, nullable=False),
    sa.Column("thumb_type", sa.String(127), nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
)

uploads = sa.Table(
    "uploads",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), index=True),  # null: an app's, whose message names the thread; for a folder; or a photo
    sa.Column("purpose", sa.String(16), nullable=False),  # a media.Purpose
    sa.Column("name", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("media_type", sa.String(127), nullable=False),  # as its sender says, "" where they say none
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("note", sa.Boolean, nullable=False),  # of an internal note
    sa.Column("folder_id", sa.ForeignKey("accounts.id")),  # whose folder it was said to belong to; its sender's own for nobody's, and for a handout
    sa.Column("request_uid", sa.String(26)),  # the request that it answers
    sa.Column("client_id", sa.String(128), nullable=False),  # of the entry that it becomes
    sa.Column("state", sa.String(16), nullable=False),  # an uploading.State
    sa.Column("words", sa.Text, nullable=False),  # why it was refused or is held back
    sa.Column("wrapped_key", sa.Text),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("expires_at", UtcInstant, nullable=False, index=True),
    sa.UniqueConstraint("account_id", "client_id"),
)

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("blob_id", sa.ForeignKey("blobs.id"), nullable=False, index=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), index=True),
    sa.Column("entry_uid", sa.String(26), unique=True),  # the entry that shows it, in that thread
    # Whose Images & Documents it is in: a patient's, or the handouts of one of staff. Never of an internal note.
    sa.Column("folder_id", sa.ForeignKey("accounts.id"), index=True),
    sa.Column("name", sa.String(NAME_LENGTH), nullable=False),  # as the folder calls it
    sa.Column("kind", sa.String(32), nullable=False),  # of its entry; "photo" of a practitioner's, which is in no thread and no folder
    sa.Column("added_by", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("added_at", UtcInstant, nullable=False),
    sa.Column("origin_id", sa.ForeignKey("files.id")),  # the one that it was sent on from
    # Withdrawn: gone for everybody, kept for the record until retention ends.
    sa.Column("withdrawn_at", UtcInstant),
    sa.Column("withdrawn_by", sa.ForeignKey("accounts.id")),
    # Put out of the folder's ordinary list, for everybody who opens it; nothing is ever deleted from it.
    sa.Column("archived_at", UtcInstant),
    sa.Column("archived_by", sa.ForeignKey("accounts.id")),  # null too where it was put away before this was kept
)
