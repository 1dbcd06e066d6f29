"""Which of several processes serves a thread or a feed: it follows from the node of the address alone, so that nobody has to be asked.

Imports the standard library only. The XMPP server says the same in prosody/modules/mod_bedside_split.lua; another number of
processes deals everything anew, which is done at a start.
"""

from __future__ import annotations

import hashlib


def server_of(node: str, processes: int) -> int:
    """Returns: the number, from 1 on, of the process that serves ``node`` (a thread's uid, a feed's name)."""
    return int(hashlib.sha256(node.encode()).hexdigest()[:8], 16) % processes + 1


class Share:
    """What is one process's own. ``number``: which of the ``processes`` it is, from 1 on."""

    def __init__(self, number: int, processes: int) -> None:
        self._number, self._processes = number, processes

    def has(self, node: str) -> bool:
        """Returns: whether this process serves ``node``."""
        return self._processes == 1 or server_of(node, self._processes) == self._number
