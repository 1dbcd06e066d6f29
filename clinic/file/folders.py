"""Images & Documents: what is in a patient's folder, or among the handouts of one of staff, and what is done with it there. Imports clinic only.

A folder is what of `files` names its account. The patient and staff who share a thread with them open it; nothing of an internal note is in
one, nor what was withdrawn. Nothing is deleted either: what is not wanted is put away, by either and for both, and brought back by either.
Source: product.md, Files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from clinic.account.settings import instant
from clinic.account.tables import account_roles, accounts
from clinic.actions import About, Offer, Telling, action, view
from clinic.errors import NotFound
from clinic.fields import Choice, Flag, Moment, Uid, is_uid, parse_all
from clinic.file.fields import FileName
from clinic.file.kinds import FORMS, size_in_words, time_in_words
from clinic.file.media import Form
from clinic.file.names import renamed
from clinic.file.tables import blobs, files
from clinic.file.views import file_for, name_sent
from clinic.gates import pass_gates
from clinic.log import entries
from clinic.permissions import Permission, Role
from clinic.thread.shown import NOBODY_HERE, patients_here, title_for
from clinic.thread.tables import memberships, threads
from clinic.thread.together import shares_thread, threads_with
from clinic.work import Work

DOCUMENTS, THREADS_AT_MOST = 60, 100
TOLD_DOCUMENTS = 20
FILTERS = (
    Choice("form", "What it is", required=False, options=tuple(Form), words=tuple(FORMS[form] for form in Form)),
    Uid("thread", "Thread", required=False),
    Moment("since", "From", required=False),
    Moment("until", "To", required=False),
    Flag("put_away", "Put away", required=False),
    Uid("before", "Before", required=False),
)
"""What a folder is narrowed by. thread: one of the reader's own. since, until: days, both included. put_away: what was, and nothing else.
before: the document after which its list goes on."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file in a folder, as its reader sees it. added_by, role: who added it, as they are called there.

    thread, title: where it came from, and as the reader calls that; "" where they are not in it, or it came from none. owner, owner_uid: whose
    folder it is in, by name and by account, as names may be alike. sent_as: what it is called where it was sent, and where it is sent on to.
    voice: it is a voice message. waveform: of a sound (media.Inspection).
    put_away_at: when it was put out of the ordinary list, None where it is in it; put_away_by: by whom, "" where nobody knows, put_away_mine: by
    the reader.
    """

    uid: str
    name: str
    form: Form
    size_bytes: int
    duration_ms: int
    pages: int
    thumb: bool
    added_by: str
    role: Role | None
    mine: bool
    added_at: datetime
    thread: str
    title: str
    put_away_at: datetime | None
    put_away_by: str
    put_away_mine: bool
    owner: str
    owner_uid: str
    sent_as: str
    voice: bool = False
    waveform: tuple[int, ...] = ()

    @property
    def what(self) -> str:
        """What it is, in a word: "Image"."""
        return "Voice message" if self.voice else FORMS[self.form]

    @property
    def size(self) -> str:
        """How large it is, or how long it lasts."""
        return time_in_words(self.duration_ms) if self.duration_ms else size_in_words(self.size_bytes)


@dataclass(frozen=True, slots=True)
class Folder:
    """What is in a folder, the newest first, at most DOCUMENTS. uid, name, birth_date: of whose it is; own: it is the reader's.

    more: the document to go on behind, or "". threads: uid and title of the reader's threads that something in it came from.
    """

    uid: str
    name: str
    birth_date: date | None
    own: bool
    documents: tuple[Document, ...]
    more: str
    threads: tuple[tuple[str, str], ...]


def here_to_stay() -> sa.ColumnElement[bool]:
    """Return the SQL condition that a file is in a folder and was not withdrawn."""
    return sa.and_(files.c.folder_id.is_not(None), files.c.withdrawn_at.is_(None))


def for_its_patient() -> sa.ColumnElement[bool]:
    """Return the SQL condition that a file is a patient's and for the clinic's staff, and for no other patient until they show it themselves."""
    shown = entries.alias()
    here = sa.and_(shown.c.thread_id == files.c.thread_id, shown.c.uid == files.c.entry_uid)
    return sa.exists().where(here, shown.c.addressee_id.is_not(None)).correlate(files)


def documents(work: Work, condition: sa.ColumnElement[bool], before: str | None = None, most: int = DOCUMENTS) -> tuple[tuple[Document, ...], str]:
    """Return the documents that meet a condition on `files`, the newest first, and the one to go on behind, or "".

    The caller sees to it that the actor may see them.
    """
    came_from = sa.and_(memberships.c.thread_id == files.c.thread_id, memberships.c.account_id == files.c.added_by)
    shown_as = sa.and_(entries.c.thread_id == files.c.thread_id, entries.c.uid == files.c.entry_uid)
    owners, away = accounts.alias("owners"), accounts.alias("away")
    query = (
        sa.select(
            files, blobs.c.form, blobs.c.size_bytes, blobs.c.duration_ms, blobs.c.waveform, blobs.c.pages, blobs.c.thumb_type,
            accounts.c.name.label("adder"), memberships.c.nick, entries.c.author_role, entries.c.payload, owners.c.name.label("owner"),
            owners.c.uid.label("owner_uid"), away.c.name.label("put_away_by"),
        )
        .join(blobs, blobs.c.id == files.c.blob_id)
        .join(accounts, accounts.c.id == files.c.added_by)
        .join(owners, owners.c.id == files.c.folder_id)
        .outerjoin(away, away.c.id == files.c.archived_by)
        .outerjoin(memberships, came_from)
        .outerjoin(entries, shown_as)
        .where(here_to_stay(), condition)
        .order_by(files.c.id.desc())  # ids grow with time
        .limit(most + 1)
    )
    if before is not None:
        # Only among what may be seen here: one that is hidden answers as one that is absent.
        query = query.where(files.c.id < sa.select(files.c.id).where(files.c.uid == before, here_to_stay(), condition).scalar_subquery())
    rows = work.rows(query)
    titles = titles_of(work, {row.thread_id for row in rows if row.thread_id is not None})
    shown = tuple(_document(work, row, *titles.get(row.thread_id, ("", ""))) for row in rows[:most])
    return shown, shown[-1].uid if len(rows) > most else ""


def _document(work: Work, row: sa.Row[Any], thread: str, title: str) -> Document:
    mine = row.added_by == work.person.id
    role = Role(row.author_role) if row.author_role else work.role if mine else None
    return Document(
        row.uid, row.name, Form(row.form), row.size_bytes, row.duration_ms or 0, row.pages or 0, bool(row.thumb_type), row.nick or row.adder, role,
        mine, row.added_at, thread, title, row.archived_at, row.put_away_by or "", row.archived_by == work.person.id, row.owner, row.owner_uid,
        row.name if row.payload is None else name_sent(row.kind, row.payload), row.kind == "voice", tuple(json.loads(row.waveform)),
    )


def titles_of(work: Work, ids: set[int]) -> dict[int, tuple[str, str]]:
    """Return uid and title of those of these threads that the actor is in, by id."""
    mine = sa.and_(memberships.c.thread_id == threads.c.id, memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None))
    query = sa.select(threads.c.uid).join(memberships, mine).where(threads.c.id.in_(sorted(ids)), threads.c.closed_at.is_(None))
    found = work.threads([row.uid for row in work.rows(query.limit(THREADS_AT_MOST))]) if ids else []
    return {thread.id: (thread.uid, title_for(thread, work.person.id)) for thread in found}


def _folder(work: Work, owner: Any, wanted: Mapping[str, Any]) -> Folder:
    whole = files.c.folder_id == owner.id
    came_from = sa.select(files.c.thread_id).where(here_to_stay(), whole, files.c.thread_id.is_not(None)).distinct()
    titles = titles_of(work, {row.thread_id for row in work.rows(came_from)})
    put_away = files.c.archived_at.is_not(None) if wanted["put_away"] else files.c.archived_at.is_(None)
    conditions = [whole, put_away]
    if wanted["form"]:
        conditions.append(files.c.blob_id.in_(sa.select(blobs.c.id).where(blobs.c.form == wanted["form"])))
    if wanted["thread"]:
        conditions.append(files.c.thread_id.in_([key for key, (uid, _) in titles.items() if uid == wanted["thread"]]))
    if wanted["since"]:
        conditions.append(files.c.added_at >= instant(work, wanted["since"]))
    if wanted["until"]:
        conditions.append(files.c.added_at < instant(work, wanted["until"] + timedelta(days=1)))
    shown, more = documents(work, sa.and_(*conditions), wanted["before"])
    named = sorted(titles.values(), key=lambda one: one[1].casefold())
    return Folder(owner.uid, owner.name, owner.birth_date, owner.id == work.person.id, shown, more, tuple(named))


@view(Permission.FILE_FOLDER)
def own_folder(work: Work, wanted: Mapping[str, Any]) -> Folder:
    """Return the patient's own Images & Documents, or the handouts of one of staff. wanted: of FILTERS. Raises: Invalid."""
    return _folder(work, work.person, parse_all(FILTERS, wanted))


def patient_of_mine(work: Work, uid: str) -> sa.Row[Any]:
    """Return the account of a patient with whom the actor, of staff, shares a thread; a patient's own. Raises: NotFound."""
    patients = sa.select(accounts).join(account_roles, account_roles.c.account_id == accounts.c.id)
    row = work.row(patients.where(accounts.c.uid == uid, account_roles.c.role == Role.PATIENT))
    if row is None or work.role is None or not (row.id == work.person.id or (work.role.is_staff and shares_thread(work, row.id, Role.PATIENT))):
        raise NotFound()
    return row


def page_of(uid: str, role: Role | None) -> str:
    """Return the path of a patient's folder, for staff, or of the patient's own."""
    return "/documents" if role is Role.PATIENT else f"/patients/{uid}/documents"


def folder_in_words(folder: Folder, to: Telling) -> str:
    """Return what is in a folder as an app shows it to one person, with links of their own."""
    whose, there = ("your" if folder.own else f"{folder.name}’s"), f"{to.base}{page_of(folder.uid, to.role)}"
    if not folder.documents:
        return f"Nothing to list in {whose} Images & Documents: {there}"
    lines = [f"In {whose} Images & Documents, the newest first:"]
    for one in folder.documents[:TOLD_DOCUMENTS]:
        lines += [f"- {one.name}: {one.what}, {one.size}; {'you' if one.mine else one.added_by}, {to.day(one.added_at)}", to.link(one.uid, one.name)]
    left = f"There is more, older: {there}" if folder.more or len(folder.documents) > TOLD_DOCUMENTS else f"All of it, with pictures: {there}"
    return "\n".join([*lines, left, "These links are for you alone, for a week."])


@action(
    "file.open_folder",
    Permission.FILE_FOLDER,
    on=patient_of_mine,
    fields=FILTERS,
    offer=Offer(
        "List Images & Documents",
        "list-documents",
        "With links of your own, which open for nobody else. Only you see the answer; that you opened it is in the audit log.",
        "That you opened this is in the audit log.",
        otherwise=NOBODY_HERE,
        about=About(patients_here, page_of),
        tells=folder_in_words,
    ),
)
def open_folder(
    work: Work, patient: sa.Row[Any], form: str | None, thread: str | None, since: datetime | None, until: datetime | None,
    put_away: bool | None, before: str | None,
) -> Folder:
    """Return a patient's Images & Documents, for staff; that it was opened, by whom, is in the audit log. Fields: of FILTERS.

    Raises: NotFound unless the actor shares a thread with the patient.
    """
    wanted = {"form": form, "thread": thread, "since": since, "until": until, "put_away": put_away, "before": before}
    return _folder(work, patient, wanted)


# What is done with a document where it lies.


def document_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return the row of a document in the actor's own folder or, for staff, in that of a patient of theirs. Raises: NotFound."""
    row = file_for(work, uid)
    if row.folder_id != work.person.id and not (work.role is not None and work.role.is_staff and _in_folder(work, row)):
        raise NotFound()
    return row


def _in_folder(work: Work, row: sa.Row[Any]) -> bool:
    return row.folder_id is not None and shares_thread(work, row.folder_id, Role.PATIENT)


def _pass_all_gates(work: Work) -> None:
    """Staff read what a patient calls a document: nobody is written to in names while something holds back what they write. Raises: Gated."""
    mine = sa.select(threads.c.uid).join(memberships, memberships.c.thread_id == threads.c.id).order_by(threads.c.id)
    here = mine.where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None), threads.c.closed_at.is_(None))
    for thread in work.threads([row.uid for row in work.rows(here)]):
        pass_gates(work, work.person.id, thread)


@action("file.rename", Permission.FILE_RENAME, on=document_for, fields=(FileName("name", "Name"),))
def rename(work: Work, document: sa.Row[Any], name: str) -> str:
    """Call a document otherwise in its folder; the entry in its thread keeps the name as it was sent, and the audit log none of them.

    Its ending stays, as people and machines go by it. Returns: the new name. Raises: NotFound, Gated.
    """
    if work.role is Role.PATIENT:
        _pass_all_gates(work)
    now = renamed(document.name, name)
    work.update(files, document.id, name=now)
    return now


@action("file.put_away", Permission.FILE_RENAME, on=document_for)
def put_away(work: Work, document: sa.Row[Any]) -> None:
    """Put a document out of the folder's ordinary list, for its patient and staff alike; it is kept, and found among what was put away.

    Raises: NotFound.
    """
    if document.archived_at is None:
        work.update(files, document.id, archived_at=work.now, archived_by=work.person.id)


@action("file.bring_back", Permission.FILE_RENAME, on=document_for)
def bring_back(work: Work, document: sa.Row[Any]) -> None:
    """Put a document that was put away back into the folder's ordinary list, whoever put it away. Raises: NotFound."""
    work.update(files, document.id, archived_at=None, archived_by=None)


@view(Permission.FILE_FOLDER)
def own_document(work: Work, uid: str) -> Folder:
    """Return one document of the actor's own folder, or one of their own handouts: the folder with it alone. Raises: NotFound."""
    row = document_for(work, uid)
    if row.folder_id != work.person.id:
        raise NotFound()
    return _alone(work, row)


@action("file.open_document", Permission.FILE_FOLDER, on=document_for)
def open_document(work: Work, document: sa.Row[Any]) -> Folder:
    """Return one document of a patient's, for staff: the folder with it alone; that it was opened, by whom, is in the audit log.

    Raises: NotFound unless the actor shares a thread with the patient.
    """
    return _alone(work, document)


def _alone(work: Work, row: sa.Row[Any]) -> Folder:
    [owner] = work.rows(sa.select(accounts).where(accounts.c.id == row.folder_id))
    shown, _ = documents(work, files.c.id == row.id)
    return Folder(owner.uid, owner.name, owner.birth_date, owner.id == work.person.id, shown, "", ())


@dataclass(frozen=True, slots=True)
class Target:
    """A thread of the reader's that a document may be sent to. readers: what the other patients in it are called, who would see it."""

    uid: str
    title: str
    readers: tuple[str, ...]


@view(Permission.FILE_FORWARD)
def targets(work: Work, uid: str) -> tuple[str, tuple[Target, ...]]:
    """Return the name of a document, and the threads of the actor's that it may be sent to, the liveliest first, at most THREADS_AT_MOST.

    What is for its patient and staff alone, staff send where no other patient is. Raises: NotFound where it is in no folder that the actor may open.
    """
    row = document_for(work, uid) if is_uid(uid) else None
    if row is None:
        raise NotFound()
    query = sa.select(threads.c.uid).join(memberships, memberships.c.thread_id == threads.c.id).where(threads.c.closed_at.is_(None))
    query = query.where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None))
    if row.folder_id != work.person.id:
        query = query.where(threads.c.id.in_(threads_with(work, row.folder_id, Role.PATIENT)))
    ordered: Sequence[sa.Row[Any]] = work.rows(query.order_by(threads.c.spoken_at.desc(), threads.c.id.desc()).limit(THREADS_AT_MOST))
    found = work.threads([one.uid for one in ordered])
    own = {row.folder_id, work.person.id}
    shown = [Target(one.uid, title_for(one, work.person.id), tuple(m.nick for m in one.patients if m.account_id not in own)) for one in found]
    private = row.folder_id != work.person.id and work.row(sa.select(files.c.id).where(files.c.id == row.id, for_its_patient())) is not None
    return row.name, tuple(one for one in shown if not (private and one.readers))
