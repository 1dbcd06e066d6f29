"""The stream to the XMPP server: connects, authenticates, reconnects for ever, writes and reads. Sole user of slixmpp's stream.

slixmpp's own stanza handlers and plugins are left out: every stanza goes to one receiver as it came. Source: XEP-0114.
Entities need no guard of their own: XML takes declarations before the root only, which is the server's own stream header.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element

from slixmpp import ComponentXMPP

from xmpp_components import wire

log = logging.getLogger(__name__)

# What may wait for a server that has stopped reading, before the stream is given up (bytes).
OWED_BYTES = 64 * 1024 * 1024
# More than this in our own buffer, and large answers wait until the server has read most of it (bytes).
FULL_BYTES, ROOM_BYTES = 256 * 1024, 64 * 1024
LONGEST_WAIT_SECONDS = 2.0
STANZAS = frozenset(f"{{{ns}}}{name}" for ns in (wire.STREAM, wire.CLIENT) for name in ("message", "presence", "iq"))


class _NoText(logging.Filter):
    """slixmpp logs what it can't parse; a log holds ids and codes, never what people wrote."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args, record.exc_info = record.msg.partition(":")[0].partition("%")[0], (), None
        return True


logging.getLogger("slixmpp").setLevel(logging.WARNING)
logging.getLogger("slixmpp.xmlstream.xmlstream").addFilter(_NoText())


class Stream(ComponentXMPP):
    """One component stream. ``receive``: called with each stanza; ``opened`` and ``closed``: at each session's start and end."""

    def __init__(self, domain: str, secret: str, host: str, port: int, *, receive: Callable[[Element], None],
                 opened: Callable[[], None], closed: Callable[[], None]) -> None:
        super().__init__(domain, secret, host, port)
        for name in ("IM", "IMError", "Presence"):
            self.remove_handler(name)
        self._receive, self._opened, self._closed = receive, opened, closed
        self._out: list[str] = []
        self._asked: dict[str, tuple[str, asyncio.Future[Element]]] = {}
        self._delay = 0.0
        self._room = asyncio.Event()
        self._room.set()
        self.online = self.stopping = False
        self.add_event_handler("session_start", self._on_start)
        self.add_event_handler("disconnected", self._on_end)

    def _spawn_event(self, xml: Element) -> None:
        """Give stanzas to the receiver and the rest (handshake, stream error) to slixmpp."""
        if xml.tag not in STANZAS:
            super()._spawn_event(xml)
        elif not self._answered(xml):
            self._receive(xml)

    def reschedule_connection_attempt(self) -> None:
        """Leave the waiting to ``stay_connected``: slixmpp's own waits grow to five minutes."""

    async def stay_connected(self) -> None:
        """Connect, and connect again after short waits, until cancelled. Source: XEP-0114."""
        while True:
            gone = self.disconnected
            await self.connect(self.server_host, self.server_port)
            if self.is_connected():
                await gone
            self._delay = min(LONGEST_WAIT_SECONDS, self._delay * 2 + 0.1)
            await asyncio.sleep(self._delay * random.uniform(0.7, 1.0))

    def _on_start(self, _event: Any) -> None:
        self.online, self._delay = True, 0.0
        if self.transport is not None:
            self.transport.set_write_buffer_limits(high=FULL_BYTES, low=ROOM_BYTES)
        log.info("connected to the XMPP server")
        self._opened()

    def _on_end(self, _event: Any) -> None:
        was_online, self.online = self.online, False
        self._out.clear()
        self._room.set()
        asked, self._asked = self._asked, {}
        for _to, future in asked.values():
            if not future.done():
                future.set_exception(ConnectionError("the stream to the XMPP server has ended"))
        if was_online:
            if not self.stopping:
                log.warning("the stream to the XMPP server has ended; connecting again")
            self._closed()

    def write(self, text: str) -> None:
        """Send one stanza's text; everything of one turn of the loop goes out in one piece. Lost when there is no stream."""
        if not self.online:
            return
        self._out.append(text)
        if len(self._out) == 1:
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        if not self._out or self.transport is None:
            return
        text, self._out = "".join(self._out), []
        self.send_raw(text)
        if self.transport.get_write_buffer_size() > OWED_BYTES:
            log.error("the XMPP server has stopped reading; the stream is given up")
            self.abort()

    def pause_writing(self) -> None:
        """The server reads more slowly than we write (asyncio calls this)."""
        self._room.clear()

    def resume_writing(self) -> None:
        """The server has caught up (asyncio calls this)."""
        self._room.set()

    async def drained(self) -> None:
        """Wait until the server has taken most of what was written."""
        self._flush()
        await self._room.wait()

    async def ask(self, kind: str, to: str, payload: wire.Xml, *, seconds: float) -> Element:
        """Send an iq and wait for its answer.

        kind: "get" or "set"; to: a JID; payload: the request's child. Returns: the answer, of type result or error.
        Raises: TimeoutError, ConnectionError. Source: RFC 6120 section 8.2.3.
        """
        if not self.online:
            raise ConnectionError("there is no stream to the XMPP server")
        uid, future = uuid.uuid4().hex, self.loop.create_future()
        self._asked[uid] = (to, future)
        try:
            self.write(wire.stanza("iq", {"from": self.boundjid.bare, "type": kind, "id": uid}, payload).to(to))
            async with asyncio.timeout(seconds):
                return await future
        finally:
            self._asked.pop(uid, None)

    def _answered(self, xml: Element) -> bool:
        """Match an iq's answer with its question; an answer from anybody else is nobody's."""
        if not xml.tag.endswith("}iq") or xml.get("type") not in ("result", "error"):
            return False
        to, future = self._asked.get(xml.get("id", ""), ("", None))
        if future is not None and not future.done() and xml.get("from") == to:
            future.set_result(xml)
        return True

    def leftovers(self) -> list[str]:
        """Returns: the names of slixmpp's own handlers that are still registered, for the inventory."""
        return sorted(handler.name for handler in self.__dict__["_XMLStream__handlers"])
