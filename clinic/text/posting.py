"""Posting a text for a member: what the action, a text whose time has come and other capabilities share. Imports clinic only."""

from __future__ import annotations

from clinic.absence.replies import answer_if_away
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Quote
from clinic.text.kinds import TextPayload
from clinic.work import Work


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
