"""Writing and reading off the event loop: group commits in one thread, reads in a few. May import clinic.

Calls that arrive while a commit runs are committed together by the next one (house rule 3). The queue is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from clinic import ACTIONS, Actor, Call, Database, Done
from clinic.errors import Busy, DomainError

log = logging.getLogger(__name__)

LONGEST_QUEUE = 2000
LARGEST_BATCH = 200
Result = TypeVar("Result")


class Writer:
    """The component's only way to change anything. ``committed``: told of each Done in commit order, before its caller is."""

    def __init__(self, db: Database, committed: Callable[[Call, Done], None]) -> None:
        self._db, self._committed = db, committed
        self._waiting: deque[tuple[Call, asyncio.Future[Done]]] = deque()
        self._thread = ThreadPoolExecutor(1, "writer")
        self._work: asyncio.Task[None] | None = None
        self._closed = False

    def submit(self, call: Call) -> asyncio.Future[Done]:
        """Queue a call of a batchable action.

        Returns: a future of its Done, or of its DomainError; Busy at once when too much waits already. Source: house rule 12.
        """
        if not ACTIONS[call.action].batchable:
            raise TypeError(f"{call.action} is not batchable")  # its neighbours in a batch must not pay for it
        future: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        if self._closed or len(self._waiting) >= LONGEST_QUEUE:
            future.set_exception(Busy())
            future.exception()  # marks it as seen: not every caller waits
            return future
        self._waiting.append((call, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._drain(), name="writer")
        return future

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_BATCH))]
            calls = [call for call, _future in batch]
            [found] = await asyncio.gather(loop.run_in_executor(self._thread, self._db.batch, calls), return_exceptions=True)
            if isinstance(found, BaseException):
                log_failure("a batch of %d calls failed", found, len(calls))
            results: Sequence[Done | BaseException] = [found] * len(calls) if isinstance(found, BaseException) else found
            for (call, future), result in zip(batch, results, strict=True):
                self._finish(call, future, result)

    def _finish(self, call: Call, future: asyncio.Future[Done], result: Done | BaseException) -> None:
        if isinstance(result, BaseException):
            if not future.done():
                future.set_exception(result)
                future.exception()  # marks it as seen: not every caller waits
            return
        self._committed(call, result)
        if not future.done():
            future.set_result(result)

    async def close(self) -> None:
        """Take nothing more and wait for what is queued."""
        self._closed = True
        if self._work is not None:
            await self._work
        self._thread.shutdown()


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


def log_failure(words: str, error: BaseException, *args: object) -> None:
    """Log an unexpected exception by its type and place: its text may quote what people wrote."""
    if isinstance(error, DomainError):
        log.info(words + ": %s", *args, error.code)
        return
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    log.error(words + ": %s at %s", *args, type(error).__name__, " > ".join(places))
