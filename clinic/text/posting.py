"""Posting a text for a member: what the action, a text whose time has come and other capabilities share. Imports clinic only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clinic.absence.replies import answer_if_away
from clinic.calls import Door
from clinic.errors import Invalid, NotFound
from clinic.fields import AppId, ClientId, Field, Pick
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience, Quote
from clinic.text.find import find
from clinic.text.kinds import NotePayload, TextPayload
from clinic.text.mentions import mentioned
from clinic.text.overlay import quotable, quote_of
from clinic.thread.marks import read_up_to
from clinic.work import Work

MAX_BYTES = 64 * 1024
REPLY_TO = Pick("reply_to", "Answers", required=False)
# What every kind that people type comes with, beside its words.
SENT_WITH: tuple[Field, ...] = (
    ClientId("client_id"),
    ClientId("earlier_client_id", required=False),
    AppId("message_id", required=False),
    REPLY_TO,
)
NOT_ANSWERED = "The message that you answer is not known in this thread. Send it without the quote."

FOR_ONE = "What you answer is for one patient and staff only, and others here would read the quote. Send your message without it."


def same_text(payload: Any, values: Mapping[str, Any]) -> bool:
    """Say whether a stored text or note is what these values say."""
    typed = isinstance(payload, (TextPayload, NotePayload))
    return typed and payload.text == values["body"] and payload.reply_to == (values["reply_to"] or "")


def quoted(work: Work, thread: LoadedThread, reply_to: str | None, audience: Audience = Audience.EVERYONE) -> Quote | None:
    """Return what a reply answers, as it reads now. What staff alone may see is answered to staff alone; no words reach others in a quote.

    Raises: NotFound where its author may not see it, Invalid where others who would read the quote may not.
    """
    if reply_to is None:
        return None
    try:
        target = find(work, thread, reply_to)
    except NotFound:
        raise NotFound(NOT_ANSWERED) from None
    if target.audience is Audience.STAFF and audience is not Audience.STAFF:
        raise NotFound(NOT_ANSWERED)
    if not quotable(target, audience, thread):
        raise Invalid(FOR_ONE, field="reply_to")
    return quote_of(target)


def post_typed(work: Work, thread: LoadedThread, text: str, client_id: str, message_id: str | None = None, quote: Quote | None = None) -> str:
    """Post what the actor has typed or chosen just now; by an app, they have read what it received. As `post_as`. Returns: the entry's uid."""
    author, by_app = work.member(thread), work.actor.door is Door.XMPP
    if by_app:
        read_up_to(work, thread, author, author.delivered_seq)  # many apps tell nobody that they showed something
    payload = TextPayload(text, quote.uid if quote else "", mentioned(text, thread, by_app=by_app))
    return post_as(work, thread, author, payload, client_id, message_id, quote)


def post_as(
    work: Work,
    thread: LoadedThread,
    author: LoadedMember,
    payload: TextPayload,
    client_id: str,
    message_id: str | None = None,
    quote: Quote | None = None,
) -> str:
    """Append a text of `author`, a member of the loaded thread; the clinic answers a patient where those they write to are away.

    client_id: unique in the thread and for the author. quote: what it answers, where the payload names it. Returns: the entry's uid.
    """
    uid = work.append(thread, payload, author=author, client_id=client_id, message_id=message_id, quote=quote)
    answer_if_away(work, thread, author)
    return uid
