"""Share links of a group: a link to pass on outside, with which somebody asks to be let in and the group admin decides.

Actions; imports clinic only. A link is random, kept as a MAC, shown once; it runs out and can be revoked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from clinic.account.people import told_apart
from clinic.account.secrets import mac, new_token
from clinic.account.tables import accounts
from clinic.actions import Offer, action
from clinic.audit.tables import denials
from clinic.errors import Conflict, Expired, Invalid, NotFound, TooMany
from clinic.fields import Choice, Option, Pick, PickPerson, Text
from clinic.gates import pass_gates
from clinic.group.inviting import bring
from clinic.group.managing import is_group
from clinic.group.people import ANYBODY, chosen
from clinic.loading import LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission, Role
from clinic.storage import new_id, new_uid
from clinic.thread.actions import thread_for
from clinic.thread.kinds import Notice
from clinic.thread.tables import share_links, share_requests, threads
from clinic.work import Work

DAYS = ("1", "7", "30")
DEFAULT_DAYS = "7"
LINKS_AT_MOST = 5
# What one person may have waiting for an answer, and how many links that are none they may try in two minutes.
ASKED_AT_MOST, TRIED_AT_MOST = 10, 30
TRIED_WITHIN = timedelta(minutes=2)
DECIDED_FOR = timedelta(days=1)
NO_LINK = "This share link is not valid any more. Ask whoever sent it to you for a new one."
PURPOSE = "share-link"


@dataclass(frozen=True, slots=True)
class Shared:
    """A new share link: `token` is shown once and never stored."""

    uid: str
    token: str
    expires_at: datetime


def live_links(work: Work, thread_id: int) -> list[sa.Row[tuple[object, ...]]]:
    """Return the share links of a thread that work now, the newest last."""
    works = sa.and_(share_links.c.revoked_at.is_(None), share_links.c.expires_at > work.now)
    query = sa.select(share_links).where(share_links.c.thread_id == thread_id, works).order_by(share_links.c.id)
    return list(work.rows(query))


def open_requests(work: Work, thread_id: int) -> list[sa.Row[tuple[object, ...]]]:
    """Return who waits for the group admin's answer, the first who asked first."""
    waits = sa.and_(share_requests.c.thread_id == thread_id, share_requests.c.decided_at.is_(None), accounts.c.active.is_(True))
    query = sa.select(share_requests.c.id, share_requests.c.asked_at, accounts.c.id.label("account_id"), accounts.c.uid).join(
        accounts, accounts.c.id == share_requests.c.account_id
    )
    return list(work.rows(query.where(waits).order_by(share_requests.c.id)))


@action(
    "group.share",
    Permission.GROUP_MANAGE,
    on=thread_for,
    fields=(Choice("days", "Days for which it works", required=False, options=DAYS),),
    offer=Offer(
        "Make a share link",
        "share",
        f"Whoever opens it logs in and asks you to be let in. It works for {DEFAULT_DAYS} days unless you say otherwise.",
        "Copy the link now: it is shown this once.",
        when=is_group,
        leads=lambda shared: f"/join/{shared.token}",
        passes_on=True,
    ),
)
def share(work: Work, thread: LoadedThread, days: str | None) -> Shared:
    """Make a share link of a group. Returns: Shared. Raises: NotFound for a 1:1; Conflict with too many live ones."""
    if thread.kind != "group":
        raise NotFound()
    if len(live_links(work, thread.id)) >= LINKS_AT_MOST:
        raise Conflict(f"This group has {LINKS_AT_MOST} share links that still work. Revoke one first.")
    shared = Shared(new_uid(), new_token(), work.now + timedelta(days=int(days or DEFAULT_DAYS)))
    work.insert(
        share_links,
        id=new_id(),
        uid=shared.uid,
        thread_id=thread.id,
        token_mac=mac(work.pepper, PURPOSE, shared.token),
        created_by=work.person.id,
        created_at=work.now,
        expires_at=shared.expires_at,
    )
    return shared


def _links(work: Work, thread: LoadedThread | None) -> list[Option]:
    return [Option(row.uid, f"until {row.expires_at:%-d %B %Y, %H:%M} UTC") for row in live_links(work, thread.id)] if thread else []


@action(
    "group.unshare",
    Permission.GROUP_MANAGE,
    on=thread_for,
    fields=(Pick("link", "Share link", options=_links),),
    offer=Offer("Revoke a share link", "unshare", "Nobody can ask to be let in by it any more.", "Revoked.",
                when=lambda work, thread: bool(live_links(work, thread.id))),
)
def unshare(work: Work, thread: LoadedThread, link: str) -> None:
    """Revoke a share link. Raises: Invalid for one that is not live here."""
    row = next((row for row in live_links(work, thread.id) if row.uid == link), None)
    if row is None:
        raise Invalid("This share link does not work any more anyway.", field="link")
    work.update(share_links, row.id, revoked_at=work.now)


def found_link(work: Work, token: str) -> sa.Row[tuple[object, ...]]:
    """Return the live share link of `token` with its thread's uid. Raises: Expired, whatever it is that is wrong with it."""
    query = sa.select(share_links, threads.c.uid.label("thread_uid")).join(threads, threads.c.id == share_links.c.thread_id)
    row = work.row(query.where(share_links.c.token_mac == mac(work.pepper, PURPOSE, token)))
    if row is None or row.revoked_at is not None or row.expires_at <= work.now:
        raise Expired(NO_LINK)
    return row


@action("group.ask", Permission.THREAD_READ, fields=(Text("token", "Share link", max_bytes=200),))
def ask(work: Work, token: str) -> str:
    """Ask the group admin to be let in by a share link; staff of the group read who asks. Once is enough, again changes nothing.

    Returns: "asked", or "member" for who is in it. Raises: Expired for a link that is none, or none any more; TooMany; Conflict
    for whom the group admin has refused today; Gated for a patient where something of a practitioner in it waits for their answer.
    """
    _slow_down(work)
    uid = found_link(work, token).thread_uid
    [thread] = work.threads([uid])
    link = found_link(work, token)  # under the lock: it may have been revoked meanwhile
    work.audit_subject(uid)
    if work.person.id in thread.members:
        return "member"
    mine = share_requests.c.account_id == work.person.id
    own = work.rows(sa.select(share_requests).where(mine, share_requests.c.asked_at > work.now - timedelta(days=60)))
    waiting = [row for row in own if row.decided_at is None]
    if any(row.thread_id == thread.id for row in waiting):
        return "asked"
    if any(row.thread_id == thread.id and row.accepted is False and row.decided_at > work.now - DECIDED_FOR for row in own):
        raise Conflict("The group admin has decided not to let you in. Ask them, or the clinic, if that is a mistake.")
    if len(waiting) >= ASKED_AT_MOST:
        raise TooMany("You wait for several groups to let you in already. Wait for their answers first.", wait_seconds=3600)
    if work.role is Role.PATIENT:
        pass_gates(work, work.person.id, thread)
    work.insert(
        share_requests, id=new_id(), uid=new_uid(), thread_id=thread.id, account_id=work.person.id, link_id=link.id, asked_at=work.now
    )
    [me] = chosen(work, [work.person.uid], ANYBODY)
    work.append(thread, Notice("asks-in", (me.name,), told_apart(me)), Audience.STAFF)
    return "asked"


def _slow_down(work: Work) -> None:
    """Bound how many links that are none somebody may try. Raises: TooMany."""
    since = sa.and_(denials.c.action == "group.ask", denials.c.minute > work.now - TRIED_WITHIN, denials.c.actor_id == work.person.id)
    row = work.row(sa.select(sa.func.sum(denials.c.count).label("tried")).where(since))
    if row is not None and (row.tried or 0) >= TRIED_AT_MOST:
        raise TooMany("You have tried many links that are not valid. Wait two minutes.", wait_seconds=TRIED_WITHIN.total_seconds())


def _asking(work: Work, thread: LoadedThread | None) -> list[Option]:
    if thread is None:
        return []
    people = chosen(work, [str(row.uid) for row in open_requests(work, thread.id)], ANYBODY)
    return [Option(one.uid, one.name, told_apart(one)) for one in people]


def _wait(work: Work, thread: LoadedThread) -> bool:
    return bool(open_requests(work, thread.id))


WHO_ASKS = PickPerson("person", "Who asks", options=_asking)


@action(
    "group.admit",
    Permission.GROUP_MANAGE,
    on=thread_for,
    fields=(WHO_ASKS,),
    offer=Offer("Let somebody in", "admit", "Staff can read everything in the group, patients what comes from now on.", "They are in.",
                when=_wait, grave=True),
)
def admit(work: Work, thread: LoadedThread, person: str) -> None:
    """Let somebody in who has asked by a share link. Raises: Invalid for who does not ask."""
    _decide(work, thread, person, accepted=True)
    new = [one for one in chosen(work, [person], ANYBODY, "person") if one.id not in thread.members]
    if new:
        bring(work, thread, new, admitted=True)


@action(
    "group.refuse",
    Permission.GROUP_MANAGE,
    on=thread_for,
    fields=(WHO_ASKS,),
    offer=Offer("Don't let somebody in", "refuse", "They read on the link's page that they are not let in.", "They are not let in.", when=_wait),
)
def refuse(work: Work, thread: LoadedThread, person: str) -> None:
    """Refuse who has asked by a share link. Raises: Invalid for who does not ask."""
    _decide(work, thread, person, accepted=False)


def _decide(work: Work, thread: LoadedThread, uid: str, *, accepted: bool) -> None:
    row = next((row for row in open_requests(work, thread.id) if row.uid == uid), None)
    if row is None:
        raise Invalid("This person does not ask to be let in any more. Reload the page.", field="person")
    work.audit_detail(person=uid)
    work.update(share_requests, row.id, decided_at=work.now, accepted=accepted)
