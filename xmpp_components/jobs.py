"""Durable jobs of this component: claiming them, closing sessions on the XMPP server, inviting people to a thread.

Owns nothing: the outbox does. A job may run twice, and may run late; both do no harm. May import clinic and the package.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from clinic import Actor, outbox
from clinic.errors import DomainError
from clinic.thread.bookmarks import invited
from xmpp_components import wire
from xmpp_components.failures import log_failure
from xmpp_components.rooms import presence

if TYPE_CHECKING:
    from xmpp_components.component import Threads

QUEUE = "threads"
POLL_SECONDS, ANSWER_SECONDS, AT_ONCE = 1.0, 5.0, 20
Result = TypeVar("Result")


class NotDone(Exception):
    """The XMPP server refused what a job asked of it."""


class Jobs:
    """Claims one queue while there is a stream; nothing is claimed in vain.

    ``doers``: what does a job of each name, called with its payload; ``first``: done once before anything is claimed.
    """

    def __init__(self, component: Threads, queue: str, at_once: int, doers: Mapping[str, Callable[..., Awaitable[None]]],
                 first: Callable[[], None] | None = None) -> None:
        self._component, self.queue = component, queue
        self._at_once, self._doers, self._first = at_once, doers, first
        self._rung = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._released = False
        # Claiming writes: while somebody holds the database, the threads of readers must stay free.
        self._thread = ThreadPoolExecutor(1, queue)

    def wake(self) -> None:
        """There is a new job."""
        self._rung.set()

    async def work(self) -> None:
        """Do jobs as they come, looking once a second. Runs until cancelled."""
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):  # wait_for may swallow a cancellation (Python 3.11)
                        await self._rung.wait()
                self._rung.clear()
                if self._component.stream.online:
                    [failed] = await asyncio.gather(self._round(), return_exceptions=True)
                    if failed is not None:
                        log_failure("claiming jobs failed", failed)
        finally:
            for task in self._running:
                task.cancel()

    async def _round(self) -> None:
        """Claim what there is a place for, and leave it running: a slow job delays no other."""
        db, config = self._component.db, self._component.config
        if not self._released:
            # What is claimed at the start, and by none of the other processes, was claimed by one that has died.
            others = [name for name in config.component_names if name != config.component_name]
            await self._run(lambda: outbox.release(db, self.queue, besides=others))
            if self._first is not None:
                await self._run(self._first)
            self._released = True
        places = self._at_once - len(self._running)
        for job in await self._run(lambda: outbox.claim(db, self.queue, places, by=config.component_name)) if places else ():
            task = self._component.background(self._one(job))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._rung.set()  # there is a place again, and there may be more to do

    async def _one(self, job: outbox.Job) -> None:
        db = self._component.db
        try:
            if job.name not in self._doers:
                raise NotDone(f"nobody here does {job.name}")
            await self._doers[job.name](**job.payload)
        except (NotDone, DomainError, ConnectionError, TimeoutError, TypeError) as error:
            log_failure("job %s failed", error, job.name)
            reason = type(error).__name__
            await self._run(lambda: outbox.retry(db, job, reason))
        else:
            await self._run(lambda: outbox.done(db, job))

    async def _run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def close(self) -> None:
        """Wait for what is being written."""
        self._thread.shutdown()


def of_threads(component: Threads) -> Jobs:
    """Returns: the jobs that must not wait for anything else: who was signed out is out within seconds."""
    doers = {"xmpp.disconnect": disconnect, "xmpp.invite": invite, "xmpp.tell": tell}
    return Jobs(component, QUEUE, AT_ONCE, {name: partial(doer, component) for name, doer in doers.items()})


async def disconnect(component: Threads, handle: str, device: str | None = None) -> None:
    """Have the server close an account's sessions, or those of one device, resumable ones too.

    Raises: NotDone, ConnectionError, TimeoutError while the server has not answered that it did.
    """
    if device is None:
        forget(component, handle)
    answer = await component.stream.ask(
        "set", component.server,
        wire.element("disconnect", {"xmlns": wire.SERVER, "user": handle, "device": device}), seconds=ANSWER_SECONDS)
    if answer.get("type") != "result":
        raise NotDone("the XMPP server refused to close sessions")


def forget(component: Threads, handle: str) -> None:
    """Drop every session of an account from rooms and feeds; rooms look whether it is still one of theirs."""
    for room in component.rooms:
        if handle in room.members:
            component.tail.look_again(room)
        for session in [session for session in room.occupants.values() if session.handle == handle]:
            presence.drop(component, room, session.address)
    for tab in [tab for tab in component.feeds.tabs() if tab.handle == handle]:
        component.feeds.drop(handle, tab.address)


async def invite(component: Threads, thread: str, handle: str) -> None:
    """Invite somebody who has not opened a thread from their bookmarks by now; it names the room and nobody's address.

    Whose bookmarks hold the thread is asked where they are online only: later, their apps open it by themselves. Where they
    could not be told, the server keeps the invitation. Source: XEP-0045 section 7.8.2, XEP-0249.
    """
    asked = await component.reader.view(Actor.system(), invited, thread, handle)
    if asked is None:
        return
    room = f"{thread}@{component.domain}"
    words = f"You are in a thread of the clinic now: {asked.title}. Join it to read and write."
    component.send(wire.stanza(
        "message", {"from": room, "type": "normal", "id": f"invite-{thread}"},
        wire.element("body", {}, words),
        wire.element("x", {"xmlns": wire.MUC_USER}, wire.element(
            "invite", {"from": component.domain}, wire.element("reason", {}, asked.title))),
        wire.element("x", {"xmlns": wire.DIRECT_INVITE, "jid": room, "reason": asked.title}),
        *((wire.element("no-store", {"xmlns": wire.HINTS}),) if asked.bookmarked else ()),
    ), f"{handle}@{component.server}")


async def tell(component: Threads, handle: str, words: str) -> None:
    """Have the clinic itself say something to a person's apps, beside every thread: it is heard where a thread is muted.

    The server keeps it for who is offline. It holds no words of a thread.
    """
    component.send(wire.stanza(
        "message", {"from": component.domain, "type": "chat", "id": f"tell-{secrets.token_hex(8)}"}, wire.element("body", {}, words),
    ), f"{handle}@{component.server}")
