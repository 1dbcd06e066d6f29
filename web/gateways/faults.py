"""What can go wrong with the content of files, for those who do not load the libraries that keep it. Standard library only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


class Damaged(Exception):
    """What is stored is not what was stored: changed, cut short, or under another key."""


class Absent(Exception):
    """There is no such content."""


class Away(Exception):
    """Where files are kept cannot be reached, or takes nothing, just now."""


class NoRoom(Exception):
    """The disk is full, or not there."""


class TakenOver(Exception):
    """Somebody else has gone on with this upload, or it was given up."""


class TooMuch(Exception):
    """More bytes came than were announced."""


@contextlib.contextmanager
def asked(failures: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    """Say in our own words what went wrong where files are kept. failures: what is raised there. Raises: Absent, Away."""
    try:
        yield
    except FileNotFoundError as error:
        raise Absent(str(error)) from error
    except failures as error:
        raise Away(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
