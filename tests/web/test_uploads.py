"""Bytes of files as they come in: tus 1.0 from the page, one PUT from apps. Source: tus 1.0.0 (core, termination); XEP-0363; facts/reliability F11, B8."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from clinic import Actor, Database, outbox
from clinic.config import Config
from clinic.errors import TooLong
from clinic.file import links
from clinic.file.uploading import FILES, GOOD_FOR, MOST_BYTES, State, upload_bytes
from tests.support import made_files as made
from tests.support.cast import Cast
from tests.support.filing import begun
from tests.web.browser import Browser
from web.carrying import CARRYING, MOST_EACH
from web.gateways.sealing import CHUNK_BYTES
from web.gateways.staging import Staged, Taking
from web.gateways.storage import Store, of
from web.media import inspecting

SignIn = Callable[[str], Browser]
CONTENT = "".join(f"{number:7}\n" for number in range(2 * CHUNK_BYTES // 8)).encode() + b"the end"
SIZE = len(CONTENT)
SYSTEM = Actor.system()


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def ana(sign_in: SignIn) -> Browser:
    return sign_in("ana")


@pytest.fixture
def upload(database: Database, cast: Cast, thread: str) -> str:
    return begun(database, cast.ana, thread, size_bytes=SIZE)


@pytest.fixture
def store(config: Config) -> Store:
    return of(config)


class Cut(io.BufferedIOBase):
    """A body whose connection is lost behind its last byte."""

    def __init__(self, given: bytes) -> None:
        self.given = io.BytesIO(given)

    def read(self, size: int = -1) -> bytes:
        found = self.given.read(size)
        if not found:
            raise ConnectionResetError
        return found


def body(stream: io.BufferedIOBase, length: int) -> dict[str, Any]:
    """A body that comes as gunicorn gives it."""
    return {"environ_overrides": {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_LENGTH": str(length)}}


def patch(browser: Browser, upload: str, at: int, content: bytes, *, cut: bool = False, **headers: str) -> TestResponse:
    own = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream", "X-CSRFToken": browser.token}
    stream: dict[str, Any] = body(Cut(content), SIZE - at) if cut else {"data": content}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return browser.client.patch(f"/uploads/{upload}", headers={**own, **names}, **stream)


def head(browser: Browser, upload: str) -> TestResponse:
    return browser.client.head(f"/uploads/{upload}", headers={"Tus-Resumable": "1.0.0"})


def content_of(database: Database, store: Store, upload: str) -> bytes:
    with database.read(SYSTEM) as work:
        found = upload_bytes(work, upload)
    return store.staged(upload, found.wrapped_key or "", found.size_bytes).read(0, found.size_bytes)


def state_of(database: Database, upload: str) -> State:
    with database.read(SYSTEM) as work:
        return upload_bytes(work, upload).state


def test_an_upload_in_pieces_arrives_whole_and_is_looked_at_next(ana: Browser, upload: str, database: Database, store: Store) -> None:
    assert head(ana, upload).headers["Upload-Offset"] == "0"
    first = patch(ana, upload, 0, CONTENT[:CHUNK_BYTES])
    assert (first.status_code, first.headers["Upload-Offset"], first.headers["Tus-Resumable"]) == (204, str(CHUNK_BYTES), "1.0.0")
    found = head(ana, upload)
    assert (found.headers["Upload-Offset"], found.headers["Upload-Length"], found.headers["Cache-Control"]) == (str(CHUNK_BYTES), str(SIZE), "no-store")
    assert ana.get(f"/uploads/{upload}/state").get_json()["offset"] == CHUNK_BYTES
    assert outbox.claim(database, FILES) == []
    last = patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:])
    assert (last.status_code, last.headers["Upload-Offset"]) == (204, str(SIZE))
    assert content_of(database, store, upload) == CONTENT
    [job] = outbox.claim(database, FILES)
    assert job.payload == {"upload": upload}
    assert head(ana, upload).headers["Upload-Offset"] == str(SIZE)
    told = ana.get(f"/uploads/{upload}/state").get_json()
    assert (told["state"], told["offset"], told["size_bytes"]) == ("received", SIZE, SIZE)
    assert patch(ana, upload, SIZE, b"").status_code == 204


def test_what_is_cut_goes_on_from_its_last_whole_piece(ana: Browser, upload: str, database: Database, store: Store) -> None:
    patch(ana, upload, 0, CONTENT[: CHUNK_BYTES + 1000], cut=True)
    at = int(head(ana, upload).headers["Upload-Offset"])
    assert at == CHUNK_BYTES
    assert state_of(database, upload) is State.OPEN
    assert patch(ana, upload, at, CONTENT[at:]).status_code == 204
    assert content_of(database, store, upload) == CONTENT


def test_bytes_for_another_place_or_in_another_form_are_refused_and_change_nothing(ana: Browser, upload: str) -> None:
    patch(ana, upload, 0, CONTENT[:CHUNK_BYTES])
    refusals = [
        (patch(ana, upload, 0, CONTENT), 409),
        (patch(ana, upload, 2 * CHUNK_BYTES, CONTENT[2 * CHUNK_BYTES :]), 409),
        (patch(ana, upload, CHUNK_BYTES, CONTENT), 413),
        (patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:], Tus_Resumable="0.2.2"), 412),
        (patch(ana, upload, CHUNK_BYTES, b"little", Content_Type="application/octet-stream"), 415),
        (patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:], Upload_Offset="-1"), 422),
        (patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:], Upload_Offset="²"), 422),
        (patch(ana, upload, CHUNK_BYTES, b"little"), 422),
        (patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:], X_CSRFToken="x"), 400),
        (patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:], Sec_Fetch_Site="cross-site"), 400),
    ]
    assert [answer.status_code for answer, _ in refusals] == [status for _, status in refusals]
    assert refusals[3][0].headers["Tus-Version"] == "1.0.0"
    assert head(ana, upload).headers["Upload-Offset"] == str(CHUNK_BYTES)


def test_more_than_was_announced_is_refused_before_it_is_read(ana: Browser, upload: str) -> None:
    class Unread(io.BufferedIOBase):
        def read(self, size: int = -1) -> bytes:
            raise AssertionError("this body must not be read")

    token = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "X-CSRFToken": ana.token}
    answer = ana.client.patch(f"/uploads/{upload}", headers=token, **body(Unread(), SIZE + 1))
    assert answer.status_code == 413
    assert "More came than was announced" in answer.text


def test_a_file_of_201_megabytes_is_refused_in_words_when_it_is_announced(ana: Browser, thread: str, database: Database, cast: Cast) -> None:
    answer = ana.send(f"/actions/file.begin/{thread}", name="film.mp4", size_bytes=201_000_000, client_id="large")
    assert answer.status_code == 413
    assert "201.0 MB; 200.0 MB is the most" in answer.get_json()["text"]
    assert ana.send(f"/actions/file.begin/{thread}", name="film.mp4", size_bytes=MOST_BYTES, client_id="large").status_code == 200
    with pytest.raises(TooLong):
        database.perform(cast.ana, "file.slot", name="film.mp4", size_bytes=201_000_000, client_id="large-slot")


def test_nobody_else_touches_an_upload(upload: str, sign_in: SignIn, browser: Browser) -> None:
    for name, status in (("boris", 404), ("eve", 404), ("dina", 404)):
        other = sign_in(name)
        answers = [head(other, upload), patch(other, upload, 0, CONTENT), other.get(f"/uploads/{upload}/state")]
        token = {"Tus-Resumable": "1.0.0", "X-CSRFToken": other.token}
        answers.append(other.client.delete(f"/uploads/{upload}", headers=token))
        assert [one.status_code for one in answers] == [status] * 4
    assert head(browser, upload).status_code in (303, 401)
    assert patch(browser, upload, 0, CONTENT).status_code in (303, 401)


def test_an_upload_is_given_up(ana: Browser, upload: str, database: Database, config: Config) -> None:
    patch(ana, upload, 0, CONTENT[:CHUNK_BYTES])
    token = {"Tus-Resumable": "1.0.0", "X-CSRFToken": ana.token}
    assert ana.client.delete(f"/uploads/{upload}", headers=token).status_code == 204
    assert state_of(database, upload) is State.CANCELLED
    assert list(config.uploads_dir.iterdir()) == []
    assert head(ana, upload).status_code == 410
    assert patch(ana, upload, CHUNK_BYTES, CONTENT[CHUNK_BYTES:]).status_code == 410
    assert list(config.uploads_dir.iterdir()) == []


def test_a_refused_upload_says_why(ana: Browser, upload: str, database: Database) -> None:
    database.perform(SYSTEM, "file.refuse", upload, words="This is no picture.")
    answer = patch(ana, upload, 0, CONTENT)
    assert (answer.status_code, "This is no picture." in answer.text) == (410, True)
    assert ana.get(f"/uploads/{upload}/state").get_json()["words"] == "This is no picture."


def test_an_upload_is_over_after_a_day(ana: Browser, upload: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    token, later = ana.token, database.now() + GOOD_FOR + timedelta(seconds=1)
    monkeypatch.setattr("web.pages.uploads.clinic_db", lambda: Later(database, later))
    own = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "X-CSRFToken": token}
    answer = ana.client.patch(f"/uploads/{upload}", data=CONTENT, headers=own)
    assert (answer.status_code, "begun more than a day ago" in answer.text) == (410, True)


class Later:
    """The clinic's database, and another time."""

    def __init__(self, database: Database, at: object) -> None:
        self.database, self.at = database, at

    def now(self) -> object:
        return self.at

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


def test_options_say_what_the_server_speaks(ana: Browser, upload: str) -> None:
    answer = ana.client.options(f"/uploads/{upload}")
    assert [answer.headers[f"Tus-{name}"] for name in ("Version", "Extension", "Max-Size")] == ["1.0.0", "termination", str(MOST_BYTES)]


@pytest.mark.parametrize("ends", ["cancelled", "logged out", "deactivated"])
def test_an_upload_that_is_not_wanted_any_more_ends_within_a_second_while_it_runs(
    ends: str, ana: Browser, upload: str, database: Database, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.receiving.RECHECK_SECONDS", 0.0)
    taken: list[int] = []

    class Turning(io.BufferedIOBase):
        """Gives bytes; after the first piece something happens."""

        def read(self, size: int = -1) -> bytes:
            taken.append(size)
            if len(taken) == 3:
                if ends == "cancelled":
                    database.perform(cast.ana, "file.cancel", upload)
                elif ends == "logged out":
                    end_sessions(database, cast)
                else:
                    database.perform(cast.dina, "account.deactivate", cast.uid("ana"))
            assert len(taken) < 6, "it is read on although nobody wants it"
            return CONTENT[:size]

    own = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream", "X-CSRFToken": ana.token}
    answer = ana.client.patch(f"/uploads/{upload}", headers=own, **body(Turning(), SIZE))
    assert answer.status_code == 409
    assert len(taken) == 3


def end_sessions(database: Database, cast: Cast) -> None:
    """Log Ana out in every browser, as somebody does in another one."""
    from clinic.account.tables import login_sessions

    with database.writing() as connection:
        connection.execute(login_sessions.update().values(ended_at=database.now()))


def test_one_account_carries_six_files_at_once_and_others_go_on(ana: Browser, upload: str, cast: Cast) -> None:
    loads = [CARRYING.begin(cast.uid("ana")) for _ in range(MOST_EACH)]
    try:
        answer = patch(ana, upload, 0, CONTENT)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
        assert "Many files are on their way" in answer.text
    finally:
        for load in loads:
            load.end()
    assert patch(ana, upload, 0, CONTENT).status_code == 204
    assert CARRYING.now == 0


def test_a_full_disk_is_said_in_words(ana: Browser, upload: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from web.gateways.faults import NoRoom

    def full(_self: Staged) -> object:
        raise NoRoom("No space left on device")

    monkeypatch.setattr(Staged, "take", full)
    answer = patch(ana, upload, 0, CONTENT)
    assert (answer.status_code, "disk is full" in answer.text, answer.headers["Retry-After"]) == (507, True, "60")
    assert CARRYING.now == 0


# -- an app's PUT


@pytest.fixture
def slot(database: Database, cast: Cast) -> str:
    return str(database.perform(cast.boris, "file.slot", name="knie größe.jpg", size_bytes=SIZE, media_type="image/jpeg", client_id="slot-1").value)


@pytest.fixture
def address(app: Flask, slot: str) -> str:
    key = links.key_of(app.config["BEDSIDE"].pepper)
    return f"/slots/{slot}/{links.slot_mac(key, slot)}/{links.in_path('knie größe.jpg')}"


def test_an_app_puts_a_file_once(app: Flask, address: str, slot: str, database: Database, store: Store) -> None:
    client = app.test_client()
    assert client.put(address, data=CONTENT).status_code == 201
    assert content_of(database, store, slot) == CONTENT
    assert state_of(database, slot) is State.RECEIVED
    again = client.put(address, data=CONTENT[::-1])
    assert (again.status_code, "used already" in again.text) == (410, True)
    assert content_of(database, store, slot) == CONTENT
    assert client.get(address).status_code == 405


def test_a_put_that_was_cut_is_sent_once_more_from_its_beginning(app: Flask, address: str, slot: str, database: Database, store: Store) -> None:
    client = app.test_client()
    client.put(address, **body(Cut(b"x" * (CHUNK_BYTES + 5)), SIZE))
    assert state_of(database, slot) is State.OPEN
    assert client.put(address, data=CONTENT).status_code == 201
    assert content_of(database, store, slot) == CONTENT


@pytest.mark.parametrize("when", ["before it is told of", "while it is told of"])
def test_a_put_that_was_answered_is_not_begun_anew_by_the_one_that_came_again(
    when: str, app: Flask, address: str, slot: str, database: Database, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app whose connection hangs behind the last byte sends all of it again: the first is not answered with 201 for bytes that are gone."""
    answers: list[int] = []
    again = threading.Thread(target=lambda: answers.append(app.test_client().put(address, **body(Cut(CONTENT[:9]), SIZE)).status_code))
    waits, real_take, real_add, real_perform = threading.Event(), Staged.take, Taking.add, database.perform

    def take(staged: Staged) -> Taking:
        if threading.current_thread() is again:
            waits.set()
        return real_take(staged)

    def perform(actor: Actor, action: str, *given: Any, **values: Any) -> Any:
        if action == "file.received" and when == "while it is told of":
            again.start()
            assert waits.wait(10)
            again.join(0.3)  # it would be over by now if nothing kept it from beginning anew
        return real_perform(actor, action, *given, **values)

    def add(taking: Taking, data: bytes) -> None:
        real_add(taking, data)
        if taking.whole and when == "before it is told of" and again.ident is None:
            again.start()
            again.join(10)

    monkeypatch.setattr(Staged, "take", take)
    monkeypatch.setattr(Taking, "add", add)
    monkeypatch.setattr(database, "perform", perform)
    first = app.test_client().put(address, data=CONTENT).status_code
    again.join(10)
    if when == "while it is told of":
        assert (first, answers) == (201, [409])
        assert state_of(database, slot) is State.RECEIVED
        assert content_of(database, store, slot) == CONTENT
    else:
        assert (first, answers) == (409, [422])
        assert state_of(database, slot) is State.OPEN, "whoever came last may send it once more"
        assert app.test_client().put(address, data=CONTENT).status_code == 201


def test_a_put_of_another_size_or_to_another_place_is_refused(
    app: Flask, address: str, slot: str, upload: str, database: Database, cast: Cast, config: Config
) -> None:
    client = app.test_client()
    key = links.key_of(config.pepper)
    other = str(database.perform(cast.ana, "file.slot", name="a.txt", size_bytes=SIZE, client_id="slot-2").value)
    for size in (SIZE - 1, SIZE + 1):
        answer = client.put(address, **body(io.BytesIO(), size))
        assert (answer.status_code, f"{SIZE} bytes exactly" in answer.text) == (413, True)
    sizeless = {"wsgi.input": io.BytesIO(CONTENT), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert client.put(address, environ_overrides=sizeless).status_code == 413
    wrong = [
        address.replace(slot, other),
        address.replace("knie", "knee"),
        f"/slots/{upload}/{links.slot_mac(key, upload)}/knee.jpg",  # an upload of the page
        f"/slots/{slot}/{'A' * 43}/knie.jpg",
        f"/slots/{slot}/ümlaut/knie.jpg",
    ]
    assert [client.put(one, data=CONTENT).status_code for one in wrong] == [404] * 5
    database.perform(cast.dina, "account.deactivate", cast.uid("boris"))
    assert client.put(address, data=CONTENT).status_code == 404
    assert not config.uploads_dir.exists() or list(config.uploads_dir.iterdir()) == []


# What its beginning shows.


def test_an_upload_of_a_wrong_kind_is_stopped_by_its_beginning(ana: Browser, database: Database, cast: Cast, thread: str, store: Store) -> None:
    program = made.EXE * 400
    upload = begun(database, cast.ana, thread, size_bytes=len(program))
    answer = patch(ana, upload, 0, program)
    assert answer.status_code == 406 and "a program, which this clinic does not take" in answer.text
    stands = ana.get(f"/uploads/{upload}/state").json
    assert stands["state"] == "refused" and "a program" in stands["words"]
    assert not list(store.uploads.iterdir())
    inspecting.close()


def test_a_voice_message_that_goes_on_is_stopped_once_it_is_too_long(ana: Browser, database: Database, cast: Cast, thread: str) -> None:
    endless = made.without_duration(made.recording("webm", 300, rate=8000))
    assert len(endless) > 2_100_000
    upload = begun(database, cast.ana, thread, size_bytes=len(endless), purpose="voice", name="voice.webm")
    answer = patch(ana, upload, 0, endless[:1_048_576])
    assert answer.status_code == 204, "so much of it may be"
    answer = patch(ana, upload, 1_048_576, endless[1_048_576:])
    assert answer.status_code == 406 and "120 is the most" in answer.text
    inspecting.close()
