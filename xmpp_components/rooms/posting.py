"""What people wrote or uploaded, handed to the clinic: under which id it counts as the same, and what comes of it.

The sender sees it come back once it is stored, or reads why not. Owns no state. Source: XEP-0359, house rule 9.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Coroutine, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from clinic import Actor, Done
from clinic.errors import Conflict, DomainError, NotAcceptable, NotFound, NotYet, TooMany
from clinic.offers import Offered, offer
from clinic.text.find import MADE_UP
from xmpp_components import text_commands, wire
from xmpp_components.request import Request
from xmpp_components.rooms import file_sharing, render
from xmpp_components.rooms.room import Member, Room

if TYPE_CHECKING:
    from xmpp_components.component import Threads

LONGEST_CLIENT_ID = 120
# A client that has heard nothing of its message sends it again within minutes, or not at all.
SAME_FOR_SECONDS = 120
FORWARD = "file.forward"
NOT_SENT_ON = ("This is no upload of yours that waits to be sent, and none of the newest documents that you can send on in this thread: those of its patients "
               "that you see, and your own. Send it as a new file, or from Images & Documents on the clinic's page.")
TOO_FAST = "You are sending faster than one person's messages are taken here. This one was not stored: wait a moment and send it again."


def client_ids(xml: Element, body: str, now: datetime) -> tuple[str, str | None]:
    """Say under which id a message counts as the same when it comes again.

    Returns: its origin-id; else the stanza's id together with the text and the minutes in which it came, as an id alone is
    unique per stream only and may be a counter ("yes" under 1 to one question, "yes" under 1 to another); else a new one.
    And the id that the same message would have got in the minutes before. Source: XEP-0359, house rule 9.
    """
    origin = wire.child(xml, wire.SID, "origin-id")
    if origin is not None and (given := origin.get("id")):
        plain = len(given) <= LONGEST_CLIENT_ID and not given.startswith(("long:", *MADE_UP))
        return given if plain else "long:" + hashlib.sha256(given.encode()).hexdigest(), None
    if given := xml.get("id"):
        digest = hashlib.sha256(f"{given}\0{body}".encode()).hexdigest()
        minutes = int(now.timestamp() // SAME_FOR_SECONDS)
        return f"id:{minutes}:{digest}", f"id:{minutes - 1}:{digest}"
    return "none:" + uuid.uuid4().hex, None


def send(component: Threads, request: Request, room: Room, member: Member, action: str, seed: str, **values: Any) -> None:
    """Submit what a person wrote, at a bounded rate. ``seed``: what tells it from another message under the same stanza id.

    Raises: TooMany.
    """
    if not component.posts.take(member.handle):
        raise TooMany(TOO_FAST)
    given, earlier = client_ids(request.xml, seed, component.db.now())
    posted = component.submit(Actor.xmpp(member.handle), action, room.uid, client_id=given, earlier_client_id=earlier,
                              message_id=request.id or None, **values)
    posted.add_done_callback(lambda future: _posted(component, request, room, member, future))


def _posted(component: Threads, request: Request, room: Room, member: Member, future: asyncio.Future[Done]) -> None:
    if future.cancelled() or future.exception() is not None:
        component.call(request, future)
    else:
        _say_again(component, request, room, member, future.result())


def _say_again(component: Threads, request: Request, room: Room, member: Member, done: Done) -> None:
    # A resent message goes back to its sender only; what the tail has not relayed yet is about to come anyway.
    if done.duplicate and done.entries[0].seq <= room.cursor:
        again = done.entries[0]
        component.send(render.live(room, room.recent.get(again.uid, again), member), request.sender)


def bring(component: Threads, request: Request, room: Room, member: Member, files: Sequence[str]) -> None:
    """Send files (uids) that are all that a message says, one behind the other, at a bounded rate; of one that is here already it is asked first.

    What is refused of one is said of that one; where one is not checked in time, it and those behind it are not sent. Raises: TooMany.
    """
    if not component.posts.take(member.handle):
        raise TooMany(TOO_FAST)
    before: asyncio.Future[bool] | None = None
    for file in files:
        ids: dict[str, Any] = {"client_id": f"file:{file}"}
        if file == files[0]:  # the app knows one message
            given, earlier = client_ids(request.xml, f"file {file}", component.db.now())
            ids = {"client_id": given, "earlier_client_id": earlier, "message_id": request.id or None}
        came = asyncio.get_running_loop().create_future()
        # The first is handed over before this returns: what its sender writes next comes behind it.
        sent = _send_file(component, room, member, file, ids) if before is None else None
        component.call(request, _behind(before, came, _sent_or_asked_about(component, request, room, member, file, ids, sent)))
        before = came


async def _behind(before: asyncio.Future[bool] | None, came: asyncio.Future[bool], sending: Coroutine[Any, Any, None]) -> None:
    """Send one file of a message after the one before it was; ``came``: told whether the next may. Raises: DomainError."""
    if before is not None and not await before:
        sending.close()
        came.set_result(False)
        return
    goes_on = False
    try:
        await sending
        goes_on = True
    except DomainError as error:
        goes_on = not isinstance(error, (NotYet, TooMany))
        raise
    finally:
        if not came.done():  # as when everything is ended
            came.set_result(goes_on)


def _send_file(component: Threads, room: Room, member: Member, file: str, ids: dict[str, Any]) -> asyncio.Future[Done]:
    return component.submit(Actor.xmpp(member.handle), "file.send", room.uid, file=file, **ids)


async def _sent_or_asked_about(
    component: Threads, request: Request, room: Room, member: Member, file: str, ids: dict[str, Any], sent: asyncio.Future[Done] | None
) -> None:
    try:
        done = await _sent(component, room, member, file, ids, sent or _send_file(component, room, member, file, ids))
    except NotYet:
        raise
    except (NotFound, Conflict):  # no upload of theirs, or sent before: then it is a file that they send on
        raise NotAcceptable(await _forwarding(component, request, room, member, file)) from None
    _say_again(component, request, room, member, done)


async def _forwarding(component: Threads, request: Request, room: Room, member: Member, file: str) -> str:
    """Ask back whether a file that is here already is to be sent on: in an app a link slips into the wrong conversation. Returns: the question.

    Raises: NotFound where it is none that they can send on in this thread.
    """
    actor = Actor.xmpp(member.handle)
    found = await _may_forward(component, actor, room, file)
    if await component.doer.look(actor, found):
        found = await _may_forward(component, actor, room, file)
    return text_commands.asks_back(component, request, room, found, {"document": file})


async def _may_forward(component: Threads, actor: Actor, room: Room, file: str) -> Offered:
    try:
        found = await component.reader.view(actor, offer, FORWARD, room.uid)
    except NotFound:
        raise NotFound(NOT_SENT_ON) from None
    if all(option.value != file for field in found.fields for option in field.options):
        raise NotFound(NOT_SENT_ON)
    return found


async def _sent(
    component: Threads, room: Room, member: Member, file: str, ids: dict[str, Any], sent: asyncio.Future[Done]
) -> Done:
    """Wait for a file to be sent. One that is looked at just now is waited for a while: few apps send again what was refused. Raises: DomainError."""
    try:
        return await sent
    except NotYet:
        await component.checks.over(member.handle, file)
        return await _send_file(component, room, member, file, ids)


async def mention(component: Threads, request: Request, room: Room, member: Member, given: file_sharing.Given, answered: str | None) -> None:
    """Post words with links to files of this clinic; what was uploaded for them is sent before them, so that who reads them can open it.

    Raises: DomainError; then nothing more of the message is sent.
    """
    for file in given.files:
        try:
            ids = {"client_id": f"file:{file}"}
            await _sent(component, room, member, file, ids, _send_file(component, room, member, file, ids))
        except NotYet:
            raise
        except (NotFound, Conflict):
            continue  # no upload of theirs, or sent before: it is mentioned
    send(component, request, room, member, "text.post", given.words, body=given.words, reply_to=answered)
