"""The doorbell: a datagram that tells the other processes to look at the database now.

Owns Doorbell and ring. Imports the standard library. It carries no news and may be lost: whoever listens also looks
once a second. Each listener binds `doorbell-NAME.sock` in the run folder; after a commit one datagram goes to each.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LARGEST = 60_000


@dataclass(frozen=True, slots=True)
class Ring:
    """What one datagram says: uids of threads that changed, names of outbox queues with a new job."""

    threads: tuple[str, ...]
    queues: tuple[str, ...]


class Doorbell:
    """A listening socket. Non-blocking: hand `fileno()` to an event loop, or `wait()` in a plain loop."""

    def __init__(self, run_dir: Path, name: str) -> None:
        self.path = run_dir / f"doorbell-{name}.sock"
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.path.chmod(0o600)
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def receive(self) -> list[Ring]:
        """Return every ring that has arrived; empty when none has."""
        rings: list[Ring] = []
        while True:
            try:
                rings.append(_ring_of(self._socket.recv(_LARGEST + 1000)))
            except BlockingIOError:
                return rings

    def wait(self, seconds: float) -> list[Ring]:
        """Wait up to `seconds` for a ring and return all that have arrived."""
        self._socket.settimeout(seconds)
        try:
            first = _ring_of(self._socket.recv(_LARGEST + 1000))
        except TimeoutError:
            return []
        finally:
            self._socket.setblocking(False)
        return [first, *self.receive()]

    def wait_for(self, queue: str, seconds: float) -> bool:
        """Wait up to `seconds` for a job in `queue`; what else rings is let pass. Return whether there is one."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if any(queue in ring.queues for ring in self.wait(left)):
                return True
        return False

    def close(self) -> None:
        """Stop listening and remove the socket."""
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def _ring_of(message: bytes) -> Ring:
    data = json.loads(message)
    return Ring(tuple(data["threads"]), tuple(data["queues"]))


def ring(run_dir: Path, threads: Iterable[str], queues: Iterable[str]) -> None:
    """Tell every listener below `run_dir`; a listener that is gone or full is left to its poll."""
    message = json.dumps({"threads": sorted(threads), "queues": sorted(queues)}).encode()
    if len(message) > _LARGEST:  # a listener told of no thread looks at all that changed
        message = json.dumps({"threads": [], "queues": sorted(queues)}).encode()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for path in run_dir.glob("doorbell-*.sock"):
            with contextlib.suppress(OSError):
                sender.sendto(message, str(path))
