"""What the readers of files give back to each other. Standard library only; runs inside the sandbox."""

from __future__ import annotations

from typing import Any

Found = dict[str, Any]
"""The values of an Inspection (clinic/file/media.py)."""
Pictures = dict[str, bytes]
"""Pictures that were made of a file: "shown" and "thumb"."""


class Refused(Exception):
    """A file that is not taken. code: one of words.WORDS; values: what its words say."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values
