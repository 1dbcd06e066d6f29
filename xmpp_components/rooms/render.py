"""An entry of the log as a message of its room: the same words live, in the history and in the archive. Owns no state.

Built from what the clinic stored, never from what came in (house rule 11). Every entry has a plain body (house rule 14).
"""

from __future__ import annotations

from clinic.log import Entry
from clinic.thread.nicks import CLINIC
from xmpp_components import wire
from xmpp_components.rooms.room import Room

# A client id that the component made up because the client sent none: nobody else would know it.
MADE_UP = ("id:", "none:")


def attributes(room: Room, entry: Entry) -> dict[str, str | None]:
    """Returns: the attributes of the message but ``to``; the id is the sender's own, so that it knows its reflection."""
    # Several apps (Gajim, poezio) show nothing that comes from the room itself: the clinic speaks as somebody.
    nick = entry.author.nick if entry.author else CLINIC
    return {"from": room.nick_jid(nick), "type": "groupchat", "id": entry.message_id or _client_id(entry)}


def _client_id(entry: Entry) -> str | None:
    return None if entry.client_id is None or entry.client_id.startswith(MADE_UP) else entry.client_id


def inside(room: Room, entry: Entry) -> list[wire.Xml]:
    """Returns: the message's children. Source: XEP-0359, XEP-0421."""
    parts = [wire.element("body", {}, entry.body)]
    if own := entry.xml():
        parts.append(wire.Xml(own))
    if client_id := _client_id(entry):
        parts.append(wire.element("origin-id", {"xmlns": wire.SID, "id": client_id}))
    parts.append(wire.element("stanza-id", {"xmlns": wire.SID, "by": room.jid, "id": entry.uid}))
    if entry.author and entry.author.handle:
        parts.append(wire.element("occupant-id", {"xmlns": wire.OCCUPANT_ID, "id": room.occupant_id(entry.author.handle)}))
    return parts


def live(room: Room, entry: Entry) -> wire.Stanza:
    """Returns: the entry as it goes to everybody present."""
    return wire.stanza("message", attributes(room, entry), *inside(room, entry))


def delayed(room: Room, entry: Entry) -> wire.Stanza:
    """Returns: the entry as history on joining. Source: XEP-0045 section 7.2.13, XEP-0203."""
    return wire.stanza("message", attributes(room, entry), *inside(room, entry),
                       wire.element("delay", {"xmlns": wire.DELAY, "from": room.jid, "stamp": wire.stamp(entry.at)}))


def archived(room: Room, entry: Entry, queryid: str | None) -> wire.Stanza:
    """Returns: the entry as a result of an archive query. Source: XEP-0313 section 5."""
    message = wire.element("message", {"xmlns": wire.CLIENT, **attributes(room, entry)}, *inside(room, entry))
    return wire.stanza("message", {"from": room.jid}, wire.element(
        "result", {"xmlns": wire.MAM, "queryid": queryid, "id": entry.uid}, wire.element(
            "forwarded", {"xmlns": wire.FORWARD},
            wire.element("delay", {"xmlns": wire.DELAY, "stamp": wire.stamp(entry.at)}), message)))
