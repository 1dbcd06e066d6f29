"""The content of files: encrypted piece by piece, kept over cuts and kills, read in ranges. Source: facts/reliability §4 (at rest), F11."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from obstore.exceptions import BaseError

from clinic.config import Config
from clinic.file.media import Source
from tests.support.s3_stand_in import S3StandIn, s3_stand_in
from tests.web.conftest import config_of
from web.gateways.faults import Absent, Away, Damaged, NoRoom, TakenOver, TooMuch
from web.gateways.sealing import CHUNK_BYTES, SEALED_CHUNK_BYTES, Seal, sealed_bytes
from web.gateways.storage import Reader, Store

UID, OTHER = "01kb8zq0" + "a" * 18, "01kb8zq0" + "b" * 18
SIZE = 2 * CHUNK_BYTES + 1000
CONTENT = random.Random(1).randbytes(SIZE)
LATER = timedelta(hours=1)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return replace(config_of(tmp_path), data=tmp_path / "data")


@pytest.fixture
def store(config: Config) -> Store:
    return Store(config)


def stage(store: Store, key: str, content: bytes = CONTENT, uid: str = UID) -> None:
    with store.staging(uid, key, len(content)).take() as taking:
        taking.add(content[taking.offset :])
        assert taking.whole
        taking.settle()


def keep(store: Store, content: bytes = CONTENT, uid: str = UID) -> Reader:
    key = store.new_key()
    stage(store, key, content, uid)
    store.keep(uid, len(content))
    return store.kept(uid, key, len(content))


@pytest.mark.parametrize("size", [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, SIZE])
def test_what_goes_in_comes_out(store: Store, size: int) -> None:
    reader: Source = keep(store, CONTENT[:size])
    assert reader.size == size
    assert reader.read(0, size + 5) == CONTENT[:size]
    assert isinstance(reader, Reader)
    assert b"".join(reader.chunks()) == CONTENT[:size]
    assert reader.sha256() == hashlib.sha256(CONTENT[:size]).hexdigest()


def test_any_range_is_read_as_it_is(store: Store) -> None:
    reader, chance = keep(store), random.Random(2)
    edges = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, SIZE - 1, SIZE]
    for start, stop in [(one, other) for one in edges for other in edges] + [(chance.randrange(SIZE), chance.randrange(SIZE + 9)) for _ in range(50)]:
        assert reader.read(start, stop - start) == CONTENT[start : max(stop, start)]
        assert b"".join(reader.chunks(start, stop)) == CONTENT[start : max(stop, start)]


def test_nothing_of_the_content_lies_on_the_disk_in_clear(store: Store, config: Config) -> None:
    marked = b"the patient's own words " * 20_000
    key = store.new_key()
    with store.staging(UID, key, len(marked)).take() as taking:
        taking.add(marked[: CHUNK_BYTES + 5])
    stage(store, key, marked)
    store.keep(UID, len(marked))
    store.put_derived(UID, key, "shown", marked)
    files = [path for path in config.data.rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {UID, f"{UID}.shown"}
    assert not any(marked[:24] in path.read_bytes() for path in files)
    assert [path for path in files if path.stat().st_mode & 0o077] == []


@pytest.mark.parametrize("place", [0, 12, 5000, SEALED_CHUNK_BYTES - 1, SEALED_CHUNK_BYTES, sealed_bytes(SIZE) - 1])
def test_a_changed_byte_is_found(store: Store, config: Config, place: int) -> None:
    reader = keep(store)
    path = config.files_dir / UID
    stored = bytearray(path.read_bytes())
    stored[place] ^= 1
    path.write_bytes(stored)
    with pytest.raises(Damaged):
        reader.sha256()


def test_pieces_in_another_order_or_of_another_file_or_missing_are_found(store: Store, config: Config) -> None:
    def stored() -> list[bytes]:
        whole = (config.files_dir / UID).read_bytes()
        return [whole[:SEALED_CHUNK_BYTES], whole[SEALED_CHUNK_BYTES : 2 * SEALED_CHUNK_BYTES], whole[2 * SEALED_CHUNK_BYTES :]]

    key = store.new_key()
    stage(store, key)
    store.keep(UID, SIZE)
    one, two, three = stored()
    for changed in ([two, one, three], [one, one, three], [one, two], [one, two, three[:-1]], [one, two, three, three]):
        (config.files_dir / UID).write_bytes(b"".join(changed))
        if changed[-1] is three and len(changed) == 4:  # what is behind the end is never asked for
            assert store.kept(UID, key, SIZE).read(0, SIZE) == CONTENT
            continue
        with pytest.raises((Damaged, Away)):
            store.kept(UID, key, SIZE).sha256()
    (config.files_dir / UID).write_bytes(one + two + three)
    (config.files_dir / OTHER).write_bytes(one + two + three)
    with pytest.raises(Damaged):
        store.kept(OTHER, key, SIZE).read(0, 1)
    for size in (SIZE - 1, SIZE + 1, 2 * CHUNK_BYTES, CHUNK_BYTES):
        with pytest.raises((Damaged, Away)):
            store.kept(UID, key, size).sha256()


def test_another_clinics_key_opens_nothing(store: Store, config: Config) -> None:
    key = store.new_key()
    stage(store, key)
    store.keep(UID, SIZE)
    stranger = Store(replace(config, files_key=b"g" * 32))
    for wrapped in (key, "", "1.", "2." + key[2:], key[:-4], key + "AAAA", "1.ümlaut"):
        with pytest.raises(Damaged):
            stranger.kept(UID, wrapped, SIZE)
    with pytest.raises(Damaged):
        store.kept(UID, store.new_key(), SIZE).read(0, 1)
    with pytest.raises(ValueError, match="key"):
        Store(replace(config, files_key=b""))


def test_what_was_made_of_a_file_is_kept_beside_it_and_goes_with_it(store: Store, config: Config) -> None:
    key = store.new_key()
    stage(store, key)
    store.keep(UID, SIZE)
    store.put_derived(UID, key, "shown", b"a picture")
    store.put_derived(UID, key, "thumb", b"a small one")
    assert (store.read_derived(UID, key, "shown"), store.read_derived(UID, key, "thumb")) == (b"a picture", b"a small one")
    (config.files_dir / f"{UID}.thumb").write_bytes((config.files_dir / f"{UID}.shown").read_bytes())
    with pytest.raises(Damaged):
        store.read_derived(UID, key, "thumb")
    with pytest.raises(ValueError, match="nothing that is kept"):
        store.put_derived(UID, key, "../pepper", b"x")
    store.remove(UID)
    store.remove(UID)
    assert list(config.files_dir.iterdir()) == []
    with pytest.raises(Absent):
        store.read_derived(UID, key, "shown")
    with pytest.raises(Absent):
        store.kept(UID, key, SIZE).read(0, 1)


@pytest.mark.parametrize("size", [1, CHUNK_BYTES, SIZE])
def test_what_was_made_anew_of_an_upload_is_kept_instead_of_it_or_nothing_changes(
    store: Store, config: Config, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    key, anew = store.new_key(), random.Random(5).randbytes(size)
    stage(store, key)
    store.keep(UID, SIZE)
    close = Seal.close

    def no_room_for_the_last(seal: Seal, number: int, content: memoryview) -> bytearray:
        if (number + 1) * CHUNK_BYTES >= size:
            raise OSError(errno.ENOSPC, "No space left on device")
        return close(seal, number, content)

    with monkeypatch.context() as patched, pytest.raises(Away):
        patched.setattr(Seal, "close", no_room_for_the_last)
        store.keep_anew(UID, key, anew)
    assert store.kept(UID, key, SIZE).sha256() == hashlib.sha256(CONTENT).hexdigest(), "it failed in the middle, and what was there stays"
    for _ in range(2):
        store.keep_anew(UID, key, anew)
        assert b"".join(store.kept(UID, key, size).chunks()) == anew
    assert [(path.name, path.stat().st_mode & 0o777) for path in config.files_dir.iterdir()] == [(UID, 0o600)]
    store.keep(UID, SIZE)
    assert store.kept(UID, key, SIZE).sha256() == hashlib.sha256(CONTENT).hexdigest()


def test_an_upload_goes_on_from_its_last_whole_piece_wherever_it_was_cut(store: Store) -> None:
    key, chance, at = store.new_key(), random.Random(3), 0
    while at < SIZE:
        with store.staging(UID, key, SIZE).take() as taking:
            assert (taking.offset, taking.offset % CHUNK_BYTES) == (at, 0)
            for _ in range(chance.randrange(1, 400)):
                sent = taking.offset + taking._held
                taking.add(CONTENT[sent : sent + chance.randrange(1, 3000)])
            at = taking.offset
        if at < SIZE:
            assert store.staging(UID, key, SIZE).offset() == at
            with pytest.raises(Absent):
                store.staged(UID, key, SIZE)
            with pytest.raises(Absent):
                store.keep(UID, SIZE)
    assert store.staged(UID, key, SIZE).sha256() == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("left", [1, SEALED_CHUNK_BYTES - 1, SEALED_CHUNK_BYTES + 1, 2 * SEALED_CHUNK_BYTES + 40])
def test_what_a_kill_leaves_of_a_piece_is_written_over(store: Store, config: Config, left: int) -> None:
    key = store.new_key()
    stage(store, key)
    os.truncate(config.uploads_dir / UID, left)
    with store.staging(UID, key, SIZE).take() as taking:
        assert taking.offset == left // SEALED_CHUNK_BYTES * CHUNK_BYTES
        taking.add(CONTENT[taking.offset :])
    assert store.staged(UID, key, SIZE).read(0, SIZE) == CONTENT


def test_an_end_that_a_power_cut_left_empty_is_sent_again(store: Store, config: Config) -> None:
    key = store.new_key()
    stage(store, key)
    path = config.uploads_dir / UID
    path.write_bytes(path.read_bytes()[:SEALED_CHUNK_BYTES] + bytes(sealed_bytes(SIZE) - SEALED_CHUNK_BYTES))
    with store.staging(UID, key, SIZE).take() as taking:
        assert taking.offset == CHUNK_BYTES
        taking.add(CONTENT[CHUNK_BYTES:])
    assert store.staged(UID, key, SIZE).read(0, SIZE) == CONTENT


def test_whoever_comes_last_goes_on_and_the_one_before_stores_nothing_more(store: Store) -> None:
    key = store.new_key()
    with store.staging(UID, key, SIZE).take() as first:
        first.add(CONTENT[: CHUNK_BYTES + 10])
        with store.staging(UID, key, SIZE).take() as second:
            assert second.offset == CHUNK_BYTES
            with pytest.raises(TakenOver):
                first.add(CONTENT[CHUNK_BYTES + 10 : 2 * CHUNK_BYTES + 10])
            second.add(CONTENT[CHUNK_BYTES:])
            assert second.whole
    assert store.staged(UID, key, SIZE).read(0, SIZE) == CONTENT


def test_a_put_from_the_beginning_replaces_what_came_before(store: Store) -> None:
    key = store.new_key()
    with store.staging(UID, key, SIZE).take() as taking:
        taking.add(bytes(CHUNK_BYTES))
        taking.begin_anew()
        taking.add(CONTENT)
    assert store.staged(UID, key, SIZE).read(0, SIZE) == CONTENT


def test_an_upload_that_was_given_up_is_gone_for_who_still_writes(store: Store, config: Config) -> None:
    key = store.new_key()
    with store.staging(UID, key, SIZE).take() as taking:
        taking.add(CONTENT[:CHUNK_BYTES])
        store.forget(UID)
        store.forget(UID)
        with pytest.raises(TakenOver):
            taking.add(CONTENT[CHUNK_BYTES:])
    assert list(config.uploads_dir.iterdir()) == []


def test_more_than_was_announced_is_refused(store: Store) -> None:
    with store.staging(UID, store.new_key(), 10).take() as taking:
        taking.add(b"123456789")
        with pytest.raises(TooMuch):
            taking.add(b"ab")


def test_a_full_disk_leaves_whole_pieces_and_the_upload_goes_on_when_there_is_room(store: Store, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    key, earnest = store.new_key(), os.pwrite
    with store.staging(UID, key, SIZE).take() as taking:
        taking.add(CONTENT[:CHUNK_BYTES])

        def full(descriptor: int, data: bytes, place: int) -> int:
            if len(data) < 100:
                raise OSError(errno.ENOSPC, "No space left on device")
            return earnest(descriptor, data[: max(1, len(data) - 99)], place)

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(NoRoom):
            taking.add(CONTENT[CHUNK_BYTES:])
        monkeypatch.undo()
    assert (config.uploads_dir / UID).stat().st_size == SEALED_CHUNK_BYTES
    with store.staging(UID, key, SIZE).take() as taking:
        taking.add(CONTENT[taking.offset :])
    assert store.staged(UID, key, SIZE).read(0, SIZE) == CONTENT


def test_files_leave_room_on_the_disk_for_messages(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    staged, disk = store.staging(UID, store.new_key(), SIZE), shutil.disk_usage("/")
    for total, free, fits in ((10**12, 499_000_000, False), (10**12, 501_000_000, True), (10**8, 4_000_000, False), (10**8, 6_000_000, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, given=(total, free): disk._replace(total=given[0], free=given[1]))
        with nullcontext() if fits else pytest.raises(NoRoom), staged.take():
            pass


def test_a_piece_for_which_there_was_no_room_is_stored_once_there_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    key = store.new_key()

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.staging(UID, key, SIZE).take() as taking:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(NoRoom):
            taking.add(CONTENT[:CHUNK_BYTES])
        monkeypatch.undo()
        taking.add(CONTENT[CHUNK_BYTES:])
        assert taking.whole
    assert store.staged(UID, key, SIZE).read(0, SIZE) == CONTENT


def test_what_cannot_be_read_on_this_disk_is_away(store: Store, config: Config) -> None:
    reader, key = keep(store), store.new_key()
    store.put_derived(OTHER, key, "thumb", b"a picture")
    for name in (UID, f"{OTHER}.thumb"):
        (config.files_dir / name).unlink()
        (config.files_dir / name).mkdir()
    with pytest.raises(Away, match="IsADirectoryError"):
        reader.read(0, 1)
    with pytest.raises(Away, match="IsADirectoryError"):
        store.read_derived(OTHER, key, "thumb")


def test_who_only_reads_on_this_disk_does_without_the_library_that_keeps(store: Store, config: Config) -> None:
    """Web is one of these: nothing is loaded, and no threads are started, with the first file that somebody reads."""
    key = store.new_key()
    stage(store, key)
    store.keep(UID, SIZE)
    store.put_derived(UID, key, "thumb", b"a picture")
    reading = f"""
import sys
from dataclasses import replace
from pathlib import Path
import web.app
from tests.web.conftest import config_of
from web.gateways.storage import Store
store = Store(replace(config_of(Path({str(config.data.parent)!r})), data=Path({str(config.data)!r})))
assert len(store.kept({UID!r}, {key!r}, {SIZE}).read(0, {SIZE})) == {SIZE}
assert store.read_derived({UID!r}, {key!r}, "thumb") == b"a picture"
assert "obstore" not in sys.modules
store.remove({UID!r})
assert "obstore" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", reading], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_lies_about_is_told_by_its_age(store: Store, config: Config) -> None:
    key = store.new_key()
    stage(store, key)
    store.keep(UID, SIZE)
    store.put_derived(OTHER, key, "thumb", b"small")
    half = config.files_dir / f"{UID}#7"
    half.write_bytes(b"half of a copy")
    hour_ago = datetime.now(UTC) - LATER
    assert (store.staged_uids(hour_ago), store.kept_uids(hour_ago)) == (set(), set())
    assert half.exists()
    soon = datetime.now(UTC) + LATER
    assert (store.staged_uids(soon), store.kept_uids(soon)) == ({UID}, {UID, OTHER})
    assert not half.exists()


@pytest.fixture
def far(config: Config, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[S3StandIn, Store]]:
    """Files kept at an S3-compatible store."""
    with s3_stand_in() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server, Store(replace(config, files_url="s3://bucket/clinic"))


def test_files_may_be_kept_at_an_s3_compatible_store(far: tuple[S3StandIn, Store], config: Config) -> None:
    server, store = far
    large = random.Random(4).randbytes(11_000_000)  # more than two parts
    reader = keep(store, large)
    assert reader.sha256() == hashlib.sha256(large).hexdigest()
    assert reader.read(CHUNK_BYTES - 5, 10) == large[CHUNK_BYTES - 5 : CHUNK_BYTES + 5]
    key = store.new_key()
    store.put_derived(OTHER, key, "shown", b"a picture")
    assert store.read_derived(OTHER, key, "shown") == b"a picture"
    assert set(server.objects) == {f"bucket/clinic/{UID}", f"bucket/clinic/{OTHER}.shown"}
    store.keep_anew(OTHER, key, large)
    assert store.kept(OTHER, key, len(large)).sha256() == hashlib.sha256(large).hexdigest()
    assert not config.files_dir.exists()
    assert store.kept_uids(datetime(2030, 1, 1, tzinfo=UTC)) == {UID, OTHER}
    store.remove(UID)
    store.remove(OTHER)
    assert server.objects == {}
    with pytest.raises(Absent):
        store.kept(UID, key, 5).read(0, 5)


def test_a_wrong_address_is_found_out_before_anything_is_taken_in(config: Config) -> None:
    with pytest.raises(BaseError, match="ftp://"):
        Store(replace(config, files_url="ftp://bucket/clinic"))


def test_a_store_that_is_away_or_refuses_is_said_so(far: tuple[S3StandIn, Store]) -> None:
    server, store = far
    key = store.new_key()
    stage(store, key)
    server.refuses = True
    with pytest.raises(Away):
        store.keep(UID, SIZE)
    with pytest.raises(Away):
        store.kept(UID, key, SIZE).read(0, 1)
