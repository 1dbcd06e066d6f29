"""Writer and Reader: the clinic off the event loop, group commits in one thread, reads in a few. May import clinic.

Calls that arrive while a commit runs are committed together by the next one (house rule 3). The queue is bounded. A thread that
somebody else has locked (PostgreSQL) delays nobody: its calls step aside and wait for it in their order.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from clinic import ACTIONS, Actor, Call, Database, Done
from clinic.errors import Busy, DomainError, Held
from clinic.storage import BUSY_TIMEOUT_SECONDS
from xmpp_components.failures import log_failure

LONGEST_QUEUE = 2000
LARGEST_BATCH = 200
# While several calls come at once a batch begins no sooner than this after the one before it: most of what a small one costs is
# the same for a large one. Who writes alone never waits for it.
PACE_SECONDS = 0.006
SLICE = 8
# How many threads that others have locked are waited for at once; each wait takes a connection.
WAITED_FOR = 4
Result = TypeVar("Result")


def slices(many: Sequence[Result], most: int = SLICE) -> Iterator[Sequence[Result]]:
    """Yields: a few at a time of what is written once a second for every busy thread, so that what people write comes in between."""
    size = min(most, SLICE)
    for start in range(0, len(many), size):
        yield many[start:start + size]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that is not decided yet. ``since``: when it was handed in, by the steady clock."""

    call: Call
    future: asyncio.Future[Done]
    since: float


class Writer:
    """The component's only way to change anything. ``committed``: told of each Done, a thread's in commit order, before its caller is.

    ``name``: by which the doorbell's rings of its own commits are known.
    """

    def __init__(self, db: Database, committed: Callable[[Call, Done], None]) -> None:
        self._db, self._committed = db, committed
        self.name = secrets.token_hex(4)
        self._waiting: deque[Waiting] = deque()
        # Calls of threads that somebody else has locked, by thread, with the task that waits for the lock.
        self._aside: dict[str | None, tuple[deque[Waiting], asyncio.Task[None]]] = {}
        self._thread, self._patient = ThreadPoolExecutor(1, "writer"), ThreadPoolExecutor(WAITED_FOR, "writer-aside")
        self._work: asyncio.Task[None] | None = None
        self._batch: asyncio.Future[None] | None = None  # done once everybody was told of the batch under way
        self._closed = False

    def submit(self, call: Call) -> asyncio.Future[Done]:
        """Queue a call of a batchable action.

        Returns: a future of its Done, or of its DomainError; Busy at once when too much waits already. Source: house rule 12.
        """
        if not ACTIONS[call.action].batchable:
            raise TypeError(f"{call.action} is not batchable")  # its neighbours in a batch must not pay for it
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        if self._closed or len(self._waiting) + sum(len(calls) for calls, _ in self._aside.values()) >= LONGEST_QUEUE:
            future.set_exception(Busy())
            future.exception()  # marks it as seen: not every caller waits
            return future
        self._waiting.append(Waiting(call, future, time.monotonic()))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._drain(), name="writer")
        return future

    async def _drain(self) -> None:
        while self._waiting:
            began, batch = time.monotonic(), list[Waiting]()
            while self._waiting and len(batch) < LARGEST_BATCH:
                one = self._waiting.popleft()
                if one.call.subject in self._aside:
                    self._put_aside(one)
                else:
                    batch.append(one)
            if batch:
                await self._commit(batch)
            if len(batch) > 1 and (early := began + PACE_SECONDS - time.monotonic()) > 0:
                await asyncio.sleep(early)

    async def _commit(self, batch: Sequence[Waiting]) -> None:
        self._batch = asyncio.get_running_loop().create_future()
        try:
            for one, result in zip(batch, await self._run(self._thread, batch), strict=True):
                if isinstance(result, Held):
                    self._put_aside(one)
                else:
                    self._finish(one, result)
        finally:
            self._batch.set_result(None)
            self._batch = None

    async def told(self) -> None:
        """Wait until everybody was told of the batch that is being committed at this moment (not of calls that stepped aside)."""
        if self._batch is not None:
            await asyncio.shield(self._batch)

    def _put_aside(self, one: Waiting) -> None:
        """Let a call wait for its thread, behind the thread's calls before it."""
        subject = one.call.subject
        if subject not in self._aside:
            calls: deque[Waiting] = deque()
            self._aside[subject] = calls, asyncio.create_task(self._wait_for(subject, calls), name="writer-aside")
        self._aside[subject][0].append(one)

    async def _wait_for(self, subject: str | None, calls: deque[Waiting]) -> None:
        try:
            while calls:
                batch = [calls.popleft() for _ in range(min(len(calls), LARGEST_BATCH))]
                deadline = batch[0].since + BUSY_TIMEOUT_SECONDS
                for one, result in zip(batch, await self._run(self._patient, batch, deadline), strict=True):
                    self._finish(one, result)
        finally:
            del self._aside[subject]

    async def _run(self, threads: ThreadPoolExecutor, batch: Sequence[Waiting], deadline: float = 0.0) -> Sequence[Done | BaseException]:
        """Commit calls, waiting for their threads until ``deadline`` on the steady clock. Returns: a result a call, in order."""
        calls = [one.call for one in batch]

        def run() -> Sequence[Done | DomainError]:
            return self._db.batch(calls, max(0.0, deadline - time.monotonic()), self.name)
        [found] = await asyncio.gather(asyncio.get_running_loop().run_in_executor(threads, run), return_exceptions=True)
        if isinstance(found, BaseException):
            log_failure("a batch of %d calls failed", found, len(calls))
            return [found] * len(calls)
        return found

    def _finish(self, one: Waiting, result: Done | BaseException) -> None:
        future = one.future
        if isinstance(result, BaseException):
            if not future.done():
                future.set_exception(result)
                future.exception()  # marks it as seen: not every caller waits
            return
        # As a callback of its own, which runs before those of the future: if it fails, the loop says so, and nobody else's call hangs.
        future.get_loop().call_soon(self._committed, one.call, result)
        if not future.done():
            future.set_result(result)

    async def close(self) -> None:
        """Take nothing more and wait for what is queued."""
        self._closed = True
        if self._work is not None:
            await self._work
        await asyncio.gather(*(task for _calls, task in self._aside.values()))
        self._thread.shutdown()
        self._patient.shutdown()


class Reader:
    """Views off the event loop, a few at a time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._threads = ThreadPoolExecutor(3, "reader")

    async def view(self, actor: Actor, view: Callable[..., Result], *args: Any, **kwargs: Any) -> Result:
        """Run one view as ``actor``. Returns: what the view returns. Raises: DomainError."""
        def run() -> Result:
            with self._db.read(actor) as work:
                return view(work, *args, **kwargs)
        return await self.run(run)

    async def run(self, function: Callable[[], Result]) -> Result:
        """Run a blocking function of the clinic. Returns: its result."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Wait for the reads under way."""
        self._threads.shutdown()
