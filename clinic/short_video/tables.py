"""The table of requests for a short video. Imports clinic.storage."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

video_requests = sa.Table(
    "video_requests",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id"), nullable=False, index=True),
    sa.Column("entry_uid", sa.String(26), nullable=False),  # the request's own entry in the log
    sa.Column("addressee_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("requester_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("text", sa.Text, nullable=False),  # what is to be shown in it, "" where nothing was said
    sa.Column("state", sa.String(16), nullable=False),  # a kinds.State
    # The upload that the patient has agreed to show to everybody in the thread; another one they have not.
    sa.Column("shown_upload", sa.String(26)),
    sa.Column("video_uid", sa.String(26)),  # the entry that answered it
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("decided_at", UtcInstant),
)
