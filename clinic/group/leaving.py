"""Leaving a thread and deleting one's own view of it; and what becomes of groups when an account is deactivated.

Actions; imports clinic only. The record stays: what is left or put away is gone for its member, never from the log.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from clinic.account.actions import account_for, shut_out
from clinic.actions import Offer, action
from clinic.endings import account_ended, threads_concerned
from clinic.errors import Invalid
from clinic.fields import Option, PickPerson
from clinic.group.managing import depart, let_go, managed, pass_on, shut, successor, successors
from clinic.loading import LoadedMember, LoadedThread
from clinic.permissions import Permission, Role
from clinic.thread.actions import thread_for
from clinic.thread.kinds import Notice
from clinic.thread.members import members_changed
from clinic.thread.tables import memberships, threads
from clinic.work import Work

CLOSE = "close"
ASK = "You are the group admin. Choose first what becomes of the group: hand it over to another practitioner in it, or close it for everyone."
ALONE = "You are the group admin, and no other practitioner is in this group. Close it for everyone, or invite a practitioner and hand it over first."


def _becomes(work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None or not work.member(thread).group_admin:
        return []
    heirs = [Option(member.uid, f"Hand it over to {member.nick}") for member in successors(work, thread)]
    return [*heirs, Option(CLOSE, "Close it for everyone")]


@action(
    "thread.leave",
    Permission.THREAD_LEAVE,
    on=thread_for,
    gated=False,
    fields=(PickPerson("then", "What becomes of the group", required=False, options=_becomes),),
    offer=Offer(
        "Leave and delete the thread",
        "leave",
        "It is gone from your list; the clinic keeps the record. A thread of two comes back with the next message; a group is left for good.",
        "The thread is gone from your list.",
        grave=True,
        leads=lambda _: "/",
    ),
)
def leave(work: Work, thread: LoadedThread, then: str | None) -> None:
    """Leave a thread and delete one's own view of it.

    A 1:1, and what one is in by the clinic's own links, is put away until something new is said there; a patient does not see again
    what was before. A group, and where one was invited, is left for good, announced. then: for the group admin, who
    must choose: the uid of the practitioner who takes over, or "close". Raises: Invalid. Source: product.md, Threads.
    """
    me = work.member(thread)
    if me.included or (thread.kind == "direct" and me.invited_by is None):
        _put_away(work, thread, me)
        return
    if me.group_admin:
        if then is None:
            raise Invalid(ASK if successors(work, thread) else ALONE, field="then")
        if then == CLOSE:
            work.audit_detail(closed=True)
            shut(work, thread)
            return
        to = successor(work, thread, then, "then")
        pass_on(work, thread, to, Notice("handed-over", (me.nick, to.nick)))
    depart(work, thread, me, Notice("left", (me.nick,)))


def _put_away(work: Work, thread: LoadedThread, me: LoadedMember) -> None:
    values: dict[str, Any] = {"put_away_seq": thread.last_seq}
    if me.role is Role.PATIENT:
        me.from_seq = values["from_seq"] = thread.last_seq
    work.update(memberships, me.id, **values)
    thread.put_away = True
    work.update(threads, thread.id, put_away=True)
    members_changed(work, thread)


@action("account.deactivate", Permission.ACCOUNT_MANAGE, on=account_for)
def deactivate(work: Work, account: sa.Row[Any]) -> None:
    """Close an account's every way in at once; its entries and memberships stay.

    Groups that it manages go to the practitioner who has been in them longest, announced; opening the account again does not
    take them back. Where there is no other practitioner it keeps the group, said there, until one comes in.
    """
    shut_out(work, account)
    work.threads(sorted({*managed(work, account.id), *threads_concerned(work, account.id)}))
    let_go(work, account.id)
    account_ended(work, account.id)
