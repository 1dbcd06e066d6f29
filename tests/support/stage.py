"""A stage for the threads component: a stand-in for the XMPP server on a real socket, the real component, a real clinic, and
clients that speak and hear protocol. What clients should hear is written as the XML itself: attributes and
children that are written must be there; what is not written may be anything.
"""

import asyncio
import copy
import hashlib
import inspect
import re
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path

from clinic import Database
from clinic.config import Config
from tests.support import pep
from tests.support.cast import NAMES, Cast
from tests.support.databases import DATABASES
from tests.support.ports import free_base_port
from xmpp_components.component import Threads

NS = "jabber:component:accept"
STREAM = "http://etherx.jabber.org/streams"
SECRET = "stage"
PATIENCE = 20.0  # for what must come; on a busy machine it may come late
USER, X, MARKERS = "http://jabber.org/protocol/muc#user", "http://jabber.org/protocol/muc", "urn:xmpp:chat-markers:0"
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"


def parse(text: str) -> ET.Element:
    """Returns a stanza's element, in the namespace of a component's stream."""
    return ET.fromstring(f"<s xmlns='{NS}'>{text}</s>")[0]


def shown(element: ET.Element) -> str:
    """Returns XML to read in a failed test."""
    element = copy.deepcopy(element)
    for part in element.iter():
        space, _, name = part.tag[1:].rpartition("}")
        part.tag = name
        if space != NS:
            part.set("xmlns", space)
    return ET.tostring(element, encoding="unicode")


def matches(wanted: ET.Element, got: ET.Element) -> bool:
    """Returns whether all that is written in `wanted` is in `got`; `*` stands for any text."""
    if wanted.tag != got.tag or any(got.get(k) != v and not (v == "*" and got.get(k)) for k, v in wanted.attrib.items()):
        return False
    text = (wanted.text or "").strip()
    if text and text != "*" and text != (got.text or "").strip():
        return False
    return all(any(matches(part, other) for other in got) for part in wanted)


class Client:
    """One session of a person at the XMPP server."""

    def __init__(self, server: "Server", jid: str):
        self.server, self.jid = server, jid
        self.handle, _, self.resource = jid.partition("@")[0], "", jid.partition("/")[2]
        self.heard: asyncio.Queue[ET.Element] = asyncio.Queue()
        self.pings = 0
        self.told: list[ET.Element] = []
        self.rooms: set[str] = set()
        server.clients[jid] = self

    def sends(self, text: str) -> None:
        """Sends a stanza; the server puts in who it is from."""
        self.rooms.update(re.findall(r"^<[^>]* to='((?!feed-)[^'/]+@[^'/]+)", text.strip()))
        self.server.to_component(re.sub(r"^<(\w+)", rf"<\1 from='{self.jid}'", text.strip(), count=1))

    async def hears(self) -> ET.Element:
        """Returns the next stanza; what only this client is told of a refusal is set apart in `told`."""
        while True:
            got = await asyncio.wait_for(self.heard.get(), PATIENCE)
            if not (got.get("id") or "").startswith("refused-"):
                return got
            self.told.append(got)

    async def receives(self, text: str) -> ET.Element:
        """Returns the next stanza, which must be this one."""
        got = await self.hears()
        assert matches(parse(text), got), f"\nwanted {text}\ngot    {shown(got)}"
        return got

    async def finds(self, text: str) -> ET.Element:
        """Returns the next stanza that is like this one; others before it are passed over."""
        wanted, passed = parse(text), []
        while True:
            try:
                got = await self.hears()
            except TimeoutError:
                raise AssertionError(f"\nwanted {text}\ngot    " + "\n       ".join(passed)) from None
            if matches(wanted, got):
                return got
            passed.append(shown(got))

    async def everything(self) -> list[ET.Element]:
        """Returns all that has come until what this client has sent to rooms so far is handled.

        What one session sends to one room is handled in order, a ping of itself there too; a ping of the service overtakes it.
        """
        got = []
        for to in (*(f"{room}/barrier" for room in sorted(self.rooms)), self.server.domain):
            self.sends(f"<iq type='get' id='barrier' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>")
            while (one := await self.hears()).get("id") != "barrier":
                got.append(one)
        return got

    def gone(self, room: str | None = None) -> None:
        """Goes offline without a word; with `room`, the server tells that room, as it does for directed presence."""
        self.server.clients.pop(self.jid, None)
        if room:
            self.server.to_component(f"<presence from='{self.jid}' to='{room}' type='unavailable'><gone xmlns='urn:bedside:server:1'/></presence>")


class Server:
    """A stand-in for the XMPP server: XEP-0114 on one side, clients on the other, and what a server does for absent ones."""

    def __init__(self, domain: str):
        self.domain = f"threads.{domain}"
        self.clients: dict[str, Client] = {}
        self.stored: deque[ET.Element] = deque()
        self.bookmarks = pep.Bookmarks()
        self.disconnects: list[dict[str, str]] = []
        self.refuses_disconnects, self.answers_disconnects = False, True
        self.says_who_is_there, self.questions = True, list[set[str]]()
        self.answers_pings, self.pings = True, 0
        self.copies, self.copied = True, 0
        self._unanswered: list[str] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.writer: asyncio.StreamWriter | None = None
        self.connections = 0
        self._listening: asyncio.Server | None = None

    async def listen(self, port: int) -> None:
        """Starts to accept the component."""
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def close(self) -> None:
        """Stops; the component's stream ends."""
        if self._listening:
            self._listening.close()
            await self._listening.wait_closed()
        self.cut()

    def cut(self) -> None:
        """Ends the component's stream."""
        if self.writer:
            self.writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        parser, depth = ET.XMLPullParser(["start", "end"]), 0
        self.connections += 1
        while data := await reader.read(65536):
            await self.reads.wait()
            parser.feed(data)
            for event, element in parser.read_events():
                depth += 1 if event == "start" else -1
                if event == "start" and depth == 1:
                    writer.write(f"<stream:stream xmlns='{NS}' xmlns:stream='{STREAM}' from='{self.domain}' id='s1'>".encode())
                elif event == "end" and depth == 1 and element.tag == f"{{{NS}}}handshake":
                    assert element.text == hashlib.sha1(f"s1{SECRET}".encode()).hexdigest()
                    writer.write(b"<handshake/>")
                    self.writer = writer
                elif event == "end" and depth == 1:
                    self._route(element)
                elif event == "end" and depth == 0:
                    writer.write(b"</stream:stream>")
                    writer.close()
        writer.close()

    def to_component(self, text: str) -> None:
        """Gives the component a stanza."""
        assert self.writer is not None, "the component is not connected"
        self.writer.write(text.encode())

    def _route(self, stanza: ET.Element) -> None:
        to = stanza.get("to", "")
        assert stanza.get("from", "").partition("/")[0].rpartition("@")[2] == self.domain, f"a foreign sender: {shown(stanza)}"
        if (recipients := stanza.find("{urn:bedside:server:1}fanout")) is not None and not stanza.tag.endswith("iq"):
            self._copy(stanza, recipients)
        elif to == self.domain.removeprefix("threads."):
            self._asked(stanza)
        elif (client := self.clients.get(to)) is not None:
            if stanza.find("{urn:xmpp:ping}ping") is not None:
                client.pings += 1
                self.to_component(f"<iq type='result' id='{stanza.get('id')}' from='{to}' to='{stanza.get('from')}'/>")
            else:
                client.heard.put_nowait(stanza)
        elif stanza.find(pep.PRIVILEGED) is not None:
            self.to_component(self.bookmarks.answer(stanza))
        elif "/" not in to:
            self.stored.append(stanza)
        elif stanza.get("type") not in ("error", "result", "unavailable") and not stanza.tag.endswith("presence"):
            name = stanza.tag.rpartition("}")[2]
            self.to_component(
                f"<{name} type='error' id='{stanza.get('id', '')}' from='{to}' to='{stanza.get('from')}'><error type='cancel'>"
                "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></" + name + ">")

    def _copy(self, stanza: ET.Element, recipients: ET.Element) -> None:
        """Sends one stanza to many, as mod_bedside_fanout.lua does."""
        assert self.copies and stanza.get("to") == self.domain.removeprefix("threads."), f"nobody offered that: {shown(stanza)}"
        self.copied += 1
        stanza.remove(recipients)
        for address in (recipients.text or "").split("\n"):
            one = copy.deepcopy(stanza)
            one.set("to", address)
            self._route(one)

    def answer_pings(self) -> None:
        """Answers every ping so far, and each from now on."""
        self.answers_pings = True
        while self._unanswered:
            self.to_component(self._unanswered.pop(0))

    def _asked(self, iq: ET.Element) -> None:
        if iq.find("{urn:xmpp:ping}ping") is not None:
            self.pings += 1
            self._unanswered.append(f"<iq type='result' id='{iq.get('id')}' from='{iq.get('to')}' to='{iq.get('from')}'/>")
            if self.answers_pings:
                self.answer_pings()
            return
        if (sessions := iq.find("{urn:bedside:server:1}sessions")) is not None:
            self._which_are_there(iq, {one.get("jid", "") for one in sessions})
            return
        if iq.find("{urn:bedside:server:1}fanout") is not None:
            kind = "result" if self.copies else "error"
            self.to_component(f"<iq type='{kind}' id='{iq.get('id')}' from='{iq.get('to')}' to='{iq.get('from')}'/>")
            return
        self.disconnects.append(dict(iq[0].attrib))
        if not self.answers_disconnects:
            return
        kind = "error" if self.refuses_disconnects else "result"
        self.to_component(f"<iq type='{kind}' id='{iq.get('id')}' from='{iq.get('to')}' to='{iq.get('from')}'/>")

    def _which_are_there(self, iq: ET.Element, asked: set[str]) -> None:
        self.questions.append(asked)
        gone = "".join(f"<gone jid='{jid}'/>" for jid in asked - set(self.clients))
        kind = "result" if self.says_who_is_there else "error"
        self.to_component(f"<iq type='{kind}' id='{iq.get('id')}' from='{iq.get('to')}' to='{iq.get('from')}'>"
                          f"<sessions xmlns='urn:bedside:server:1'>{gone if self.says_who_is_there else ''}</sessions></iq>")


class Person:
    """Somebody of the cast, with the XMPP address that the clinic gave them."""

    def __init__(self, cast: Cast, name: str):
        self.name, self.actor = NAMES[name][0], getattr(cast, name)
        self.uid, self.handle = cast.uid(name), cast.handle(name)


class Stage:
    """Ana (patient) and Boris (practitioner, assisted by Chen) have a thread; Eve is a patient who is in none of it."""

    def __init__(self, folder: Path, database_url: str | None = None):
        port = free_base_port()
        self.config = Config(
            data=folder, database_url=database_url or DATABASES.migrated(folder), domain="localhost", base_port=port, host="127.0.0.1",
            public_url="http://clinic.example", https_url="https://clinic.example", pepper=b"p" * 32, flask_key="k",
            component_secret=SECRET, internal_token="t")
        self.db = Database.open(self.config.database_url, run_dir=self.config.run_dir, pepper=self.config.pepper)
        self.cast = Cast.in_(self.db)
        self.ana, self.boris, self.chen, self.eve = (Person(self.cast, name) for name in ("ana", "boris", "chen", "eve"))
        self.thread = self.cast.start("boris", "ana")
        self.server = Server(self.config.domain)
        self.room = f"{self.thread}@{self.server.domain}"
        self.component: Threads | None = None

    async def __aenter__(self) -> "Stage":
        await self.server.listen(self.config.component_port)
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        await self.server.close()
        self.db.close()

    async def start(self) -> None:
        """Starts the component and waits until it serves."""
        self._stop = asyncio.Event()
        self.component = Threads(self.config, self.db)
        self._running = asyncio.create_task(self.component.run(self._stop))
        await self.until(lambda: (self.config.run_dir / "threads.ready").exists() or self._running.done())

    async def stop(self) -> None:
        """Stops the component in good order."""
        self._stop.set()
        await asyncio.wait_for(self._running, PATIENCE)

    async def crash(self) -> None:
        """Ends the component where it stands: nothing is flushed, nothing said."""
        assert self.component is not None
        vars(self.component)["submit"] = lambda *_given, **_named: asyncio.get_running_loop().create_future()
        self._running.cancel()
        for task in list(self.component._tasks):
            task.cancel()
        self.component.stream.abort()
        await asyncio.gather(self._running, return_exceptions=True)
        (self.config.run_dir / "threads.ready").unlink(missing_ok=True)

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for a condition of the world outside the protocol."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.01)

    def client(self, person: Person, resource: str = "phone") -> Client:
        """Returns a new session of a person."""
        return Client(self.server, f"{person.handle}@{self.config.domain}/{resource}")

    async def joined(self, person: Person, resource: str = "phone", history: int = 0) -> Client:
        """Returns a new session of a person that is in the room and has heard all of joining."""
        client = self.client(person, resource)
        client.sends(f"<presence to='{self.room}/{person.name}'><x xmlns='{X}'><history maxstanzas='{history}'/></x></presence>")
        await client.finds(f"<message type='groupchat' from='{self.room}'><subject/></message>")
        return client

    def says(self, client: Client, text: str, id: str, origin: str | None = None) -> None:
        """Sends a message to the room."""
        origin_id = f"<origin-id xmlns='urn:xmpp:sid:0' id='{origin}'/>" if origin else ""
        client.sends(f"<message to='{self.room}' type='groupchat' id='{id}'><body>{text}</body>{origin_id}</message>")

    def writes(self, person: Person, text: str, client_id: str) -> str:
        """Posts a text from the page. Returns the entry's uid."""
        return self.db.perform(person.actor, "text.post", self.thread, body=text, client_id=client_id).entries[0].uid


def played(test: Callable[[Stage], Awaitable[None]]) -> Callable[[Path], None]:
    """Runs a test's protocol on a stage of its own."""
    def run(tmp_path: Path) -> None:
        async def play() -> None:
            async with Stage(tmp_path) as stage:
                await test(stage)
        asyncio.run(play())
    run.__name__, run.__doc__, run.__module__ = test.__name__, inspect.getdoc(test), test.__module__
    return run
