"""Requests for a short video as actions work with them: found, said in the log, withdrawn. Plain helpers; imports clinic only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.errors import Conflict, Invalid
from clinic.fields import Option, is_uid
from clinic.kinds import Payload
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, entries
from clinic.short_video.kinds import State, VideoWithdrawn
from clinic.short_video.tables import video_requests
from clinic.thread.tables import threads
from clinic.work import Work

NO_REQUEST = "There is no such request for a short video in this thread. Reload the page to see those there are."
ALREADY = {
    State.OPEN: "The patient has not sent this video yet.",
    State.DONE: "This video was sent already.",
    State.WITHDRAWN: "This request was withdrawn already. Nothing needs to be sent.",
    State.TAKEN_BACK: "The video that was sent was taken back. Ask anew where another one is needed.",
}
"""What is said where something was asked for that a request's state does not allow."""


def request_in(work: Work, thread: LoadedThread, uid: str) -> sa.Row[Any]:
    """Return a request that was made in a loaded thread. Raises: Invalid, in words."""
    row = None
    if is_uid(uid):
        row = work.row(sa.select(video_requests).where(video_requests.c.uid == uid, video_requests.c.thread_id == thread.id))
    if row is None:
        raise Invalid(NO_REQUEST, field="request")
    return row


def open_request_to(work: Work, thread: LoadedThread, account_id: int) -> sa.Row[Any] | None:
    """Return what a patient was asked for in a thread and has not sent yet; there is one at most."""
    to_them = sa.and_(video_requests.c.thread_id == thread.id, video_requests.c.addressee_id == account_id)
    return work.row(sa.select(video_requests).where(to_them, video_requests.c.state == State.OPEN))


def open_options(work: Work, thread: LoadedThread) -> list[Option]:
    """Return the open requests of a thread, newest first, for a form: each with whom it asks."""
    query = (
        sa.select(video_requests, accounts.c.name.label("patient"))
        .join(accounts, accounts.c.id == video_requests.c.addressee_id)
        .where(video_requests.c.thread_id == thread.id, video_requests.c.state == State.OPEN)
        .order_by(video_requests.c.id.desc())
    )
    return [Option(row.uid, row.text[:80] or "Short video", row.patient, row.entry_uid) for row in work.rows(query)]


def say(work: Work, thread: LoadedThread, row: sa.Row[Any], payload: Payload, author: LoadedMember | None = None) -> str:
    """Append what became of a request to its thread's log, for the patient who was asked and for staff. Returns: the entry's uid."""
    about = work.row(sa.select(entries.c.seq).where(entries.c.uid == row.entry_uid))
    addressee = work.row(sa.select(accounts.c.uid, accounts.c.id.label("account_id")).where(accounts.c.id == row.addressee_id))
    assert about is not None and addressee is not None  # both were there when the request was made
    return work.append(thread, payload, Audience.ADDRESSEE, addressee=addressee, author=author, about=about.seq)


def withdraw(work: Work, thread: LoadedThread, row: sa.Row[Any], *, by: str = "", why: str = "", author: LoadedMember | None = None) -> None:
    """Withdraw an open request, said in its thread. by: the shown name of who did. why: a code of WITHDRAWN_BECAUSE. Raises: Conflict."""
    if row.state != State.OPEN:
        raise Conflict(ALREADY[State(row.state)], field="request")
    _withdrawn(work).add(row.id)
    work.update(video_requests, row.id, state=State.WITHDRAWN, decided_at=work.now)
    say(work, thread, row, VideoWithdrawn(row.uid, by, why), author)
    work.audit_detail(request=row.uid)


def _withdrawn(work: Work) -> set[int]:
    """Return the requests that this transaction has withdrawn: what it has written it does not read."""
    withdrawn: set[int] = work.once("video.withdrawn", set)
    return withdrawn


def withdraw_all(work: Work, condition: sa.ColumnElement[bool], why: str, *, held: bool = False) -> None:
    """Withdraw, by itself, every open request that `condition` on their table is true of. why: a code of WITHDRAWN_BECAUSE.

    held: only in threads that are locked already.
    """
    wanted = sa.and_(video_requests.c.state == State.OPEN, condition)
    for thread in work.threads(sorted(uid for uid in open_in(work, condition) if not held or work.holds(uid))):
        for row in work.rows(sa.select(video_requests).where(wanted, video_requests.c.thread_id == thread.id)):
            if row.id not in _withdrawn(work):
                withdraw(work, thread, row, why=why)


def open_in(work: Work, condition: sa.ColumnElement[bool]) -> set[str]:
    """Return the uids of the threads with an open request that `condition` on their table is true of."""
    query = sa.select(threads.c.uid).join(video_requests, threads.c.id == video_requests.c.thread_id)
    return {row.uid for row in work.rows(query.where(video_requests.c.state == State.OPEN, condition))}
