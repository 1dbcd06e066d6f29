"""Files as they are read: by people who are signed in, by apps under signed links; in ranges, and never by anybody else. Source: facts/reliability §5, B6."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import quote, unquote

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.http import parse_options_header

from clinic import Database
from clinic.account.tables import settings
from clinic.config import Config
from clinic.file import links
from clinic.file.media import Form, Inspection
from clinic.file.tables import files
from clinic.thread.tables import threads
from tests.support.cast import Cast
from tests.support.filing import kept
from tests.web.browser import Browser
from web import serving
from web.carrying import MOST, Carrying, Full
from web.gateways.sealing import CHUNK_BYTES
from web.gateways.storage import Store, of
from web.serving import Content, serve

SignIn = Callable[[str], Browser]
CONTENT = random.Random(5).randbytes(2 * CHUNK_BYTES + 999)
SIZE = len(CONTENT)
SOUND = Inspection("audio/mp4", Form.AUDIO, duration_ms=90_000)
PDF = Inspection("application/pdf", Form.PDF, pages=2, thumb_type="image/webp")
PAGE = Inspection("text/html", Form.OTHER)
NAME = "Knie — größe.jpg"


@pytest.fixture
def store(config: Config) -> Store:
    return of(config)


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def image(database: Database, store: Store, cast: Cast, thread: str) -> str:
    return kept(database, store, cast.ana, thread, CONTENT, name=NAME)


@pytest.fixture
def sound(database: Database, store: Store, cast: Cast, thread: str) -> str:
    return kept(database, store, cast.ana, thread, CONTENT, SOUND, "c-sound", name="call.m4a")


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """An app: it keeps no cookies and asks for no pages."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def link(config: Config, database: Database, cast: Cast, image: str) -> str:
    return link_of(config, database, image, cast.uid("boris"))


def link_of(config: Config, database: Database, file: str, account: str, name: str = NAME) -> str:
    return links.sign(links.key_of(config.pepper), file, account, name, database.now())


def set_login_only(database: Database, value: str) -> None:
    with database.writing() as connection:
        connection.execute(settings.delete().where(settings.c.key == "files_login_only"))
        connection.execute(settings.insert().values(key="files_login_only", value=value))


@pytest.fixture(autouse=True)
def carrying(monkeypatch: pytest.MonkeyPatch) -> Carrying:
    """The files that are on their way in this test alone: the test client closes only what is read to its end."""
    own = Carrying()
    monkeypatch.setattr(serving, "CARRYING", own)
    return own


# -- what comes, and how


def test_of_an_image_the_picture_is_shown_and_the_original_is_only_to_be_saved(sign_in: SignIn, image: str) -> None:
    boris = sign_in("boris")
    for path, content, kind, offered, ends in (
        ("", f"shown of {image}".encode(), "image/webp", "inline", ".webp"),
        ("/shown", f"shown of {image}".encode(), "image/webp", "inline", ".webp"),
        ("/thumb", f"thumb of {image}".encode(), "image/webp", "inline", ".webp"),
        ("/download", CONTENT, "image/jpeg", "attachment", ".jpg"),
    ):
        answer = boris.get(f"/files/{image}{path}")
        assert (answer.status_code, answer.data, answer.mimetype) == (200, content, kind)
        way, names = parse_options_header(answer.headers["Content-Disposition"])
        assert (way, names["filename"]) == (offered, f"Knie — größe{ends}")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "sandbox" in answer.headers["Content-Security-Policy"] and "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_sound_plays_and_documents_and_pages_are_only_saved(
    sign_in: SignIn, sound: str, database: Database, store: Store, cast: Cast, thread: str
) -> None:
    ana = sign_in("ana")
    pdf = kept(database, store, cast.ana, thread, CONTENT, PDF, "c-pdf", name="letter.pdf")
    page = kept(database, store, cast.ana, thread, CONTENT, PAGE, "c-page", name="evil.html")
    for file, kind, offered in ((sound, "audio/mp4", "inline"), (pdf, "application/pdf", "attachment"), (page, "application/octet-stream", "attachment")):
        answer = ana.get(f"/files/{file}")
        assert (answer.data, answer.mimetype, answer.headers["Content-Disposition"].partition(";")[0]) == (CONTENT, kind, offered)
    assert ana.get(f"/files/{pdf}/thumb").data == f"thumb of {pdf}".encode()
    assert [ana.get(f"/files/{one}/shown").status_code for one in (pdf, sound, page)] == [404] * 3


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=5-", 5, SIZE), ("bytes=-7", SIZE - 7, SIZE), (f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}", CHUNK_BYTES - 1, CHUNK_BYTES + 1),
     (f"bytes=10-{SIZE + 999}", 10, SIZE), (f"bytes=-{SIZE * 2}", 0, SIZE)],
)
def test_a_range_is_answered_with_it(sign_in: SignIn, sound: str, asked: str, start: int, stop: int, carrying: Carrying) -> None:
    ana = sign_in("ana")
    for ask in (ana.client.get, ana.client.head):
        answer = ask(f"/files/{sound}", headers={"Range": asked})
        whole = stop - start == SIZE
        assert answer.status_code == (200 if whole else 206)
        assert answer.headers.get("Content-Range") == (None if whole else f"bytes {start}-{stop - 1}/{SIZE}")
        assert answer.headers["Content-Length"] == str(stop - start)
        assert answer.data == (CONTENT[start:stop] if ask == ana.client.get else b"")
    assert carrying.now == 0


def test_ranges_that_there_are_not_and_ranges_that_are_not_meant_for_us(sign_in: SignIn, sound: str) -> None:
    ana = sign_in("ana")
    for asked in (f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}"):
        answer = ana.client.get(f"/files/{sound}", headers={"Range": asked})
        assert (answer.status_code, answer.headers["Content-Range"], answer.data) == (416, f"bytes */{SIZE}", b"")
    for headers in ({"Range": "bytes=0-1,5-9"}, {"Range": "lines=1-2"}, {"Range": "bytes=x"}, {"Range": "bytes=0-1", "If-Range": '"x"'}):
        assert ana.client.get(f"/files/{sound}", headers=headers).data == CONTENT


def test_names_of_any_script_are_offered_as_they_are() -> None:
    for name in ("knee.jpg", 'a"b;c.txt', "колено.pdf", "膝.png", "صورة.jpg", "a%20b.txt", "…", ".ümlaut"):
        way, names = parse_options_header(serving.disposition(name, inline=False))
        assert (way, names["filename"]) == ("attachment", name)
        assert serving.disposition(name, inline=True).isascii()


# -- who


def test_only_who_is_in_the_thread_reads(sign_in: SignIn, image: str, browser: Browser, cast: Cast, database: Database, thread: str) -> None:
    paths = [f"/files/{image}{rest}" for rest in ("", "/shown", "/thumb", "/download")]
    for name, status in (("ana", 200), ("boris", 200), ("chen", 200), ("eve", 404), ("bella", 404), ("dina", 404)):
        someone = sign_in(name)
        assert [someone.get(path).status_code for path in paths] == [status] * 4, name
    assert [browser.get(path).status_code for path in paths] == [303] * 4
    database.perform(cast.dina, "link.coordinator_remove", coordinator=cast.uid("chen"), practitioner=cast.uid("boris"))
    assert sign_in("chen").get(paths[0]).status_code == 404


def test_a_link_opens_for_any_app_and_answers_head_and_ranges(client: FlaskClient, link: str, image: str, sound: str, config: Config,
                                                               database: Database, cast: Cast) -> None:
    answer = client.get(link)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, f"shown of {image}".encode(), "image/webp")
    assert client.head(link).headers["Content-Length"] == str(len(answer.data))
    heard = link_of(config, database, sound, cast.uid("chen"), "call.m4a")
    assert client.get(heard).data == CONTENT
    assert client.get(heard, headers={"Range": "bytes=3-9"}).data == CONTENT[3:10]
    assert "Set-Cookie" not in answer.headers


def test_a_link_is_over_when_its_person_may_not_read_any_more(client: FlaskClient, link: str, image: str, database: Database, cast: Cast) -> None:
    assert client.get(link).status_code == 200
    database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    gone, absent = (client.get(one, headers={"Accept": "application/json"}) for one in (link, link.replace(image, "0" * 26)))
    assert (gone.status_code, absent.status_code) == (404, 404)
    assert gone.data == absent.data


def test_an_expired_link_asks_who_one_is_and_works_then(
    client: FlaskClient, browser: Browser, sign_in: SignIn, image: str, config: Config, database: Database, cast: Cast
) -> None:
    long_ago = database.now() - links.GOOD_FOR - timedelta(days=2)
    old = links.sign(links.key_of(config.pepper), image, cast.uid("boris"), NAME, long_ago)
    told = client.get(old)
    assert (told.status_code, "log in" in told.text) == (410, True)
    assert browser.get(old).location == f"/files/{image}"
    asked = browser.get(f"/files/{image}")
    assert (asked.status_code, asked.location) == (303, f"/login?next={quote(f'/files/{image}')}")
    answer = browser.submit("/login", email="boris@clinic.example", password="seven quiet rivers", next=f"/files/{image}")
    assert browser.get(answer.location).data == f"shown of {image}".encode()
    eve = sign_in("eve")
    assert eve.get(eve.get(old).location).status_code == 404


def test_a_clinic_may_have_links_ask_for_a_log_in_always(client: FlaskClient, sign_in: SignIn, link: str, image: str, database: Database) -> None:
    set_login_only(database, "1")
    told = client.get(link)
    assert (told.status_code, "log in" in told.text) == (401, True)
    boris = sign_in("boris")
    assert boris.get(boris.get(link).location).data == f"shown of {image}".encode()
    set_login_only(database, "0")
    assert client.get(link).status_code == 200


def mutations(link: str, others: list[str], chance: random.Random) -> Iterator[str]:
    """Yield links that differ from the true one: a character, an exchanged part, parts of another true link."""
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_%.~"
    parts = link.split("/")
    while True:
        place = chance.randrange(3, len(link))
        yield link[:place] + chance.choice(alphabet) + link[place + 1 :]
        yield link[:place] + link[place + 1 :]
        yield link[:place] + chance.choice(alphabet) + link[place:]
        changed, other = list(parts), chance.choice(others).split("/")
        which = chance.sample(range(2, len(parts)), chance.randrange(1, len(parts) - 2))
        for number in which:
            changed[number] = other[number]
        yield "/".join(changed)


def test_of_ten_thousand_altered_links_none_opens_and_none_is_looked_up(
    client: FlaskClient, app: Flask, link: str, image: str, sound: str, config: Config, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [link_of(config, database, sound, cast.uid("boris"), "call.m4a"), link_of(config, database, image, cast.uid("eve")),
              links.sign(links.key_of(config.pepper), image, cast.uid("boris"), NAME, database.now() + timedelta(days=3)),
              links.sign(links.key_of(b"q" * 32), image, cast.uid("boris"), NAME, database.now())]
    true, key = {unquote(one) for one in (link, *others[:3])}, links.key_of(config.pepper)
    tried, seen = set[str](), client.get(link)
    assert seen.status_code == 200

    def looked_up(*_: object) -> object:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(Database, "read", looked_up)
    for altered in mutations(link, others, random.Random(6)):
        if unquote(altered) in true or altered in tried:
            continue
        parts = altered.split("/")
        if len(parts) < 7 or not all(parts[2:7]):
            continue  # another address altogether: the routes say so
        tried.add(altered)
        with app.test_request_context(altered) as context:
            given = context.request.view_args
        assert given is None or links.opened(key, **given) is None
        if len(tried) % 10 == 0:  # the whole way, which takes ten times as long
            assert client.get(altered, headers={"Accept": "application/json"}).status_code == 404, altered
        if len(tried) >= 10_000:
            break
    assert len(tried) == 10_000


# -- while it streams


def streaming(client: FlaskClient, path: str) -> Iterator[bytes]:
    answer = client.get(path, buffered=False)
    assert answer.status_code == 200
    return iter(answer.iter_encoded())


@pytest.mark.parametrize("ends", ["deactivated", "withdrawn", "login only"])
def test_a_running_download_ends_when_its_reader_may_not_have_it(
    ends: str, client: FlaskClient, sound: str, config: Config, database: Database, cast: Cast, monkeypatch: pytest.MonkeyPatch, carrying: Carrying
) -> None:
    monkeypatch.setattr(serving, "RECHECK_SECONDS", 0.0)
    pieces = streaming(client, link_of(config, database, sound, cast.uid("boris"), "call.m4a"))
    got = next(pieces) + next(pieces)
    assert carrying.now == 1
    if ends == "deactivated":
        database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    elif ends == "withdrawn":
        take_back(database, cast, sound)
    else:
        set_login_only(database, "1")
    with pytest.raises(ConnectionResetError):
        next(pieces)
    assert CONTENT.startswith(got)
    pieces.close()
    assert carrying.now == 0


def take_back(database: Database, cast: Cast, file: str) -> None:
    """Take back the entry that shows a file of Ana's."""
    query = sa.select(threads.c.uid, files.c.entry_uid).join(files, files.c.thread_id == threads.c.id).where(files.c.uid == file)
    with database.reading() as connection:
        thread, entry = connection.execute(query).one()
    database.perform(cast.ana, "text.retract", thread, entry=entry, client_id="take-back")


def test_a_running_download_ends_with_the_log_in_and_with_the_process(
    sign_in: SignIn, sound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "RECHECK_SECONDS", 0.0)
    boris, other = sign_in("boris"), sign_in("boris")
    pieces, rest = streaming(boris.client, f"/files/{sound}"), streaming(other.client, f"/files/{sound}")
    assert (next(pieces), next(rest)) == (CONTENT[:32768], CONTENT[:32768])
    boris.submit("/logout")
    with pytest.raises(ConnectionResetError):
        next(pieces)
    assert next(rest)
    ending = threading.Event()
    ending.set()
    monkeypatch.setattr(serving, "STOPPING", ending)
    with pytest.raises(ConnectionResetError):
        next(rest)


def test_a_running_download_keeps_no_piece_that_was_sent(app: Flask, carrying: Carrying) -> None:
    """Ten of them at once keep ten pieces, each a quarter of a megabyte."""

    there: set[int] = set()

    class Piece(bytes):
        """Bytes that tell whether they are there still."""

        def __new__(cls, number: int) -> Piece:
            there.add(number)
            return super().__new__(cls, [number] * 10)

        def __del__(self) -> None:
            there.remove(self[0])

    with app.test_request_context("/"):
        content = Content("a.bin", "application/octet-stream", 40, False, lambda _start, _stop: map(Piece, range(4)))
        sent = serve(content, "ana", lambda: True).iter_encoded()
        for number in range(4):
            assert next(sent) == bytes([number] * 10)
            assert there == {number}
        assert next(sent, None) is None
    assert carrying.now == 0


def test_a_download_that_nobody_reads_makes_room_when_it_is_closed(
    client: FlaskClient, sound: str, config: Config, database: Database, cast: Cast, carrying: Carrying
) -> None:
    answer = client.get(link_of(config, database, sound, cast.uid("boris"), "call.m4a"), buffered=False)
    assert carrying.now == 1
    answer.close()
    assert carrying.now == 0


def test_files_beyond_what_one_account_or_all_may_carry_wait() -> None:
    room = Carrying()
    of_one = [room.begin("ana") for _ in range(6)]
    with pytest.raises(Full):
        room.begin("ana")
    rest = [room.begin(f"other {number}") for number in range(MOST - 6)]
    with pytest.raises(Full):
        room.begin("yet another")
    of_one[0].end()
    of_one[0].end()
    assert room.now == MOST - 1
    room.begin("yet another").end()
    for load in of_one + rest:
        load.end()
    assert room.now == 0


def test_content_that_is_gone_or_spoilt_is_said_before_anything_is_sent(sign_in: SignIn, sound: str, config: Config, carrying: Carrying) -> None:
    ana, path = sign_in("ana"), config.files_dir / sound
    stored = path.read_bytes()
    path.write_bytes(bytes([stored[0] ^ 1]) + stored[1:])  # it begins as chance has it, with a zero too
    spoilt = ana.get(f"/files/{sound}")
    path.unlink()
    gone = ana.get(f"/files/{sound}")
    assert [(one.status_code, "cannot be opened any more" in one.text) for one in (spoilt, gone)] == [(500, True)] * 2
    assert carrying.now == 0


def test_a_link_says_nothing_of_a_stranger_who_never_was(client: FlaskClient, image: str, config: Config, database: Database) -> None:
    assert client.get(link_of(config, database, image, "0" * 26)).status_code == 404
