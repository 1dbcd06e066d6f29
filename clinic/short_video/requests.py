"""Actions on requests for a short video by staff: ask, withdraw; and what withdraws them by itself. Imports clinic only.

The patient answers in answering.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clinic.actions import Offer, action
from clinic.errors import Conflict
from clinic.fields import ClientId, PickMessage, Text
from clinic.kinds import Payload
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.requests import PATIENT, addressee
from clinic.short_video.kinds import VideoRequest
from clinic.short_video.record import VIDEO_REQUESTS, open_request_to
from clinic.storage import new_uid
from clinic.thread.actions import thread_for, thread_or_administered
from clinic.work import Work

NOBODY = "There is no patient in this thread whom you could ask for a video."
WORDS_BYTES = 1000


def _same(payload: Payload, values: Mapping[str, Any]) -> bool:
    return isinstance(payload, VideoRequest) and payload.text == (values["text"] or "")


@action(
    "video.request",
    Permission.VIDEO_REQUEST,
    on=thread_for,
    fields=(
        Text("text", "What to show in it", required=False, max_bytes=WORDS_BYTES, multiline=True),
        PATIENT,
        ClientId("client_id"),
    ),
    same=_same,
    offer=Offer(
        "Request a short video",
        "video",
        "The patient is asked to record or choose one of at most 45 seconds. No payment request holds it back; it is kept in their Images & Documents.",
        "Asked. The video stands here once it is sent.",
        when=lambda _work, thread: bool(thread.patients),
        otherwise=NOBODY,
    ),
)
def request(work: Work, thread: LoadedThread, text: str | None, patient: str | None, client_id: str) -> str:
    """Ask a patient of the thread for a short video. text: what to show in it. patient: uid, needed where there are several.

    Returns: the request's uid. Raises: Invalid, Conflict while an earlier one waits. Source: product.md, Files.
    """
    asked = addressee(work, thread, patient, NOBODY)
    if open_request_to(work, thread, asked.account_id) is not None:
        raise Conflict(f"{asked.nick} was asked for a short video here already, and has not sent it yet. Withdraw that request to ask anew.")
    me, uid = work.member(thread), new_uid()
    payload = VideoRequest(uid, me.nick, asked.nick, text or "", len(thread.patients) > 1)
    VIDEO_REQUESTS.ask(work, thread, uid, asked, payload, client_id, text=text or "")
    return uid


@action(
    "video.withdraw",
    Permission.VIDEO_WITHDRAW,
    on=thread_or_administered,
    fields=(PickMessage("request", "Request", required=False, options=VIDEO_REQUESTS.open_options, newest=True),),
    offer=Offer(
        "Withdraw a request for a short video",
        "withdraw-video",
        "The patient reads that nothing needs to be sent.",
        "Withdrawn.",
        when=lambda work, thread: bool(VIDEO_REQUESTS.open_options(work, thread)),
        grave=True,
        otherwise="No request for a short video waits in this thread, so there is none to withdraw.",
    ),
)
def withdraw(work: Work, thread: LoadedThread, request: str | None) -> None:
    """Take a request back that is not answered, the newest if none is named: any staff of its thread, or an administrator.

    Raises: Invalid, Conflict when it was answered.
    """
    VIDEO_REQUESTS.withdraw(work, thread, request)


VIDEO_REQUESTS.withdraw_with_endings()
