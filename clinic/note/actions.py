"""The action that posts an internal note. Imports clinic only."""

from __future__ import annotations

from clinic.actions import Offer, action
from clinic.fields import Text
from clinic.loading import LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission
from clinic.text.kinds import NotePayload
from clinic.text.mentions import mentioned
from clinic.text.posting import MAX_BYTES, SENT_WITH, quoted, same_text
from clinic.thread.actions import thread_for
from clinic.work import Work


@action(
    "note.post",
    Permission.NOTE,
    on=thread_for,
    fields=(
        Text("body", "Internal note", max_bytes=MAX_BYTES, multiline=True),
        *SENT_WITH,
    ),
    batchable=True,
    audited=False,
    same=same_text,
    offer=Offer("Write an internal note", "note", "Only staff in this thread see it, never a patient.", "The note is in the thread, for staff only."),
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
    """Post a note that staff of the thread see and no patient ever does; idempotent as text.post is.

    Returns: the entry's uid. Raises: NotFound, Invalid, TooLong; Conflict. Source: product.md, Threads and Permissions.
    """
    quote = quoted(work, thread, reply_to, Audience.STAFF)
    payload = NotePayload(body, quote.uid if quote else "", mentioned(body, thread, audience=Audience.STAFF))
    author = work.member(thread)
    return work.append(thread, payload, Audience.STAFF, author=author, client_id=client_id, message_id=message_id, quote=quote)
