"""Requests for a short video as actions work with them. Plain helpers; imports clinic only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.loading import LoadedThread
from clinic.requests import Requests
from clinic.short_video.kinds import State, VideoWithdrawn
from clinic.short_video.tables import video_requests
from clinic.work import Work

ALREADY = {
    State.OPEN: "The patient has not sent this video yet.",
    State.DONE: "This video was sent already.",
    State.WITHDRAWN: "This request was withdrawn already. Nothing needs to be sent.",
    State.TAKEN_BACK: "The video that was sent was taken back. Ask anew where another one is needed.",
}
"""What is said where something was asked for that a request's state does not allow."""

VIDEO_REQUESTS = Requests(
    video_requests,
    label=lambda row: row.text[:80] or "Short video",
    missing="There is no such request for a short video in this thread. Reload the page to see those there are.",
    already=ALREADY,
    withdrawn=lambda row, by, why: VideoWithdrawn(row.uid, by, why),
)


def open_request_to(work: Work, thread: LoadedThread, account_id: int) -> sa.Row[Any] | None:
    """Return what a patient was asked for in a thread and has not sent yet; there is one at most."""
    to_them = sa.and_(video_requests.c.thread_id == thread.id, video_requests.c.addressee_id == account_id)
    return work.row(sa.select(video_requests).where(to_them, video_requests.c.state == State.OPEN))
