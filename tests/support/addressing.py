"""Entries for one patient of a thread, made of whatever an action posts: capabilities bring actions of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from clinic import Work
from clinic.log import Audience


@contextmanager
def addressed(account_uid: str) -> Iterator[None]:
    """Has what is appended meanwhile be for this patient and staff."""
    append = Work.append

    def to_one(work: Work, thread: Any, payload: Any, *_audience: Any, **given: Any) -> str:
        addressee = next(member for member in thread.patients if member.uid == account_uid)
        return append(work, thread, payload, **(given | {"audience": Audience.ADDRESSEE, "addressee": addressee}))

    with patch.object(Work, "append", to_one):
        yield
