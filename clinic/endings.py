"""What capabilities do when something of another one ends: a membership, an account, a link, an entry. Imports the standard library only.

Whoever ends it calls these inside its own action, after its own change and before the commit, and knows none of those who listen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clinic.loading import LoadedMember, LoadedThread
    from clinic.log import Entry
    from clinic.work import Work

MEMBERSHIP: list[Callable[[Work, LoadedThread, LoadedMember], None]] = []
"""Called with a thread and the member who is none any more."""
ACCOUNT: list[Callable[[Work, int], None]] = []
"""Called with the id of an account that is deactivated."""
CONCERNED: list[Callable[[Work, int], Collection[str]]] = []
"""Called with the id of an account before it is: gives the uids of the threads that a listener above will change."""
LINK: list[Callable[[Work, int, int], None]] = []
"""Called with the ids of a patient or coordinator and of the practitioner to whom they are not linked any more."""
TAKEN_BACK: list[Callable[[Work, LoadedThread, Entry], None]] = []
"""Called with an entry, as it was, that its author takes back or the group admin removes."""


def membership_ended(work: Work, thread: LoadedThread, member: LoadedMember) -> None:
    """Say that somebody has left a thread, was removed, or that it is being closed."""
    for listener in MEMBERSHIP:
        listener(work, thread, member)


def threads_concerned(work: Work, account_id: int) -> set[str]:
    """Return the uids of the threads that change when an account is deactivated, so that all are locked at once, in one order."""
    return {uid for listener in CONCERNED for uid in listener(work, account_id)}


def account_ended(work: Work, account_id: int) -> None:
    """Say that an account is being deactivated."""
    for listener in ACCOUNT:
        listener(work, account_id)


def link_ended(work: Work, account_id: int, practitioner_id: int) -> None:
    """Say that a patient or a coordinator is being unlinked from a practitioner."""
    for listener in LINK:
        listener(work, account_id, practitioner_id)


def taken_back(work: Work, thread: LoadedThread, entry: Entry) -> None:
    """Say that an entry is being taken back or removed."""
    for listener in TAKEN_BACK:
        listener(work, thread, entry)
