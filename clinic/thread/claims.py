"""Actions by which staff say who of them answers in a thread. Imports clinic only.

Colleagues read it in a notice, in the list and in the head; patients learn nothing of it.
"""

from __future__ import annotations

from clinic.actions import Offer, action
from clinic.errors import Conflict
from clinic.loading import LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission
from clinic.thread.actions import thread_for
from clinic.thread.kinds import Notice
from clinic.thread.members import put_claim
from clinic.work import Work


def _claimed_by(work: Work, thread: LoadedThread) -> str:
    """Say whose the thread is: "" nobody's, "me", or a colleague's shown name. Who has left the thread answers no more."""
    if thread.claimed_by is None or thread.claimed_by not in thread.members:
        return ""
    return "me" if thread.claimed_by == work.person.id else thread.members[thread.claimed_by].nick


def _answer(work: Work, thread: LoadedThread, code: str, *names: str) -> None:
    me = work.member(thread)
    put_claim(work, thread, None if code == "claim-released" else me.account_id)
    work.append(thread, Notice(code, (me.nick, *names)), Audience.STAFF, author=me)


@action(
    "thread.claim",
    Permission.THREAD_CLAIM,
    on=thread_for,
    offer=Offer(
        "Answer in this thread",
        "claim",
        "Your colleagues see that you answer; patients do not.",
        "Your colleagues see that you answer here.",
        when=lambda work, thread: _claimed_by(work, thread) == "",
    ),
)
def claim(work: Work, thread: LoadedThread) -> bool:
    """Say to colleagues that the actor answers in a thread. Returns: whether that is new.

    Raises: Conflict where a colleague answers; `thread.take_over` is then the way. Source: product.md, Threads.
    """
    whose = _claimed_by(work, thread)
    if whose == "me":
        return False
    if whose:
        raise Conflict(f"{whose} answers in this thread already. If you answer instead, take it over.")
    _answer(work, thread, "claimed")
    return True


@action(
    "thread.take_over",
    Permission.THREAD_CLAIM,
    on=thread_for,
    offer=Offer(
        "Take the thread over from a colleague",
        "takeover",
        "From now on you answer instead of your colleague.",
        "You answer here now.",
        when=lambda work, thread: _claimed_by(work, thread) not in ("", "me"),
        grave=True,
    ),
)
def take_over(work: Work, thread: LoadedThread) -> bool:
    """Answer in a thread instead of the colleague who said that they do. Returns: whether that is new."""
    whose = _claimed_by(work, thread)
    if whose == "me":
        return False
    if whose:
        _answer(work, thread, "claim-taken-over", whose)
    else:
        _answer(work, thread, "claimed")
    return True


@action(
    "thread.unclaim",
    Permission.THREAD_CLAIM,
    on=thread_for,
    offer=Offer(
        "Answer no more in this thread",
        "unclaim",
        "Your colleagues see that somebody else is to answer.",
        "You answer here no more.",
        when=lambda work, thread: _claimed_by(work, thread) == "me",
    ),
)
def unclaim(work: Work, thread: LoadedThread) -> bool:
    """Say to colleagues that the actor answers no more. Returns: whether anything changed. Raises: Conflict for a colleague's claim."""
    whose = _claimed_by(work, thread)
    if whose not in ("", "me"):
        raise Conflict(f"{whose} answers in this thread. Only they can say that they do no more; you can take it over.")
    if whose:
        _answer(work, thread, "claim-released")
    return whose == "me"
