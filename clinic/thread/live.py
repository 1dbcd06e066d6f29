"""Actions of the live tail: where members are live, and how far each thread has been relayed. System only.

Imports clinic only. Addresses are opaque here; they outlive a crash of the process that serves them (rule 10).
"""

from __future__ import annotations

import sqlalchemy as sa

from clinic.actions import action
from clinic.errors import NotFound
from clinic.fields import Choice, Computed, Text, Uid
from clinic.loading import LoadedThread
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.thread.marks import delivered_up_to
from clinic.thread.tables import live_sessions, threads
from clinic.work import Work

ADDRESS = Text("address", max_bytes=3100)
HANDLE = Text("handle", max_bytes=32)
KIND = Choice("kind", options=("occupant", "page", "feed"))
THREAD = Uid("thread", required=False)
NICK = Text("nick", required=False, max_bytes=1000, multiline=True)  # as it was told, to the letter


def live_in(work: Work, thread_uid: str) -> set[str]:
    """Return the handles of the accounts whose apps or pages are in the thread now."""
    return {row.handle for row in work.rows(sa.select(live_sessions.c.handle).where(live_sessions.c.thread_uid == thread_uid))}


def _key(address: str, kind: str, thread: str | None) -> str:
    # A tab has one feed, whichever thread is open in it; in threads it is a page, as a client is an occupant.
    return f"{kind} {address}" if kind == "feed" else f"{kind} {thread} {address}"


@action("live.enter", Permission.SYSTEM, fields=(ADDRESS, KIND, THREAD, HANDLE, NICK), batchable=True, audited=False)
def enter(work: Work, address: str, kind: str, thread: str | None, handle: str, nick: str | None) -> None:
    """Remember that `address` of the account `handle` is live (in `thread`, as `nick`); again replaces what was known."""
    key = _key(address, kind, thread)
    work.delete(live_sessions, key)
    work.insert(
        live_sessions, key=key, address=address, kind=kind, handle=handle, thread_uid=thread, nick=nick, since=work.now
    )


@action("live.leave", Permission.SYSTEM, fields=(ADDRESS, KIND, THREAD), batchable=True, audited=False)
def leave(work: Work, address: str, kind: str, thread: str | None) -> None:
    """Forget that `address` is live there; no error when it was not."""
    work.delete(live_sessions, _key(address, kind, thread))


@action("live.clear_account", Permission.SYSTEM, fields=(HANDLE,), audited=False)
def clear_account(work: Work, handle: str) -> None:
    """Forget every live session of an account."""
    for row in work.rows(sa.select(live_sessions.c.key).where(live_sessions.c.handle == handle)):
        work.delete(live_sessions, row.key)


@action(
    "relay.advance",
    Permission.SYSTEM,
    on=thread_for,
    fields=(Computed("seq", kind=int),),
    batchable=True,
    audited=False,
)
def advance(work: Work, thread: LoadedThread, seq: int) -> None:
    """Remember that the live tail has delivered `thread` up to `seq`; it never moves back or past the log's end."""
    if seq > thread.last_seq:
        raise NotFound(f"The thread ends before {seq}.")
    if seq > thread.relayed_seq:
        thread.relayed_seq = seq
        work.update(threads, thread.id, relayed_seq=seq)


@action(
    "relay.delivered",
    Permission.SYSTEM,
    on=thread_for,
    fields=(Computed("upto", kind=dict),),
    batchable=True,
    audited=False,
)
def delivered(work: Work, thread: LoadedThread, upto: dict[str, int]) -> None:
    """Remember up to which seqs the live tail has delivered a thread to its members, by handle.

    A mark never moves back or past the log's end; who is no member any more is passed over.
    """
    for member in thread.members.values():
        delivered_up_to(work, thread, member, min(upto.get(member.handle, 0), thread.last_seq))
