"""Naming a thread, inviting people, and taking an invitation back. Actions on the thread; imports clinic only."""

from __future__ import annotations

from collections.abc import Sequence

from clinic.actions import Offer, action
from clinic.errors import Conflict, Invalid, NotPermitted
from clinic.fields import Option, PickPeople, PickPerson, Text
from clinic.group.managing import adopt, depart, new_group
from clinic.group.people import ANYBODY, REASON, TREATED, Chosen, chosen, for_invitation, member_of, options, require_reason
from clinic.loading import LoadedMember, LoadedThread
from clinic.log import Audience
from clinic.permissions import Permission, Role
from clinic.thread.actions import thread_for
from clinic.thread.kinds import Notice
from clinic.thread.live import live_in
from clinic.thread.members import add_member, bring_coordinators, invite_live, members_changed
from clinic.thread.tables import threads
from clinic.work import Work

NO_GROUPS = (
    "Another patient in this thread means a new group, and coordinators can't create groups. Ask a practitioner of this thread to invite them."
)
OPENED = "{name} has received this thread already, so the invitation can't be taken back. {then}"
REMOVE = "The group admin can remove them."
TELL = "Tell the patient, or ask them to leave the thread."


@action(
    "thread.rename",
    Permission.THREAD_RENAME,
    on=thread_for,
    fields=(Text("title", "Name", max_bytes=200, required=False),),
    offer=Offer(
        "Rename the thread",
        "rename",
        "Only staff see the name of a thread with one patient; everybody sees a group's. Leave it empty for the usual name.",
        "Renamed.",
    ),
)
def rename(work: Work, thread: LoadedThread, title: str | None) -> str | None:
    """Name a thread: a 1:1 for staff alone, a group for everybody; without a name it is called by its people again.

    Returns: the name.
    """
    if title != thread.title:
        thread.title = title
        work.update(threads, thread.id, title=title)
        members_changed(work, thread)
        audience = Audience.EVERYONE if thread.kind == "group" else Audience.STAFF
        code = "renamed" if title else "unnamed"
        work.append(thread, Notice(code, (work.member(thread).nick,), title or ""), audience)
    return title


@action(
    "thread.invite",
    Permission.THREAD_INVITE,
    on=thread_for,
    fields=(PickPeople("people", "People", options=for_invitation), REASON),
    offer=Offer(
        "Invite people",
        "invite",
        "Staff can read the whole thread, patients what comes from now on. In a thread with one patient, another patient means a new group.",
        "Invited.",
        leads=lambda uid: f"/threads/{uid}",
        grave=True,
    ),
)
def invite(work: Work, thread: LoadedThread, people: Sequence[str], reason: str | None) -> str:
    """Add people to a thread. With a patient a 1:1 stays as it is, and a new group without its history is started.

    Staff may invite anybody; of patients not linked to them (a coordinator: to whom they assist here) they give the reason.
    Returns: the uid of the thread in which the people are. Raises: Invalid, Conflict, NotPermitted. Source: product.md, Threads.
    """
    new = [one for one in chosen(work, people, ANYBODY) if one.id not in thread.members]
    if not new:
        raise Conflict("Whom you chose is in this thread already.")
    splits = thread.kind == "direct" and any(one.role is Role.PATIENT for one in new)
    if splits and not work.may(Permission.GROUP_CREATE):
        raise NotPermitted(NO_GROUPS)
    note = require_reason(work, thread, new, reason)
    work.audit_detail(invited=[one.uid for one in new], new_group=splits)
    if splits:
        uid = _split_off(work, thread, new, note)
        work.audit_detail(group=uid)
        return uid
    bring(work, thread, new, note)
    return thread.uid


def _split_off(work: Work, thread: LoadedThread, new: Sequence[Chosen], note: str) -> str:
    """Start a group of those who talk in a 1:1 and the new people; coordinators come by the clinic's own links."""
    here = [member.uid for member in thread.members.values() if member.role in TREATED and member.account_id != work.person.id]
    return new_group(work, None, [*chosen(work, here, TREATED), *new], note)


def bring(work: Work, thread: LoadedThread, new: Sequence[Chosen], note: str = "", *, admitted: bool = False) -> None:
    """Add people whom the actor has chosen, announced with what they can read; coordinators of who treats here come along."""
    me = work.member(thread)
    for one in new:
        add_member(work, thread, one, one.role, invited_by=me.account_id)
        invite_live(work, thread, one)
    for code, theirs, words in (
        ("staff-invited", [one for one in new if one.role is not Role.PATIENT], ""),
        ("patients-invited", [one for one in new if one.role is Role.PATIENT], note),
    ):
        if theirs:
            how = code.replace("invited", "admitted") if admitted else f"{code}-unlinked" if words else code
            work.append(thread, Notice(how, (me.nick, *(thread.members[one.id].nick for one in theirs)), words))
    bring_coordinators(work, thread)
    if thread.kind == "group":
        adopt(work, thread)


def unopened(work: Work, thread: LoadedThread | None) -> list[LoadedMember]:
    """Return whom the actor has invited and who has received nothing of the thread yet. Not who was handed the group: it needs its admin."""
    members = list(thread.members.values()) if thread else []
    mine = [member for member in members if member.invited_by == work.person.id and member.opened_at is None and not member.group_admin]
    here = live_in(work, thread.uid) if thread and mine else set()
    return [member for member in mine if member.handle not in here]


def _unopened(work: Work, thread: LoadedThread | None) -> list[Option]:
    return options(unopened(work, thread))


@action(
    "thread.uninvite",
    Permission.THREAD_INVITE,
    on=thread_for,
    fields=(PickPerson("person", "Person", options=_unopened),),
    offer=Offer(
        "Take an invitation back",
        "uninvite",
        "As long as nothing of the thread has reached the person.",
        "The invitation is taken back.",
        when=lambda work, thread: bool(unopened(work, thread)),
    ),
)
def uninvite(work: Work, thread: LoadedThread, person: str) -> None:
    """Undo an invitation of one's own that was a mistake, while no page or app of the person has received anything of the thread.

    Raises: Invalid for whom the actor has not invited; Conflict when it is too late.
    """
    member = member_of(thread, person)
    if member.invited_by != work.person.id:
        raise Invalid("You can take back only an invitation of your own.", field="person")
    if member not in unopened(work, thread):
        raise Conflict(OPENED.format(name=member.nick, then=REMOVE if thread.kind == "group" else TELL))
    work.audit_detail(member=member.uid)
    depart(work, thread, member, Notice("uninvited", (work.member(thread).nick, member.nick)))
