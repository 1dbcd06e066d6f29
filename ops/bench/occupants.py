"""XMPP sessions in rooms that cost the generator as little as can be: no event loop, no XML parser. Standard library only.

Logging in and joining block, one after the other, and look for what must come. From then on the sockets do not block, an epoll
says who has something, and whole stanzas are handed on as bytes. One read a socket and turn: OpenSSL keeps nothing back then.
"""

import base64
import select
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from ops.bench.clients import MUC
from ops.problems import Problem

ANSWER_SECONDS = 30.0
QUIET_SECONDS = 0.5
RECORD_BYTES = 16384
"""The most that one TLS record holds: a read of so many leaves no decrypted byte that epoll would not know of."""
ENDS = (b"</message>", b"</presence>", b"</iq>", b"/>")


class Occupant:
    """One session by TLS from the first byte, in one room. `place`: a bit of its own among the room's occupants."""

    def __init__(self, address: str, room: int, place: int) -> None:
        self.address, self.room, self.place = address, room, place
        self.held = b""
        self.unsent = b""

    def log_in(self, port: int, context: ssl.SSLContext, domain: str, user: str, secret: str) -> None:
        """Connects, authenticates by PLAIN inside TLS, and binds. Raises Problem when refused."""
        plain = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        opening = (
            f"<?xml version='1.0'?><stream:stream to='{domain}' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )
        proof = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
        self.ask(opening, b"</stream:features>")
        self.ask(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{proof}</auth>", b"<success")
        self.ask(opening, b"</stream:features>")
        self.ask("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>bench</resource></bind></iq>", b"</iq>")

    def join(self, nick: str) -> None:
        """Enters the room and waits for the end of joining (XEP-0045: the subject comes last)."""
        self.send(b"<presence/>")
        self.ask(f"<presence to='{self.address}/{nick}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>", b"<subject")

    def ask(self, text: str, wanted: bytes) -> bytes:
        """Sends text and returns what comes up to the wanted bytes. Blocks. Raises Problem when something else comes, or nothing."""
        self.socket.sendall(text.encode())
        heard = b""
        while wanted not in heard:
            try:
                data = self.socket.recv(RECORD_BYTES)
            except TimeoutError:
                data = b""
            heard += data
            if not data or b"<failure" in heard or b"type='error'" in heard or b"<stream:error" in heard:
                raise Problem(f"A session to measure with was refused, or not answered. It said: {text}\nIt heard: {heard[-2000:].decode(errors='replace')}")
        return heard

    def send(self, data: bytes) -> bool:
        """Sends what the socket takes and keeps the rest. Returns whether everything went."""
        self.unsent += data
        try:
            while self.unsent:
                self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except ssl.SSLWantWriteError:
            return False
        return True

    def read(self) -> bytes:
        """Returns the whole stanzas that have come; the beginning of another is kept for the next time. Raises Problem at the end of the stream."""
        try:
            data = self.socket.recv(RECORD_BYTES)
        except ssl.SSLWantReadError:
            return b""
        if not data:
            raise Problem(f"The XMPP server closed the session of an occupant of {self.address}.")
        data = self.held + data
        if data.endswith(ENDS):
            self.held = b""
            return data
        self.held = data
        return b""


class Crowd:
    """Occupants of some rooms of one system. Rooms and messages are numbered; `rooms` holds each one's occupants."""

    def __init__(self, rooms: list[list[Occupant]]) -> None:
        self.rooms = rooms
        self.heard: Callable[[Occupant, bytes], None] = lambda occupant, data: None
        self.poll = select.epoll()
        self.by_number = {one.socket.fileno(): one for room in rooms for one in room}
        for number, one in self.by_number.items():
            one.socket.setblocking(False)
            self.poll.register(number, select.EPOLLIN)

    def turn(self, seconds: float) -> bool:
        """Waits so long for something to come, and hands it on. Returns whether anything came."""
        events = self.poll.poll(seconds)
        for number, event in events:
            one = self.by_number[number]
            if event & select.EPOLLOUT:
                self.send(one, b"")
            if event & ~select.EPOLLOUT and (data := one.read()):
                self.heard(one, data)
        return bool(events)

    def send(self, one: Occupant, data: bytes) -> None:
        """Sends for somebody, at once or when the socket takes it."""
        waited = bool(one.unsent)
        went = one.send(data)
        if went == waited:  # it has just begun to wait, or stopped
            self.poll.modify(one.socket.fileno(), select.EPOLLIN if went else select.EPOLLIN | select.EPOLLOUT)

    def settle(self) -> None:
        """Returns when nothing has come for a while: everybody knows who else is there."""
        while self.turn(QUIET_SECONDS):
            pass

    def close(self) -> None:
        """Ends the sessions."""
        self.poll.close()
        for one in self.by_number.values():
            one.send(b"</stream:stream>")
            one.socket.close()


def trusting(ca: Path) -> ssl.SSLContext:
    """Returns the TLS settings of who trusts this authority."""
    return ssl.create_default_context(cafile=ca)
