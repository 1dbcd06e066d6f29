"""Entering and leaving a room: the order of joining, history, leaving, being dropped, self-ping. Owns no state.

Going offline, leaving or being unreachable changes no membership: a member stays one until the clinic says otherwise.
Source: XEP-0045 sections 7.2 and 7.14, XEP-0410.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

from clinic import Actor
from clinic.errors import Invalid, NotAcceptable, NotFound
from clinic.log import Entry, allowed
from clinic.thread.archive import archive
from clinic.thread.views import PAGE_AT_MOST
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import NO_THREAD, Refusal, Request, Target
from xmpp_components.rooms import presence, render
from xmpp_components.rooms.room import Member, Room, Session, same_nick
from xmpp_components.turns import fitting

if TYPE_CHECKING:
    from xmpp_components.component import Threads

DEFAULT_HISTORY = 20
MOST_HISTORY = 500
MOST_CLIENTS = 20  # of one person in one room
SHOWS = frozenset({"away", "chat", "dnd", "xa"})
log = logging.getLogger(__name__)

# Errors that only somebody who is there can give.
THERE = frozenset({"bad-request", "feature-not-implemented", "forbidden", "not-acceptable", "not-allowed", "undefined-condition"})
NICK_FIXED = "Your name in a thread is the name that the clinic has verified. Ask the clinic if it is wrong."
TOO_MANY_CLIENTS = f"You have joined this thread with more than {MOST_CLIENTS} apps. The one that joined first was let go."
NOT_JOINED = "You are not in this room at the moment. Join it again; nothing that was said is lost."


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much history a client asks for. Source: XEP-0045 section 7.2.14.

    unread: at least all that the person has not read: who asks for nothing does not ask the archive either (profanity). What was
    delivered is no measure: that may be to an app that sleeps and does not wake up.
    """

    stanzas: int = DEFAULT_HISTORY
    characters: int | None = None
    since: datetime | None = None
    unread: bool = False


@handles("presence available", Target.OCCUPANT, policy=Policy.MEMBER)
@handles("presence available", Target.ROOM, policy=Policy.MEMBER)
async def arrive(component: Threads, request: Request) -> None:
    """Join, or change the availability that others see; a change of nick is refused."""
    room, member = request.inside()
    muc = wire.child(request.xml, wire.MUC, "x")
    shown = _show(request.xml)
    if muc is not None:
        await join(component, request, wanted(muc), shown)
    elif (session := room.occupants.get(request.sender)) is None:
        if request.to.resource:
            raise NotAcceptable(NOT_JOINED)
    elif request.to.resource and not same_nick(request.to.resource, member.nick):
        raise NotAcceptable(NICK_FIXED)
    elif session.show != shown:
        session.show = shown
        component.availability.changed(room, member.handle)


def _show(xml: Element) -> str | None:
    show = wire.stanza_child(xml, "show")
    return show.text if show is not None and show.text in SHOWS else None


def wanted(muc: Element) -> Wanted:
    """Read a join's history element; what can't be understood counts as unsaid. Returns: Wanted."""
    asked = wire.child(muc, wire.MUC, "history")
    if asked is None:
        return Wanted(unread=True)
    stanzas, characters = _number(asked, "maxstanzas"), _number(asked, "maxchars")
    instants = []
    if (seconds := _number(asked, "seconds")) is not None:
        instants.append(datetime.now(UTC) - timedelta(seconds=min(seconds, 10**9)))
    with suppress(ValueError):
        instants.append(wire.instant(asked.get("since", "")))
    since = max(instants, default=None)
    if stanzas is None:
        stanzas = MOST_HISTORY if since or characters is not None else DEFAULT_HISTORY
    return Wanted(min(stanzas, MOST_HISTORY), characters, since)


def _number(xml: Element, name: str) -> int | None:
    text = xml.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


async def join(component: Threads, request: Request, wanted: Wanted, shown: str | None) -> None:
    """Let a member in: stored first, then others' presence, their own, the history, the subject.

    What the history holds and what comes live afterwards meet exactly: at the room's cursor.
    Raises: NotFound when the membership ends meanwhile; Refusal resource-constraint when too many joins wait.
    """
    room, member = request.inside()
    async with room.kept(), component.turn(request) as turn:
        await _enter(component, request, room, member)
        entries = await history(component, room, member, wanted)
        # Nothing waits from here on: whose membership ends later is in the room by then, and is shown out.
        if (now := room.members.get(member.handle)) is None:
            component.submit(Actor.system(), "live.leave", address=request.sender, kind="occupant", thread=room.uid)
            raise NotFound(NO_THREAD)
        was_present = room.present(now.handle)
        room.occupants.pop(request.sender, None)
        room.occupants[request.sender] = Session(request.sender, now.handle, shown)
        if now.nick != member.nick:
            presence.store(component, room, request.sender, "occupant", now)
        _greet(component, room, now, request, was_present)
        sent = _tell(component, room, request.sender, now, wanted, entries)
        turn.sent_bytes = sum(len(text) for _entry, text in sent)
        component.send(presence.subject(room, now.handle), request.sender)
        if sent:
            component.confirmation.sent(room, now.handle, sent[-1][0])
        _keep_few(component, room, now.handle)


def _keep_few(component: Threads, room: Room, handle: str) -> None:
    """Each message is copied to every client: nobody has more of them in a room than the newest few."""
    own = [session.address for session in room.occupants.values() if session.handle == handle]
    for address in own[:-MOST_CLIENTS]:
        # Kicked, not unreachable: what was unreachable joins again by itself, and would push out the next.
        presence.drop(component, room, address, (presence.SELF, presence.KICKED), TOO_MANY_CLIENTS)


async def _enter(component: Threads, request: Request, room: Room, member: Member) -> None:
    component.confirmation.nobody_there(room)
    stored = [presence.store(component, room, request.sender, "occupant", member)]
    if room.confirmed > room.remembered:
        stored.append(component.confirmation.store(room))
    await asyncio.gather(*stored)
    if room.pump is not None:
        await asyncio.wait([room.pump])  # what tabs are being told of is history to who joins now


def _tell(component: Threads, room: Room, address: str, member: Member, wanted: Wanted, entries: list[Entry]) -> list[tuple[Entry, str]]:
    """Send the history, the newest of it where not all fits. Returns: what was sent, with its text."""
    left = wanted.characters
    sent = fitting([entry for entry in entries if entry.seq <= room.cursor],
                   lambda entry: render.delayed(room, entry, member).to(address), newest=True)
    if left is not None:
        kept = len(sent)
        while kept and (left := left - len(sent[kept - 1][1])) >= 0:
            kept -= 1
        sent = sent[kept:]
    for _entry, text in sent:
        component.stream.write(text)
    return sent


def _greet(component: Threads, room: Room, member: Member, request: Request, was_present: bool) -> None:
    for other in room.members.values():
        if other.handle != member.handle and room.present(other.handle):
            component.send(presence.presence(room, other, available=True), request.sender)
    codes = [presence.SELF, presence.LOGGED]
    if not same_nick(request.to.resource, member.nick):
        codes.append(presence.NICK_FORCED)
    component.send(presence.presence(room, member, available=True, codes=codes), request.sender)
    component.send(presence.room_picture(room, member.handle), request.sender)
    if not was_present:
        component.fanout.send(presence.presence(room, member, available=True),
                              [session.address for session in room.occupants.values() if session.handle != member.handle])


async def _newest(component: Threads, room: Room, member: Member, wanted: Wanted) -> list[Entry]:
    """Read the archive backwards, a page at a time, as far as is wanted. Returns: oldest first."""
    found: list[Entry] = []
    few, most = max(wanted.stanzas, 1), MOST_HISTORY if wanted.unread else max(wanted.stanzas, 1)
    complete = False
    while not complete and len(found) < (most if not found or found[0].seq > member.read_seq else few):
        page = await component.reader.view(
            Actor.xmpp(member.handle), archive, room.uid, start=wanted.since, before=found[0].uid if found else None,
            limit=min(most - len(found) if found else few, PAGE_AT_MOST), backwards=True)
        found[:0], complete = page.entries, page.complete
    unread = sum(entry.seq > member.read_seq for entry in found)
    return found[-(max(few, unread) if wanted.unread else few):]


async def history(component: Threads, room: Room, member: Member, wanted: Wanted) -> list[Entry]:
    """Read the newest entries that the member may see, up to the room's cursor at least. Returns: oldest first, without a gap."""
    covered, limit = room.cursor, MOST_HISTORY if wanted.unread else max(wanted.stanzas, 1)
    found = await _newest(component, room, member, wanted)
    # What was relayed while the view ran is in neither part: in a busy thread there is always something.
    reached = max(covered, found[-1].seq if found else 0)
    reader, recent = room.members.get(member.handle, member), list(room.recent.values())
    if recent and recent[0].seq > reached + 1:
        found = []  # more was relayed than the room remembers: better a shorter history than a hole in it
    found += [entry for entry in recent if entry.seq > reached and allowed(entry, reader)
              and (wanted.since is None or entry.at >= wanted.since)]
    return found[-limit:] if wanted.stanzas else []


@handles("presence unavailable", Target.OCCUPANT, policy=Policy.TRACES)
@handles("presence unavailable", Target.ROOM, policy=Policy.TRACES)
def leave(component: Threads, request: Request) -> None:
    """Take a session out of a room. The server says it for a client that vanished, to the nick that it once asked for.

    Then there is nobody to answer: a new session under that address would take it for the answer to its own join (mod_bedside_gone).
    """
    room = request.room
    if room is not None:
        vanished = wire.child(request.xml, wire.SERVER, "gone") is not None
        presence.drop(component, room, request.sender, (presence.SELF,), told=not vanished)


@handles("presence error", Target.OCCUPANT, policy=Policy.TRACES)
@handles("presence error", Target.ROOM, policy=Policy.TRACES)
@handles("message error", Target.OCCUPANT, policy=Policy.TRACES)
@handles("message error", Target.ROOM, policy=Policy.TRACES)
def bounced(component: Threads, request: Request) -> None:
    """A delivery came back: unless the client itself found fault with it, that client is not there.

    Source: XEP-0045 section 18.1 (ghost users).
    """
    error = wire.stanza_child(request.xml, "error")
    conditions = {name for namespace, name in wire.namespaces(error) if namespace == wire.STANZAS} if error is not None else set()
    if "jid-malformed" in conditions:  # the address that the server finds fault with is the one that we wrote
        log.error("the XMPP server refused an address of the room %s as malformed", request.to.local)
        return
    if request.room is not None and not conditions & THERE:
        presence.drop(component, request.room, request.sender)


@handles("iq get", Target.SERVICE, f"{{{wire.PING}}}ping", policy=Policy.ANYONE)
@handles("iq get", Target.ROOM, f"{{{wire.PING}}}ping", policy=Policy.MEMBER)
def ping(component: Threads, request: Request) -> None:
    """Answer a ping of the service or of a room. Source: XEP-0199."""
    component.reply(request)


@handles("iq get", Target.OCCUPANT, f"{{{wire.PING}}}ping", policy=Policy.ACCOUNT, in_order=True)
def self_ping(component: Threads, request: Request) -> None:
    """Say whether this very session is in the room; any refusal but this one means to a client that it is. Source: XEP-0410 section 3.

    Absent and hidden rooms are rooms that one is not in: all answer alike.
    """
    room = component.rooms.known(request.to.local)
    member = room.members.get(request.person) if room else None
    if room is None or member is None or request.sender not in room.occupants:
        raise NotAcceptable(NOT_JOINED)
    if same_nick(request.to.resource, member.nick):
        component.reply(request)
    elif any(same_nick(request.to.resource, other.nick) and room.present(other.handle) for other in room.members.values()):
        raise Refusal("service-unavailable", "cancel", "People in a thread can't be asked anything but by messages.")
    else:
        raise Refusal("item-not-found", "cancel", f"You are in this room, under the name {member.nick}.")


@handles("presence subscribe", Target.ROOM, policy=Policy.MEMBER)
@handles("presence subscribe", Target.OCCUPANT, policy=Policy.MEMBER)
def subscribe(component: Threads, request: Request) -> None:
    """Refuse to be on a contact list: a thread is joined, not befriended."""
    raise Invalid("A thread can't be added as a contact. Join it as a group chat.")
