"""Actions on one's own saved replies, and the one that posts a reply in a thread. Imports clinic only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from clinic.account.settings import setting
from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotFound
from clinic.fields import ClientId, Option, Pick, Text
from clinic.loading import LoadedThread
from clinic.permissions import Permission, Role
from clinic.saved_reply.placeholders import CLINIC, DATE, ME, PATIENT, PRACTITIONER, filled, placeholders
from clinic.saved_reply.tables import saved_replies
from clinic.storage import new_id, new_uid
from clinic.text.kinds import TextPayload
from clinic.text.posting import MAX_BYTES, post_typed
from clinic.thread.actions import thread_for
from clinic.work import Work

MOST_REPLIES = 500
TITLE = Text("title", "Title", max_bytes=200, required=False)
BODY = Text("body", "Text", max_bytes=MAX_BYTES, multiline=True)
# Source: seed/message-threads.txt, "Saved replies".
EXAMPLES = (
    ("Delay", "I will respond in a few minutes."),
    ("Welcome", "Hi [PATIENT NAME], please share any relevant documentation prior to the consultation."),
)
NOT_YOURS = "This saved reply is not there any more. Choose another one."


def own_rows(work: Work) -> Sequence[sa.Row[Any]]:
    """Return the actor's saved replies, the most used first."""
    mine = sa.select(saved_replies).where(saved_replies.c.account_id == work.person.id)
    return work.rows(mine.order_by(saved_replies.c.uses.desc(), saved_replies.c.created_at, saved_replies.c.id))


def reply_for(work: Work, uid: str) -> sa.Row[Any]:
    """Return one of the actor's own saved replies. Raises: NotFound, also for somebody else's."""
    row = work.row(sa.select(saved_replies).where(saved_replies.c.uid == uid, saved_replies.c.account_id == work.person.id))
    if row is None:
        raise NotFound(NOT_YOURS)
    return row


def called(row: sa.Row[Any]) -> str:
    """Return what a reply is called: its title, or how it begins."""
    text = " ".join(row.body.split())
    return str(row.title) if row.title else text if len(text) <= 60 else f"{text[:59]}…"


def values_in(work: Work, thread: LoadedThread) -> dict[str, str]:
    """Return what placeholders stand for in a thread, for the actor: only those that one thing fits."""
    values = {ME: work.person.name, CLINIC: setting(work, "clinic_name")}
    day = work.now.astimezone(ZoneInfo(setting(work, "time_zone")))
    values[DATE] = f"{day.day} {day:%B} {day.year}"
    if len(thread.patients) == 1:
        values[PATIENT] = thread.patients[0].name
    chiefs = [member.name for member in thread.members.values() if member.role is Role.PRACTITIONER]
    if work.role is Role.PRACTITIONER:
        values[PRACTITIONER] = work.person.name
    elif len(chiefs) == 1:
        values[PRACTITIONER] = chiefs[0]
    return values


def _insert(work: Work, title: str | None, body: str, place: int = 0) -> str:
    uid = new_uid()
    at = work.now + timedelta(microseconds=place)  # several of one moment keep their order
    work.insert(saved_replies, id=new_id(), uid=uid, account_id=work.person.id, title=title, body=body, uses=0, used_at=None, created_at=at)
    return uid


@action("saved_reply.create", Permission.SAVED_REPLY_OWN, fields=(TITLE, BODY))
def create(work: Work, title: str | None, body: str) -> str:
    """Keep a text to send again. Returns: its uid. Raises: Conflict where the actor has MOST_REPLIES."""
    if len(own_rows(work)) >= MOST_REPLIES:
        raise Conflict(f"You have {MOST_REPLIES} saved replies, which is the most. Delete one that you do not use.")
    uid = _insert(work, title, body)
    work.audit_subject(uid)
    return uid


@action("saved_reply.add_examples", Permission.SAVED_REPLY_OWN)
def add_examples(work: Work) -> int:
    """Add the example replies that the actor does not have. Returns: how many."""
    known = {row.body for row in own_rows(work)}
    missing = [example for example in EXAMPLES if example[1] not in known]
    for place, (title, body) in enumerate(missing):
        _insert(work, title, body, place)
    return len(missing)


@action("saved_reply.describe", Permission.SAVED_REPLY_OWN, on=reply_for, fields=(TITLE, BODY))
def describe(work: Work, reply: sa.Row[Any], title: str | None, body: str) -> None:
    """Change one's own saved reply; what was sent with it stays."""
    work.update(saved_replies, reply.id, title=title, body=body)


@action("saved_reply.delete", Permission.SAVED_REPLY_OWN, on=reply_for)
def delete(work: Work, reply: sa.Row[Any]) -> None:
    """Delete one's own saved reply; what was sent with it stays."""
    work.delete(saved_replies, reply.id)


@action("saved_reply.used", Permission.SAVED_REPLY_OWN, on=reply_for, audited=False)
def used(work: Work, reply: sa.Row[Any]) -> None:
    """Count that a reply was put into a message: the most used ones stand first."""
    _count(work, reply)


def _count(work: Work, reply: sa.Row[Any]) -> None:
    work.update(saved_replies, reply.id, uses=reply.uses + 1, used_at=work.now)


def _options(work: Work, _thread: LoadedThread | None) -> list[Option]:
    return [Option(row.uid, called(row), "" if not row.title else " ".join(row.body.split())[:60]) for row in own_rows(work)]


def _same(payload: Any, values: Mapping[str, Any]) -> bool:
    # What a reply says without words of one's own depends on the day and may be changed: the id then decides.
    return isinstance(payload, TextPayload) and values["body"] in (None, payload.text)


@action(
    "saved_reply.post",
    Permission.SAVED_REPLY_OWN,
    on=thread_for,
    fields=(
        Pick("reply", "Saved reply", options=_options),
        Text("body", "Text, if you change it", max_bytes=MAX_BYTES, multiline=True, required=False),
        ClientId("client_id"),
    ),
    same=_same,
    audited=False,
    offer=Offer(
        "Post a saved reply",
        "reply",
        "Placeholders such as [PATIENT NAME] are filled in; where one cannot be, nothing is posted and you get the text to complete.",
        "Posted.",
        when=lambda work, _thread: bool(own_rows(work)),
    ),
)
def post(work: Work, thread: LoadedThread, reply: str, body: str | None, client_id: str) -> str:
    """Post one's own saved reply in a thread, as it stands or changed; the template stays.

    body: the text as edited, None for the reply with its placeholders filled in. Returns: the entry's uid.
    Raises: Invalid while a placeholder of the reply is left, with the text to complete. Source: product.md, Saved replies.
    """
    work.require(Permission.TEXT_POST, thread)
    row = next((row for row in own_rows(work) if row.uid == reply), None)
    if row is None:
        raise Invalid(NOT_YOURS, field="reply")
    text = filled(row.body, values_in(work, thread)) if body is None else body
    left = [one for one in placeholders(row.body) if one in text]
    if left:
        words = f"Not sent: complete {', '.join(left)} first, by your own words."
        raise Invalid(words if body is not None else f"{words} The text to copy and complete:\n{text}", field="body")
    _count(work, row)
    return post_typed(work, thread, text, client_id)
