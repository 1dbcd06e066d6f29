"""Files on their way when a connection is cut, web is killed, or their reader may not have them any more; a real clinic. Source: facts/reliability F3, F11."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic import Actor, Database
from clinic.calls import Door
from clinic.config import Config
from clinic.file import links
from clinic.file.media import Form, Inspection
from clinic.file.uploading import upload_bytes
from ops.deployment import recall
from tests.support.clinic import RunningClinic
from tests.support.databases import rows
from tests.support.filing import kept
from tests.support.page import Page
from tests.support.ports import eventually
from tests.support.tus import Tus
from web.gateways.faults import Absent
from web.gateways.sealing import CHUNK_BYTES, sealed_bytes
from web.gateways.storage import Store

LARGE = 200_000_000
CUTS = 5
SOUND = Inspection("audio/mp4", Form.AUDIO, duration_ms=90_000)

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningClinic]:
    """A running demonstration, whose worker stands still: what was received stays as it came."""
    with RunningClinic(tmp_path_factory.mktemp("files-cut") / "data", "--demo") as one:
        worker = one.ready["pids"]["worker"]
        os.kill(worker, signal.SIGSTOP)
        try:
            yield one
        finally:
            os.kill(worker, signal.SIGCONT)


@pytest.fixture(scope="module")
def config(clinic: RunningClinic) -> Config:
    return Config.from_environ(recall(clinic.data).environment())


@pytest.fixture(scope="module")
def database(config: Config) -> Iterator[Database]:
    opened = Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
    yield opened
    opened.close()


@pytest.fixture
def page(clinic: RunningClinic) -> Iterator[Page]:
    one = Page(clinic, "ana")
    yield one
    one.close()


def begin(clinic: RunningClinic, page: Page, content: bytes, tls: tuple[int, ssl.SSLContext] | None = None) -> Tus:
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    client_id = hashlib.sha256(content).hexdigest()[:20] + str(time.monotonic_ns())
    answer = page.act("file.begin", thread, name="film.mp4", size_bytes=len(content), client_id=client_id)
    return Tus(page, json.loads(answer.text)["value"], content, tls)


def letters(chance: random.Random, size: int) -> bytes:
    """Return a text of that many letters, no two alike: what is no file of any kind is stopped by its beginning."""
    return chance.randbytes(size // 2).hex().encode()


def stored(database: Database, config: Config, tus: Tus) -> str:
    """Return the hash of what is stored of an upload. Raises: Absent where not all is there."""
    with database.read(Actor.system()) as work:
        found = upload_bytes(work, tus.path.rpartition("/")[2])
    return Store(config).staged(found.uid, found.wrapped_key or "", found.size_bytes).sha256()


def test_an_upload_of_200_megabytes_that_is_cut_five_times_arrives_as_it_was(
    clinic: RunningClinic, page: Page, database: Database, config: Config
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    content = letters(chance, LARGE)
    tus, began, at, reached = begin(clinic, page, content), time.monotonic(), 0, list[int]()
    for number in range(CUTS):
        cut = LARGE * (number + 1) // (CUTS + 1) + chance.randrange(-300_000, 300_000)
        tus.send(at, cut)
        with pytest.raises(Absent):
            stored(database, config, tus)
        at = tus.offset()
        assert at <= cut, (seed, number)
        reached.append(at)
    assert tus.send(at) == 204
    print(f"seed {seed}: {LARGE / 1e6:.0f} MB with {CUTS} cuts in {time.monotonic() - began:.1f} s")
    assert reached == sorted(set(reached))
    assert stored(database, config, tus) == hashlib.sha256(content).hexdigest()


def test_a_kill_of_the_web_in_the_middle_leaves_nothing_half_and_the_upload_goes_on(
    clinic: RunningClinic, page: Page, database: Database, config: Config
) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    content = letters(chance, 20_000_000)
    tus, at = begin(clinic, page, content), 0
    staged = config.uploads_dir / tus.path.rpartition("/")[2]
    for _ in range(3):
        killed = clinic.ready["pids"]["web"]
        cut = at + chance.randrange(1_000_000, 5_000_000)

        def kill(killed: int = killed, at: int = at) -> None:
            least = sealed_bytes(at + CHUNK_BYTES)  # less is no whole piece, which alone counts
            eventually(lambda: staged.exists() and staged.stat().st_size >= least, 20.0, "some of it is stored")
            os.killpg(killed, signal.SIGKILL)

        tus.send(at, cut, then=kill)
        with pytest.raises(Absent):
            stored(database, config, tus)
        eventually(lambda killed=killed: (clinic.ready_or_none() or {"pids": {}})["pids"].get("web", killed) != killed, 20.0, "the web runs again")
        before, at = at, eventually(lambda: _offset(tus), 20.0, "the web answers") - 1
        assert before < at <= cut, seed
    assert tus.send(at) == 204, seed
    assert stored(database, config, tus) == hashlib.sha256(content).hexdigest()
    uid = tus.path.rpartition("/")[2]
    assert rows(clinic.url, "SELECT state FROM uploads WHERE uid = :uid", uid=uid) == [("received",)]


def _offset(tus: Tus) -> int:
    """Return how far it has come, and one more: none is no answer."""
    try:
        return tus.offset() + 1
    except OSError:
        return 0


def test_a_phone_that_comes_back_goes_on_while_its_old_connection_hangs(
    clinic: RunningClinic, page: Page, database: Database, config: Config
) -> None:
    content = letters(random.Random(7), 3_000_000)
    tus = begin(clinic, page, content)
    began, staged = list[float](), config.uploads_dir / tus.path.rpartition("/")[2]

    def come_back() -> None:
        # Not by asking: whoever asks takes the upload over.
        eventually(lambda: staged.exists() and staged.stat().st_size >= 1_000_000, 20.0, "what was sent is stored")
        began.append(time.monotonic())
        assert tus.send(tus.offset()) == 204

    tus.send(0, 1_500_000, then=come_back)
    assert time.monotonic() - began[0] < 5.0
    assert stored(database, config, tus) == hashlib.sha256(content).hexdigest()


def test_an_upload_through_the_tls_front_is_stored_as_it_comes_and_never_beside(
    clinic: RunningClinic, page: Page, database: Database, config: Config
) -> None:
    content = letters(random.Random(8), 20_000_000)
    context = ssl.create_default_context(cafile=clinic.ready["ca"])
    tls = Page(clinic, "ana")
    tls.close()
    tls.cookies = {f"__Host-{name}": value for name, value in tls.cookies.items()}
    tus = begin(clinic, page, content)
    tus = Tus(tls, tus.path.rpartition("/")[2], content, (clinic.base_port + 1, context))
    tus.send(0, 10_000_000)
    at = tus.offset()
    assert 0 < at <= 10_000_000
    beside = [path for folder in ("nginx-body", "nginx-proxy") for path in (clinic.data / "run" / folder).rglob("*") if path.is_file()]
    assert beside == []
    assert tus.send(at) == 204
    assert stored(database, config, tus) == hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def sound(clinic: RunningClinic, database: Database, config: Config) -> str:
    """A kept file of 50 MB in the thread of Ana and Boris."""
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    content = random.Random(9).randbytes(50_000_000)
    return kept(database, Store(config), actor_of(clinic, "boris"), thread, content, SOUND, name="talk.m4a")


def uid_of(clinic: RunningClinic, name: str) -> str:
    [[uid]] = rows(clinic.url, "SELECT uid FROM accounts WHERE email = :email", email=clinic.ready["accounts"][name]["email"])
    return str(uid)


def actor_of(clinic: RunningClinic, name: str) -> Actor:
    return Actor(door=Door.PAGE, account=uid_of(clinic, name))


def test_a_running_download_ends_within_a_second_of_its_file_being_taken_back(
    clinic: RunningClinic, database: Database, config: Config, sound: str
) -> None:
    path = links.sign(links.key_of(config.pepper), sound, uid_of(clinic, "ana"), "talk.m4a", database.now())
    with socket.create_connection(("127.0.0.1", clinic.base_port), timeout=20) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        got = len(reader.recv(65536))
        while got < 2_000_000:
            got += len(reader.recv(65536))
        _withdraw(clinic, database, sound)
        withdrawn, after = time.monotonic(), 0
        with contextlib.suppress(ConnectionResetError):
            while data := reader.recv(65536):
                after += len(data)
                time.sleep(0.005)  # a reader at some 10 MB a second, for whom the rest would take five seconds
        took = time.monotonic() - withdrawn
    print(f"stopped after {took:.2f} s and {after / 1e6:.1f} MB more")
    assert got + after < 40_000_000


def _withdraw(clinic: RunningClinic, database: Database, file: str) -> None:
    """Boris takes back the entry with the file."""
    [[entry]] = rows(clinic.url, "SELECT entry_uid FROM files WHERE uid = :uid", uid=file)
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    database.perform(actor_of(clinic, "boris"), "text.retract", thread, entry=entry, client_id="take-back")


def test_a_stop_of_the_clinic_waits_for_no_download(tmp_path: Path) -> None:
    with RunningClinic(tmp_path / "data", "--demo") as one:
        settings = Config.from_environ(recall(one.data).environment())
        opened = Database.open(settings.database_url, run_dir=settings.run_dir, pepper=settings.pepper)
        thread = one.ready["threads"]["ana-boris"]["uid"]
        file = kept(opened, Store(settings), actor_of(one, "boris"), thread, bytes(30_000_000), SOUND, name="talk.m4a")
        path = links.sign(links.key_of(settings.pepper), file, uid_of(one, "ana"), "talk.m4a", opened.now())
        opened.close()
        with socket.create_connection(("127.0.0.1", one.base_port), timeout=20) as reader:
            reader.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            reader.recv(1000)
            began = time.monotonic()
            code = one.stop()
        assert code == 0
        assert time.monotonic() - began < 10.0
