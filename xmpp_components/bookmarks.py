"""Threads appear by themselves in people's apps: they are kept among each person's bookmarks, whether the person is online or not.

What a person did to a bookmark stays: one that they removed is not put back, one that they renamed or do not want opened by
itself is left so; what still is as it was told follows the clinic. Older apps read the same through the server (XEP-0048).
Owns nothing: the outbox does, and the clinic remembers what was told. May import clinic and the package.
Source: XEP-0402 (urn:xmpp:bookmarks:1), XEP-0356 (urn:xmpp:privilege:2).
"""

from __future__ import annotations

import asyncio
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary
from xml.etree.ElementTree import Element

from clinic import Actor
from clinic.errors import NotFound
from clinic.outbox import BOOKMARK, BOOKMARKS
from clinic.thread.bookmarks import Bookmark, Listing, untold
from xmpp_components import wire
from xmpp_components.jobs import Jobs, NotDone

if TYPE_CHECKING:
    from xmpp_components.component import Threads

# The XMPP server reads and writes a person's whole list for each: people who talk must not wait for that (0.1 s with 1,000 bookmarks).
AT_ONCE = 1
ANSWER_SECONDS = 10.0
PRIVILEGE = "urn:xmpp:privilege:2"
PUBSUB, PUBSUB_OWNER = "http://jabber.org/protocol/pubsub", "http://jabber.org/protocol/pubsub#owner"
NODE = "urn:xmpp:bookmarks:1"
CONFERENCE, NICK = f"{{{NODE}}}conference", f"{{{NODE}}}nick"
OPTIONS = {"pubsub#persist_items": "true", "pubsub#max_items": "max", "pubsub#send_last_published_item": "never",
           "pubsub#access_model": "whitelist"}


class Refused(NotDone):
    """The account's own service refused what was asked of it. ``conditions``: the names of the error's children."""

    def __init__(self, conditions: set[str]) -> None:
        super().__init__(", ".join(sorted(conditions)))
        self.conditions = conditions


@dataclass(frozen=True, slots=True)
class Found:
    """What a person's bookmarks hold of a thread. ``kept``: whether there are bookmarks at all; ``conference``: theirs, if any."""

    kept: bool
    conference: Element | None


class Bookmarks:
    """Does what the outbox has queued for bookmarks, one thread after the other for whoever changes it quickly."""

    def __init__(self, component: Threads) -> None:
        self._component = component
        self._busy: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.jobs = Jobs(component, BOOKMARKS, AT_ONCE, {BOOKMARK: self.tell}, first=self._seek)

    def _seek(self) -> None:
        """Queue what is older than bookmarks are, and what was given up."""
        self._component.db.perform(Actor.system(), "bookmark.seek")

    async def tell(self, thread: str) -> None:
        """Bring what everybody's bookmarks say of a thread up to date. Raises: NotDone, ConnectionError, TimeoutError, DomainError."""
        # What was read must not be written after what was read later.
        lock = self._busy.setdefault(thread, asyncio.Lock())
        async with lock:
            try:
                found = await self._component.reader.view(Actor.system(), untold, thread)
            except NotFound:
                return
            for bookmark in found:
                await self._tell(thread, bookmark)

    async def _tell(self, thread: str, bookmark: Bookmark) -> None:
        account, room = f"{bookmark.handle}@{self._component.server}", f"{thread}@{self._component.domain}"
        if bookmark.wanted is None:
            await self._retract(account, room)
        else:
            found = await self._find(account, room)
            conference = becoming(found, bookmark.told, bookmark.wanted)
            if conference is not None:
                await self._publish(account, room, conference)
        await self._component.submit(Actor.system(), "bookmark.told", thread, handle=bookmark.handle, listing=bookmark.wanted)

    # --- on the wire

    async def _find(self, account: str, room: str) -> Found:
        wanted = wire.element("items", {"node": NODE}, wire.element("item", {"id": room}))
        try:
            answer = await self._ask("get", account, wire.element("pubsub", {"xmlns": PUBSUB}, wanted))
        except Refused as refused:
            if "item-not-found" in refused.conditions:
                return Found(False, None)
            raise
        items = answer.iterfind(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}items/{{{PUBSUB}}}item")
        return Found(True, next((item.find("*") for item in items if item.get("id") == room), None))

    async def _publish(self, account: str, room: str, conference: wire.Xml) -> None:
        publish = wire.element("publish", {"node": NODE}, wire.element("item", {"id": room}, conference))
        options = wire.element("publish-options", {}, _options(f"{PUBSUB}#publish-options"))
        asked = wire.element("pubsub", {"xmlns": PUBSUB}, publish, options)
        try:
            await self._ask("set", account, asked)
        except Refused as refused:
            if "precondition-not-met" not in refused.conditions:
                raise
            # An app has made the bookmarks otherwise, for example for a few only.
            await self._configure(account)
            await self._ask("set", account, asked)

    async def _configure(self, account: str) -> None:
        form = wire.element("configure", {"node": NODE}, _options(f"{PUBSUB}#node_config"))
        await self._ask("set", account, wire.element("pubsub", {"xmlns": PUBSUB_OWNER}, form))

    async def _retract(self, account: str, room: str) -> None:
        retract = wire.element("retract", {"node": NODE, "notify": "true"}, wire.element("item", {"id": room}))
        try:
            await self._ask("set", account, wire.element("pubsub", {"xmlns": PUBSUB}, retract))
        except Refused as refused:
            if "item-not-found" not in refused.conditions:
                raise

    async def _ask(self, kind: str, account: str, payload: wire.Xml) -> Element:
        """Ask an account's own service in the account's name. Returns: its answer. Raises: Refused, NotDone, and as Stream.ask."""
        iq = wire.element("iq", {"xmlns": wire.CLIENT, "type": kind, "id": uuid.uuid4().hex, "to": account}, payload)
        loop = asyncio.get_running_loop()
        began = loop.time()
        outer = await self._component.stream.ask(
            kind, account, wire.element("privileged_iq", {"xmlns": PRIVILEGE}, iq), seconds=ANSWER_SECONDS)
        await asyncio.sleep(loop.time() - began)  # as much of the server's time is others'
        answer = outer.find(f"{{{PRIVILEGE}}}privilege/{{{wire.FORWARD}}}forwarded/{{{wire.CLIENT}}}iq")
        if answer is None:
            raise NotDone("the XMPP server does not let bookmarks be kept")
        if answer.get("type") == "result":
            return answer
        raise Refused({child.tag.rpartition("}")[2] for child in answer.iterfind("{*}error/*")})


def _options(form_type: str) -> wire.Xml:
    return wire.form("submit", {"FORM_TYPE": (form_type,), **{name: (value,) for name, value in OPTIONS.items()}})


def becoming(found: Found, told: Listing | None, wanted: Listing) -> wire.Xml | None:
    """Returns: what a bookmark is to become, or None where it stays: as it should be, or as its owner wants it."""
    if found.conference is None:
        # Missing where it was told: its owner has removed it. Where nothing is kept at all, the server has lost it.
        return _new(wanted) if told is None or not found.kept else None
    return _following(found.conference, told, wanted) if told is not None and found.conference.tag == CONFERENCE else None


def _new(wanted: Listing) -> wire.Xml:
    return wire.element("conference", {"xmlns": NODE, "name": wanted.title, "autojoin": "true"}, wire.element("nick", {}, wanted.nick))


def _following(conference: Element, told: Listing, wanted: Listing) -> wire.Xml | None:
    """Returns: the same bookmark with the title and nick of now where they were as told, or None where nothing of it changes."""
    nick = conference.find(NICK)
    renamed = conference.get("name") == told.title != wanted.title
    known_as = nick is not None and nick.text == told.nick != wanted.nick
    if renamed:
        conference.set("name", wanted.title)
    if nick is not None and known_as:
        nick.text = wanted.nick
    try:
        return wire.Xml(ET.tostring(conference, encoding="unicode")) if renamed or known_as else None
    except RecursionError:  # nobody nests so deep but who wants to do harm, and then to themselves
        return None
