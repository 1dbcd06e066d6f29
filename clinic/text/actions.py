"""The action that posts a text. Imports clinic only."""

from __future__ import annotations

from clinic.actions import action
from clinic.fields import Text
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.text.posting import MAX_BYTES, SENT_WITH, post_typed, quoted, same_text
from clinic.thread.actions import thread_for
from clinic.work import Work


@action(
    "text.post",
    Permission.TEXT_POST,
    on=thread_for,
    fields=(
        Text("body", "Message", max_bytes=MAX_BYTES, multiline=True),
        *SENT_WITH,
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
    return post_typed(work, thread, body, client_id, message_id, quoted(work, thread, reply_to))
