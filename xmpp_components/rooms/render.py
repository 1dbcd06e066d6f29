"""An entry of the log as a message of its room: the same words live, in the history and in the archive. Owns no state.

Built from what the clinic stored, never from what came in (house rule 11). Every entry has a plain body (house rule 14); what is
there only for apps that know no better is marked as such (XEP-0428). Source: XEP-0308, XEP-0424, XEP-0425, XEP-0444, XEP-0461.
"""

from __future__ import annotations

from collections.abc import Sequence

from clinic import ACTIONS, Role, can
from clinic.kinds import Ask, Tombstone
from clinic.log import Entry, Quote
from clinic.offers import asking
from clinic.text.find import MADE_UP, id_of
from clinic.text.kinds import TYPED, Correction, Reaction, Retraction
from clinic.thread.nicks import CLINIC
from xmpp_components import wire
from xmpp_components.rooms import file_sharing
from xmpp_components.rooms.room import Member, Room, Session

STORE = wire.element("store", {"xmlns": wire.HINTS})


def attributes(room: Room, entry: Entry) -> dict[str, str | None]:
    """Returns: the attributes of the message but ``to``; the id is the sender's own, so that it knows its reflection."""
    # Several apps (Gajim, poezio) show nothing that comes from the room itself: the clinic speaks as somebody. But they believe
    # the room alone that a message was removed. Source: XEP-0425 section 4.
    nick = entry.author.nick if entry.author else CLINIC
    sender = room.jid if _removes(entry) else room.nick_jid(nick)
    return {"from": sender, "type": "groupchat", "id": id_of(entry)}


def _removes(entry: Entry) -> bool:
    return isinstance(entry.payload, Retraction) and bool(entry.payload.moderator)


def _client_id(entry: Entry) -> str | None:
    return None if entry.client_id is None or entry.client_id.startswith(MADE_UP) else entry.client_id


def inside(room: Room, entry: Entry, reader: Member) -> list[wire.Xml]:
    """Returns: the message's children, for a reader and who reads it alike. Source: XEP-0359, XEP-0421."""
    parts = _said(room, entry, reader)
    if client_id := _client_id(entry):
        parts.append(wire.element("origin-id", {"xmlns": wire.SID, "id": client_id}))
    parts.append(wire.element("stanza-id", {"xmlns": wire.SID, "by": room.jid, "id": entry.uid}))
    if entry.author and entry.author.handle and not _removes(entry):
        parts.append(wire.element("occupant-id", {"xmlns": wire.OCCUPANT_ID, "id": room.occupant_id(entry.author.handle)}))
    return parts


def _said(room: Room, entry: Entry, reader: Member) -> list[wire.Xml]:
    """Returns: what the message says, in words and for apps that know its kind."""
    payload = entry.payload
    if isinstance(payload, TYPED):
        if entry.quote is not None:
            return _reply(room, entry, entry.quote)
        return [wire.element("body", {}, entry.body)]
    if isinstance(payload, Correction):
        return [wire.element("body", {}, entry.body), wire.element("replace", {"xmlns": wire.CORRECT, "id": payload.known_as or payload.target})]
    if isinstance(payload, Retraction):
        return _retraction(room, entry, payload)
    if isinstance(payload, Reaction):
        chosen = (wire.element("reaction", {}, emoji) for emoji in payload.emojis)
        return [wire.element("body", {}, entry.body), wire.element("reactions", {"xmlns": wire.REACTIONS, "id": payload.target}, *chosen),
                _fallback(wire.REACTIONS), STORE]
    if isinstance(payload, Tombstone):
        return _tombstone(room, payload)
    if (file := file_sharing.shared_file(entry)) is not None:
        asked = asking("", _asks_of(entry, reader.role), room.page, room.uid).strip()
        return file_sharing.said(entry, file, room.links.to(file.file, reader.uid, file.name), asked)
    own = entry.xml()
    return [wire.element("body", {}, _asking(room, entry, reader.role)), *((wire.Xml(own),) if own else ())]


def asks_of(entry: Entry) -> tuple[Ask, ...]:
    """Returns: what an entry asks of its readers."""
    asks: tuple[Ask, ...] = getattr(entry.payload, "asks", ())
    return asks


def _asks_of(entry: Entry, reader: Role) -> list[Ask]:
    return [ask for ask in asks_of(entry) if can(reader, ACTIONS[ask.action].permission)]


def alike(room: Room, entry: Entry, present: Sequence[Session]) -> list[tuple[Member, list[str]]]:
    """Returns: the addresses of those present, those together who read the entry alike, each with one whom it is written for.

    To most entries all do. Those of other roles do not where it asks something of them or speaks to its addressee; nobody does where it shows a
    file: everybody's link is their own.
    """
    if not present:
        return []
    if (each := file_sharing.shared_file(entry) is not None) or asks_of(entry) or hasattr(entry.payload, "to_addressee"):
        found: dict[str, tuple[Member, list[str]]] = {}
        for session in present:
            member = room.members[session.handle]
            found.setdefault(session.handle if each else member.role, (member, []))[1].append(session.address)
        return list(found.values())
    return [(room.members[present[0].handle], [session.address for session in present])]


def _asking(room: Room, entry: Entry, reader: Role) -> str:
    """Returns: the entry in words and, for each thing that it asks of such a reader, the page that asks them to confirm. Source: house rule 15."""
    words = entry.to_addressee if reader is Role.PATIENT else entry.body  # no other patient is sent it
    return asking(words, _asks_of(entry, reader), room.page, room.uid)


def _fallback(of: str, start: int | None = None, end: int | None = None) -> wire.Xml:
    """Mark the body, or these of its code points, as words for apps that do not know ``of``. Returns: Xml. Source: XEP-0428."""
    part = {"start": str(start), "end": str(end)} if start is not None else {}
    return wire.element("fallback", {"xmlns": wire.FALLBACK, "for": of}, wire.element("body", part))


def _reply(room: Room, entry: Entry, quote: Quote) -> list[wire.Xml]:
    """Say what a message answers, quoted in words before it. Source: XEP-0461."""
    quoted = f"> {quote.nick or CLINIC}: {quote.text}\n"
    return [wire.element("body", {}, quoted + entry.body),
            wire.element("reply", {"xmlns": wire.REPLY, "to": room.nick_jid(quote.nick or CLINIC), "id": quote.uid}),
            _fallback(wire.REPLY, 0, len(quoted))]


def _retraction(room: Room, entry: Entry, payload: Retraction) -> list[wire.Xml]:
    """Take a message back, in the present form and in that of older apps. Source: XEP-0424, XEP-0425."""
    reason = (wire.element("reason", {}, payload.reason),) if payload.reason else ()
    body = wire.element("body", {}, entry.body)
    if not payload.moderator:
        # COMPAT: apps of before 2023 know :0, and the message by its sender's id.
        older = wire.element("retract", {"xmlns": wire.RETRACT_0})
        return [body, wire.element("retract", {"xmlns": wire.RETRACT, "id": payload.target}),
                wire.element("apply-to", {"xmlns": wire.FASTEN, "id": payload.known_as or payload.target}, older), _fallback(wire.RETRACT), STORE]
    by = room.nick_jid(payload.moderator)
    person = (wire.element("occupant-id", {"xmlns": wire.OCCUPANT_ID, "id": room.occupant_id(entry.author.handle)}),) if entry.author else ()
    older = wire.element("moderated", {"xmlns": wire.MODERATE_0, "by": by}, wire.element("retract", {"xmlns": wire.RETRACT_0}), *reason)
    return [body, wire.element("retract", {"xmlns": wire.RETRACT, "id": payload.target},
                               wire.element("moderated", {"xmlns": wire.MODERATE, "by": by}, *person), *reason),
            wire.element("apply-to", {"xmlns": wire.FASTEN, "id": payload.target}, older), _fallback(wire.RETRACT), STORE]


def _tombstone(room: Room, payload: Tombstone) -> list[wire.Xml]:
    """Say what became of a message that is not there any more. Source: XEP-0424 section 5.3, XEP-0425 section 5."""
    by = (wire.element("moderated", {"xmlns": wire.MODERATE, "by": room.nick_jid(payload.moderator)}),) if payload.moderator else ()
    reason = (wire.element("reason", {}, payload.reason),) if payload.reason else ()
    gone = wire.element("retracted", {"xmlns": wire.RETRACT, "id": payload.by, "stamp": wire.stamp(wire.instant(payload.at))}, *by, *reason)
    return [wire.element("body", {}, payload.body), gone, _fallback(wire.RETRACT)]


def live(room: Room, entry: Entry, reader: Member) -> wire.Stanza:
    """Returns: the entry as it goes to one of those present, and to who reads it alike."""
    return wire.stanza("message", attributes(room, entry), *inside(room, entry, reader))


def delayed(room: Room, entry: Entry, reader: Member) -> wire.Stanza:
    """Returns: the entry as history on joining. Source: XEP-0045 section 7.2.13, XEP-0203."""
    return wire.stanza("message", attributes(room, entry), *inside(room, entry, reader),
                       wire.element("delay", {"xmlns": wire.DELAY, "from": room.jid, "stamp": wire.stamp(entry.at)}))


def archived(room: Room, entry: Entry, queryid: str | None, reader: Member) -> wire.Stanza:
    """Returns: the entry as a result of an archive query. Source: XEP-0313 section 5."""
    message = wire.element("message", {"xmlns": wire.CLIENT, **attributes(room, entry)}, *inside(room, entry, reader))
    return wire.stanza("message", {"from": room.jid}, wire.element(
        "result", {"xmlns": wire.MAM, "queryid": queryid, "id": entry.uid}, wire.element(
            "forwarded", {"xmlns": wire.FORWARD},
            wire.element("delay", {"xmlns": wire.DELAY, "stamp": wire.stamp(entry.at)}), message)))
