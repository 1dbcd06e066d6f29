"""Running a room from a client: lists are shown as far as the reader may see, everything else is refused in words.

Membership follows from the clinic's rules; a room is never configured, emptied or destroyed by a client. Owns no state.
Source: XEP-0045 sections 9, 10 and 7.10; XEP-0077.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clinic.errors import Invalid, NotPermitted
from clinic.thread.nicks import addressable
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Request, Target
from xmpp_components.rooms.presence import affiliation, role

if TYPE_CHECKING:
    from xmpp_components.component import Threads

BY_CLINIC = "Who is in a thread is decided in the clinic's pages, not by a client. Nothing was changed."
NO_SETTINGS = "A thread has no settings in a client. Nothing was changed."
NO_DESTROY = "A thread can't be destroyed from a client: it is part of the clinic's record. Nothing was changed."
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
def set_list(component: Threads, request: Request) -> None:
    """Refuse to change anybody's affiliation or role."""
    raise NotPermitted(BY_CLINIC)


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
