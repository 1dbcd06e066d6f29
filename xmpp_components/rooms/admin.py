"""Running a room from a client: lists as far as the reader may see; inviting and removing people as the clinic's own actions.

What a client does not say so (going, being dropped, a bookmark removed) changes no membership, and a room is never configured,
emptied or destroyed by a client. Owns no state. Source: XEP-0045 sections 9, 10, 7.8 and 7.10; XEP-0077.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from clinic import Actor
from clinic.errors import Invalid, NotFound, NotPermitted
from clinic.group.views import accounts_of
from clinic.thread.nicks import addressable
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Request, Target
from xmpp_components.rooms.presence import affiliation, role
from xmpp_components.rooms.room import Room, same_nick

if TYPE_CHECKING:
    from xmpp_components.component import Threads

BY_CLINIC = ("From a client people are invited (affiliation member) and removed (affiliation none); roles and admins are not changed so. "
             "Nothing was changed.")
NOBODY = "There is nobody of this name or address in the thread, or at this clinic. Nothing was changed."
ONE_BY_ONE = "Change one person at a time. Nothing was changed."
NO_SETTINGS = "A thread has no settings in a client. Nothing was changed."
NO_DESTROY = ("A thread can't be destroyed from a client: it is part of the clinic's record. Nothing was changed. To leave it, send !leave; "
              "a group's admin closes it with !close.")
NO_REGISTER = "Names in a thread are the names that the clinic has verified; there is nothing to register."
AFFILIATIONS, ROLES = ("owner", "admin", "member", "outcast", "none"), ("moderator", "participant", "visitor", "none")


@handles("iq get", Target.ROOM, f"{{{wire.MUC_ADMIN}}}query", policy=Policy.MEMBER)
def get_list(component: Threads, request: Request) -> None:
    """List members by affiliation, or those present by role: names only, nobody's address. Source: XEP-0045 section 9.5."""
    room, _member = request.inside()
    item = wire.child(request.payload, wire.MUC_ADMIN, "item") if request.payload is not None else None
    asked = item.get("affiliation") if item is not None else None
    asked_role = item.get("role") if item is not None else None
    if asked in AFFILIATIONS:
        found = [member for member in room.members.values() if affiliation(member) == asked]
    elif asked_role in ROLES:
        found = [member for member in room.members.values() if room.present(member.handle) and role(member) == asked_role]
    else:
        raise Invalid("Say which list: one affiliation or one role.")
    component.reply(request, wire.element("query", {"xmlns": wire.MUC_ADMIN}, *(
        wire.element("item", {"affiliation": affiliation(member), "nick": addressable(member.nick),
                              "role": role(member) if room.present(member.handle) else "none"}) for member in found)))


@handles("iq set", Target.ROOM, f"{{{wire.MUC_ADMIN}}}query", policy=Policy.MEMBER)
async def set_list(component: Threads, request: Request) -> None:
    """Remove a member (group admin) or invite somebody (staff); the clinic decides, and says why not.

    Source: XEP-0045 sections 8.2 (kick), 9.1 (ban), 9.3 and 9.4 (member, no member).
    """
    room, _member = request.inside()
    items = [one for one in request.payload if one.tag == f"{{{wire.MUC_ADMIN}}}item"] if request.payload is not None else []
    if len(items) != 1:
        raise Invalid(ONE_BY_ONE)
    wanted = items[0].get("affiliation") or items[0].get("role") or ""
    if wanted in ("none", "outcast"):
        await remove(component, request, room, items[0])
    elif wanted == "member" and items[0].get("affiliation"):
        reason = wire.child(items[0], wire.MUC_ADMIN, "reason")
        await invite(component, request, [items[0].get("jid", "")], reason.text if reason is not None else None)
    else:
        raise NotPermitted(BY_CLINIC)
    component.reply(request)


async def remove(component: Threads, request: Request, room: Room, item: Element) -> None:
    """Have the clinic end somebody's membership. Raises: DomainError."""
    nick, jid = item.get("nick"), wire.address(item.get("jid", ""))
    found = [member for member in room.members.values()
             if (nick is not None and same_nick(nick, member.nick)) or (jid.local == member.handle and jid.domain == component.server)]
    # Nobody learns from a refusal whether an address is somebody's here: patients know no addresses, and may not remove.
    uid = found[0].uid if len(found) == 1 else ""
    await component.doer.perform(Actor.xmpp(request.person), "group.remove", room.uid, person=uid or "nobody")


async def invite(component: Threads, request: Request, jids: list[str], reason: str | None) -> None:
    """Have the clinic invite people of its own server into a thread. Raises: DomainError. Source: XEP-0045 section 7.8.2."""
    room, member = request.inside()
    addresses = [wire.address(jid) for jid in jids]
    handles_ = [one.local for one in addresses if one.domain == component.server]
    actor = Actor.xmpp(member.handle)
    uids = await component.reader.view(actor, accounts_of, handles_)
    if not uids or len(uids) < len(jids):
        raise NotFound(NOBODY)
    await component.doer.perform(actor, "thread.invite", room.uid, people=uids, reason=reason or None)


@handles("iq get", Target.ROOM, f"{{{wire.MUC_OWNER}}}query", policy=Policy.MEMBER)
@handles("iq set", Target.ROOM, f"{{{wire.MUC_OWNER}}}query", policy=Policy.MEMBER)
def configure(component: Threads, request: Request) -> None:
    """Refuse the owner's form and destruction."""
    destroys = request.payload is not None and wire.child(request.payload, wire.MUC_OWNER, "destroy") is not None
    raise NotPermitted(NO_DESTROY if destroys else NO_SETTINGS)


@handles("iq get", Target.ROOM, f"{{{wire.REGISTER}}}query", policy=Policy.MEMBER)
@handles("iq set", Target.ROOM, f"{{{wire.REGISTER}}}query", policy=Policy.MEMBER)
def register(component: Threads, request: Request) -> None:
    """Refuse to register a nick."""
    raise NotPermitted(NO_REGISTER)
