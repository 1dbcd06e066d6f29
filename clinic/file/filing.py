"""Whose folder a file belongs to: staff say it of what came without, and correct what was said wrongly. Imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from clinic.actions import Offer, action, view
from clinic.errors import Invalid, NotFound
from clinic.fields import Option, Pick
from clinic.file.kinds import PUT_UNDER, Filed
from clinic.file.tables import files
from clinic.file.views import name_sent
from clinic.file.whose import NOBODY, folder_chosen, folders_of
from clinic.file.withdrawing import take_back_copies
from clinic.loading import LoadedThread
from clinic.log import Audience, entries
from clinic.permissions import STAFF, Permission
from clinic.text.find import find
from clinic.thread.actions import thread_for
from clinic.thread.tables import threads
from clinic.work import Work

OFFERED_FILES = 50
NOT_STAFFS = "This is no file that staff have sent in this thread, or it was taken back, so it stays where it is."


def _files(thread: LoadedThread) -> sa.Select[Any]:
    """Return the select of what staff have sent in a thread to everyone: its files, the newest first.

    What was sent on from a patient's folder lies there, and in no second one; a handout that was sent is put where it belongs.
    """
    origins = files.alias("origins")
    shown_as = sa.and_(entries.c.thread_id == files.c.thread_id, entries.c.uid == files.c.entry_uid)
    return (
        sa.select(files, entries.c.payload)
        .join(entries, shown_as)
        .outerjoin(origins, origins.c.id == files.c.origin_id)
        .where(files.c.thread_id == thread.id, files.c.withdrawn_at.is_(None))
        .where(entries.c.audience == Audience.EVERYONE, entries.c.author_role.in_(sorted(STAFF)))
        .where(origins.c.thread_id.is_(None))
        .order_by(files.c.id.desc())
    )


def _to_put(thread: LoadedThread) -> sa.Select[Any]:
    """Return the select of those that staff may say more of: all where there are several patients, else what is nobody's, as its patient had left."""
    return _files(thread) if len(thread.patients) > 1 else _files(thread).where(files.c.folder_id.is_(None))


def _listed(work: Work, thread: LoadedThread | None) -> Sequence[Option]:
    if thread is None:
        return []
    whose = {one.account_id: one.nick for one in thread.patients}
    found = work.rows(_to_put(thread).limit(OFFERED_FILES))
    return [
        Option(row.uid, name_sent(row.kind, row.payload), f"now {whose.get(row.folder_id, 'somebody who has left')}'s" if row.folder_id else "now nobody's")
        for row in found
    ]


def _folders(_work: Work, thread: LoadedThread | None) -> Sequence[Option]:
    return folders_of(thread)


def _to_be_said(work: Work, thread: LoadedThread) -> bool:
    return bool(thread.patients) and work.row(_to_put(thread).limit(1)) is not None


@view(Permission.FILE_PUT_UNDER)
def asked_in(work: Work, uid: str) -> str:
    """Return the uid of the thread of the actor's in which they may say whose folder a file belongs to, or "" where it belongs where it is."""
    row = work.row(sa.select(threads.c.uid).join(files, files.c.thread_id == threads.c.id).where(files.c.uid == uid))
    try:
        thread = work.thread(row.uid if row else "")
    except NotFound:
        return ""
    there = bool(thread.patients) and work.row(_to_put(thread).where(files.c.uid == uid)) is not None
    return thread.uid if there else ""


@action(
    PUT_UNDER,
    Permission.FILE_PUT_UNDER,
    on=thread_for,
    fields=(Pick("file", "File", options=_listed), Pick("patient", "Whose Images & Documents", options=_folders)),
    offer=Offer(
        "Say whose Images & Documents a file belongs to",
        "folder",
        "It goes there and leaves the folder that it is in. What was sent on from that folder to threads without this patient is taken back.",
        "Done.",
        when=_to_be_said,
        otherwise="This is asked where staff have sent a file in a thread and several patients are in it, or the file is in nobody's folder.",
    ),
)
def put_under(work: Work, thread: LoadedThread, file: str, patient: str) -> None:
    """Put a file that staff have sent in a thread into the folder of a patient of it, or into nobody's. patient: account uid, or NOBODY.

    Where it was asked, nobody is asked any more. Raises: NotFound, Invalid.
    """
    row = work.row(_files(thread).where(files.c.uid == file).with_for_update(of=files))
    if row is None:
        raise NotFound(NOT_STAFFS)
    if patient == NOBODY and len(thread.patients) == 1 and row.folder_id is not None:
        raise Invalid("A file in a thread with one patient is in their Images & Documents. Take the message back if it is wrong here.", field="patient")
    owner = folder_chosen(thread, patient)
    if owner != row.folder_id:
        work.update(files, row.id, folder_id=owner, name=name_sent(row.kind, row.payload))  # what another's folder called it is not for this one
        if row.folder_id is not None:
            take_back_copies(work, row.id, but_with=owner)
    with suppress(NotFound):  # of a thread that its actor has entered later
        entry = find(work, thread, row.entry_uid)
        if getattr(entry.payload, "unfiled", False):
            work.append_about(thread, entry, Filed(row.uid), author=work.member(thread))
