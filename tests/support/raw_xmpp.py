"""A small blocking XMPP client and component on bare sockets: what a test needs to send exactly what it means."""

import base64
import hashlib
import socket
import ssl
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from types import TracebackType

CLIENT = "{jabber:client}"
SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
STREAMS = "{http://etherx.jabber.org/streams}"
SM = "{urn:xmpp:sm:3}"
PATIENCE = 20.0  # for what must come; on a busy machine it may come late


class StreamClosed(Exception):
    """The server closed the stream; `.error` is its stream error's condition, `.text` its words."""

    def __init__(self, error: str | None, text: str | None):
        super().__init__(f"{error}: {text}")
        self.error, self.text = error, text


class Stream:
    """One XML stream on a socket."""

    def __init__(self, sock: socket.socket, to: str, xmlns: str = "jabber:client"):
        self.sock, self.to, self.xmlns = sock, to, xmlns
        self.id = ""
        self.waiting: list[ET.Element] = []
        self.error: ET.Element | None = None
        self.ended = False
        self.open()

    def __enter__(self):
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.sock.close()

    def open(self) -> None:
        """Opens the stream (again)."""
        self.parser = ET.XMLPullParser(["start", "end"])
        self.depth = 0
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{self.to}' xmlns='{self.xmlns}' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )

    def send(self, text: str) -> None:
        """Sends text as it is."""
        self.sock.sendall(text.encode())

    def pump(self, seconds: float) -> None:
        """Reads what has arrived, waiting `seconds` at most for the first of it."""
        self.sock.settimeout(max(seconds, 0.001))
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            return
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return
        self.parser.feed(data)
        for event, element in self.parser.read_events():
            self.depth += 1 if event == "start" else -1
            if event == "start" and self.depth == 1:
                self.id = element.get("id", "")
            elif event == "end" and self.depth == 1:
                if element.tag == f"{STREAMS}error":
                    self.error = element
                self.waiting.append(element)
            elif event == "end" and self.depth == 0:
                self.ended = True

    def receive(self, *tags: str, seconds: float = PATIENCE, **attributes: str) -> ET.Element:
        """Returns the next element with one of the tags (any if none is given) and these attributes. Raises StreamClosed, TimeoutError."""
        deadline = time.monotonic() + seconds
        while True:
            for element in self.waiting:
                if (not tags or element.tag in tags) and all(element.get(key) == value for key, value in attributes.items()):
                    self.waiting.remove(element)
                    return element
            if self.ended:
                raise self.closed()
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {tags} {attributes}; waiting: {[ET.tostring(one) for one in self.waiting]}")
            self.pump(deadline - time.monotonic())

    def closed(self) -> StreamClosed:
        """Returns the stream's end as an exception."""
        conditions = [child for child in self.error or [] if not child.tag.endswith("text")]
        text = next((child.text for child in self.error or [] if child.tag.endswith("}text")), None)
        return StreamClosed(conditions[0].tag.rpartition("}")[2] if conditions else None, text)

    def wait_closed(self, seconds: float = PATIENCE) -> StreamClosed:
        """Returns how the server ends the stream. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.ended:
            if time.monotonic() > deadline:
                raise TimeoutError("the stream is still open")
            self.pump(deadline - time.monotonic())
        return self.closed()

    def ask(self, stanza: str, tag: str = f"{CLIENT}iq", **attributes: str) -> ET.Element:
        """Sends a stanza and returns the answer of this tag and these attributes."""
        self.send(stanza)
        return self.receive(tag, **attributes)


class Client(Stream):
    """A client by TLS from the first byte."""

    def __init__(self, port: int, ca: Path, domain: str = "localhost"):
        context = ssl.create_default_context(cafile=ca)
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        super().__init__(context.wrap_socket(plain, server_hostname="localhost"), domain)
        self.features = self.receive(f"{STREAMS}features")

    def authenticate(self, user: str, secret: str, authzid: str = "", mechanism: str = "PLAIN", seconds: float = PATIENCE) -> ET.Element:
        """Returns the server's answer: success or failure."""
        message = base64.b64encode(f"{authzid}\0{user}\0{secret}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{message}</auth>")
        return self.receive(f"{SASL}success", f"{SASL}failure", seconds=seconds)

    def log_in(self, user: str, secret: str, resource: str = "test") -> "Client":
        """Authenticates and binds. Returns itself."""
        answer = self.authenticate(user, secret)
        assert answer.tag == f"{SASL}success", ET.tostring(answer)
        self.open()
        self.features = self.receive(f"{STREAMS}features")
        if resource:
            self.ask(
                f"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>", id="bind"
            )
        return self


class Component(Stream):
    """A component by XEP-0114."""

    def __init__(self, port: int, address: str, secret: str):
        super().__init__(socket.create_connection(("127.0.0.1", port), PATIENCE), address, "jabber:component:accept")
        while not self.id:
            self.pump(5)
        digest = hashlib.sha1(f"{self.id}{secret}".encode()).hexdigest()
        self.send(f"<handshake>{digest}</handshake>")
        self.receive("{jabber:component:accept}handshake")
