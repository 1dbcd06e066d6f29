"""Views of one's own saved replies: the list, as they read in a thread, and what of an own message would be kept. Imports clinic only."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.account.folding import fold_name
from clinic.actions import view
from clinic.errors import NotFound
from clinic.fields import is_uid
from clinic.permissions import Permission
from clinic.saved_reply.actions import called, own_rows, reply_for, values_in
from clinic.saved_reply.placeholders import filled, placeholders, put_back
from clinic.text.find import find
from clinic.text.kinds import TextPayload
from clinic.work import Work


@dataclass(frozen=True, slots=True)
class SavedReply:
    """One's own saved reply. called: its title, or how it begins."""

    uid: str
    title: str | None
    called: str
    body: str
    uses: int


@dataclass(frozen=True, slots=True)
class FittedReply:
    """A saved reply as it reads in one thread. open: the placeholders to be completed by hand."""

    uid: str
    title: str | None
    called: str
    text: str
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What of an own message would be kept as a reply. replaced: whether a patient's name gave way to its placeholder."""

    text: str
    replaced: bool


@view(Permission.SAVED_REPLY_OWN)
def own_replies(work: Work) -> list[SavedReply]:
    """Return the actor's saved replies, the most used first."""
    return [SavedReply(row.uid, row.title, called(row), row.body, row.uses) for row in own_rows(work)]


@view(Permission.SAVED_REPLY_OWN)
def replies_in(work: Work, thread_uid: str, query: str = "") -> list[FittedReply]:
    """Return the actor's saved replies as they read in a thread. query: words that title or text hold. Raises: NotFound."""
    thread = work.thread(thread_uid)
    values, words = values_in(work, thread), fold_name(query).split()
    found = []
    for row in own_rows(work):
        if all(word in fold_name(f"{row.title or ''} {row.body}") for word in words):
            found.append(_fitted(row.uid, row.title, called(row), row.body, values))
    return found


@view(Permission.SAVED_REPLY_OWN)
def reply_in(work: Work, thread_uid: str, uid: str) -> FittedReply:
    """Return one of the actor's saved replies as it reads in a thread. Raises: NotFound."""
    thread, row = work.thread(thread_uid), reply_for(work, uid)
    return _fitted(row.uid, row.title, called(row), row.body, values_in(work, thread))


def _fitted(uid: str, title: str | None, name: str, body: str, values: dict[str, str]) -> FittedReply:
    return FittedReply(uid, title, name, filled(body, values), tuple(one for one in placeholders(body) if one not in values))


@view(Permission.SAVED_REPLY_OWN)
def proposal(work: Work, thread_uid: str, entry_uid: str, *, names: bool = False) -> Proposal:
    """Return an own text of a thread as a reply to keep: with the placeholder for a patient's name, or (names) as it was typed.

    Raises: NotFound for what is no text of the actor's own.
    """
    thread = work.thread(thread_uid)
    entry = find(work, thread, entry_uid) if is_uid(entry_uid) else None
    if entry is None or entry.author is None or entry.author.uid != work.person.uid or not isinstance(entry.payload, TextPayload):
        raise NotFound()
    typed = entry.payload.text
    kept = put_back(typed, [name for patient in thread.patients for name in (patient.name, patient.nick)])
    return Proposal(typed if names else kept, kept != typed)
