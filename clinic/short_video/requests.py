"""Actions on requests for a short video by staff: ask, withdraw; and what withdraws them by itself. Imports clinic only.

The patient answers in answering.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from clinic import endings
from clinic.account.tables import accounts
from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid
from clinic.fields import ClientId, Option, Pick, PickMessage, Text
from clinic.kinds import Payload
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission
from clinic.short_video import record
from clinic.short_video.kinds import State, VideoRequest
from clinic.short_video.record import open_options, open_request_to, request_in
from clinic.short_video.tables import video_requests
from clinic.storage import new_id, new_uid
from clinic.thread.actions import thread_for, thread_or_administered
from clinic.thread.shown import patient_options
from clinic.work import Work

NOBODY = "There is no patient in this thread whom you could ask for a video."
WORDS_BYTES = 1000


def _patients(_work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None or len(thread.patients) < 2:
        return []
    return patient_options(thread)


def _same(payload: Payload, values: Mapping[str, Any]) -> bool:
    return isinstance(payload, VideoRequest) and payload.text == (values["text"] or "")


@action(
    "video.request",
    Permission.VIDEO_REQUEST,
    on=thread_for,
    fields=(
        Text("text", "What to show in it", required=False, max_bytes=WORDS_BYTES, multiline=True),
        Pick("patient", "Patient", required=False, options=_patients, needed=True),
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
    addressee = _addressee(work, thread, patient)
    if open_request_to(work, thread, addressee.account_id) is not None:
        raise Conflict(f"{addressee.nick} was asked for a short video here already, and has not sent it yet. Withdraw that request to ask anew.")
    me, uid = work.member(thread), new_uid()
    payload = VideoRequest(uid, me.nick, addressee.nick, text or "", len(thread.patients) > 1)
    entry = work.append(thread, payload, Audience.ADDRESSEE, addressee=addressee, author=me, client_id=client_id)
    work.insert(
        video_requests, id=new_id(), uid=uid, thread_id=thread.id, entry_uid=entry, addressee_id=addressee.account_id,
        requester_id=me.account_id, text=text or "", state=State.OPEN, created_at=work.now,
    )
    work.audit_detail(request=uid, addressee=addressee.uid)
    return uid


def _addressee(work: Work, thread: LoadedThread, uid: str | None) -> LoadedMember:
    if not thread.patients:
        raise Conflict(NOBODY)
    only = thread.patients[0] if uid is None and len(thread.patients) == 1 else None
    found = only or next((one for one in thread.patients if one.uid == uid), None)
    if found is None:
        raise Invalid("Several patients are in this thread. Choose whom you ask.", field="patient")
    if work.row(sa.select(accounts.c.id).where(accounts.c.id == found.account_id, accounts.c.active.is_(True))) is None:
        raise Conflict(f"The account of {found.nick} is closed, so nobody could answer.")
    return found


def _open_here(work: Work, thread: LoadedThread | None) -> list[Option]:
    return [] if thread is None else open_options(work, thread)


@action(
    "video.withdraw",
    Permission.VIDEO_WITHDRAW,
    on=thread_or_administered,
    fields=(PickMessage("request", "Request", required=False, options=_open_here, newest=True),),
    offer=Offer(
        "Withdraw a request for a short video",
        "withdraw-video",
        "The patient reads that nothing needs to be sent.",
        "Withdrawn.",
        when=lambda work, thread: bool(_open_here(work, thread)),
        grave=True,
        otherwise="No request for a short video waits in this thread, so there is none to withdraw.",
    ),
)
def withdraw(work: Work, thread: LoadedThread, request: str | None) -> None:
    """Take a request back that is not answered, the newest if none is named: any staff of its thread, or an administrator.

    Raises: Invalid, Conflict when it was answered.
    """
    found = _open_here(work, thread)
    row = request_in(work, thread, request or (found[0].value if found else ""))
    me = thread.members.get(work.person.id)
    record.withdraw(work, thread, row, by=me.nick if me else work.person.name, author=me)


# What withdraws requests by itself.


def _concerns(account_id: int) -> sa.ColumnElement[bool]:
    return sa.or_(video_requests.c.requester_id == account_id, video_requests.c.addressee_id == account_id)


def _membership_ended(work: Work, thread: LoadedThread, member: LoadedMember) -> None:
    record.withdraw_all(work, sa.and_(video_requests.c.thread_id == thread.id, _concerns(member.account_id)), "left")


def _account_ended(work: Work, account_id: int) -> None:
    record.withdraw_all(work, _concerns(account_id), "deactivated", held=True)


endings.MEMBERSHIP.append(_membership_ended)
endings.ACCOUNT.append(_account_ended)
endings.CONCERNED.append(lambda work, account_id: record.open_in(work, _concerns(account_id)))
