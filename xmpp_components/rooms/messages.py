"""Messages that people send to a room: what becomes an entry, what is passed on for the moment, what is refused in words.

Nothing is relayed as received: of a message only its text, its ids, known marks and links to files of this clinic are read (house rule 11).
Source: XEP-0045 sections 7.4 to 7.9, XEP-0085, XEP-0333, XEP-0359.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from clinic import Actor
from clinic.errors import Invalid, NotAcceptable
from clinic.thread.views import let_send
from xmpp_components import text_commands, wire
from xmpp_components.handlers import Policy, handles
from xmpp_components.request import Request, Target
from xmpp_components.rooms import admin, amending, file_sharing, posting
from xmpp_components.rooms.join import NOT_JOINED
from xmpp_components.rooms.room import Member, Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

STATES = ("active", "composing", "paused", "inactive", "gone")

ENCRYPTED = ("Messages here are kept in the clinic's record, so the clinic must be able to read them, and your app has locked this one (encrypted it). "
             "Turn that off for this conversation and send it again: many apps show a padlock beside the message box, or call it OMEMO. "
             "Nobody else can read it on its way to the clinic.")
PRIVATE = "Private messages are not possible in a thread: what concerns care belongs in its record. Write to the thread."
NOT_CORRECTED = "A message can't be corrected into a file. Nothing was changed: send the file as a new message."

# In some apps this begins a private message; others (Dino) send it to everybody as it stands.
MEANT_FOR_ONE = re.compile(r"\s*/(msg|query|tell|w|whisper)\s", re.IGNORECASE)

# Namespaces whose presence means that the body is a makeshift: posting it would say what nobody wrote.
REFUSED = {
    "eu.siacs.conversations.axolotl": ENCRYPTED, "urn:xmpp:omemo:2": ENCRYPTED, "urn:xmpp:omemo:1": ENCRYPTED,
    "urn:xmpp:openpgp:0": ENCRYPTED, "jabber:x:encrypted": ENCRYPTED,
}


@handles("message groupchat", Target.ROOM, policy=Policy.MEMBER)
def groupchat(component: Threads, request: Request) -> None:
    """Take a message to the room; one without a text and without anything known is dropped."""
    room, member = request.inside()
    inside = list(wire.namespaces(request.xml))
    if _command(component, request, room, member):
        return
    if words := next((REFUSED[namespace] for namespace, _name in inside if namespace in REFUSED), None):
        raise NotAcceptable(words)
    body, subject = wire.stanza_child(request.xml, "body"), wire.stanza_child(request.xml, "subject")
    known = {name for namespace, name in inside if namespace in (wire.MARKERS, wire.CHATSTATES)}
    amends = any(namespace in amending.NAMESPACES for namespace, _name in inside)
    brings = any(namespace in file_sharing.NAMESPACES for namespace, _name in inside)
    if body is None and subject is None and not known and not amends and not brings:
        return
    if request.sender not in room.occupants:
        raise NotAcceptable(NOT_JOINED)
    if amends:
        amend(component, request, room, member)
    elif brings or (body is not None and body.text):
        post(component, request, room, member, (body.text if body is not None else None) or "")
    elif subject is not None:
        rename(component, request, room, member, subject.text)
    elif not marker(component, request, room, member):
        state = next((state for state in STATES if state in known), None)
        if state:
            typing(component, room, member, state, besides=request.sender)


def _command(component: Threads, request: Request, room: Room, member: Member) -> bool:
    """Take a message that looks like a command: it is never posted, whatever else it carries. Returns: whether it is one."""
    body = wire.stanza_child(request.xml, "body")
    if body is None or not body.text or not text_commands.looks_like_one(body.text):
        return False
    if request.sender not in room.occupants:
        raise NotAcceptable(NOT_JOINED)
    corrects = wire.child(request.xml, wire.CORRECT, "replace") is not None
    ids = posting.client_ids(request.xml, body.text, component.db.now())
    text_commands.take(component, request, room, member, body.text, ids, corrects=corrects)
    return True


def rename(component: Threads, request: Request, room: Room, member: Member, subject: str | None) -> None:
    """Have the clinic name the thread; everybody's subject follows from the commit. Source: XEP-0045 section 8.1."""
    if (subject or "") != member.title:  # some apps send on joining what they were told
        renamed = component.doer.perform(Actor.xmpp(member.handle), "thread.rename", room.uid, title=subject or None)
        component.call(request, renamed)


def post(component: Threads, request: Request, room: Room, member: Member, body: str) -> None:
    """Hand a text or a file to the clinic; the sender sees it come back once it is stored, or reads why not."""
    answered = None
    if (reply := wire.child(request.xml, wire.REPLY, "reply")) is not None:
        answered, body = amending.answered(room, member, request.xml, reply, body)
    if _no_text(component, request, room, member, body):
        return
    given = file_sharing.read(component.links, request.xml, body)
    if given.words != body and _no_text(component, request, room, member, given.words):
        return
    if not given.files:
        posting.send(component, request, room, member, "text.post", given.words, body=given.words, reply_to=answered)
    elif given.words:
        component.call(request, posting.mention(component, request, room, member, given, answered))
    else:
        posting.bring(component, request, room, member, given.files)


def _no_text(component: Threads, request: Request, room: Room, member: Member, body: str) -> bool:
    """Refuse what was meant for one person, or for the clinic, and would be said to everybody. Returns: whether it is that. Raises: NotAcceptable."""
    if text_commands.looks_like_one(body):  # behind a quote that was taken off
        raise NotAcceptable(text_commands.NO_CORRECTION)
    if MEANT_FOR_ONE.match(body):
        component.call(request, refuse_private(component, room, member))
        return True
    return False


def amend(component: Threads, request: Request, room: Room, member: Member) -> None:
    """Hand a correction, a retraction or a reaction to the clinic: never as the makeshift text that it may carry."""
    action, values = amending.read(room, request.xml)
    if component.links.alone(values.get("body", "")):
        raise NotAcceptable(NOT_CORRECTED)
    if "body" not in values or not _no_text(component, request, room, member, values["body"]):
        posting.send(component, request, room, member, action, f"{action} {sorted(values.items())}", **values)


def marker(component: Threads, request: Request, room: Room, member: Member) -> bool:
    """Keep a displayed or received marker as the person's mark. Returns: whether there was one. Source: XEP-0333."""
    for name, state in (("displayed", "read"), ("received", "delivered")):
        found = wire.child(request.xml, wire.MARKERS, name)
        if found is not None:
            component.marks.take(room, member.handle, state, found.get("id", ""))
            return True
    return False


def typing(component: Threads, room: Room, member: Member, state: str, besides: str | None = None) -> None:
    """Pass on that somebody is writing, to everybody else present; never stored, at a bounded rate. Source: XEP-0085."""
    if not component.notes.take((room.uid, member.handle)):
        return
    copy = wire.stanza("message", {"from": room.nick_jid(member.nick), "type": "groupchat"},
                       wire.element(state, {"xmlns": wire.CHATSTATES}), wire.element("no-store", {"xmlns": wire.HINTS}),
                       wire.element("occupant-id", {"xmlns": wire.OCCUPANT_ID, "id": room.occupant_id(member.handle)}))
    component.fanout.send(copy, [address for address in room.occupants if address != besides])
    component.feeds.typing(room, member, state)


@handles("message other", Target.ROOM, policy=Policy.MEMBER)
def direct(component: Threads, request: Request) -> None:
    """Take what is not for everybody: markers, invitations; requests for voice are refused, a decline is noted by nobody."""
    room, member = request.inside()
    muc = wire.child(request.xml, wire.MUC_USER, "x")
    if muc is not None:
        asked = [one for one in muc if one.tag == f"{{{wire.MUC_USER}}}invite"]
        if asked:
            reason = wire.child(asked[0], wire.MUC_USER, "reason")
            component.call(request, admin.invite(component, request, [one.get("to", "") for one in asked],
                                                 reason.text if reason is not None else None))
        return
    if wire.child(request.xml, wire.DATA, "x") is not None:
        raise NotAcceptable("Everybody in a thread may write; voice need not be asked for.")
    if marker(component, request, room, member):
        return
    body = wire.stanza_child(request.xml, "body")
    if body is not None and request.type != "headline":
        raise Invalid("Send this to the thread as a group chat message: join it first.")


@handles("message groupchat", Target.OCCUPANT, policy=Policy.MEMBER)
@handles("message other", Target.OCCUPANT, policy=Policy.MEMBER)
async def private(component: Threads, request: Request) -> None:
    """Refuse private messages with the reason; what has no text (typing, receipts) is dropped. Source: XEP-0045 section 7.5."""
    room, member = request.inside()
    has_text = wire.stanza_child(request.xml, "body") is not None
    if has_text or any(namespace in REFUSED.keys() | amending.NAMESPACES | file_sharing.NAMESPACES for namespace, _name in wire.namespaces(request.xml)):
        await refuse_private(component, room, member)


async def refuse_private(component: Threads, room: Room, member: Member) -> NoReturn:
    """Refuse what is meant for one person: as held back where what they write to everybody is, else as never possible.

    Raises: Gated, NotAcceptable. Source: product.md, Payment.
    """
    await component.reader.view(Actor.xmpp(member.handle), let_send, room.uid)
    raise NotAcceptable(PRIVATE)


@handles("message groupchat", Target.SERVICE, policy=Policy.ACCOUNT)
@handles("message other", Target.SERVICE, policy=Policy.ACCOUNT)
def to_service(component: Threads, request: Request) -> None:
    """Nobody reads messages to the service itself."""
    if wire.stanza_child(request.xml, "body") is not None:
        raise Invalid("Nobody reads messages to this address. Write to one of your threads.")
