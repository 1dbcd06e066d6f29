"""The action that posts a text. Imports clinic only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clinic.actions import action
from clinic.errors import NotFound
from clinic.fields import AppId, ClientId, Pick, Text
from clinic.loading import LoadedThread
from clinic.log import Audience, Quote
from clinic.permissions import Permission
from clinic.text.find import find
from clinic.text.kinds import NotePayload, TextPayload
from clinic.text.mentions import mentioned
from clinic.text.overlay import quote_of
from clinic.text.posting import post_as
from clinic.thread.actions import read_up_to, thread_for
from clinic.work import Door, Work

MAX_BYTES = 64 * 1024
REPLY_TO = Pick("reply_to", "Answers", required=False)
NOT_ANSWERED = "The message that you answer is not known in this thread. Send it without the quote."


def same_text(payload: Any, values: Mapping[str, Any]) -> bool:
    """Say whether a stored text or note is what these values say."""
    typed = isinstance(payload, (TextPayload, NotePayload))
    return typed and payload.text == values["body"] and payload.reply_to == (values["reply_to"] or "")


def quoted(work: Work, thread: LoadedThread, reply_to: str | None, audience: Audience = Audience.EVERYONE) -> Quote | None:
    """Return what a reply answers, as it reads now. What staff alone may see is answered to staff alone.

    Raises: NotFound where its author may not see it.
    """
    if reply_to is None:
        return None
    try:
        target = find(work, thread, reply_to)
    except NotFound:
        raise NotFound(NOT_ANSWERED) from None
    if target.audience is Audience.STAFF and audience is not Audience.STAFF:
        raise NotFound(NOT_ANSWERED)
    return quote_of(target)


@action(
    "text.post",
    Permission.TEXT_POST,
    on=thread_for,
    fields=(
        Text("body", "Message", max_bytes=MAX_BYTES, multiline=True),
        ClientId("client_id"),
        ClientId("earlier_client_id", required=False),
        AppId("message_id", required=False),
        REPLY_TO,
    ),
    batchable=True,
    audited=False,
    same=same_text,
)
def post(
    work: Work,
    thread: LoadedThread,
    body: str,
    client_id: str,
    earlier_client_id: str | None,
    message_id: str | None,
    reply_to: str | None,
) -> str:
    """Post a text in a thread; idempotent on (thread, author, client_id), so that resending is always safe.

    body: at most MAX_BYTES of UTF-8. earlier_client_id: for senders whose own ids repeat, what client_id would have been
    some minutes ago. message_id: the id attribute of the sender's stanza, which reflections carry. reply_to: uid of the entry
    that it answers. Who answers from a messaging app has read what that app received. Returns: the entry's uid.
    Raises: NotFound, Invalid, TooLong; Conflict for another text under a known id. Source: product.md, Threads; design.md, rule 9.
    """
    author, by_app = work.member(thread), work.actor.door is Door.XMPP
    if by_app:
        read_up_to(work, thread, author, author.delivered_seq)  # many apps tell nobody that they showed something
    quote = quoted(work, thread, reply_to)
    payload = TextPayload(body, quote.uid if quote else "", mentioned(body, thread, by_app=by_app))
    return post_as(work, thread, author, payload, client_id, message_id, quote)
