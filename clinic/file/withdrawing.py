"""What becomes of a file whose message is taken back: it is gone from its thread, its folder and all links, and sealed. Imports clinic only.

So is everything that it was sent on as, by whomever: what was misdirected is to be gone everywhere it went. Nobody reads any of it from this
commit on; that the messages of it say so in other threads follows in a moment, as no action locks threads that it finds on its way.
"""

from __future__ import annotations

import sqlalchemy as sa

from clinic import endings
from clinic.actions import action
from clinic.fields import Uid
from clinic.file.tables import files
from clinic.kinds import Tombstone
from clinic.loading import LoadedThread
from clinic.log import Entry, entries, entry_of, select_entries
from clinic.permissions import Permission, Role
from clinic.text.find import id_of
from clinic.text.kinds import Retraction
from clinic.text.overlay import overlay
from clinic.thread.actions import thread_for
from clinic.thread.nicks import CLINIC
from clinic.thread.tables import memberships, threads
from clinic.work import Work

TAKE_BACK = "file.take_back_copy"
"""The job, and the action, that takes the message of a copy back."""
CAME_BACK = "It was taken back where it came from."


def _taken_back(work: Work, thread: LoadedThread, entry: Entry) -> None:
    if getattr(entry.payload, "file", None) is None:
        return
    here = sa.and_(files.c.entry_uid == entry.uid, files.c.thread_id == thread.id, files.c.withdrawn_at.is_(None))
    row = work.row(sa.select(files.c.id).where(here).with_for_update())
    if row is not None:
        work.update(files, row.id, withdrawn_at=work.now, withdrawn_by=work.person.id)
        take_back_copies(work, row.id)


def take_back_copies(work: Work, file_id: int, *, but_with: int | None = None) -> None:
    """Withdraw what a file (its row's id) was sent on as, and what those were; what is in a thread with the patient `but_with` stays.

    Each is locked before what it was sent on as is looked for: whoever sends it on meanwhile waits, and finds it gone, or is found.
    """
    stays = _with_patient(but_with).label("stays")
    query = sa.select(files.c.id, files.c.entry_uid, files.c.withdrawn_at, threads.c.uid.label("thread"), stays)
    query = query.join(threads, threads.c.id == files.c.thread_id).order_by(files.c.id)
    found = [file_id]
    while found:
        copies = work.rows(query.where(files.c.origin_id.in_(found)).with_for_update(of=files))
        for row in copies:
            if row.withdrawn_at is None and not row.stays:
                work.update(files, row.id, withdrawn_at=work.now, withdrawn_by=work.person.id)
                work.enqueue("worker", TAKE_BACK, thread=row.thread, entry=row.entry_uid)
        found = [row.id for row in copies]


def _with_patient(account_id: int | None) -> sa.ColumnElement[bool]:
    """Return the SQL condition that a file is in a thread with a patient, by their account's id."""
    if account_id is None:
        return sa.false()
    here = sa.and_(memberships.c.account_id == account_id, memberships.c.ended_at.is_(None), memberships.c.role == Role.PATIENT)
    return sa.exists().where(memberships.c.thread_id == files.c.thread_id, here)


@action(TAKE_BACK, Permission.SYSTEM, on=thread_for, fields=(Uid("entry"),))
def take_back_copy(work: Work, thread: LoadedThread, entry: str) -> None:
    """Take the message of a file back that was withdrawn where it was sent on from. Twice is once."""
    row = work.row(select_entries().where(entries.c.thread_id == thread.id, entries.c.uid == entry))
    if row is None:
        return
    [target] = overlay(work, thread.id, [entry_of(row)])
    if not isinstance(target.payload, Tombstone):
        work.append_about(thread, target, Retraction(target.uid, id_of(target), moderator=CLINIC, reason=CAME_BACK))


endings.TAKEN_BACK.append(_taken_back)
