"""The threads component: who sent a stanza, who answers it, and how a refusal is worded on the wire.

Owns the parts of the process and the one path from a stanza to the clinic. May import clinic and the rest of the package.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import uuid
from collections import deque
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any
from xml.etree.ElementTree import Element

from clinic import Actor, Call, Database, Done
from clinic.config import Config
from clinic.errors import DomainError, NotAcceptable, NotFound, NotPermitted
from clinic.offers import refusal_words
from clinic.thread.nicks import CLINIC
from xmpp_components import commands, feed, handlers, jobs, text_commands, upload, wire
from xmpp_components.bookmarks import Bookmarks
from xmpp_components.confirmation import Confirmation
from xmpp_components.doer import Doer
from xmpp_components.failures import log_failure, log_failures_of
from xmpp_components.fanout import FanOut
from xmpp_components.feed import Feeds
from xmpp_components.handlers import Handler, Policy
from xmpp_components.marks import Marks
from xmpp_components.rates import Buckets
from xmpp_components.recovery import Recovery
from xmpp_components.request import FEED_PREFIX, NO_THREAD, NOT_DONE, Refusal, Request, Target, target_of
from xmpp_components.rooms import admin, archive, disco, join, messages, vcards
from xmpp_components.rooms.availability import Availability
from xmpp_components.rooms.checks import Checks
from xmpp_components.rooms.file_sharing import FileLinks
from xmpp_components.rooms.room import Rooms
from xmpp_components.share import Share
from xmpp_components.stream import Stream
from xmpp_components.tail import Tail
from xmpp_components.turns import LONGEST_ID, TOO_MANY, Turn, Turns
from xmpp_components.writer import Reader, Writer

log = logging.getLogger(__name__)

# What one session may have waiting at one address.
LONGEST_LANE = 1000
# What one person may say of their typing in one thread.
TYPING_PER_SECOND, TYPING_BURST = 1.0, 6.0
LONG_ID = f"The id of this stanza is longer than {LONGEST_ID} characters. Nothing was changed or sent."
# A refusal carries longer ones too: without, a client never learns which of its messages it was, and goes on waiting.
LONGEST_REFUSED_ID_BYTES = 1024
STRANGER = "Only people with an account at this clinic are served here. Sign in with the address that the clinic gave you."

# How a refusal begins that says itself what became of the message.
NOT_SENT = "This was not sent"

# Whoever adds a module of stanza handlers adds it here.
HANDLERS = (admin, archive, commands, disco, feed, join, messages, upload, vcards)


class Threads:
    """One running component, or one process of it: then it serves the threads of its share."""

    def __init__(self, config: Config, db: Database) -> None:
        handlers.check_policies()
        self.config, self.db = config, db
        self.domain, self.server = config.threads_domain, config.domain
        self.share = Share(config.component, config.components)
        self.reader = Reader(db)
        self.links = FileLinks(config, db)
        self.doer = Doer(db, self.links)
        self.checks = Checks(self.reader)
        self.tail = Tail(self)
        self.writer = Writer(db, self.tail.committed)
        self.rooms = Rooms(self)
        self.feeds = Feeds(self)
        self.marks = Marks(self)
        self.confirmation = Confirmation(self)
        self.availability = Availability(self)
        self.turns = Turns()
        self.commands = commands.Sessions()
        self.text_commands = text_commands.Memory()
        self.posts = Buckets(config.posts_per_second, config.posts_burst)
        self.notes = Buckets(TYPING_PER_SECOND, TYPING_BURST)
        # Of several processes one keeps bookmarks, so that what was read first is written first.
        self.queues = (jobs.of_threads(self), *((Bookmarks(self).jobs,) if config.component == 1 else ()))
        self.recovery = Recovery(self)
        self.stream = Stream(self.domain, config.component_key, "127.0.0.1", config.component_port,
                             receive=self.receive, opened=self.recovery.opened, closed=self.recovery.closed)
        self.fanout = FanOut(self.stream, self.server)
        self._lanes: dict[tuple[str, str], deque[tuple[Request, Handler]]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- out

    def send(self, stanza: wire.Stanza, to: str) -> None:
        """Send one copy of a stanza to a JID."""
        self.stream.write(stanza.to(to))

    def reply(self, request: Request, *inside: str) -> None:
        """Answer an iq with a result."""
        self.send(wire.stanza("iq", {"from": request.to.full, "type": "result", "id": request.id}, *inside), request.sender)

    def refuse(self, request: Request, condition: str, type: str, text: str, special: wire.Xml | None = None) -> None:
        """Answer with an error; an error is never answered. ``special``: as of Refusal. Source: RFC 6120 section 8.3."""
        if request.type in ("error", "result"):
            return
        if request.target is Target.FEED and not self.share.has(request.to.local):
            return  # all processes are told of tabs; the one whose feed it is answers
        came_from = request.to.bare if request.kind == "message" and request.type == "groupchat" else request.to.full
        # Only a refused join carries the join's mark: a client (profanity) takes it for one and leaves the room silently.
        joining = request.kind == "presence" and wire.child(request.xml, wire.MUC, "x") is not None
        marker = (wire.element("x", {"xmlns": wire.MUC}),) if joining else ()
        if request.kind == "message" and request.target is Target.OCCUPANT:
            # Without this Gajim takes the refusal of a private message for one of the room's, and shows the message as sent.
            marker = (wire.element("x", {"xmlns": wire.MUC_USER}),)
        self.send(wire.stanza(request.kind, {"from": came_from, "type": "error", "id": request.id}, *marker, wire.element(
            "error", {"type": type, "by": request.to.bare},
            wire.element(condition, {"xmlns": wire.STANZAS}),
            wire.element("text", {"xmlns": wire.STANZAS, "xml:lang": "en"}, text),
            *(() if special is None else (special,)))), request.sender)
        if not joining:
            self._say_refused(request, text)

    def _say_refused(self, request: Request, text: str) -> None:
        """Say a refusal in the room too, to the refused session alone: some apps (Gajim) show no error of a group message."""
        room = request.room
        if room is None or request.sender not in room.occupants or request.kind == "iq":
            return
        if request.kind == "message" and request.target is not Target.ROOM:
            return
        body = wire.stanza_child(request.xml, "body")
        command = body is not None and text_commands.looks_like_one(body.text or "")
        begins = "Not sent. " if request.kind == "message" and not command and not text.startswith(NOT_SENT) else ""
        said = f"{begins}{text} (Only you see this.)"
        self.send(wire.stanza("message", {"from": room.nick_jid(CLINIC), "type": "groupchat", "id": f"refused-{uuid.uuid4().hex}"},
                              wire.element("body", {}, said), wire.element("no-store", {"xmlns": wire.HINTS})), request.sender)

    def turn(self, request: Request) -> AbstractAsyncContextManager[Turn]:
        """Wait for the request's turn to have a large answer. Raises: Refusal. Source: turns.py."""
        return self.turns.turn(request, self.stream)

    # --- to the clinic

    def actor_of(self, jid: wire.Address) -> Actor | None:
        """Returns: the actor behind an address of our own server, or None: nobody else is anybody here (house rule 16)."""
        return Actor.xmpp(jid.local) if jid.domain == self.server and jid.local else None

    def submit(self, actor: Actor, action: str, subject: str | None = None, **fields: Any) -> asyncio.Future[Done]:
        """Hand an action to the writer. Returns: a future of its Done or DomainError."""
        return self.writer.submit(Call(actor, action, subject, fields))

    def call(self, request: Request, work: Coroutine[Any, Any, Any] | asyncio.Future[Any]) -> asyncio.Task[None]:
        """Run what answers a request: the only place where an exception becomes an error reply. Returns: its task."""
        async def run() -> None:
            outcome: Any
            [outcome] = await asyncio.gather(work, return_exceptions=True)
            if isinstance(outcome, BaseException):
                self._failed(request, outcome)
        return self.background(run())

    def _failed(self, request: Request, error: BaseException) -> None:
        if isinstance(error, Refusal):
            self.refuse(request, error.condition, error.type, error.text, error.special)
            return
        if isinstance(error, DomainError):
            self.refuse(request, error.condition, error.type, refusal_words(error, self.config.shared_url))
            return
        log_failure("a handler failed on %s %s to a %s", error, request.kind, request.type, request.target)
        self.refuse(request, "internal-server-error", "cancel",
                    "Something went wrong on the clinic's side and this was not done. Try again; if it stays so, tell the clinic.")

    def background(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine beside everything else, and say so in the log when it fails. Returns: its task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log_failure("a background task failed", error)

    # --- in

    def receive(self, xml: Element) -> None:
        """Take one stanza from the stream: find out who sent it, to what, and who answers."""
        kind = xml.tag.rpartition("}")[2]
        sender, to = xml.get("from", ""), wire.address(xml.get("to", ""))
        came = wire.address(sender)
        actor = self.actor_of(came)
        request = Request(xml, kind, xml.get("type"), xml.get("id"), sender, to, actor.handle if actor else None, target_of(to))
        if actor is None and sender != self.server:
            self.refuse(request, "forbidden", "auth", STRANGER)
            return
        if request.id and len(request.id) > LONGEST_ID:
            if len(request.id.encode()) > LONGEST_REFUSED_ID_BYTES:
                request.id = None
            self.refuse(request, "bad-request", "modify", LONG_ID)
            return
        handler = handlers.find(*request.key)
        if handler is None:
            self._unhandled(request)
        elif handler.in_order:
            self._in_order(request, handler)
        else:
            self.call(request, self._serve(request, handler))

    def _unhandled(self, request: Request) -> None:
        """An iq always gets one answer (RFC 6120 section 8.2.3); other stanzas that mean nothing here are dropped."""
        if request.kind != "iq" or request.type in ("error", "result"):
            return

        async def answer() -> None:
            if request.target in (Target.ROOM, Target.OCCUPANT):
                await self._admit(request, Policy.MEMBER)
            raise Refusal("service-unavailable", "cancel", NOT_DONE)
        self.call(request, answer())

    def _in_order(self, request: Request, handler: Handler) -> None:
        """Serve what one session sends to one address one after the other, as RFC 6120 section 10.1 asks; nobody else waits."""
        ends = (request.sender, request.to.bare)
        lane = self._lanes.get(ends)
        if lane is None and self._served_at_once(request, handler):
            return
        if lane is None:
            lane = self._lanes[ends] = deque()
            lane.append((request, handler))
            self.background(self._drain(ends, lane))
        elif len(lane) < LONGEST_LANE:
            lane.append((request, handler))
        else:
            self._failed(request, Refusal("resource-constraint", "wait", TOO_MANY))

    async def _drain(self, ends: tuple[str, str], lane: deque[tuple[Request, Handler]]) -> None:
        while lane:
            request, handler = lane[0]
            with suppress(asyncio.CancelledError):
                await self.call(request, self._serve(request, handler))
            lane.popleft()
        del self._lanes[ends]

    def _served_at_once(self, request: Request, handler: Handler) -> bool:
        """Serve a request for which nothing has to be read or waited for: most of what is written in rooms. Returns: whether it was."""
        if handler.waits:
            return False
        try:
            if not self._admitted(request, handler.policy):
                return False
            handler.function(self, request)
        except Exception as error:  # noqa: BLE001 (`_failed` says so to the sender and in the log, whatever it is)
            self._failed(request, error)
        return True

    async def _serve(self, request: Request, handler: Handler) -> None:
        await self._admit(request, handler.policy)
        answer = handler.function(self, request)
        if inspect.isawaitable(answer):
            await answer

    async def _admit(self, request: Request, policy: Policy | None) -> None:
        """Let through whom the policy lets through. Absent, hidden and left threads answer alike (house rule 5)."""
        if not self._admitted(request, policy):
            request.room = await self.rooms.load_for(request.to.local, request.person)
            request.member = request.room.members[request.person] if request.room else None
            request.inside()

    def _admitted(self, request: Request, policy: Policy | None) -> bool:
        """Decide what can be decided at once. Returns: False where the thread has to be read first; otherwise raises or lets through."""
        if policy in (Policy.ANYONE, Policy.TRACES):
            request.room = self.rooms.known(request.to.local)
        elif request.handle is None:
            raise NotPermitted(STRANGER)
        elif policy is Policy.MEMBER:
            request.room = self.rooms.known(request.to.local)
            request.member = request.room.members.get(request.handle) if request.room else None
            return request.member is not None
        elif policy is Policy.OWN_FEED:
            if request.to.local != FEED_PREFIX + request.handle:
                raise NotFound(NO_THREAD)
        elif policy is not Policy.ACCOUNT:
            raise NotAcceptable(NOT_DONE)
        return True

    # --- life

    async def run(self, stop: asyncio.Event) -> bool:
        """Serve until ``stop`` is set; then store what is still to be stored, and close the stream.

        Returns: whether it was asked to stop; otherwise a part that must always run has ended, and the process should too.
        """
        log_failures_of(asyncio.get_running_loop())
        await self.recovery.load()
        work = [self.background(part) for part in (
            self.stream.stay_connected(), self.tail.listen(), self.confirmation.work(), self.marks.flush(),
            self.availability.work(), *(queue.work() for queue in self.queues))]
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([stopping, *work], return_when=asyncio.FIRST_COMPLETED)
        self.recovery.mark_ready(False)
        for task in (stopping, *work):
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await self.confirmation.once()
        await self.marks.flush_once()
        await self.writer.close()
        self.stream.stopping = True
        await self.stream.disconnect(wait=1.0)
        for queue in self.queues:
            queue.close()
        self.reader.close()
        self.doer.close()
        return stop.is_set()
