"""The action that posts a text. Imports clinic only."""

from __future__ import annotations

from clinic.actions import action
from clinic.fields import ClientId, Text
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.text.kinds import TextPayload
from clinic.text.posting import post_as
from clinic.thread.actions import read_up_to, thread_for
from clinic.work import Door, Work

MAX_BYTES = 64 * 1024


@action(
    "text.post",
    Permission.TEXT_POST,
    on=thread_for,
    fields=(
        Text("body", "Message", max_bytes=MAX_BYTES, multiline=True),
        ClientId("client_id"),
        ClientId("earlier_client_id", required=False),
        Text("message_id", max_bytes=1024, required=False),
    ),
    batchable=True,
    audited=False,
    same=lambda payload, values: payload == TextPayload(values["body"]),
)
def post(
    work: Work,
    thread: LoadedThread,
    body: str,
    client_id: str,
    earlier_client_id: str | None,
    message_id: str | None,
) -> str:
    """Post a text in a thread; idempotent on (thread, author, client_id), so that resending is always safe.

    body: at most MAX_BYTES of UTF-8. earlier_client_id: for senders whose own ids repeat, what client_id would have been
    some minutes ago. message_id: the id attribute of the sender's stanza, which reflections carry.
    Who answers from a messaging app has read what that app received. Returns: the entry's uid.
    Raises: NotFound, Invalid, TooLong; Conflict for another text under a known id. Source: product.md, Threads; design.md, rule 9.
    """
    author = work.member(thread)
    if work.actor.door is Door.XMPP:
        read_up_to(work, thread, author, author.delivered_seq)  # many apps tell nobody that they showed something
    return post_as(work, thread, author, TextPayload(body), client_id, message_id)
