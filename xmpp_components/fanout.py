"""One stanza to many recipients: copied by the XMPP server where it offers that, otherwise by us. Imports wire.

A server parses and routes each copy that we make; one that copies by itself (mod_bedside_fanout.lua) reads the stanza once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from xmpp_components import wire

if TYPE_CHECKING:
    from xmpp_components.stream import Stream

ANSWER_SECONDS = 30.0
# What one stanza carries of addresses (characters), so that it stays below what the server takes.
LARGEST = 100_000


class FanOut:
    """Sends to many. ``server``: the domain that copies; ``offered``: whether it has said that it does, on this stream."""

    def __init__(self, stream: Stream, server: str) -> None:
        self._stream, self._server = stream, server
        self.offered = False

    async def ask(self) -> None:
        """Ask the server whether it copies; until it has said so every recipient is sent their own."""
        self.offered = False
        try:
            answer = await self._stream.ask("get", self._server, wire.element("fanout", {"xmlns": wire.SERVER}), seconds=ANSWER_SECONDS)
        except (TimeoutError, ConnectionError):
            return  # the next stream asks again
        self.offered = answer.get("type") == "result"

    def closed(self) -> None:
        """The stream is gone; the next server may be another."""
        self.offered = False

    def send(self, stanza: wire.Stanza, addresses: Iterable[str]) -> None:
        """Send copies of a message or presence to these full JIDs, each once."""
        recipients = addresses if isinstance(addresses, list) else list(addresses)
        if self.offered and len(recipients) > 1:
            for part in _parts(recipients):
                self._stream.write(stanza.to_all(self._server, part))
            return
        for address in recipients:
            self._stream.write(stanza.to(address))


def _parts(addresses: list[str]) -> Iterator[str]:
    whole = "\n".join(addresses)
    if len(whole) <= LARGEST:
        yield whole
        return
    part: list[str] = []
    size = 0
    for address in addresses:
        if part and size + len(address) > LARGEST:
            yield "\n".join(part)
            part, size = [], 0
        part.append(address)
        size += len(address) + 1
    yield "\n".join(part)
