"""How web takes connections: a thread is given to one only when something has arrived on it. Imports gunicorn."""

from __future__ import annotations

import errno
import socket
import time
from functools import partial
from selectors import EVENT_READ
from struct import pack
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from web import carrying

REST_SECONDS = 10
"""How long a thread waits for more of a request that has begun."""
TAKING_SECONDS = 60
"""How long it waits for a reader to take more of an answer."""
BODY_BYTES = 32 * 1024
"""How much of a body is taken from the kernel at once."""


class Connection(TConn):
    """One connection, whose bodies are read in small parts.

    COMPAT: gunicorn 27 takes a megabyte from the kernel, whatever was asked for, keeps it, and copies what is left of it at each further read:
    ten uploads at once took ten megabytes more.
    """

    def init(self) -> None:
        """Begin with it, in the thread that serves it."""
        super().init()
        if not self.is_http2:
            self.parser.unreader.max_body_chunk = BODY_BYTES


class PatientWorker(ThreadWorker):
    """gunicorn's threads, with silent connections left to its poller.

    COMPAT: gunicorn 27 gives each new connection to a thread, which waits five seconds for the first byte. Browsers open connections ahead that
    stay silent: eight of them, and nobody was served for five seconds; forty, for twenty-five (tests/ops/test_up.py).
    """

    def accept(self, listener: Any) -> None:
        """Take a connection and watch it. Source: gunicorn's own way with connections that have been silent."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        self.nr_conns += 1
        for option, seconds in ((socket.SO_RCVTIMEO, REST_SECONDS), (socket.SO_SNDTIMEO, TAKING_SECONDS)):
            client.setsockopt(socket.SOL_SOCKET, option, pack("@ll", seconds, 0))
        conn = Connection(self.cfg, client, address, listener.getsockname())
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(client, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Have long answers end when the worker stops: whoever waits for a file goes on with it later."""
        carrying.STOPPING.set()
        super().handle_exit(sig, frame)

    def _cap_keepalive(self, deadline: float) -> None:
        """Wait for silent connections no longer than for those between two requests, when the worker stops."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
