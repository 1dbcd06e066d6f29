"""What the service, a room and an occupant say of themselves, as far as the reader may see. Owns no state.

Source: XEP-0030, XEP-0045 sections 6 and 15.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from clinic import Actor
from clinic.thread.archive import my_threads
from xmpp_components import commands, upload, wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Refusal, Request, Target
from xmpp_components.rooms.avatars import digest
from xmpp_components.rooms.presence import TITLES
from xmpp_components.rooms.room import Member, Room, same_nick

if TYPE_CHECKING:
    from xmpp_components.component import Threads

SERVICE = (wire.DISCO_INFO, wire.DISCO_ITEMS, wire.MUC, wire.PING, wire.SID, wire.COMMANDS, wire.UPLOAD)
ROOM = (
    wire.DISCO_INFO, wire.DISCO_ITEMS, wire.MUC, "muc_membersonly", "muc_semianonymous", "muc_persistent", "muc_hidden",
    "muc_unmoderated", "muc_unsecured", wire.STABLE_ID, wire.SELF_PING, wire.MAM, wire.MAM_EXTENDED, wire.SID,
    wire.OCCUPANT_ID, wire.HATS, wire.CHATSTATES, wire.MARKERS, wire.PING, wire.COMMANDS,
    wire.CORRECT, wire.RETRACT, wire.RETRACT_0, f"{wire.RETRACT}#tombstone", wire.MODERATE, wire.MODERATE_0, wire.REACTIONS, wire.REPLY,
    wire.FALLBACK, wire.VCARD, wire.OOB, wire.FILE_SHARING,
)
OWN_NICK = "x-roomuser-item"


def _info(node: str | None, identities: Iterable[Mapping[str, str | None]], features: Iterable[str], *inside: wire.Xml) -> wire.Xml:
    return wire.element(
        "query", {"xmlns": wire.DISCO_INFO, "node": node}, *(wire.element("identity", identity) for identity in identities),
        *(wire.element("feature", {"var": feature}) for feature in features), *inside)


def _node(request: Request) -> str | None:
    return request.payload.get("node") if request.payload is not None else None


async def _command_info(component: Threads, request: Request, node: str) -> None:
    """Describe the list of commands, or one that the reader is offered here. Source: XEP-0050 section 2.3."""
    if node == wire.COMMANDS:
        identity, features = {"category": "automation", "type": "command-list", "name": "Commands"}, [wire.COMMANDS]
    else:
        found = await commands.offered(component, request, node)
        identity = {"category": "automation", "type": "command-node", "name": found.title}
        features = [wire.COMMANDS, wire.DATA]
    component.reply(request, _info(node, [identity], features))


def _refuse_nodes(request: Request) -> None:
    if _node(request):
        raise Refusal("item-not-found", "cancel", "There is nothing more to say at this address.")


@handles("iq get", Target.SERVICE, f"{{{wire.DISCO_INFO}}}query", policy=Policy.ANYONE)
async def service_info(component: Threads, request: Request) -> None:
    """Say that this is a service of group chats, which takes files too."""
    if (node := _node(request)) and request.handle is not None:
        await _command_info(component, request, node)
        return
    _refuse_nodes(request)
    identities = [{"category": "conference", "type": "text", "name": "Threads"}, {"category": "store", "type": "file", "name": "Files"}]
    component.reply(request, _info(None, identities, SERVICE, upload.described()))


@handles("iq get", Target.SERVICE, f"{{{wire.DISCO_ITEMS}}}query", policy=Policy.ACCOUNT)
async def service_items(component: Threads, request: Request) -> None:
    """List the reader's own threads, or at their node the commands. Source: XEP-0045 section 6.3."""
    if _node(request) == wire.COMMANDS:
        await commands.listed(component, request)
        return
    _refuse_nodes(request)
    async with component.turn(request):
        rooms = await component.reader.view(Actor.xmpp(request.person), my_threads)
    component.reply(request, wire.element("query", {"xmlns": wire.DISCO_ITEMS}, *(
        wire.element("item", {"jid": f"{uid}@{component.domain}", "name": title}) for uid, title in rooms)))


@handles("iq get", Target.ROOM, f"{{{wire.DISCO_INFO}}}query", policy=Policy.MEMBER)
async def room_info(component: Threads, request: Request) -> None:
    """Describe a room to its members; the node x-roomuser-item tells a member's own nick. Source: XEP-0045 6.4 and 7.12."""
    room, member = request.inside()
    if _node(request) == OWN_NICK:
        identity: Mapping[str, str | None] = {"category": "conference", "type": "text", "name": member.nick}
        component.reply(request, _info(OWN_NICK, [identity], ()))
        return
    if node := _node(request):
        await _command_info(component, request, node)
        return
    component.reply(request, _info(
        None, [{"category": "conference", "type": "text", "name": member.title}], ROOM,
        _room_form(room, member)))


def _room_form(room: Room, member: Member) -> wire.Xml:
    present = sum(room.present(handle) for handle in room.members)
    staff = "1" if member.role.is_staff else "0"
    return wire.form("result", {
        "FORM_TYPE": (wire.MUC_ROOMINFO,),
        "muc#roomconfig_roomname": (member.title,),
        "muc#roominfo_description": (f"In this thread: {_people(room)}. What is written here is kept in the clinic's record.",),
        "muc#roominfo_occupants": (str(present),),
        "muc#roominfo_avatarhash": (digest(member.title),),
        "muc#roominfo_changesubject": (staff,),
        "muc#roominfo_subjectmod": ("0",),
        "muc#roomconfig_allowpm": ("none",),
        "muc#roomconfig_allowinvites": (staff,),
    })


def _people(room: Room) -> str:
    # Many apps show who is online, not who belongs to the room, and nobody's role.
    return ", ".join(f"{member.nick} ({TITLES.get(str(member.role), member.role)}{', group admin' if member.group_admin else ''})"
                     for member in room.members.values())


@handles("iq get", Target.ROOM, f"{{{wire.DISCO_ITEMS}}}query", policy=Policy.MEMBER)
async def room_items(component: Threads, request: Request) -> None:
    """List who is present, or at their node the commands. Source: XEP-0045 section 6.5."""
    room, _member = request.inside()
    if _node(request) == wire.COMMANDS:
        await commands.listed(component, request)
        return
    _refuse_nodes(request)
    component.reply(request, wire.element("query", {"xmlns": wire.DISCO_ITEMS}, *(
        wire.element("item", {"jid": room.nick_jid(other.nick), "name": other.nick})
        for other in room.members.values() if room.present(other.handle))))


@handles("iq get", Target.OCCUPANT, f"{{{wire.DISCO_INFO}}}query", policy=Policy.MEMBER)
def occupant_info(component: Threads, request: Request) -> None:
    """Describe the reader's own occupant; nobody's client is asked on behalf of another. Source: XEP-0045 section 6.6."""
    _own_occupant(request)
    component.reply(request, _info(_node(request), [{"category": "client", "type": "pc"}], (wire.DISCO_INFO, wire.PING, wire.VCARD)))


@handles("iq get", Target.OCCUPANT, f"{{{wire.DISCO_ITEMS}}}query", policy=Policy.MEMBER)
def occupant_items(component: Threads, request: Request) -> None:
    """An occupant has nothing to list."""
    _own_occupant(request)
    component.reply(request, wire.element("query", {"xmlns": wire.DISCO_ITEMS, "node": _node(request)}))


def _own_occupant(request: Request) -> None:
    _room, member = request.inside()
    if not same_nick(request.to.resource, member.nick):
        raise Refusal("service-unavailable", "cancel", "People in a thread can't be asked anything but by messages.")
