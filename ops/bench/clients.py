"""What a measurement drives a clinic with: a lean XMPP client on asyncio and a page over plain http. Standard library only.

Lean on purpose: the generator shares its machine with what it measures, and a client library's work would count against it.
"""

import asyncio
import base64
import http.client
import json
import re
import ssl
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

from ops.problems import Problem

STREAMS = "{http://etherx.jabber.org/streams}"
MUC, FEED = "http://jabber.org/protocol/muc", "urn:bedside:feed:1"
ANSWER_SECONDS = 60.0


class XmppClient:
    """One XMPP session by TLS from the first byte. `heard`: called with each stanza and the instant at which it was read."""

    def __init__(self, port: int, ca: Path, domain: str) -> None:
        self.port, self.ca, self.domain = port, ca, domain
        self.heard: Callable[[ET.Element, float], None] | None = None
        self.waiting: asyncio.Queue[ET.Element] = asyncio.Queue()
        self.reading: asyncio.Task[None] | None = None

    async def log_in(self, user: str, secret: str, resource: str) -> "XmppClient":
        """Connects, authenticates by PLAIN inside TLS, and binds. Returns itself. Raises Problem when refused."""
        context = ssl.create_default_context(cafile=self.ca)
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname="localhost")
        self._open()
        self.reading = asyncio.create_task(self._read())
        await self.expect(f"{STREAMS}features")
        proof = base64.b64encode(f"\0{user}\0{secret}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{proof}</auth>")
        answer = await self.expect("{urn:ietf:params:xml:ns:xmpp-sasl}success", "{urn:ietf:params:xml:ns:xmpp-sasl}failure")
        if answer.tag.endswith("failure"):
            raise Problem(f"The XMPP server refused the log-in of {user}.")
        await self.expect(f"{STREAMS}features")
        self.send(f"<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>")
        await self.expect("{jabber:client}iq")
        return self

    async def join(self, room: str, nick: str) -> None:
        """Enters a room and waits for the end of joining (XEP-0045: the subject comes last)."""
        self.send("<presence/>")
        self.send(f"<presence to='{room}/{nick}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>")
        while (await self.expect("{jabber:client}message")).find("{jabber:client}subject") is None:
            pass

    async def watch(self, feed: str, thread: str) -> None:
        """Registers with a person's feed as a tab that has a thread open, and waits until it is served."""
        self.send(f"<presence to='{feed}'><feed xmlns='{FEED}' thread='{thread}'/></presence>")
        while (await self.expect("{jabber:client}message")).find(f"{{{FEED}}}ready") is None:
            pass

    def send(self, text: str) -> None:
        """Sends text as it is."""
        self.writer.write(text.encode())

    async def expect(self, *tags: str) -> ET.Element:
        """Returns the next element with one of the tags; others are dropped. Raises TimeoutError."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while (element := await self.waiting.get()).tag not in tags:
                pass
            return element

    async def close(self) -> None:
        """Ends the session."""
        if self.reading:
            self.reading.cancel()
            self.writer.close()
            await asyncio.gather(self.reading, self.writer.wait_closed(), return_exceptions=True)

    def _open(self) -> None:
        self.parser, self.depth = ET.XMLPullParser(["start", "end"]), 0
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{self.domain}' xmlns='jabber:client' "
            "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )

    async def _read(self) -> None:
        root: ET.Element | None = None
        while data := await self.reader.read(65536):
            now = time.perf_counter()
            self.parser.feed(data)
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "start" and self.depth == 1:
                    root = element
                elif event == "end" and self.depth == 1 and root is not None:
                    root.clear()  # or the tree of the whole session would grow
                    self._take(element, now)

    def _take(self, element: ET.Element, now: float) -> None:
        if element.tag.endswith("}success"):
            self._open()
        ping = element.find("{urn:xmpp:ping}ping") if element.tag == "{jabber:client}iq" else None
        if ping is not None:
            self.send(f"<iq type='result' id='{element.get('id')}' to='{element.get('from')}'/>")
        elif self.heard is not None:
            self.heard(element, now)
        else:
            self.waiting.put_nowait(element)


class PageClient:
    """One signed-in browser. Blocking; for one thread. `log_in_seconds`: what the answer to name and password took."""

    def __init__(self, port: int, email: str, password: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        self.cookies: dict[str, str] = {}
        form = {"csrf_token": self._token(), "email": email, "password": password}
        began = time.perf_counter()
        status, _ = self.ask("POST", "/login", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
        self.log_in_seconds = time.perf_counter() - began
        if status != 303:
            raise Problem(f"The page refused the log-in of {email} ({status}).")
        self.csrf = self._token()

    def _token(self) -> str:
        token: str = json.loads(self.ask("GET", "/session")[1])["csrf"]
        return token

    def ask(self, method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Returns the status and the text of one answer."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self.connection.request(method, path, body, {"Accept": "application/json", "X-Bedside-Script": "1", "Cookie": cookie, **(headers or {})})
        response = self.connection.getresponse()
        text = response.read().decode()
        for header in response.headers.get_all("Set-Cookie", []):
            self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(header).items()})
        return response.status, text

    def post(self, path: str, **values: str) -> dict[str, str]:
        """Returns the answer to JSON sent as the page's script sends it. Raises Problem unless it was taken."""
        headers = {"Content-Type": "application/json", "X-CSRFToken": self.csrf}
        status, text = self.ask("POST", path, json.dumps(values), headers)
        if status != 200:
            raise Problem(f"The page refused {path} ({status}): {text}")
        answer: dict[str, str] = json.loads(text)
        return answer

    def entries_after(self, thread: str, uid: str) -> list[str]:
        """Returns the uids of the entries after one, as one request of the page's script fetches them."""
        status, text = self.ask("GET", f"/threads/{thread}/entries?after={uid}", headers={"Accept": "text/html"})
        if status != 200:
            raise Problem(f"The page refused the entries of a thread ({status}).")
        return re.findall(r'<article [^>]*data-uid="([^"]+)"', text)
