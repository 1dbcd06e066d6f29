"""What is forgotten of uploads that became nothing. Imports clinic only. Files are never forgotten here: what was sent stays until retention ends.

The bytes follow: what no row names is swept from where files are kept, a day later.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from clinic.account.sweep import STALE
from clinic.file.tables import blobs, files, uploads
from clinic.file.uploading import State

REFUSED_KEPT = timedelta(days=7)
SENT_KEPT = timedelta(days=30)


def _uploads(now: datetime) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    table = uploads.c
    over = sa.or_(
        sa.and_(table.state.in_((State.OPEN, State.READY, State.HELD)), table.expires_at < now),
        sa.and_(table.state.in_((State.REFUSED, State.CANCELLED)), table.created_at < now - REFUSED_KEPT),
        sa.and_(table.state == State.SENT, table.created_at < now - SENT_KEPT),
    )
    return uploads, over


def _blobs(now: datetime) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    nowhere = ~sa.exists().where(files.c.blob_id == blobs.c.id) & ~sa.exists().where(uploads.c.uid == blobs.c.uid)
    return blobs, sa.and_(nowhere, blobs.c.created_at < now - timedelta(days=1))


# In this order: a blob is nobody's once its upload is gone.
STALE.append(_uploads)
STALE.append(_blobs)
