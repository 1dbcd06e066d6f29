"""What apps show of a thread and of who is in it beside the name: a card with a picture, the role, nothing that identifies anybody elsewhere.

Owns no state. Source: XEP-0054, XEP-0153, XEP-0486.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from clinic.thread.nicks import CLINIC
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Refusal, Request, Target
from xmpp_components.rooms.avatars import picture
from xmpp_components.rooms.presence import TITLES
from xmpp_components.rooms.room import same_nick

if TYPE_CHECKING:
    from xmpp_components.component import Threads

CARD = f"{{{wire.VCARD}}}vCard"


def card(name: str, *, role: str | None = None, about: str | None = None) -> wire.Xml:
    """Build a card with its picture. Returns: Xml."""
    return wire.element(
        "vCard", {"xmlns": wire.VCARD}, wire.element("FN", {}, name),
        *(() if role is None else (wire.element("ROLE", {}, role),)), *(() if about is None else (wire.element("DESC", {}, about),)),
        wire.element("PHOTO", {}, wire.element("TYPE", {}, "image/png"), wire.element("BINVAL", {}, base64.b64encode(picture(name)).decode())))


@handles("iq get", Target.ROOM, CARD, policy=Policy.MEMBER)
def of_room(component: Threads, request: Request) -> None:
    """Show the card of a thread, under the title that it has for the reader."""
    _room, member = request.inside()
    component.reply(request, card(member.title))


@handles("iq get", Target.OCCUPANT, CARD, policy=Policy.MEMBER)
def of_occupant(component: Threads, request: Request) -> None:
    """Show the card of a member, or of the clinic, which speaks in every thread."""
    room, _member = request.inside()
    if same_nick(request.to.resource, CLINIC):
        component.reply(request, card(CLINIC, role="The clinic itself"))
        return
    found = next((one for one in room.members.values() if same_nick(request.to.resource, one.nick)), None)
    if found is None:
        raise Refusal("item-not-found", "cancel", "Nobody of this name is in this thread.")
    role = TITLES.get(str(found.role), str(found.role))
    component.reply(request, card(found.nick, role=f"{role}, group admin" if found.group_admin else role))
