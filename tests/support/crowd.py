"""XMPP clients of a crash test, served by one loop: they write at a rate, keep what has not come back, and send it again."""

import select
import time
from collections.abc import Callable
from xml.etree.ElementTree import Element

from tests.support.raw_xmpp import Client

MUC, PING = "http://jabber.org/protocol/muc", "{urn:xmpp:ping}ping"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
ORIGIN_ID = "{urn:xmpp:sid:0}origin-id"
RESEND_SECONDS = 1.0


class Member:
    """One client in a room. `acknowledged`: client id → archive id, as echoed; `order`: archive ids as they first came."""

    def __init__(self, stream: Client, room: str, nick: str, handle: str):
        self.stream, self.room, self.nick, self.handle = stream, room, nick, handle
        self.outbox: dict[str, float] = {}
        self.attempted: set[str] = set()
        self.acknowledged: dict[str, str] = {}
        self.order: list[str] = []
        self.heard_at: dict[str, float] = {}
        self.presences = 0
        self.resent = 0
        self.refused: list[str] = []

    def join(self) -> None:
        """Enters the room and hears the end of joining."""
        self.stream.send(f"<presence to='{self.room}/{self.nick}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
        while self.stream.receive("{jabber:client}message", "{jabber:client}presence").find("{*}subject") is None:
            pass

    def say(self, client_id: str) -> None:
        """Sends a message, or sends it again under the same id."""
        self.attempted.add(client_id)
        self.outbox[client_id] = time.monotonic() + RESEND_SECONDS
        self.stream.sock.settimeout(10)
        self.stream.send(f"<message to='{self.room}' type='groupchat' id='{client_id}'><body>{client_id}</body>"
                         f"<origin-id xmlns='urn:xmpp:sid:0' id='{client_id}'/></message>")

    def resend(self) -> None:
        """Sends again what has not come back in time."""
        now = time.monotonic()
        for client_id in [one for one, due in self.outbox.items() if due < now]:
            self.resent += 1
            self.say(client_id)

    def take(self, stanza: Element) -> None:
        """Notes what a stanza says."""
        if stanza.tag == "{jabber:client}presence":
            self.presences += stanza.get("type") is None
        elif stanza.tag == "{jabber:client}iq" and stanza.find(PING) is not None:
            self.stream.send(f"<iq type='result' id='{stanza.get('id')}' to='{stanza.get('from')}'/>")
        elif stanza.get("type") == "error":
            self.refused.append(stanza.get("id", ""))
        elif stanza.get("type") == "groupchat" and (archived := stanza.find(STANZA_ID)) is not None:
            self.note(stanza, archived.get("id", ""))

    def note(self, stanza: Element, uid: str) -> None:
        """Notes a message of the room."""
        if uid not in self.heard_at:
            self.order.append(uid)
            self.heard_at[uid] = time.monotonic()
        origin = stanza.find(ORIGIN_ID)
        if origin is not None and stanza.get("from") == f"{self.room}/{self.nick}" and origin.get("id") in self.attempted:
            self.outbox.pop(origin.get("id", ""), None)
            self.acknowledged[origin.get("id", "")] = uid


def pump(members: list[Member], seconds: float) -> None:
    """Reads what has come for anybody, waiting so long at most for the first of it."""
    pending = [one for one in members if one.stream.sock.pending()]
    ready = pending or select.select([one.stream.sock for one in members], [], [], seconds)[0]
    for member in members:
        if member in ready or member.stream.sock in ready:
            member.stream.pump(0.001)
        assert not member.stream.ended, f"the server closed {member.nick}'s stream: {member.stream.closed()}"
        waiting, member.stream.waiting = member.stream.waiting, []
        for stanza in waiting:
            member.take(stanza)


def run(members: list[Member], seconds: float, each_turn: Callable[[float], None]) -> None:
    """Serves everybody for so long; `each_turn` is told how many seconds have passed."""
    start = time.monotonic()
    while (passed := time.monotonic() - start) < seconds:
        each_turn(passed)
        for member in members:
            member.resend()
        pump(members, 0.005)


def settle(members: list[Member], done: Callable[[], bool], seconds: float) -> None:
    """Serves everybody until `done`, resending. Raises: AssertionError when that takes longer than `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not settled: {[(one.nick, len(one.outbox), len(one.order)) for one in members]}"
        for member in members:
            member.resend()
        pump(members, 0.05)
