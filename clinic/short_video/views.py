"""What people see of requests for a short video beside the log. Views; imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.file.uploading import MOST_BYTES, VIDEO_SECONDS
from clinic.permissions import Permission
from clinic.short_video.kinds import State
from clinic.short_video.tables import video_requests
from clinic.thread.tables import memberships, threads
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class VideoAsked:
    """A short video that its reader was asked for. thread: uid. by: who asks. text: what to show in it, or "".

    several: whether other patients are in the thread now, who see it only if they are shown it.
    """

    request: str
    thread: str
    by: str
    text: str
    state: State
    created_at: datetime
    several: bool
    seconds: int = VIDEO_SECONDS
    most_bytes: int = MOST_BYTES


def _mine(work: Work) -> sa.Select[Any]:
    here = memberships.alias()
    patients = sa.select(sa.func.count()).where(here.c.thread_id == threads.c.id, here.c.ended_at.is_(None), here.c.role == "patient")
    return (
        sa.select(
            video_requests, threads.c.uid.label("thread"), accounts.c.name.label("by"), patients.scalar_subquery().label("patients")
        )
        .join(threads, threads.c.id == video_requests.c.thread_id)
        .join(accounts, accounts.c.id == video_requests.c.requester_id)
        .join(memberships, memberships.c.thread_id == threads.c.id)
        .where(video_requests.c.addressee_id == work.person.id)
        .where(memberships.c.account_id == work.person.id, memberships.c.ended_at.is_(None), threads.c.closed_at.is_(None))
    )


def _seen(row: sa.Row[Any]) -> VideoAsked:
    return VideoAsked(row.uid, row.thread, row.by, row.text, State(row.state), row.created_at, row.patients > 1)


@view(Permission.VIDEO_SEND)
def video_waiting(work: Work) -> list[VideoAsked]:
    """Return the videos that the actor was asked for and has not sent yet, the oldest first."""
    return [_seen(row) for row in work.rows(_mine(work).where(video_requests.c.state == State.OPEN).order_by(video_requests.c.id))]


@view(Permission.VIDEO_SEND)
def video_asked(work: Work, uid: str) -> VideoAsked:
    """Return one that the actor was asked for, however it stands. Raises: NotFound, also for somebody else's."""
    row = work.row(_mine(work).where(video_requests.c.uid == uid)) if is_uid(uid) else None
    if row is None:
        raise NotFound()
    return _seen(row)
