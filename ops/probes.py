"""How to see that a process answers: questions as values, which one process puts together and another asks. Standard library only."""

import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 1.0
"""For one answer: meanwhile the supervisor does nothing else."""


def port_open(port: int) -> bool:
    """Returns whether something listens on this loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True


def always(patience: float = PATIENCE_SECONDS) -> bool:
    """Returns yes: for a process whose only sign is its mark."""
    return True


@dataclass(frozen=True)
class Listens:
    """Whether something listens on all of these loopback ports."""

    ports: tuple[int, ...]

    def __call__(self, patience: float = PATIENCE_SECONDS) -> bool:
        return all(port_open(port) for port in self.ports)


@dataclass(frozen=True)
class Answers:
    """Whether GET is answered in time, with this status or (None) any. The kernel connects for a process that hangs: only an answer counts."""

    port: int
    path: str
    status: int | None = None

    def __call__(self, patience: float = PATIENCE_SECONDS) -> bool:
        return _fits(http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience), self.path, self.status)


@dataclass(frozen=True)
class AnswersByTls:
    """The same by TLS. `authority`: the certificates by which the server must be known; None takes any server's."""

    port: int
    path: str
    status: int
    authority: Path | None = None

    def __call__(self, patience: float = PATIENCE_SECONDS) -> bool:
        try:
            context = self._context()
        except OSError:
            return False
        return _fits(http.client.HTTPSConnection("localhost", self.port, timeout=patience, context=context), self.path, self.status)

    def _context(self) -> ssl.SSLContext:
        if self.authority:
            return ssl.create_default_context(cafile=self.authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context


def _fits(connection: http.client.HTTPConnection, path: str, wanted: int | None) -> bool:
    try:
        connection.request("GET", path)
        found = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return wanted is None or found == wanted
