"""The patient's answer to a request for a short video: what they record or choose is uploaded, checked, and posted past every gate. Imports clinic only.

A video that their app sends while they are asked for one in that thread is the answer too. Of one that is refused (too long, no video) they
read why, and the request stays open; it opens again when the video is taken back.
What comes after it was withdrawn or answered is not posted: in a group all patients would read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clinic import endings
from clinic.absence.replies import answer_if_away
from clinic.account.people import is_active
from clinic.actions import action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import ClientId, Flag, Uid
from clinic.file.fields import ANNOUNCED
from clinic.file.media import Form, Inspection, Purpose
from clinic.file.sending import CLAIMANTS, Sending, place
from clinic.file.uploading import EXEMPT, TOLERANCE_MS, VIDEO_SECONDS, begin_upload, same_file
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, Entry
from clinic.permissions import Permission, Role
from clinic.requests import say
from clinic.short_video.kinds import State, VideoBecame, VideoPayload, VideoReopened
from clinic.short_video.record import VIDEO_REQUESTS, open_request_to
from clinic.short_video.tables import video_requests
from clinic.thread.actions import thread_for
from clinic.work import Work

TOO_LATE = {
    State.WITHDRAWN: "The request for this video was withdrawn meanwhile, so it was not sent. Nothing needs to be sent.",
    State.DONE: "Another video has answered this request already, so this one was not sent. Ask to be asked again if it is needed too.",
    State.TAKEN_BACK: "Nobody waits for another video here any more, so it was not sent. Ask to be asked again if it is needed.",
}
NO_VIDEO = "This is no video that can be played here, so it was not sent. Record it again, or choose another one."
TOO_LONG = "This video is {seconds} seconds long; {most} is the most. Record it again a little shorter."


def _same(payload: Any, values: Mapping[str, Any]) -> bool:
    return isinstance(payload, VideoPayload) and same_file(payload, values)


@action(
    "video.begin",
    Permission.VIDEO_SEND,
    on=thread_for,
    fields=(
        Uid("request", "Request"),
        *ANNOUNCED,
        Flag("show", "Show it to everybody in this group", required=False),
        ClientId("client_id"),
    ),
    audited=False,
    gated=False,
    same=_same,
)
def begin(
    work: Work, thread: LoadedThread, request: str, name: str, size_bytes: int, media_type: str, show: bool | None, client_id: str
) -> str:
    """Announce the video that the actor was asked for; once checked it is posted as the answer. No gate holds it back.

    show: whether the other patients of the thread see it too. Returns: the upload's uid. Raises: NotFound, Conflict, Invalid, TooLong, TooMany.
    """
    row = own_request(work, thread, request)
    if row.state != State.OPEN:
        raise Conflict(TOO_LATE[State(row.state)], field="request")
    upload = begin_upload(
        work, thread, name=name, size_bytes=size_bytes, media_type=media_type, client_id=client_id, purpose=Purpose.VIDEO, request_uid=row.uid
    )
    if show:
        work.update(video_requests, row.id, shown_upload=upload)
    elif row.shown_upload == upload:  # announced once more, and not for everybody any longer
        work.update(video_requests, row.id, shown_upload=None)
    return upload


def own_request(work: Work, thread: LoadedThread, uid: str) -> sa.Row[Any]:
    """Return a request to the actor that was made in a thread. Raises: NotFound, also for somebody else's."""
    row = _request_to(work, thread, work.person.id, uid)
    if row is None:
        raise NotFound()
    return row


def _request_to(work: Work, thread: LoadedThread, account_id: int, uid: str) -> sa.Row[Any] | None:
    to_them = sa.and_(video_requests.c.uid == uid, video_requests.c.addressee_id == account_id, video_requests.c.thread_id == thread.id)
    return work.row(sa.select(video_requests).where(to_them))


def claim(
    work: Work, thread: LoadedThread, author: LoadedMember, sending: Sending, client_id: str | None, message_id: str | None
) -> str | None:
    """Post a checked video as the answer to the request that it was recorded for, or that its sender has open there. Returns: as a Claimant.

    Raises: Conflict where the request is not open any more; Invalid for what is no video, or too long.
    """
    row = _answered(work, thread, author, sending)
    if row is None:
        return None
    if row.state != State.OPEN:
        raise Conflict(TOO_LATE[State(row.state)])
    refuse_unfit(sending.found)
    several = len(thread.patients) > 1
    private = several and row.shown_upload != sending.uid
    payload = video_of(sending, "" if several and not private else row.uid, private=private)
    audience, whom = (Audience.ADDRESSEE, author) if private else (Audience.EVERYONE, None)
    entry = work.append(thread, payload, audience, addressee=whom, author=author, client_id=client_id, message_id=message_id)
    place(work, thread, author, sending, entry, "video", author.account_id)
    VIDEO_REQUESTS.move(work, row, State.DONE, video_uid=entry, decided_at=work.now)
    say(work, thread, row, VideoBecame(row.uid), author)
    work.audit_detail(request=row.uid)
    answer_if_away(work, thread, author)
    return entry


def _answered(work: Work, thread: LoadedThread, author: LoadedMember, sending: Sending) -> sa.Row[Any] | None:
    if author.role is not Role.PATIENT or sending.origin_id is not None:
        return None
    if sending.request_uid is not None:
        return _request_to(work, thread, author.account_id, sending.request_uid)
    if sending.by_app and sending.found.form is Form.VIDEO:
        return open_request_to(work, thread, author.account_id)
    return None


def refuse_unfit(found: Inspection) -> None:
    """Do nothing for a video of at most VIDEO_SECONDS. Raises: Invalid, with what to do."""
    if found.form is not Form.VIDEO or not found.duration_ms:
        raise Invalid(NO_VIDEO, field="file")
    if found.duration_ms > VIDEO_SECONDS * 1000 + TOLERANCE_MS:
        raise Invalid(TOO_LONG.format(seconds=max(VIDEO_SECONDS + 1, round(found.duration_ms / 1000)), most=VIDEO_SECONDS), field="file")


def video_of(sending: Sending, request: str, *, private: bool) -> VideoPayload:
    """Return the payload of what is sent. request: uid, "" where not all its readers know of it."""
    found = sending.found
    return VideoPayload(
        sending.uid, sending.name, found.media_type, sending.size_bytes, found.duration_ms or 0, found.width or 0, found.height or 0,
        request, found.thumb, private,
    )


def _asked_for_one(work: Work) -> bool:
    mine = sa.and_(video_requests.c.addressee_id == work.person.id, video_requests.c.state == State.OPEN)
    return work.row(sa.select(video_requests.c.id).where(mine).limit(1)) is not None


def _taken_back(work: Work, thread: LoadedThread, entry: Entry) -> None:
    """Open the request that a video answered again, as its patient may send a better one; not where nobody would wait for it any more."""
    if not isinstance(entry.payload, VideoPayload):
        return
    answered = sa.and_(video_requests.c.thread_id == thread.id, video_requests.c.video_uid == entry.uid, video_requests.c.state == State.DONE)
    row = work.row(sa.select(video_requests).where(answered))
    if row is None or entry.author is None:
        return
    waits = _waits_again(work, thread, row)
    VIDEO_REQUESTS.move(work, row, State.OPEN if waits else State.TAKEN_BACK, video_uid=None, shown_upload=None, decided_at=None)
    me = work.member(thread)
    by = "" if entry.author.uid == me.uid else me.nick
    say(work, thread, row, VideoReopened(row.uid, entry.author.nick, by, waits), me)


def _waits_again(work: Work, thread: LoadedThread, row: sa.Row[Any]) -> bool:
    """Say whether who asked and who was asked are still there, and no later request of the same patient's is open."""
    here = {member.account_id for member in thread.members.values()}
    if not all(one in here and is_active(work, one) for one in (row.requester_id, row.addressee_id)):
        return False
    opened: set[tuple[int, int]] = work.once("video.reopened", set)  # a transaction does not read what it has written
    if (thread.id, row.addressee_id) in opened or open_request_to(work, thread, row.addressee_id) is not None:
        return False
    opened.add((thread.id, row.addressee_id))
    return True


CLAIMANTS.append(claim)
EXEMPT.append(_asked_for_one)
endings.TAKEN_BACK.append(_taken_back)
