"""Who is in a room, as its occupants see it: presence, hats, coming, going, being shown out. Sends, writes live sessions.

Rooms are semi-anonymous: nobody's address is shown, to patients or to staff; the shown name is the verified one.
Source: XEP-0045 sections 7.2, 7.14, 9.4; XEP-0317; XEP-0421.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from clinic import Actor, Done, Role
from clinic.group.managing import CLOSED
from clinic.thread.nicks import CLINIC, NOBODY, addressable
from xmpp_components import wire
from xmpp_components.rooms.avatars import digest
from xmpp_components.rooms.room import Member, Room, Session

if TYPE_CHECKING:
    from xmpp_components.component import Threads

SELF, LOGGED, NICK_FORCED, NEW_NICK, KICKED, NO_MEMBER, SHUTDOWN, UNREACHABLE = "110", "170", "210", "303", "307", "321", "332", "333"
GROUP_ADMIN = "group-admin"
OUT = ("You are no longer in this thread, and it is gone from your list. The clinic keeps the record. "
       "If you did not leave it yourself, ask the clinic, or write to your practitioner or colleagues in another thread.")
TITLES = {"patient": "Patient", "practitioner": "Practitioner", "coordinator": "Coordinator", GROUP_ADMIN: "Group admin"}


def affiliation(member: Member) -> str:
    """Returns: the affiliation on the wire; the service itself is every room's owner."""
    return "admin" if member.group_admin else "member"


def role(member: Member) -> str:
    """Returns: the role on the wire of somebody present."""
    return "moderator" if member.group_admin else "participant"


def presence(room: Room, member: Member, *, available: bool, codes: Iterable[str] = (), new_nick: str | None = None,
             gone: bool = False, reason: str | None = None, destroyed: str | None = None) -> wire.Stanza:
    """Build the presence of a person in a room. ``gone``: they are no member any more; ``destroyed``: why nobody is. Returns: Stanza."""
    item = wire.element("item", {"affiliation": "none" if gone else affiliation(member), "nick": addressable(new_nick) if new_nick else None,
                                 "role": role(member) if available or new_nick else "none"},
                        *((wire.element("reason", {}, reason),) if reason else ()))
    ends = (wire.element("destroy", {}, wire.element("reason", {}, destroyed)),) if destroyed else ()
    inside = [wire.element("x", {"xmlns": wire.MUC_USER}, item, *ends, *(wire.element("status", {"code": code}) for code in codes)),
              wire.element("occupant-id", {"xmlns": wire.OCCUPANT_ID, "id": room.occupant_id(member.handle)})]
    if available:
        inside += [_hats(member), _photo(member.nick)]
        if show := room.show_of(member.handle):
            inside.append(wire.element("show", {}, show))
    return wire.stanza("presence", {"from": room.nick_jid(member.nick), "type": None if available else "unavailable"}, *inside)


def _hats(member: Member) -> wire.Xml:
    """Returns: what the person is in the clinic, and whether the group is theirs to manage. Source: XEP-0317."""
    titles = [str(member.role), *((GROUP_ADMIN,) if member.group_admin else ())]
    return wire.element("hats", {"xmlns": wire.HATS}, *(
        wire.element("hat", {"uri": wire.ROLE + title, "title": TITLES.get(title, title)}) for title in titles))


def _photo(name: str) -> wire.Xml:
    """Returns: by what an app knows whether it has the picture of that name. Source: XEP-0153 section 4."""
    return wire.element("x", {"xmlns": wire.VCARD_UPDATE}, wire.element("photo", {}, digest(name)))


def room_picture(room: Room, handle: str) -> wire.Stanza:
    """Returns: what tells an app the picture of the room, which is the one of the thread's title for that reader. Source: XEP-0486."""
    return wire.stanza("presence", {"from": room.jid}, _photo(room.title(handle)))


def announce(component: Threads, room: Room, member: Member, *, available: bool = True, gone: bool = False,
             new_nick: str | None = None) -> None:
    """Tell everybody else in the room that a person came, changed or went."""
    codes = (NEW_NICK,) if new_nick else (NO_MEMBER,) if gone else ()
    theirs = presence(room, member, available=available, codes=codes, gone=gone, new_nick=new_nick)
    own = presence(room, member, available=available, codes=(SELF, *codes), gone=gone, new_nick=new_nick, reason=OUT if gone else None)
    for copy, to_self in ((theirs, False), (own, True)):
        component.fanout.send(copy, [session.address for session in room.occupants.values() if (session.handle == member.handle) == to_self])


def enter_page(component: Threads, room: Room, address: str, handle: str) -> None:
    """A tab opens the thread: its reader is present there."""
    was_present = room.present(handle)
    room.pages[address] = Session(address, handle)
    if not was_present and (member := room.members.get(handle)):
        announce(component, room, member)


def leave_page(component: Threads, room: Room, address: str) -> None:
    """A tab closes the thread or turns to another."""
    session = room.pages.pop(address, None)
    if session:
        component.submit(Actor.system(), "live.leave", address=address, kind="page", thread=room.uid)
        _gone_from(component, room, session.handle)


def drop(component: Threads, room: Room, address: str, codes: Iterable[str] = (SELF, UNREACHABLE), reason: str | None = None,
         *, told: bool = True) -> None:
    """A client has left or cannot be reached: it is no occupant any more; its person stays a member.

    It is told too, unless its session has ended. What was taken for gone may only be asleep (XEP-0198), and would wait for ever
    for what is not sent to it.
    """
    session = room.occupants.pop(address, None)
    if session is None:
        return
    if told and (member := room.members.get(session.handle)):
        component.send(presence(room, member, available=False, codes=codes, reason=reason), address)
    component.submit(Actor.system(), "live.leave", address=address, kind="occupant", thread=room.uid)
    _gone_from(component, room, session.handle)


def _gone_from(component: Threads, room: Room, handle: str) -> None:
    member = room.members.get(handle)
    if member and not room.present(handle):
        announce(component, room, member, available=False)


def show_out(component: Threads, room: Room, member: Member) -> None:
    """Somebody is no member any more: their sessions leave, and everybody sees them go.

    They are told in words, as a message too: several apps show no reason of a presence. Source: XEP-0045 section 9.4.
    """
    if not room.present(member.handle):
        return
    said = _told(room, f"out-{room.uid}", OUT)
    component.fanout.send(said, [session.address for session in room.occupants.values() if session.handle == member.handle])
    announce(component, room, member, available=False, gone=True)
    for session in list(room.occupants.values()):
        if session.handle == member.handle:
            del room.occupants[session.address]
            component.submit(Actor.system(), "live.leave", address=session.address, kind="occupant", thread=room.uid)
    for session in list(room.pages.values()):
        if session.handle == member.handle:
            del room.pages[session.address]
            component.submit(Actor.system(), "live.leave", address=session.address, kind="page", thread=room.uid)


def say_closed(component: Threads, room: Room, by: str) -> None:
    """Tell those who are in a group that its admin has closed whom to contact, before they are shown out; nobody is a member any more.

    As a message too: several apps show no reason of a presence. Source: XEP-0045 section 10.9.
    """
    words = CLOSED.format(name=by, group="this group")
    component.fanout.send(_told(room, f"closed-{room.uid}", words), [session.address for session in room.occupants.values()])
    for session in list(room.occupants.values()):
        member = room.members.get(session.handle) or former(session.handle, NOBODY)
        component.send(presence(room, member, available=False, codes=(SELF,), gone=True, destroyed=words), session.address)
        del room.occupants[session.address]
        component.submit(Actor.system(), "live.leave", address=session.address, kind="occupant", thread=room.uid)


def _told(room: Room, id: str, words: str) -> wire.Stanza:
    return wire.stanza("message", {"from": room.nick_jid(CLINIC), "type": "groupchat", "id": id},
                       wire.element("body", {}, words), wire.element("no-store", {"xmlns": wire.HINTS}))


def former(handle: str, nick: str) -> Member:
    """Returns: somebody who is no member any more, as far as others have to see them go."""
    return Member(uid="", handle=handle, nick=nick, role=Role.PATIENT, group_admin=False, from_seq=0, read_seq=0,
                  delivered_seq=0, title="")


def store(component: Threads, room: Room, address: str, kind: str, member: Member) -> asyncio.Future[Done]:
    """Store where somebody is live, and what the others are told that they are called. Returns: the commit's future."""
    return component.submit(Actor.system(), "live.enter", address=address, kind=kind, thread=room.uid, handle=member.handle,
                            nick=member.nick)


def rename(component: Threads, room: Room, before: Member, member: Member) -> None:
    """Somebody present is called otherwise now. Source: XEP-0045 section 7.6."""
    announce(component, room, before, available=False, new_nick=member.nick)
    announce(component, room, member)
    for kind, sessions in (("occupant", room.occupants), ("page", room.pages)):
        for session in sessions.values():
            if session.handle == member.handle:
                store(component, room, session.address, kind, member)


def subject(room: Room, handle: str) -> wire.Stanza:
    """Returns: the room's subject, which is the thread's title for that reader. Source: XEP-0045 section 7.2.15."""
    return wire.stanza("message", {"from": room.jid, "type": "groupchat"},
                       wire.element("subject", {}, room.title(handle)))


async def refresh(component: Threads, room: Room) -> None:
    """Read a room again and say to those present what is different: members, names, titles, read marks."""
    members = room.members
    view = await component.rooms.view(room.uid)
    if view is None:
        for member in members.values():
            show_out(component, room, member)
        return
    if view.closed_by is not None:
        say_closed(component, room, view.closed_by)
    for member in members.values():
        if all(member.handle != now.handle for now in view.members):
            show_out(component, room, member)
            component.feeds.threads(member.handle)
    room.adopt(view)
    marked, retitled = [], set[str]()
    for member in room.members.values():
        before = members.get(member.handle)
        if before is None:
            continue
        if before.nick != member.nick and room.present(member.handle):
            rename(component, room, before, member)
        elif (before.group_admin, before.role) != (member.group_admin, member.role) and room.present(member.handle):
            announce(component, room, member)
        if (before.read_seq, before.delivered_seq) != (member.read_seq, member.delivered_seq):
            marked.append((before, member))
        if before.title != member.title:
            retitled.add(member.handle)
    for handle in retitled:  # after the names that the titles are made of
        retitle(component, room, room.members[handle])
        for session in room.occupants.values():
            if session.handle == handle:
                component.send(room_picture(room, handle), session.address)
    # Whoever has the thread or the list on a page looks again: at who is in it, or at what it is called.
    for handle in room.members if _shown(members) != _shown(room.members) else retitled:
        component.feeds.threads(handle)
    await component.marks.show(room, marked)


def _shown(members: dict[str, Member]) -> set[tuple[str, str, str, bool]]:
    """Returns: what pages show of members."""
    return {(member.handle, member.nick, member.role, member.group_admin) for member in members.values()}


def retitle(component: Threads, room: Room, member: Member) -> None:
    """Tell a person's clients what the thread is called now."""
    for session in room.occupants.values():
        if session.handle == member.handle:
            component.send(subject(room, member.handle), session.address)
