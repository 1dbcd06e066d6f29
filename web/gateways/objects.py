"""Where objects lie: in a folder of this machine, or at an S3-compatible store. The sole importer of obstore.

Owns Objects. What is on this machine is read without it (storage.py): web, which only reads there, needs neither its 6 MB nor its threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, S3Store

from web.gateways.faults import asked

_PART_BYTES, _PARTS_AT_ONCE = 5 * 1024 * 1024, 2
_FAILURES = (BaseError, OSError)


class Objects:
    """Bytes under names. where: a folder that is there, or the address of a store, s3://bucket/prefix. Every method raises Away."""

    def __init__(self, where: Path | str) -> None:
        if isinstance(where, Path):
            self._store: ObjectStore = LocalStore(where)
            return
        self._store = S3Store.from_url(
            where,
            client_options={
                "timeout": timedelta(seconds=20), "connect_timeout": timedelta(seconds=5),
                "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),  # else it would be read from there by nobody
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=20)},
        )

    def put(self, name: str, content: Path | bytes | Iterator[bytes]) -> None:
        """Store what is in a file, or some bytes, in place of what was there, whole or not at all."""
        with asked(_FAILURES):
            obstore.put(self._store, name, content, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    def part(self, name: str, offset: int, length: int) -> memoryview:
        """Return at most `length` bytes from `offset` on. Raises: Absent."""
        with asked(_FAILURES):
            return memoryview(obstore.get_range(self._store, name, start=offset, length=length))

    def whole(self, name: str) -> memoryview:
        """Return all of one. Raises: Absent."""
        with asked(_FAILURES):
            return memoryview(obstore.get(self._store, name).bytes())

    def remove(self, name: str) -> None:
        """Remove one. Raises: Absent."""
        with asked(_FAILURES):
            obstore.delete(self._store, name)

    def names(self, before: datetime) -> Iterator[str]:
        """Yield the names of those that were stored before an instant."""
        with asked(_FAILURES):
            for many in obstore.list(self._store):
                yield from (one["path"] for one in many if one["last_modified"] < before)
