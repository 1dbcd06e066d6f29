"""The disk is full: nothing is echoed that is not stored, the sender is told, and it goes on by itself once there is space.

Source: house rule 9; facts/reliability F5 and lab finding 2 (only a full disk shows an echo before the commit).
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.crowd import Member, run, settle
from tests.support.live_clinic import LiveClinic, live_clinic

SIZE_BYTES, LEFT_BYTES = 24 * 1024 * 1024, 64 * 1024


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Yields a folder on a file system of its own; needs root, as the whole suite's machine gives."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=0700", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with small_disk(tmp_path / "disk") as disk, live_clinic(disk) as place:
        yield place


def fill(folder: Path) -> Path:
    """Takes all space but a little. Returns the file that holds it."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        block = b"\0" * LEFT_BYTES
        try:
            while True:
                file.write(block)
                file.flush()
        except OSError:
            file.truncate(max(0, file.tell() - 2 * LEFT_BYTES))
    return ballast


@pytest.mark.e2e
def test_nothing_is_echoed_that_is_not_stored_and_it_goes_on_when_there_is_space(clinic: LiveClinic) -> None:
    ana, boris = clinic.member("ana"), clinic.member("boris")
    members: list[Member] = [ana, boris]
    ana.say("before")
    settle(members, lambda: not ana.outbox, 5.0)
    ballast = fill(clinic.server.layout.data.parent)
    sent = 0

    def turn(passed: float) -> None:
        nonlocal sent
        while sent < passed * 20:
            ana.say(f"full-{sent:04d}-" + "x" * 40)
            sent += 1

    run(members, 6.0, turn)
    assert ana.refused, "the disk was never full"
    assert ana.outbox, "the disk was never full"
    stored = {client_id for _uid, client_id in clinic.archive()}
    assert set(ana.acknowledged) <= stored
    ballast.unlink()
    freed = time.monotonic()
    settle(members, lambda: not ana.outbox, 10.0)
    assert time.monotonic() - freed <= 10.0
    archive = clinic.archive()
    assert {client_id for _uid, client_id in archive} == ana.attempted
    assert len(archive) == len(ana.attempted)
    settle(members, lambda: len(boris.order) == len(archive), 5.0)
    assert boris.order == ana.order == [uid for uid, _client_id in archive]
    assert clinic.process is not None
    assert clinic.process.poll() is None
