"""A small disk of its own that a test can fill up: a tmpfs, which only root may mount."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHUNK = b"\0" * 65536


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Yields an empty folder that holds so much and no more. Skips the test where this may not be mounted."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system to fill up needs root")
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "bedside-test", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this machine lets not even root mount a file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


class Ballast:
    """A file that takes all the space there is, until it is dropped."""

    def __init__(self, path: Path):
        self.path = path

    def fill(self) -> None:
        """Takes what is free, to the last byte."""
        with self.path.open("ab", buffering=0) as file:
            for size in (len(CHUNK), 4096, 1):
                try:
                    while file.write(CHUNK[:size]) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def drop(self) -> None:
        """Gives the space back."""
        self.path.unlink()
