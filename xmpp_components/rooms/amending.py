"""What a message or a request changes about an earlier message: read from the forms that apps use. Owns no state.

Source: XEP-0308 (corrections), XEP-0424 in two versions (retractions), XEP-0425 in two versions (moderation), XEP-0444 (reactions),
XEP-0461 (replies), XEP-0428 (words for apps that know no better, which are never taken for what somebody said).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from clinic import Actor
from clinic.errors import Invalid
from clinic.log import allowed
from xmpp_components import wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Request, Target
from xmpp_components.rooms.room import UID, Member, Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

NAMESPACES = frozenset({wire.CORRECT, wire.RETRACT, wire.RETRACT_0, wire.FASTEN, wire.REACTIONS})
NOT_KNOWN = "This app asks for something that is not offered here. Nothing was changed or sent; write a new message instead."
NO_TEXT = "This correction holds no text, so nothing was changed. To take the message back, use your app's function for that."
NO_ID = "This app does not say which message it means, so nothing was changed."
Asked = tuple[str, dict[str, Any]]


def read(room: Room, xml: Element) -> Asked:
    """Understand a message that changes an earlier one. Returns: the action and its values. Raises: Invalid."""
    replace = wire.child(xml, wire.CORRECT, "replace")
    if replace is not None:
        body = wire.stanza_child(xml, "body")
        if body is None or not body.text:
            raise Invalid(NO_TEXT)
        return "text.correct", {"body": without_quote(xml, body.text), "known_as": _id(replace)}
    reactions = wire.child(xml, wire.REACTIONS, "reactions")
    if reactions is not None:
        emojis = [one.text or "" for one in reactions.findall(f"{{{wire.REACTIONS}}}reaction")]
        return "text.react", {"emojis": emojis, "entry": _entry(room, _id(reactions))}
    retract = wire.child(xml, wire.RETRACT, "retract")
    if retract is not None:
        return "text.retract", _named(_id(retract))
    fastened = wire.child(xml, wire.FASTEN, "apply-to")  # COMPAT: apps of before 2023
    if fastened is not None and wire.child(fastened, wire.RETRACT_0, "retract") is not None:
        return "text.retract", _named(_id(fastened))
    raise Invalid(NOT_KNOWN)


def _id(xml: Element) -> str:
    """Returns: which message an app means. Raises: Invalid where it does not say: it is never guessed."""
    given = xml.get("id", "").strip()
    if not given:
        raise Invalid(NO_ID)
    return given[:1024]


def _named(given: str) -> dict[str, Any]:
    """Returns: how an action is told a message of the sender's own: by its stanza-id, or by the sender's id for it."""
    return {"entry": given} if UID.fullmatch(given) else {"known_as": given}


def _entry(room: Room, given: str) -> str:
    """Returns: the uid of the message that an app names; some name it by its sender's id."""
    found = None if UID.fullmatch(given) else room.referred(given)
    return found.uid if found else given[:128]


def answered(room: Room, member: Member, xml: Element, reply: Element, body: str) -> tuple[str | None, str]:
    """Understand a reply. Returns: the uid of the entry that it answers, and what its author wrote without the quote of it.

    Where the message is not known under this id, the words stay as they are, quote and all, and answer none.
    """
    given = reply.get("id", "")
    found = room.referred(given)
    if found is not None:
        return (found.uid, without_quote(xml, body)) if allowed(found, member) else (None, body)
    return (given, without_quote(xml, body)) if UID.fullmatch(given) else (None, body)


def without_quote(xml: Element, body: str) -> str:
    """Returns: a message's text without the quote that stands in it for apps that know no replies; the whole if that is all."""
    for fallback in xml.findall(f"{{{wire.FALLBACK}}}fallback"):
        part = wire.child(fallback, wire.FALLBACK, "body")
        if fallback.get("for") == wire.REPLY and part is not None and (span := wire.span(part)) is not None:
            left = body[:span[0]] + body[span[1]:]
            return left if left.strip() else body
    return body


@handles("iq set", Target.ROOM, f"{{{wire.MODERATE}}}moderate", policy=Policy.MEMBER)
@handles("iq set", Target.ROOM, f"{{{wire.FASTEN}}}apply-to", policy=Policy.MEMBER)
async def moderate(component: Threads, request: Request) -> None:
    """Remove another's message, as the group admin; answered once it is done. Source: XEP-0425 section 3."""
    room, member = request.inside()
    asked = request.payload
    assert asked is not None  # the register matched on it
    inner = asked if asked.tag == f"{{{wire.MODERATE}}}moderate" else wire.child(asked, wire.MODERATE_0, "moderate")
    takes_back = inner is not None and any(wire.child(inner, form, "retract") is not None for form in (wire.RETRACT, wire.RETRACT_0))
    if inner is None or not takes_back:
        raise Invalid(NOT_KNOWN)
    reason = next((one.text for one in inner if one.tag.endswith("}reason") and one.text), None)
    once = hashlib.sha256(f"{request.sender}\0{request.id}\0{_id(asked)}".encode()).hexdigest()
    await component.submit(Actor.xmpp(member.handle), "text.moderate", room.uid, entry=_id(asked), reason=reason, client_id=f"iq:{once}")
    component.reply(request)
