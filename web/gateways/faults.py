"""What can go wrong with the content of files, for those who do not load the libraries that keep it. Imports nothing."""

from __future__ import annotations


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
