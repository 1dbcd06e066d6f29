"""What becomes of a file whose message is taken back: it is gone from its thread, its folder and all links, and sealed. Imports clinic only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic import endings
from clinic.file.tables import files
from clinic.loading import LoadedThread
from clinic.log import Entry
from clinic.work import Work


def _taken_back(work: Work, thread: LoadedThread, entry: Entry) -> None:
    if getattr(entry.payload, "file", None) is None:
        return
    row = work.row(sa.select(files.c.id).where(files.c.entry_uid == entry.uid, files.c.thread_id == thread.id, files.c.withdrawn_at.is_(None)))
    if row is not None:
        work.update(files, row.id, withdrawn_at=work.now, withdrawn_by=work.person.id)


endings.TAKEN_BACK.append(_taken_back)
