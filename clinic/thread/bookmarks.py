"""The list of threads that a person's messaging apps share: who is to find which thread there, and what it was told last.

A person may remove a thread from that list, rename it there or have it opened by hand: what they did stays. Therefore it is
remembered what the list was told, and a thread that is missing there afterwards is not put back. System only; imports clinic only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from clinic.account.tables import accounts
from clinic.actions import action, view
from clinic.fields import Computed, Text
from clinic.loading import LoadedThread
from clinic.outbox import BOOKMARK, BOOKMARKS, jobs
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.thread.shown import put_away
from clinic.thread.tables import bookmarks, live_sessions, memberships, threads
from clinic.thread.views import title_for
from clinic.work import Work

HANDLE = Text("handle", max_bytes=32)


@dataclass(frozen=True, slots=True)
class Listing:
    """How a person's list names a thread, and the person in it."""

    title: str
    nick: str


@dataclass(frozen=True, slots=True)
class Bookmark:
    """What a person's list is to say of a thread (None: nothing, they are no member any more or have put it away), and what it was told last."""

    handle: str
    wanted: Listing | None
    told: Listing | None


def _here(thread: LoadedThread) -> sa.Select[Any]:
    """Return the selection of all memberships of a thread, ended ones too, with what was told of them."""
    columns = memberships.c.id, memberships.c.account_id, memberships.c.nick, put_away().label("away"), accounts.c.handle
    source = memberships.join(accounts, accounts.c.id == memberships.c.account_id).outerjoin(bookmarks)
    told = bookmarks.c.title, bookmarks.c.nick.label("told_nick")
    return sa.select(*columns, *told).select_from(source).where(memberships.c.thread_id == thread.id)


@view(Permission.SYSTEM)
def untold(work: Work, uid: str) -> list[Bookmark]:
    """Return the people whose list was not told yet what the thread is now. Raises: NotFound."""
    thread = work.thread(uid)
    found = []
    for row in work.rows(_here(thread).order_by(memberships.c.id)):
        here = row.account_id in thread.members and not row.away
        wanted = Listing(title_for(thread, row.account_id), row.nick) if here else None
        told = Listing(row.title, row.told_nick) if row.title is not None else None
        if wanted != told:
            found.append(Bookmark(row.handle, wanted, told))
    return found


@dataclass(frozen=True, slots=True)
class Invited:
    """Somebody to invite into a thread. bookmarked: their apps find it in their list."""

    title: str
    bookmarked: bool


@view(Permission.SYSTEM)
def invited(work: Work, uid: str, handle: str) -> Invited | None:
    """Return how to invite a member; None for who is in the thread with an app already, or is no member."""
    thread = work.thread(uid)
    row = work.row(_here(thread).where(accounts.c.handle == handle))
    here = sa.select(live_sessions.c.key).where(
        live_sessions.c.kind == "occupant", live_sessions.c.thread_uid == uid, live_sessions.c.handle == handle
    )
    if row is None or row.account_id not in thread.members or work.row(here) is not None:
        return None
    return Invited(title_for(thread, row.account_id), row.title is not None)


@action(
    "bookmark.told",
    Permission.SYSTEM,
    on=thread_for,
    fields=(HANDLE, Computed("listing", kind=Listing, required=False)),
    batchable=True,
    audited=False,
)
def told(work: Work, thread: LoadedThread, handle: str, listing: Listing | None) -> None:
    """Remember what a person's list was told of a thread; None: that it is to hold it no more."""
    row = work.row(_here(thread).where(accounts.c.handle == handle))
    if row is not None:
        work.delete(bookmarks, row.id)
        if listing is not None:
            work.insert(bookmarks, membership_id=row.id, title=listing.title, nick=listing.nick)


@action("bookmark.seek", Permission.SYSTEM, audited=False)
def seek(work: Work) -> int:
    """Queue the threads of which somebody's list was never told, or not that they left; return how many.

    They are older than the lists, or telling was given up. What waits already is not queued again.
    """
    waiting, given_up = set(), []
    for row in work.rows(sa.select(jobs).where(jobs.c.queue == BOOKMARKS)):
        if row.parked_at is None:
            waiting.add(json.loads(row.payload)["thread"])
        else:
            given_up.append(row.id)
    gone, listed = sa.or_(memberships.c.ended_at.is_not(None), put_away()), bookmarks.c.title.is_not(None)
    source = memberships.join(threads, threads.c.id == memberships.c.thread_id).outerjoin(bookmarks)
    wrong = sa.select(threads.c.uid).select_from(source).where(gone == listed).distinct()
    missing = {row.uid for row in work.rows(wrong)} - waiting
    for job_id in given_up:
        work.delete(jobs, job_id)
    for uid in sorted(missing):
        work.enqueue(BOOKMARKS, BOOKMARK, thread=uid)
    return len(missing)
