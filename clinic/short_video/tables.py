"""The table of requests for a short video. Imports clinic.storage and the columns of requests."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.requests import columns
from clinic.storage import metadata

video_requests = sa.Table(
    "video_requests",
    metadata,
    *columns(),  # state: a kinds.State
    sa.Column("text", sa.Text, nullable=False),  # what is to be shown in it, "" where nothing was said
    # The upload that the patient has agreed to show to everybody in the thread; another one they have not.
    sa.Column("shown_upload", sa.String(26)),
    sa.Column("video_uid", sa.String(26)),  # the entry that answered it
)
