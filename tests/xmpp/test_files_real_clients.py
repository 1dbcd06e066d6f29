"""Files as two real clients send them, stanza.js and profanity, through the real XMPP server and the real web, by https under the clinic's own authority."""

from __future__ import annotations

import shutil
import ssl
import struct
import subprocess
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from clinic import Actor, Database
from tests.support import filing
from tests.support.chat_app import ChatApp
from tests.support.clinic import RunningClinic
from tests.support.live_clinic import live_clinic
from tests.support.ports import eventually
from tests.support.profanity import Profanity
from tests.support.raw_xmpp import CLIENT, Client

pytestmark = pytest.mark.e2e
OOB_URL = "{jabber:x:oob}x/{jabber:x:oob}url"


def test_an_app_on_another_library_finds_the_service_by_itself_and_sends(tmp_path: Path) -> None:
    with live_clinic(tmp_path) as place, ChatApp() as app:
        boris = place.member("boris")
        url = f"ws://127.0.0.1:{place.server.layout.xmpp_http_port}/xmpp-websocket"
        app.does("connect", jid=f"{place.cast.handle('ana')}@localhost", password="secret", url=url)
        slot = app.does("slot", name="my knee.jpg", size=1000, mediaType="image/jpeg")
        assert (slot["service"], slot["most"]) == (place.server.layout.threads_domain, 200_000_000)
        base = place.server.layout.https_url
        upload = urlsplit(slot["put"]).path.split("/")[2]
        assert slot["put"].startswith(f"{base}/slots/{upload}/") and slot["get"].startswith(f"{base}/f/{upload}/")
        filing.checked(place.db, upload)
        app.does("join", room=place.room, nick="Ana Alvarez", history=0)
        app.does("say", room=place.room, text=slot["get"], id="file-1")
        message = boris.stream.receive(f"{CLIENT}message", type="groupchat", id="file-1")
        theirs = message.findtext(f"{CLIENT}body") or ""
        assert theirs == message.findtext(OOB_URL) and theirs.startswith(f"{base}/f/{upload}/{place.cast.uid('boris')}/")
        own = f"{base}/f/{upload}/{place.cast.uid('ana')}/"
        eventually(lambda: app.heard and app.heard[-1]["body"].startswith(own), 30, "the app hears its own message, with its own link")


def picture(path: Path, side: int = 64) -> bytes:
    """Writes a picture. Returns its bytes."""
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    lines = b"".join(b"\0" + bytes((x * 4, y * 4, 99)[part] for x in range(side) for part in range(3)) for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
    return path.read_bytes()


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[RunningClinic]:
    with RunningClinic(tmp_path / "data", "--demo") as place:
        yield place


def certificates(clinic: RunningClinic, folder: Path) -> Path:
    """Returns a folder with the clinic's authority, as apps want one."""
    folder.mkdir()
    shutil.copy(clinic.ready["ca"], folder / "ca.pem")
    subprocess.run(["openssl", "rehash", str(folder)], check=True, capture_output=True)
    return folder


def fetched(clinic: RunningClinic, url: str) -> tuple[int, str, bytes]:
    """Returns what comes of opening a link as an app does: the status, the media type, the content."""
    trust = ssl.create_default_context(cafile=clinic.ready["ca"])
    try:
        with urllib.request.urlopen(url, context=trust, timeout=30) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def joined(clinic: RunningClinic, name: str, nick: str, room: str) -> Client:
    client = clinic.xmpp(name)
    client.send(f"<presence/><presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>")
    while client.receive(f"{CLIENT}message", type="groupchat").find(f"{CLIENT}subject") is None:
        pass
    return client


def heard_link(client: Client) -> str:
    while True:
        message = client.receive(f"{CLIENT}message", type="groupchat")
        if (link := message.findtext(OOB_URL)) is not None:
            return link


def test_at_a_terminal_a_person_sends_a_file_and_takes_it_back(clinic: RunningClinic, tmp_path: Path) -> None:
    ana, thread = clinic.ready["accounts"]["ana"], clinic.ready["threads"]["ana-boris"]
    picture(tmp_path / "knee.png")
    boris, chen = (joined(clinic, name, nick, thread["room"]) for name, nick in (("boris", "Boris Brandt"), ("chen", "Chen Cheng")))
    with boris, chen, Profanity(tmp_path / "home", 100) as terminal:
        terminal.type(f"/tls certpath set {certificates(clinic, tmp_path / 'certificates')}")
        terminal.sees("Certificate path set")
        terminal.connect(ana["jid"], ana["device_password"], clinic.ready["xmpp"]["port"])
        terminal.opens(thread["room"])
        terminal.type(f"/sendfile {tmp_path / 'knee.png'}")
        terminal.sees("Uploading", 30)
        theirs, chens = heard_link(boris), heard_link(chen)
        terminal.sees(f"Ana Alvarez: {clinic.ready['https']}/f/", 30)
    assert theirs != chens and theirs.startswith(f"{clinic.ready['https']}/f/")
    for link in (theirs, chens):
        status, media_type, content = fetched(clinic, link)
        assert (status, media_type.partition("/")[0]) == (200, "image") and content
    database = Database.open(clinic.url, run_dir=clinic.data / "run", pepper=bytes.fromhex((clinic.data / "secrets" / "pepper").read_text()))
    try:
        database.perform(Actor.xmpp(ana["jid"].partition("@")[0]), "text.retract", thread["uid"], client_id="back")
    finally:
        database.close()
    assert [fetched(clinic, link)[0] for link in (theirs, chens)] == [404, 404]
    logs = {log.name: log.read_text() for log in (clinic.data / "log").iterdir()}
    assert {"web.log", "threads.log", "xmpp.log"} <= set(logs)
    assert not [name for name, text in logs.items() if "/f/" in text or "/slots/" in text]
