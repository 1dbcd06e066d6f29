"""The process that reads files: what it cannot do, what it costs, and that it is ended whole. Source: facts/speech §4."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clinic.file.allowed import BEGINS_WITH
from clinic.file.media import Purpose, Unfit
from tests.support import made_files as made
from web.media import inspecting, sandbox, words

ROOT = Path(__file__).parents[2]
PHOTO = made.picture()


@pytest.fixture
def box() -> Iterator[sandbox.Sandbox]:
    made_one = sandbox.Sandbox()
    yield made_one
    made_one.close()


def waiting_process(box: sandbox.Sandbox) -> int:
    assert box._process is not None
    return box._process.pid


def look(box: sandbox.Sandbox, source: made.Bytes, **more: object) -> sandbox.Result:
    return box.run("inspect", source, end="jpg", purpose="file", allowed=["image/jpeg"], limit_ms=None, **more)


def test_it_can_do_nothing_but_read_its_file(box: sandbox.Sandbox) -> None:
    tried = box.run("proof", made.Bytes(b"")).values
    assert set(tried) == {
        "network", "local sockets", "reading files", "writing files", "listing folders", "programs", "processes", "signals", "memory", "more memory",
    }
    assert all(tried.values()), f"not kept from: {[name for name, refused in tried.items() if not refused]}"
    assert not Path("/tmp/bedside-proof").exists()
    walls = inspecting.walls()
    inspecting.close()
    assert walls.trouble == ""


def test_it_holds_no_secret(box: sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BEDSIDE_FILES_KEY", "of all files")
    secret = tmp_path / "secret"
    secret.write_text("of all files")
    with secret.open() as held:
        os.set_inheritable(held.fileno(), True)
        look(box, made.Bytes(PHOTO))
        process = Path(f"/proc/{waiting_process(box)}")
        assert b"of all files" not in process.joinpath("environ").read_bytes()
        opened = {str(one.readlink()) for one in process.joinpath("fd").iterdir()}
    assert not any("secret" in one for one in opened), opened
    assert all(one == "/dev/null" or one.startswith("socket:") for one in opened), opened


def test_looks_share_the_process_that_waits_and_it_stays_small(box: sandbox.Sandbox) -> None:
    look(box, made.Bytes(PHOTO))
    first = waiting_process(box)
    for _ in range(10):
        look(box, made.Bytes(PHOTO))
    assert waiting_process(box) == first
    resident = int(Path(f"/proc/{first}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert resident < 90_000_000


def test_many_may_ask_at_once(box: sandbox.Sandbox) -> None:
    found: list[int] = []

    def ask(width: int) -> None:
        found.append(look(box, made.Bytes(made.picture("JPEG", (width, 100)))).values["width"])

    threads = [threading.Thread(target=ask, args=(100 + number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [100 + number for number in range(12)]


class Slow(made.Bytes):
    """Bytes that do not come."""

    def __init__(self) -> None:
        super().__init__(PHOTO)
        self.begun = threading.Event()

    def read(self, offset: int, length: int) -> bytes:
        self.begun.set()
        time.sleep(0.4)  # longer than the look is given
        return super().read(offset, length)


def children_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_what_takes_too_long_is_ended_whole_and_the_next_file_is_read(box: sandbox.Sandbox) -> None:
    with pytest.raises(sandbox.TooSlow):
        box.run("inspect", Slow(), seconds=0.2, end="jpg", purpose="file", allowed=["image/jpeg"], limit_ms=None)
    assert look(box, made.Bytes(PHOTO)).values["width"] == 640
    # It is reaped within a second of its end, and nothing of it is at work before.
    at_work = [one for one in children_of(waiting_process(box)) if Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[0] != "Z"]
    assert at_work == []


def test_a_process_that_was_killed_is_started_again(box: sandbox.Sandbox) -> None:
    look(box, made.Bytes(PHOTO))
    first = waiting_process(box)
    os.kill(first, 9)
    assert look(box, made.Bytes(PHOTO)).values["width"] == 640
    assert waiting_process(box) != first


def test_who_reads_a_file_and_is_killed_ends_that_look_alone(box: sandbox.Sandbox) -> None:
    look(box, made.Bytes(PHOTO))
    slow, ended = Slow(), []

    def ask() -> None:
        try:
            look(box, slow)
        except sandbox.Died:
            ended.append(True)

    asking = threading.Thread(target=ask)
    asking.start()
    assert slow.begun.wait(10)
    for one in children_of(waiting_process(box)):
        os.kill(int(one), 9)
    asking.join(10)
    assert ended == [True]
    assert look(box, made.Bytes(PHOTO)).values["width"] == 640


def test_a_source_that_fails_is_no_fault_of_the_file(box: sandbox.Sandbox) -> None:
    class Broken(made.Bytes):
        def read(self, offset: int, length: int) -> bytes:
            raise ConnectionError("the store is away")

    with pytest.raises(ConnectionError):
        look(box, Broken(PHOTO))


def test_it_ends_with_whoever_started_it() -> None:
    program = (
        "import sys; from web.media import sandbox; from tests.support import made_files as made; box = sandbox.Sandbox()\n"
        "box.run('proof', made.Bytes(b'')); print(box._process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        watch = os.pidfd_open(pid)
        starter.kill()
    import select

    assert select.select([watch], [], [], 20)[0], "it ended"
    os.close(watch)


def test_where_there_are_no_walls_nothing_is_read_and_words_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(_self: sandbox.Sandbox, _theirs: object) -> int:
        raise sandbox.NoWalls("no seccomp")

    monkeypatch.setattr(sandbox.Sandbox, "_begin", begin)
    with pytest.raises(Unfit) as refused:
        inspecting.inspect(made.Bytes(PHOTO), "x.jpg", Purpose.FILE, BEGINS_WITH)
    assert refused.value.words == words.UNCHECKED
    assert inspecting.walls().trouble == "no seccomp"
    assert inspecting.early(made.Bytes(PHOTO), "x.jpg", Purpose.FILE, BEGINS_WITH) is None


@pytest.mark.parametrize("begins", [b"\0\0\0\xc8", b'\0\0\0\x26{"done": {}, "blobs": {"thumb": 200}}  '], ids=["in a word", "in a picture"])
def test_who_speaks_a_byte_at_a_time_keeps_nobody_longer_than_who_is_silent(begins: bytes) -> None:
    mine, theirs = socket.socketpair()

    def drip() -> None:
        with contextlib.suppress(OSError):
            theirs.sendall(begins)
            for _ in range(200):
                time.sleep(0.05)  # each byte in time by itself, all of them far too late
                theirs.sendall(b" ")

    dripping = threading.Thread(target=drip)
    with mine, theirs:
        dripping.start()
        with pytest.raises(TimeoutError):
            sandbox._converse(mine, {}, made.Bytes(PHOTO), time.monotonic() + 0.4)
        assert dripping.is_alive()
    dripping.join()


class Liar:
    """A process that was taken over by its file, and says what it likes."""

    def __init__(self, values: dict[str, object], blobs: dict[str, bytes]) -> None:
        self.result = sandbox.Result(values, blobs)

    def run(self, *_given: object, **_more: object) -> sandbox.Result:
        return self.result


@pytest.mark.parametrize(("values", "blobs"), [
    ({"media_type": "text/html", "form": "image"}, {}),
    ({"media_type": "image/jpeg", "form": "page"}, {}),
    ({"media_type": "image/jpeg", "form": "image", "width": "<b>"}, {}),
    ({"media_type": "image/jpeg", "form": "image", "width": 10**30}, {}),
    ({"media_type": "audio/webm", "form": "audio", "waveform": [1] * 65}, {}),
    ({"media_type": "audio/webm", "form": "audio", "waveform": [99]}, {}),
    ({"media_type": "image/jpeg", "form": "image", "shown_type": "text/html"}, {"shown": b"<html>"}),
    ({"media_type": "image/jpeg", "form": "image", "shown_type": "image/jpeg"}, {"shown": b"<html>"}),
    ({"media_type": "image/jpeg", "form": "image", "shown_type": ["image/jpeg"]}, {"shown": b"\xff\xd8\xff"}),
    ({}, {}),
])
def test_what_it_says_is_not_believed(monkeypatch: pytest.MonkeyPatch, values: dict[str, object], blobs: dict[str, bytes]) -> None:
    monkeypatch.setattr(inspecting, "_sandbox", Liar(values, blobs))
    with pytest.raises(Unfit) as refused:
        inspecting.inspect(made.Bytes(PHOTO), "x.jpg", Purpose.FILE, BEGINS_WITH)
    assert refused.value.words == words.CRASHED


def test_no_word_of_its_own_reaches_a_person() -> None:
    assert words.refusal("<script>", {}) == words.CRASHED
    given: list[tuple[str, dict[str, object]]] = [("type", {"thing": "<script>"}), ("name", {"end": "<b>"}), ("pixels", {"found": "<b>", "most": 1})]
    assert not any("<" in words.refusal(code, values) for code, values in given)
    assert words.refusal("video_long", {"found": 45_600, "most": 45_000}) == "This video is 46 seconds long; 45 is the most. Record it again a little shorter."


class Counted(made.Bytes):
    """A file that counts how many are looked at while it is read."""

    now, most, lock = 0, 0, threading.Lock()

    def read(self, offset: int, length: int) -> bytes:
        with Counted.lock:
            Counted.now += 1
            Counted.most = max(Counted.most, Counted.now)
        time.sleep(0.05)  # so that looks overlap, if they may
        with Counted.lock:
            Counted.now -= 1
        return super().read(offset, length)


def test_no_more_than_two_files_are_looked_at_at_once() -> None:
    looks = [threading.Thread(target=inspecting.early, args=(Counted(PHOTO), "a.jpg", Purpose.FILE, ["image/jpeg"])) for _ in range(8)]
    for one in looks:
        one.start()
    for one in looks:
        one.join()
    inspecting.close()
    assert Counted.most == 2
