"""Files in messages: which of this clinic's a message from an app names, and how an entry that shows one reads to each person.

Everybody gets a link of their own, signed for them, each time that they are sent the entry: live, as history, from the archive. No link is stored
or logged. May import clinic and wire. Source: XEP-0066, XEP-0446, XEP-0447, XEP-0428.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from clinic import Database
from clinic.config import Config
from clinic.errors import NotAcceptable
from clinic.file import links
from clinic.kinds import SharedFile
from clinic.log import Audience, Entry
from xmpp_components import wire

NAMESPACES = frozenset({wire.OOB, wire.FILE_SHARING})
MOST_FILES = 10
ENCRYPTED = ("Files here are kept in the clinic's record, so the clinic must be able to read them, and your app has locked this one (encrypted it). "
             "Turn that off for this conversation and send it again: many apps show a padlock beside the message box, or call it OMEMO. "
             "Nobody else can read it on its way to the clinic.")
NO_FILE = "This message holds no text and no file that the clinic could keep. Send the file from your app's own function for that."
TOO_MANY = f"At most {MOST_FILES} files fit into one message. Send the others in a second one."


class FileLinks:
    """Makes links for people, and knows those that this clinic has made."""

    def __init__(self, config: Config, db: Database) -> None:
        # Apps want https (XEP-0363 section 6), also on the machine itself, where pages may do without.
        self._base, self._bases = config.https_url, frozenset({config.https_url, config.public_url, config.shared_url})
        self._key, self._db = links.key_of(config.pepper), db

    def to(self, file: str, reader: str, name: str) -> str:
        """Returns: the link to a file of the account ``reader`` (uid)."""
        return self._base + links.sign(self._key, file, reader, name, self._db.now())

    def slot(self, upload: str, name: str) -> str:
        """Returns: where the bytes of an upload are put."""
        return f"{self._base}/slots/{upload}/{links.slot_mac(self._key, upload)}/{links.in_path(name)}"

    def files(self, text: str) -> list[str]:
        """Returns: the uids of what a text links to as files of this clinic, each once."""
        return list(dict.fromkeys(uid for base, uid in links.files_in(text) if base in self._bases))

    def alone(self, text: str) -> str | None:
        """Returns: the uid of the file of this clinic that a text is the link to, and nothing else, or None."""
        uid = links.file_named(text)
        return uid if uid is not None and self.files(text) else None


# --- in


@dataclass(frozen=True, slots=True)
class Given:
    """What a message from an app brings. files: uids of this clinic's that it names. words: what its author wrote, "" where it is the files alone."""

    files: tuple[str, ...]
    words: str


def read(links: FileLinks, xml: Element, body: str) -> Given:
    """Understand what a message says of files. ``body``: its text without the quote that it may begin with; "" where it has none.

    A link to somewhere else is a text like any other. Raises: NotAcceptable for what is encrypted, and where nothing is left.
    """
    urls = list(dict.fromkeys(_urls(xml))) if any(namespace in NAMESPACES for namespace, _name in wire.namespaces(xml)) else []
    if not urls and "://" not in body and body.strip():
        return Given((), body)
    if any(one.startswith("aesgcm:") for one in (*urls, body.lstrip())):
        raise NotAcceptable(ENCRYPTED)
    files = list(dict.fromkeys(uid for text in (*urls, body) for uid in links.files(text)))
    if len(files) > MOST_FILES:
        raise NotAcceptable(TOO_MANY)
    if files:
        words = "" if body.strip() in urls or links.alone(body) else _beside(xml, body)
        return Given(tuple(files), words if words.strip() else "")
    words = body if body.strip() else "\n".join(url for url in urls if url.startswith(("https://", "http://")))
    if not words:
        raise NotAcceptable(NO_FILE)
    return Given((), words)


def _urls(xml: Element) -> Iterator[str]:
    for one in xml.findall(f"{{{wire.OOB}}}x/{{{wire.OOB}}}url"):
        yield (one.text or "").strip()
    for one in xml.findall(f"{{{wire.FILE_SHARING}}}file-sharing/{{{wire.FILE_SHARING}}}sources/{{{wire.URL_DATA}}}url-data"):
        yield one.get("target", "").strip()


def _beside(xml: Element, body: str) -> str:
    """Returns: a body without what stands in it for apps that know no file sharing, where its sender has marked that."""
    for fallback in xml.findall(f"{{{wire.FALLBACK}}}fallback"):
        if fallback.get("for") in NAMESPACES:
            part = wire.child(fallback, wire.FALLBACK, "body")
            span = wire.span(part) if part is not None else None
            if span is not None:
                return body[:span[0]] + body[span[1]:]
            return "" if part is not None or not len(fallback) else body
    return body


# --- out


def shared_file(entry: Entry) -> SharedFile | None:
    """Returns: the file that an entry shows, or None."""
    found: SharedFile | None = getattr(entry.payload, "shared_file", None)
    return found


def said(entry: Entry, file: SharedFile, link: str, asked: str) -> list[wire.Xml]:
    """Returns: what a message says that shows a file, to whoever's ``link`` it is. ``asked``: what the entry asks of them, "" for nothing.

    Apps show a file itself only where its link is all that the message says. What is for staff alone says so first: shown so, it would look like
    what the patient sees too.
    """
    own = entry.xml()
    child = (wire.Xml(own),) if own else ()
    out_of_band = wire.element("x", {"xmlns": wire.OOB}, wire.element("url", {}, link))
    if asked or entry.audience is Audience.STAFF:
        words = f"{entry.body}\n{link}" + (f"\n{asked}" if asked else "")
        return [wire.element("body", {}, words), out_of_band, *child]
    return [wire.element("body", {}, link), out_of_band, _sharing(file, link),
            wire.element("fallback", {"xmlns": wire.FALLBACK, "for": wire.FILE_SHARING}, wire.element("body")), *child]


def _sharing(file: SharedFile, link: str) -> wire.Xml:
    """Returns: the file as apps read it that know XEP-0447."""
    known = {"media-type": file.media_type, "name": file.name, "size": str(file.size_bytes), "width": str(file.width or ""),
             "height": str(file.height or ""), "length": str(file.duration_ms or ""), "desc": file.words}
    metadata = wire.element("file", {"xmlns": wire.FILE_METADATA}, *(wire.element(name, {}, value) for name, value in known.items() if value))
    source = wire.element("url-data", {"xmlns": wire.URL_DATA, "target": link})
    shown = "inline" if file.media_type.startswith(("image/", "audio/", "video/")) else "attachment"
    return wire.element("file-sharing", {"xmlns": wire.FILE_SHARING, "disposition": shown, "id": file.file}, metadata,
                        wire.element("sources", {}, source))
