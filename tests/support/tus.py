"""An upload over a real connection, as the page's script makes it (tus 1.0): asks how far it is, sends on, may be cut at any byte. Imports no product code."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable

from tests.support.page import Page

SEND_BYTES = 64 * 1024


class Tus:
    """One upload of a person. tls: the port and the context of the front, where it goes that way."""

    def __init__(self, page: Page, uid: str, content: bytes, tls: tuple[int, ssl.SSLContext] | None = None) -> None:
        self.page, self.path, self.content, self.tls = page, f"/uploads/{uid}", content, tls

    def connection(self) -> http.client.HTTPConnection:
        """Returns a new connection."""
        if self.tls is not None:
            return http.client.HTTPSConnection("localhost", self.tls[0], context=self.tls[1], timeout=60)
        return http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=60)

    def headers(self, **more: str) -> dict[str, str]:
        """Returns what each request says."""
        cookies = "; ".join(f"{name}={value}" for name, value in self.page.cookies.items())
        return {"Cookie": cookies, "X-CSRFToken": self.page.csrf, "Tus-Resumable": "1.0.0", "Accept": "application/json", **more}

    def offset(self) -> int:
        """Returns how far it has come. Raises OSError where nobody answers, or web says that it cannot just now."""
        with contextlib.closing(self.connection()) as connection:
            connection.request("HEAD", self.path, headers=self.headers())
            try:
                answer = connection.getresponse()
                answer.read()
            except http.client.HTTPException as error:
                raise OSError("cut in the middle of an answer") from error
            if answer.status in (502, 503):
                raise OSError(f"answered with {answer.status}")
            assert answer.status == 200, answer.status
            return int(answer.headers["Upload-Offset"])

    def send(self, at: int, upto: int | None = None, then: Callable[[], None] = lambda: None) -> int:
        """Sends from byte `at` to the end, or cuts the connection at byte `upto`, after having done `then`. Returns the answer's status, 0 for none."""
        stop = len(self.content) if upto is None else upto
        with contextlib.closing(self.connection()) as connection:
            connection.putrequest("PATCH", self.path)
            own = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(at), "Content-Length": str(len(self.content) - at)}
            for name, value in self.headers(**own).items():
                connection.putheader(name, value)
            connection.endheaders()
            try:
                for place in range(at, stop, SEND_BYTES):
                    connection.send(self.content[place : min(place + SEND_BYTES, stop)])
                if upto is not None:
                    then()
                    with contextlib.suppress(OSError):
                        connection.sock.shutdown(socket.SHUT_RDWR)
                    return 0
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return 0
            return answer.status
