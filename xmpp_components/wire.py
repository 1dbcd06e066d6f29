"""XML on the wire: names, escaping, building and reading of stanzas. Owns no state; imports the standard library only.

Outgoing XML is written as text, once per stanza; only the recipient's address differs between the copies that a room sends.
Incoming XML is read as ElementTree elements and never passed on (house rule 11).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

STREAM = "jabber:component:accept"
CLIENT = "jabber:client"
STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
MUC = "http://jabber.org/protocol/muc"
MUC_USER = "http://jabber.org/protocol/muc#user"
MUC_ADMIN = "http://jabber.org/protocol/muc#admin"
MUC_OWNER = "http://jabber.org/protocol/muc#owner"
MUC_ROOMINFO = "http://jabber.org/protocol/muc#roominfo"
STABLE_ID = "http://jabber.org/protocol/muc#stable_id"
SELF_PING = "http://jabber.org/protocol/muc#self-ping-optimization"
DISCO_INFO = "http://jabber.org/protocol/disco#info"
DISCO_ITEMS = "http://jabber.org/protocol/disco#items"
CHATSTATES = "http://jabber.org/protocol/chatstates"
MARKERS = "urn:xmpp:chat-markers:0"
SID = "urn:xmpp:sid:0"
OCCUPANT_ID = "urn:xmpp:occupant-id:0"
HATS = "urn:xmpp:hats:0"
DELAY = "urn:xmpp:delay"
HINTS = "urn:xmpp:hints"
FORWARD = "urn:xmpp:forward:0"
MAM = "urn:xmpp:mam:2"
MAM_EXTENDED = "urn:xmpp:mam:2#extended"
RSM = "http://jabber.org/protocol/rsm"
DATA = "jabber:x:data"
OOB = "jabber:x:oob"
UPLOAD = "urn:xmpp:http:upload:0"
FILE_SHARING = "urn:xmpp:sfs:0"
FILE_METADATA = "urn:xmpp:file:metadata:0"
URL_DATA = "http://jabber.org/protocol/url-data"
COMMANDS = "http://jabber.org/protocol/commands"
CORRECT = "urn:xmpp:message-correct:0"
RETRACT, RETRACT_0 = "urn:xmpp:message-retract:1", "urn:xmpp:message-retract:0"
MODERATE, MODERATE_0 = "urn:xmpp:message-moderate:1", "urn:xmpp:message-moderate:0"
FASTEN = "urn:xmpp:fasten:0"
REACTIONS = "urn:xmpp:reactions:0"
REPLY = "urn:xmpp:reply:0"
FALLBACK = "urn:xmpp:fallback:0"
VCARD = "vcard-temp"
VCARD_UPDATE = "vcard-temp:x:update"
PING = "urn:xmpp:ping"
REGISTER = "jabber:iq:register"
DIRECT_INVITE = "jabber:x:conference"
FEED = "urn:bedside:feed:1"
SERVER = "urn:bedside:server:1"
ROLE = "urn:bedside:role:"

# XML 1.0, production 2: what is not in it closes the stream of whoever receives it.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;", '"': "&quot;", "\r": "&#13;"})
_IN_ATTRIBUTE = str.maketrans({"\t": "&#9;", "\n": "&#10;"})
# Most text needs no care, and to see that costs a tenth of escaping it: what follows is the text that does, and what does in an attribute.
_NEEDS_CARE = re.compile("[^\t\n\x20\x21\x23-\x25\x28-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NEEDS_CARE = re.compile("[^\x20\x21\x23-\x25\x28-\x3b\x3d\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Xml(str):
    """Text that is XML already; any other ``str`` is escaped where it is put into an element."""

    __slots__ = ()


def escape(text: str) -> str:
    """Escape ``text`` for an element; characters XML can't carry become U+FFFD. Returns: str. Source: XML 1.0 section 2.2."""
    if _NEEDS_CARE.search(text) is None:
        return text
    return _NOT_XML.sub("\ufffd", text).translate(_ESCAPES)


def _quoted(value: str) -> str:
    return escape(value).translate(_IN_ATTRIBUTE) if _ATTRIBUTE_NEEDS_CARE.search(value) else value


def _attributes(attrs: Mapping[str, str | None]) -> str:
    return "".join([f" {name}='{_quoted(value)}'" for name, value in attrs.items() if value is not None])


def _rest(name: str, attrs: Mapping[str, str | None], inside: tuple[str, ...]) -> str:
    if not inside:
        return _attributes(attrs) + "/>"
    return f"{_attributes(attrs)}>{''.join([part if type(part) is Xml else escape(part) for part in inside])}</{name}>"


def element(name: str, attrs: Mapping[str, str | None] | None = None, *inside: str) -> Xml:
    """Build one element; attributes that are None are left out, ``inside`` is Xml or text. Returns: Xml."""
    return Xml(f"<{name}{_rest(name, attrs or {}, inside)}")


@dataclass(frozen=True, slots=True)
class Stanza:
    """A stanza that lacks its recipient: ``to(address)`` gives the text for one recipient."""

    name: str
    rest: str

    def to(self, address: str) -> str:
        """Returns: the stanza's text, addressed to ``address`` (a JID)."""
        return f"<{self.name} to='{_quoted(address)}'{self.rest}"

    def to_all(self, server: str, addresses: str) -> str:
        """Returns: the stanza's text for a server that copies it to all of these full JIDs, one a line. Source: mod_bedside_fanout.lua."""
        end = f"</{self.name}>"
        start = self.rest[:-len(end)] if self.rest.endswith(end) else self.rest[:-2] + ">"
        return f"<{self.name} to='{server}'{start}<fanout xmlns='{SERVER}'>{escape(addresses)}</fanout>{end}"


def stanza(name: str, attrs: Mapping[str, str | None], *inside: str) -> Stanza:
    """Serialise a stanza once for many recipients. ``attrs``: all but ``to``. Returns: Stanza."""
    return Stanza(name, _rest(name, attrs, inside))


@dataclass(frozen=True, slots=True)
class Address:
    """A JID in its three parts. Source: RFC 7622."""

    local: str
    domain: str
    resource: str

    @property
    def bare(self) -> str:
        """Returns: local@domain, or the domain alone."""
        return f"{self.local}@{self.domain}" if self.local else self.domain

    @property
    def full(self) -> str:
        """Returns: the whole JID."""
        return f"{self.bare}/{self.resource}" if self.resource else self.bare


def address(jid: str) -> Address:
    """Split a JID; the server has prepared it already, so that it is compared as it stands. Returns: Address."""
    bare, _, resource = jid.partition("/")
    local, at, domain = bare.rpartition("@")
    return Address(local if at else "", domain, resource)


def child(xml: Element, namespace: str, name: str) -> Element | None:
    """Returns: the direct child {namespace}name of ``xml``, or None."""
    return xml.find(f"{{{namespace}}}{name}")


def stanza_child(xml: Element, name: str) -> Element | None:
    """Returns: the child of the stanza's own namespace (body, subject, error …), as servers write it in either of two namespaces."""
    found = xml.find(f"{{{STREAM}}}{name}")
    return found if found is not None else xml.find(f"{{{CLIENT}}}{name}")


def span(part: Element) -> tuple[int, int] | None:
    """Returns: which of a body's code points a fallback marks (start, end), or None where it does not say. Source: XEP-0428."""
    start, end = part.get("start", ""), part.get("end", "")
    if start.isascii() and start.isdigit() and end.isascii() and end.isdigit() and len(start) < 9 and len(end) < 9:
        return int(start), max(int(start), int(end))
    return None


def namespaces(xml: Element) -> Iterator[tuple[str, str]]:
    """Yields: (namespace, name) of each direct child."""
    for part in xml:
        namespace, _, name = part.tag[1:].rpartition("}") if part.tag.startswith("{") else ("", "", part.tag)
        yield namespace, name


def stamp(instant: datetime) -> str:
    """Returns: a UTC instant as XEP-0082 writes it, to the millisecond."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def instant(text: str) -> datetime:
    """Read an XEP-0082 date and time. Returns: an aware datetime in UTC. Raises: ValueError."""
    found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    if found.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    try:
        return found.astimezone(UTC)
    except OverflowError:  # it is in the year 1 or 9999 there, and in none that there is in UTC
        raise ValueError("an instant that UTC has not") from None


def form(kind: str, fields: Mapping[str, tuple[str, ...]], types: Mapping[str, str] | None = None) -> Xml:
    """Build a data form; ``fields``: name → values, FORM_TYPE first. Returns: Xml. Source: XEP-0004."""
    return element("x", {"xmlns": DATA, "type": kind}, *(
        element("field", {"var": name, "type": (types or {}).get(name, "hidden" if name == "FORM_TYPE" else None)},
                *(element("value", {}, value) for value in values))
        for name, values in fields.items()))


def form_fields(xml: Element) -> dict[str, list[str]]:
    """Read a submitted data form. Returns: name → values, in the form's order. Source: XEP-0004."""
    return {field.get("var", ""): [value.text or "" for value in field.findall(f"{{{DATA}}}value")]
            for field in xml.findall(f"{{{DATA}}}field")}
