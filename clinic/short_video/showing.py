"""Showing a short video to everybody in a group, which its patient alone decides; and what becomes of it when they take it back. Imports clinic only.

Who sees an entry never changes: it is posted a second time, for everyone, as another file over the same content.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic import endings
from clinic.actions import Offer, action
from clinic.errors import Conflict
from clinic.fields import ClientId, Option, PickMessage
from clinic.file.kinds import time_in_words
from clinic.file.media import Purpose
from clinic.file.sending import Sending, found_of, place
from clinic.file.tables import blobs, files
from clinic.loading import LoadedThread
from clinic.log import Entry, entries, entry_of, select_entries
from clinic.permissions import Permission, Role
from clinic.short_video.answering import video_of
from clinic.short_video.kinds import VideoBecame, VideoPayload
from clinic.storage import new_uid
from clinic.text.find import find, id_of
from clinic.text.kinds import Retraction
from clinic.thread.actions import thread_for
from clinic.work import Work

NONE = "There is no video of yours here that only you and the clinic's staff see."


def _shown_of(file_id: Any) -> sa.Select[Any]:
    """Return the select of what a video is shown as in its thread. file_id: of the video, in `files`."""
    copies = files.alias()
    still = sa.and_(copies.c.withdrawn_at.is_(None), copies.c.kind == "video", copies.c.entry_uid.is_not(None))
    return sa.select(copies).where(copies.c.origin_id == file_id, still)


def _unshown(work: Work, thread: LoadedThread | None) -> list[sa.Row[Any]]:
    """Return the actor's videos in a thread that the other patients do not see, newest first."""
    if thread is None or work.role is not Role.PATIENT or len(thread.patients) < 2:
        return []
    query = (
        sa.select(files, blobs.c.duration_ms)
        .join(blobs, blobs.c.id == files.c.blob_id)
        .join(entries, entries.c.uid == files.c.entry_uid)
        .where(files.c.thread_id == thread.id, files.c.kind == "video", files.c.withdrawn_at.is_(None))
        .where(entries.c.thread_id == thread.id, entries.c.addressee_id == work.person.id, entries.c.author_id == work.person.id)
        .where(~_shown_of(files.c.id).exists())
        .order_by(files.c.id.desc())
    )
    return list(work.rows(query))


def _options(work: Work, thread: LoadedThread | None) -> list[Option]:
    return [Option(row.entry_uid, f"Short video ({time_in_words(row.duration_ms)})", entry=row.entry_uid) for row in _unshown(work, thread)]


@action(
    "video.show",
    Permission.VIDEO_SEND,
    on=thread_for,
    fields=(PickMessage("video", "Video", required=False, options=_options, newest=True), ClientId("client_id")),
    same=lambda payload, _values: isinstance(payload, VideoPayload),
    offer=Offer(
        "Show a short video to everybody",
        "show-video",
        "All patients and staff of this thread see it then. You can take it back.",
        "Everybody in the thread sees it now.",
        when=lambda work, thread: bool(_unshown(work, thread)),
        grave=True,
        otherwise=NONE,
    ),
)
def show(work: Work, thread: LoadedThread, video: str | None, client_id: str) -> str:
    """Show a video that its patient and staff alone see to everybody in the thread: the newest if none is named.

    video: the uid of its entry. Returns: the uid of the entry that everybody sees. Raises: Conflict where there is none to show.
    """
    row = next((one for one in _unshown(work, thread) if video in (None, one.entry_uid)), None)
    blob = None if row is None else work.row(sa.select(blobs).where(blobs.c.id == row.blob_id))
    if row is None or blob is None:
        raise Conflict(NONE)
    target, me = find(work, thread, row.entry_uid), work.member(thread)
    sending = Sending(new_uid(), blob.id, found_of(blob), blob.size_bytes, target.payload.name, Purpose.VIDEO, origin_id=row.id)
    entry = work.append(thread, video_of(sending, "", private=False), author=me, client_id=client_id)
    place(work, thread, me, sending, entry, "video", None)  # it is in their folder already
    work.append_about(thread, target, VideoBecame(target.payload.request), author=me)
    return entry


def _taken_back(work: Work, thread: LoadedThread, entry: Entry) -> None:
    """With a video goes what it is shown as to everybody; without that it may be shown again."""
    if not isinstance(entry.payload, VideoPayload):
        return
    if not entry.payload.private:
        _hidden_again(work, thread, entry)
        return
    row = work.row(sa.select(files.c.id).where(files.c.entry_uid == entry.uid, files.c.thread_id == thread.id))
    me = work.member(thread)
    for copy in work.rows(_shown_of(row.id)) if row is not None else ():
        found = work.row(select_entries().where(entries.c.thread_id == thread.id, entries.c.uid == copy.entry_uid))
        if found is not None:
            shown = entry_of(found)
            mine = shown.author is not None and shown.author.uid == me.uid
            work.update(files, copy.id, withdrawn_at=work.now, withdrawn_by=me.account_id)
            work.append_about(thread, shown, Retraction(shown.uid, id_of(shown), moderator="" if mine else me.nick), author=me)


def _hidden_again(work: Work, thread: LoadedThread, entry: Entry) -> None:
    copies = files.alias()
    shown_as = sa.select(copies.c.origin_id).where(copies.c.entry_uid == entry.uid, copies.c.thread_id == thread.id)
    video = sa.select(files.c.entry_uid).where(files.c.id.in_(shown_as), files.c.thread_id == thread.id, files.c.withdrawn_at.is_(None))
    found = work.row(select_entries().where(entries.c.thread_id == thread.id, entries.c.uid.in_(video)))
    if found is not None:
        private = entry_of(found)
        work.append_about(thread, private, VideoBecame(private.payload.request, shown=False), author=work.member(thread))


endings.TAKEN_BACK.append(_taken_back)
