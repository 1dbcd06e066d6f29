"""What the worker does with an upload that has come: looks at it, keeps it and posts it, or says why not; once, whatever ends in between."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import pytest

from clinic import Actor, Config, Database, outbox
from clinic.errors import Conflict
from clinic.file.uploading import FILES, State, upload_state
from clinic.file.views import readable
from ops.checking import LOST, UNSENT, Checker
from tests.support import made_files as made
from tests.support.cast import Cast
from tests.support.clamd_stand_in import EICAR, clamd
from tests.support.databases import rows
from tests.support.filing import begun, entries_of
from web.gateways.faults import Absent, Away
from web.gateways.storage import Store, of
from web.media import inspecting, sandbox, words

PHOTO = made.photo_with_place()
FILM = made.recording("webm", 3, "libopus", "libvpx", by_browser=True)
SYSTEM = Actor.system()


@pytest.fixture
def thread(cast: Cast) -> str:
    return cast.start("boris", "ana")


@pytest.fixture
def store(config: Config) -> Store:
    return of(config)


@pytest.fixture
def checker(database: Database, config: Config) -> Iterator[Checker]:
    yield Checker(database, config)
    inspecting.close()


def uploaded(database: Database, store: Store, cast: Cast, thread: str, content: bytes, client_id: str = "c-file", by: str = "ana", **values: Any) -> str:
    """Upload a file as somebody does, all of it. Returns: the upload's uid."""
    upload = begun(database, getattr(cast, by), thread, client_id, size_bytes=len(content), **values)
    key = database.perform(SYSTEM, "file.keep_key", upload, wrapped_key=store.new_key()).value
    with store.staging(upload, key, len(content)).take() as taking:
        taking.add(content)
        taking.settle()
    database.perform(SYSTEM, "file.received", upload)
    return upload


def stands(database: Database, cast: Cast, upload: str) -> tuple[State, str]:
    with database.read(cast.ana) as work:
        found = upload_state(work, upload)
    return found.state, found.words


def jobs(config: Config) -> int:
    [[count]] = rows(config.database_url, "SELECT count(*) FROM jobs WHERE queue = 'files'")
    return int(count)


def posted(config: Config) -> int:
    [[count]] = rows(config.database_url, "SELECT count(*) FROM files")
    return int(count)


def test_a_photo_is_looked_at_kept_and_posted(database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker) -> None:
    upload = uploaded(database, store, cast, thread, PHOTO)
    assert checker.turn() and not checker.turn()
    assert stands(database, cast, upload) == (State.SENT, "")
    [[key, digest, width, height, shown]] = rows(config.database_url, "SELECT wrapped_key, sha256, width, height, shown_type FROM blobs")
    assert (digest, width, height, shown) == (hashlib.sha256(PHOTO).hexdigest(), 480, 640, "image/jpeg")
    assert store.kept(upload, key, len(PHOTO)).read(0, len(PHOTO)) == PHOTO
    picture = store.read_derived(upload, key, "shown")
    assert picture.startswith(b"\xff\xd8\xff") and b"SecretPhone" not in picture
    with pytest.raises(Absent):
        store.staged(upload, key, len(PHOTO))
    assert jobs(config) == 0


def test_people_take_turns_whoever_sends_many_files(database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker) -> None:
    mine = [uploaded(database, store, cast, thread, made.pdf(), f"c-{number}", name=f"{number}.pdf") for number in range(4)]
    one, two = (uploaded(database, store, cast, thread, made.pdf(), f"b-{name}", by="boris", name=f"{name}.pdf") for name in ("one", "two"))
    done = []
    while len(done) < 6:
        assert checker.turn()
        done += [uid for [uid] in rows(config.database_url, "SELECT uid FROM uploads WHERE state = 'sent'") if uid not in done]
    assert done == [mine[0], one, mine[1], two, mine[2], mine[3]]
    assert not checker.turn()


@pytest.mark.parametrize(("content", "name", "expected"), [
    (b"<html><script>alert(1)</script>", "knee.jpg", "a web page"),
    (made.EXE, "knee.jpg", "a program"),
    (PHOTO, "knee.exe", "“.exe”"),
    (PHOTO[: len(PHOTO) // 2], "knee.jpg", "cannot be read"),
])
def test_what_is_not_taken_is_refused_in_words_and_its_bytes_go(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker, content: bytes, name: str, expected: str
) -> None:
    upload = uploaded(database, store, cast, thread, content, name=name)
    assert checker.turn()
    state, said = stands(database, cast, upload)
    assert state is State.REFUSED and expected in said
    assert posted(config) == 0 and jobs(config) == 0
    assert not list(store.uploads.iterdir())


def test_a_voice_message_that_is_too_long_is_refused(database: Database, store: Store, cast: Cast, thread: str, checker: Checker) -> None:
    upload = uploaded(database, store, cast, thread, made.without_duration(made.recording("webm", 123, rate=8000)), purpose="voice", name="voice.webm")
    assert checker.turn()
    assert stands(database, cast, upload)[1].startswith("This voice message is 123 seconds long; 120 is the most.")


def test_a_recording_of_a_browser_is_kept_with_its_length_and_described_as_it_is_kept(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker
) -> None:
    came = made.recording("webm", 6, by_browser=True)
    upload = uploaded(database, store, cast, thread, came, purpose="voice", name="voice.webm")
    assert checker.turn()
    assert stands(database, cast, upload) == (State.SENT, "")
    with database.read(cast.boris) as work:
        file = readable(work, upload)
    [entry] = [one for one in entries_of(database, cast.boris, thread) if one.kind == "voice"]
    kept = store.kept(upload, file.wrapped_key, file.size_bytes).read(0, len(came) * 2)
    assert kept != came and (len(kept), hashlib.sha256(kept).hexdigest()) == (file.size_bytes, file.sha256)
    assert entry.payload.size_bytes == len(kept) and abs(entry.payload.duration_ms - 6000) < 50 and max(entry.payload.waveform) == 31
    with av.open(io.BytesIO(kept)) as container:
        assert container.duration is not None and abs(container.duration - 6_000_000) < 50_000
    again = begun(database, cast.ana, thread, size_bytes=len(came), purpose="voice", name="voice.webm")
    assert again == entry.uid, "what comes once more is known, though it was kept in another size"
    with pytest.raises(Conflict):
        begun(database, cast.ana, thread, size_bytes=len(came), purpose="voice", name="another.webm")


def test_a_recording_that_cannot_be_made_anew_is_kept_as_it_came(
    database: Database, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sandbox.Sandbox.run

    def run(self: sandbox.Sandbox, task: str, *given: Any, **more: Any) -> sandbox.Result:
        if task == "mend":
            raise sandbox.Died("SIGSEGV")
        return real(self, task, *given, **more)

    monkeypatch.setattr(sandbox.Sandbox, "run", run)
    came = made.recording("webm", 3, "libopus", "libvpx", by_browser=True)
    upload = uploaded(database, store, cast, thread, came, name="film.webm")
    assert checker.turn()
    with database.read(cast.boris) as work:
        file = readable(work, upload)
    assert (file.size_bytes, file.sha256) == (len(came), hashlib.sha256(came).hexdigest())
    assert store.kept(upload, file.wrapped_key, file.size_bytes).read(0, len(came) * 2) == came


def test_a_file_that_ends_its_reader_is_refused_and_the_next_one_is_taken(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_given: object, **_more: object) -> None:
        raise sandbox.Died("SIGSEGV")

    bad = uploaded(database, store, cast, thread, PHOTO, "c-1")
    good = uploaded(database, store, cast, thread, PHOTO, "c-2")
    with monkeypatch.context() as patched:
        patched.setattr(sandbox.Sandbox, "run", dies)
        assert checker.turn()
    assert stands(database, cast, bad) == (State.REFUSED, words.CRASHED)
    assert checker.turn()
    assert stands(database, cast, good) == (State.SENT, "")
    assert jobs(config) == 0


@pytest.mark.parametrize(("step", "content"), [
    ("keep", PHOTO), ("put_derived", PHOTO), ("forget", PHOTO), ("keep_anew", FILM), ("put_derived", FILM), ("forget", FILM),
])
def test_a_worker_that_ends_in_the_middle_begins_anew_and_posts_once(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch, step: str, content: bytes
) -> None:
    class Killed(BaseException):
        pass

    real = getattr(Store, step)

    def killed(*given: object) -> None:
        real(*given)
        raise Killed

    upload = uploaded(database, store, cast, thread, content)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(Store, step, killed)
        checker.turn()
    assert jobs(config) == 1, "held by who died"
    outbox.release(database, FILES)
    assert checker.turn()
    assert stands(database, cast, upload) == (State.SENT, "")
    assert (posted(config), jobs(config)) == (1, 0)
    with database.read(cast.boris) as work:
        file = readable(work, upload)
    assert store.kept(upload, file.wrapped_key, file.size_bytes).sha256() == file.sha256


def test_a_store_that_is_away_is_waited_for(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_given: object) -> None:
        raise Away("connection refused")

    upload = uploaded(database, store, cast, thread, PHOTO)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "keep", away)
        for _ in range(6):
            assert checker.turn()
            assert stands(database, cast, upload) == (State.RECEIVED, "")
            assert not checker.turn(), "not at once"
            outbox.hasten(database, FILES)
            database.now = _later(database)
    assert checker.turn()
    assert stands(database, cast, upload) == (State.SENT, "")


def _later(database: Database) -> Any:
    earlier = database.now
    return lambda: earlier() + timedelta(seconds=30)


def test_a_machine_that_cannot_look_just_now_is_waited_for(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(_self: sandbox.Sandbox, _theirs: object) -> int:
        raise sandbox.Unavailable("The process that looks into files ends as soon as it is started.")

    upload = uploaded(database, store, cast, thread, PHOTO)
    with monkeypatch.context() as patched:
        patched.setattr(sandbox.Sandbox, "_begin", begin)
        for _ in range(6):
            assert checker.turn()
            assert stands(database, cast, upload) == (State.RECEIVED, "")
            assert not checker.turn(), "not at once"
            database.now = _later(database)
    assert checker.turn()
    assert stands(database, cast, upload) == (State.SENT, "")


def test_a_machine_without_walls_takes_no_file_and_says_so(
    database: Database, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(_self: sandbox.Sandbox, _theirs: object) -> int:
        raise sandbox.NoWalls("This machine has no seccomp (OSError 22).")

    monkeypatch.setattr(sandbox.Sandbox, "_begin", begin)
    upload = uploaded(database, store, cast, thread, PHOTO)
    assert checker.turn()
    assert stands(database, cast, upload) == (State.REFUSED, words.UNCHECKED)


@pytest.mark.parametrize(("times", "expected"), [(1, (State.SENT, "")), (2, (State.REFUSED, words.SLOW))])
def test_what_is_not_read_in_time_is_looked_at_once_more(
    database: Database, store: Store, cast: Cast, thread: str, checker: Checker, monkeypatch: pytest.MonkeyPatch, times: int, expected: tuple[State, str]
) -> None:
    real, slow = sandbox.Sandbox.run, [sandbox.TooSlow] * times

    def run(*given: Any, **more: Any) -> sandbox.Result:
        if slow:
            raise slow.pop()
        return real(*given, **more)

    monkeypatch.setattr(sandbox.Sandbox, "run", run)
    upload = uploaded(database, store, cast, thread, PHOTO)
    assert checker.turn()
    assert stands(database, cast, upload) == (State.RECEIVED, "")
    database.now = _later(database)
    assert checker.turn()
    assert stands(database, cast, upload) == expected


def test_what_cannot_be_posted_is_refused_in_words_and_does_not_wait_for_ever(
    database: Database, config: Config, store: Store, cast: Cast, thread: str, checker: Checker
) -> None:
    upload = uploaded(database, store, cast, thread, PHOTO, "c-same")
    database.perform(cast.ana, "text.post", thread, body="under the same id", client_id="c-same")
    assert checker.turn()
    assert stands(database, cast, upload) == (State.REFUSED, UNSENT)
    assert (posted(config), jobs(config)) == (0, 0)
    assert not list(store.uploads.iterdir())


def test_bytes_that_were_damaged_are_asked_for_once_more(database: Database, store: Store, cast: Cast, thread: str, checker: Checker) -> None:
    upload = uploaded(database, store, cast, thread, PHOTO)
    path = store.uploads / upload
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 1
    path.write_bytes(stored)
    assert checker.turn()
    assert stands(database, cast, upload) == (State.REFUSED, LOST)


def test_what_an_administrator_takes_off_the_list_is_not_taken(database: Database, store: Store, cast: Cast, thread: str, checker: Checker) -> None:
    database.perform(cast.dina, "file.allow", allowed=["application/pdf", "audio/webm"])
    photo = uploaded(database, store, cast, thread, PHOTO, "c-1")
    pdf = uploaded(database, store, cast, thread, made.pdf(), "c-2", name="a.pdf")
    assert checker.turn() and checker.turn()
    assert "a photo (JPEG), which this clinic does not take" in stands(database, cast, photo)[1]
    assert stands(database, cast, pdf)[0] is State.SENT


# A virus scanner, where the clinic has one.


def test_what_the_scanner_finds_is_not_taken(database: Database, config: Config, store: Store, cast: Cast, thread: str, tmp_path: Path) -> None:
    with clamd(tmp_path) as daemon:
        checker = Checker(database, replace(config, clamd=str(daemon.path)))
        ill = uploaded(database, store, cast, thread, EICAR, "c-1", name="a.txt")
        well = uploaded(database, store, cast, thread, PHOTO, "c-2")
        daemon.most = 1_000_000
        large = uploaded(database, store, cast, thread, b"a line of a text\n" * 90_000, "c-3", name="b.txt")
        assert checker.turn() and checker.turn() and checker.turn()
    assert stands(database, cast, ill) == (State.REFUSED, words.INFECTED)
    assert stands(database, cast, well) == (State.SENT, "")
    assert stands(database, cast, large) == (State.REFUSED, words.UNSCANNED)
    assert daemon.scanned == [len(EICAR), len(PHOTO)]
    inspecting.close()


def test_the_scanner_is_given_what_is_kept(database: Database, config: Config, store: Store, cast: Cast, thread: str, tmp_path: Path) -> None:
    with clamd(tmp_path) as daemon:
        upload = uploaded(database, store, cast, thread, FILM, name="film.webm")
        assert Checker(database, replace(config, clamd=str(daemon.path))).turn()
    inspecting.close()
    with database.read(cast.boris) as work:
        assert daemon.scanned == [readable(work, upload).size_bytes] != [len(FILM)]


def test_a_scanner_that_is_away_is_waited_for(database: Database, config: Config, store: Store, cast: Cast, thread: str, tmp_path: Path) -> None:
    for where in (str(tmp_path / "nobody.ctl"), "192.0.2.1:3310", "127.0.0.1:x"):
        upload = uploaded(database, store, cast, thread, PHOTO, where.replace("/", "")[-40:])
        assert Checker(database, replace(config, clamd=where)).turn()
        assert stands(database, cast, upload) == (State.RECEIVED, "")
    inspecting.close()
