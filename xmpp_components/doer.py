"""What people ask of the clinic by command: one action at a time, off the event loop, as the person who asks. May import clinic.

The writer's batches take what may share a transaction; what is offered by command need not, and is rare.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from clinic import ACTIONS, Actor, Database
from clinic.offers import Offered, telling, told
from xmpp_components.rooms.file_sharing import FileLinks

AT_ONCE = 2


class Doer:
    """Performs offered actions. Each runs as an own transaction, which asks again who acts and what they may."""

    def __init__(self, db: Database, links: FileLinks) -> None:
        self._db, self._links = db, links
        self._threads = ThreadPoolExecutor(AT_ONCE, "doer")

    async def do(self, actor: Actor, offered: Offered, values: Mapping[str, Any], client_id: str, base_url: str) -> str:
        """Perform what was offered. ``client_id``: the sender's own, for actions that take one. Returns: what to say of it.

        Raises: DomainError.
        """
        given = dict(values) | ({offered.client_id: client_id} if offered.client_id else {})

        def run() -> str:
            value = self._db.perform(actor, offered.action, offered.subject, **given).value
            words, address = told(ACTIONS[offered.action], value, base_url)
            if offered.offer.tells is not None:
                with self._db.read(actor) as work:
                    to = telling(work, base_url, self._links.to)
                return f"{offered.offer.tells(value, to)}\n{words}"
            there = address in (None, f"{base_url}/threads/{offered.thread}")  # who does it in a thread is there
            return words if there else f"{words} {address}"
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def perform(self, actor: Actor, action: str, thread: str | None, **values: Any) -> Any:
        """Perform what a protocol of its own asks for (an invitation, a removal, a subject, a slot). Returns: its value. Raises: DomainError."""
        done = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._db.perform(actor, action, thread, **values))
        return done.value

    async def look(self, actor: Actor, offered: Offered) -> bool:
        """Perform the look by which one sees what there is to choose, where an offer has one: before anything of it is told.

        Returns: whether it has one; then what is told is asked for anew. Raises: DomainError.
        """
        if offered.offer.look:
            await self.perform(actor, offered.offer.look, offered.thread)
        return bool(offered.offer.look)

    def close(self) -> None:
        """Wait for what is being done."""
        self._threads.shutdown()

