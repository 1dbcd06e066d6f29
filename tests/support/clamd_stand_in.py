"""Speaks as ClamAV's daemon does: PING and INSTREAM over a Unix socket. Source: clamd(8)."""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Split, so that no scanner takes the tests themselves for what they speak of.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@dataclass
class Daemon:
    """What it was asked. most: bytes that it takes (StreamMaxLength)."""

    path: Path
    most: int = 25_000_000
    scanned: list[int] = field(default_factory=list)


@contextmanager
def clamd(folder: Path) -> Iterator[Daemon]:
    daemon = Daemon(folder / "clamd.ctl")

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            command = bytearray()
            while not command.endswith(b"\0"):
                command += self.rfile.read(1)
            if command == b"zPING\0":
                self.wfile.write(b"PONG\0")
                return
            assert command == b"zINSTREAM\0"
            content = bytearray()
            while length := struct.unpack("!I", self.rfile.read(4))[0]:
                content += self.rfile.read(length)
                if len(content) > daemon.most:
                    self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            daemon.scanned.append(len(content))
            self.wfile.write(b"stream: Eicar-Signature FOUND\0" if EICAR in content else b"stream: OK\0")

    with socketserver.ThreadingUnixStreamServer(str(daemon.path), Session) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        try:
            yield daemon
        finally:
            server.shutdown()
            serving.join()
