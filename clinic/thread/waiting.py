"""Since when a patient has waited for staff, once what answered them, or what they asked, was taken back. Imports clinic only.

While people write, the newest entry says it (clinic/transaction.py). Source: product.md, Threads.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from clinic import endings
from clinic.loading import LoadedThread
from clinic.log import Entry, between_people, entries, said_between_people
from clinic.permissions import Role
from clinic.thread.tables import threads
from clinic.work import Work


def answered_at(work: Work, thread: LoadedThread, without: Entry) -> datetime | None:
    """Return when staff last said something to the patient that is still there but for ``without``; None: never."""
    row = _last_of_staff(work, thread, without)
    return row.at if row is not None else None


def _last_of_staff(work: Work, thread: LoadedThread, without: Entry) -> sa.Row[tuple[int, datetime]] | None:
    staff = [role for role in Role if role.is_staff]
    query = _said(thread, without).where(entries.c.author_role.in_(staff)).order_by(entries.c.seq.desc()).limit(1)
    return work.row(query)


def _said(thread: LoadedThread, without: Entry) -> sa.Select[tuple[int, datetime]]:
    later = entries.alias("later")
    gone = sa.exists().where(later.c.thread_id == entries.c.thread_id, later.c.about_seq == entries.c.seq, later.c.kind == "retraction")
    return sa.select(entries.c.seq, entries.c.at).where(
        entries.c.thread_id == thread.id, said_between_people(), entries.c.seq != without.seq, ~gone
    )


def _taken_back(work: Work, thread: LoadedThread, entry: Entry) -> None:
    if not between_people(entry):
        return
    answer = _last_of_staff(work, thread, entry)
    asked = _said(thread, entry).where(entries.c.author_role == Role.PATIENT, entries.c.seq > (answer.seq if answer is not None else 0))
    oldest = work.row(asked.order_by(entries.c.seq).limit(1))
    thread.waiting_since = oldest.at if oldest is not None else None
    work.update(threads, thread.id, waiting_since=thread.waiting_since)


endings.TAKEN_BACK.append(_taken_back)
