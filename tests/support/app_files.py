"""What tests of files in apps share: a slot that was asked for, its upload as checked, the message that names it, the links that come. No bytes move."""

import xml.etree.ElementTree as ET
from urllib.parse import unquote, urlsplit

from clinic import Actor
from clinic.file import links
from clinic.file.media import Inspection
from clinic.log import Entry
from clinic.thread.relay import entries_after
from tests.support import filing
from tests.support.stage import Client, Person, Stage

UPLOAD, OOB, SFS, META = "urn:xmpp:http:upload:0", "jabber:x:oob", "urn:xmpp:sfs:0", "urn:xmpp:file:metadata:0"
URL_DATA = "http://jabber.org/protocol/url-data"
KEY = links.key_of(b"p" * 32)


def entries(stage: Stage) -> list[Entry]:
    with stage.db.read(Actor.system()) as work:
        return entries_after(work, stage.thread, 0, 1000)


def asks(stage: Stage, client: Client, id: str, **given: str) -> None:
    values = {"filename": "knee.jpg", "size": "1000", "content-type": "image/jpeg"} | {name.replace("_", "-"): value for name, value in given.items()}
    attributes = " ".join(f"{name}='{value}'" for name, value in values.items())
    client.sends(f"<iq type='get' id='{id}' to='{stage.server.domain}'><request xmlns='{UPLOAD}' {attributes}/></iq>")


async def slot(stage: Stage, client: Client, **given: str) -> tuple[str, str, str]:
    """Returns the uid of a slot's upload, where it is put, and where it is got."""
    asks(stage, client, "slot", **given)
    answer = await client.finds("<iq type='result' id='slot'/>")
    put, get = (answer.find(f"{{{UPLOAD}}}slot/{{{UPLOAD}}}{name}").get("url") for name in ("put", "get"))
    return urlsplit(put).path.split("/")[2], put, get


async def uploaded(stage: Stage, client: Client, found: Inspection = filing.JPEG, **given: str) -> tuple[str, str]:
    """Returns the uid of an upload that was checked, and its sender's link to it."""
    uid, _put, get = await slot(stage, client, **given)
    filing.checked(stage.db, uid, found)
    return uid, get


def sends(stage: Stage, client: Client, id: str, body: str, inside: str = "") -> None:
    client.sends(f"<message to='{stage.room}' type='groupchat' id='{id}'><body>{body}</body>{inside}<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>")


def oob(url: str) -> str:
    return f"<x xmlns='{OOB}'><url>{url}</url></x>"


def link_in(message: ET.Element) -> str:
    return message.findtext(f".//{{{OOB}}}x/{{{OOB}}}url") or ""


def opened(url: str) -> links.FileLink:
    """Returns what a link says, which the clinic made."""
    assert url.startswith("https://clinic.example/f/")
    _, _, file, recipient, expiry, mac, name = urlsplit(url).path.split("/")
    found = links.opened(KEY, file, recipient, expiry, mac, unquote(name))
    assert found is not None
    return found


def is_own(message: ET.Element, person: Person, file: str) -> None:
    found = opened(link_in(message))
    assert (found.file, found.recipient) == (file, person.uid)


async def posts(stage: Stage, found: Inspection = filing.JPEG, **given: str) -> tuple[Client, Client, str, dict[str, ET.Element]]:
    """Has Ana send a file by her app. Returns her client, Boris's, the file's uid and what each of them heard of it."""
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    uid, get = await uploaded(stage, ana, found, **given)
    sends(stage, ana, "f1", get, oob(get))
    return ana, boris, uid, {"ana": await ana.finds("<message id='f1' type='groupchat'/>"), "boris": await boris.finds("<message id='f1' type='groupchat'/>")}
