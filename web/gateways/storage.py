"""Where the content of files is kept. May import `clinic`.

Owns Store, Reader, of. An upload is staged on this machine (staging.py); what was checked is kept as an object below `<data>/files`, or at an S3-compatible
store (BEDSIDE_FILES_URL=s3://bucket/prefix, with the usual AWS_ variables). Both are encrypted in the same way under the same key (sealing.py), so that keeping
is a copy without decrypting. Nothing here is ever whole in memory but what was made of a file: small pictures, and a recording made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from clinic.config import Config
from web.gateways.faults import Absent, Away, Damaged, asked
from web.gateways.sealing import AT_WORK, CHUNK_BYTES, SEALED_CHUNK_BYTES, Keys, Seal, chunks_of, sealed_bytes
from web.gateways.staging import OWNER, Staged

if TYPE_CHECKING:
    from web.gateways.objects import Objects

__all__ = ["Absent", "Away", "Damaged", "Reader", "Store", "of"]

DERIVED = ("shown", "thumb")
"""What is made of a file and kept beside it."""
_FAR_CHUNKS = 4
"""How many pieces are fetched at once from a store that is not on this machine."""
_UID = re.compile(r"[0-9a-z]{26}")
_LEFT_OVER = re.compile(r".*#\d+")  # of a copy in whose middle this machine died


class Reader:
    """The content of one file, decrypted and checked as it is read. Of one thread. A clinic.file.media.Source."""

    def __init__(self, seal: Seal, fetch: Callable[[int, int], bytes | memoryview], *, far: bool = False) -> None:
        self._seal, self._fetch, self._far = seal, fetch, far
        self._last: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        """How many bytes of content there are."""
        return self._seal.size

    def read(self, offset: int, length: int) -> bytes:
        """Return at most `length` bytes from `offset` on; fewer only at the end. Raises: Absent, Away, Damaged."""
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        stop, found = min(offset + length, self.size), []
        for number in range(offset // CHUNK_BYTES, chunks_of(stop)):
            start = number * CHUNK_BYTES
            found.append(self._chunk(number)[max(0, offset - start) : stop - start])
        return b"".join(found)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from `start` up to `stop` (the end), a piece at a time. Raises: Absent, Away, Damaged."""
        stop = self.size if stop is None else min(stop, self.size)
        number, after = start // CHUNK_BYTES, chunks_of(stop)
        while number < after:
            pieces = self._several(number, min(_FAR_CHUNKS if self._far else 1, after - number))
            while pieces:
                begins = number * CHUNK_BYTES
                yield pieces.pop(0)[max(0, start - begins) : stop - begins]  # nothing of it is kept while the next is fetched
                number += 1

    def sha256(self) -> str:
        """Return the SHA-256 of the whole content in hexadecimal; reads it through. Raises: Absent, Away, Damaged."""
        found = hashlib.sha256()
        for content in self.chunks():
            found.update(content)
        return found.hexdigest()

    def _chunk(self, number: int) -> bytes:
        if self._last[0] != number:
            [content] = self._several(number, 1)
            self._last = (number, content)
        return self._last[1]

    def _several(self, number: int, many: int) -> list[bytes]:
        wanted = sum(sealed_bytes(self._seal.length(one)) for one in range(number, number + many))
        with nullcontext() if self._far else AT_WORK:
            stored = memoryview(self._fetch(number * SEALED_CHUNK_BYTES, wanted))
            if len(stored) != wanted:
                raise Damaged(f"{self._seal.uid} is shorter than it was")
            pieces = (stored[one * SEALED_CHUNK_BYTES : (one + 1) * SEALED_CHUNK_BYTES] for one in range(many))
            return [self._seal.open(number + one, piece) for one, piece in enumerate(pieces)]


class Store:
    """Where one clinic's files are. files: the folder of what is kept, None where it is kept elsewhere."""

    def __init__(self, config: Config) -> None:
        self._keys = Keys(config.files_key)
        self.uploads = config.uploads_dir
        self.files = None if config.files_url else config.files_dir
        self._where = self.files or config.files_url
        if self.files is not None:
            self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            _ = self._objects  # a wrong address is found out now, before anything is taken in

    @cached_property
    def _objects(self) -> Objects:
        from web.gateways.objects import Objects  # its library takes 6 MB, for who keeps files, or reads them from elsewhere

        return Objects(self._where)

    def new_key(self) -> str:
        """Return a new file's key, wrapped, as the database keeps it."""
        return self._keys.new()

    # -- on their way in

    def staging(self, uid: str, wrapped_key: str, size: int) -> Staged:
        """Return an upload, to be written to. size: as it was announced, in bytes. Raises: Damaged for a key of another clinic's."""
        return Staged(self.uploads, self._keys.seal(wrapped_key, uid, size))

    def staged(self, uid: str, wrapped_key: str, size: int) -> Reader:
        """Return the content of an upload that is whole. Raises: Absent where it is not there or not whole, Damaged."""
        staged = self.staging(uid, wrapped_key, size)
        self._require_whole(uid, size)
        return Reader(staged.seal, staged.read)

    def forget(self, uid: str) -> None:
        """Remove an upload's bytes; nothing happens where there are none."""
        # No key is needed for it: whoever writes there stops by finding another owner.
        Staged(self.uploads, Seal(bytes(32), uid, 1)).remove()

    def _require_whole(self, uid: str, size: int) -> None:
        try:
            there = (self.uploads / uid).stat().st_size
        except FileNotFoundError as error:
            raise Absent(uid) from error
        if there != sealed_bytes(size):
            raise Absent(f"{uid} is not whole")

    # -- kept

    def keep(self, uid: str, size: int) -> None:
        """Copy an upload, which has all of its bytes, to where files are kept, under the same uid; twice is once.

        On return it is on the disk. Raises: Absent where it is not there or not whole, Away.
        """
        self._require_whole(uid, size)
        self._objects.put(uid, self.uploads / uid)
        self._settle(uid)

    def keep_anew(self, uid: str, wrapped_key: str, content: bytes) -> None:
        """Keep what was made anew of an upload, whole, instead of the bytes that came; what is kept is one or the other and never a part. Twice is once.

        On return it is on the disk. Raises: Away, Damaged.
        """
        seal = self._keys.seal(wrapped_key, uid, len(content))

        def pieces() -> Iterator[bytes]:
            for number in range(chunks_of(len(content))):
                with AT_WORK:
                    sealed = seal.close(number, memoryview(content)[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
                yield bytes(sealed)

        self._objects.put(uid, pieces())
        self._settle(uid)

    def kept(self, uid: str, wrapped_key: str, size: int) -> Reader:
        """Return the content of a kept file. That it is absent is found out by reading. Raises: Damaged."""
        seal = self._keys.seal(wrapped_key, uid, size)

        def fetch(offset: int, length: int) -> bytes | memoryview:
            if self.files is None:
                return self._objects.part(uid, offset, length)
            with asked(), (self.files / uid).open("rb", buffering=0) as content:
                return os.pread(content.fileno(), length, offset)

        return Reader(seal, fetch, far=self.files is None)

    def put_derived(self, uid: str, wrapped_key: str, name: str, content: bytes) -> None:
        """Keep what was made of a file beside it: a picture, some hundred kilobytes. name: one of DERIVED. Raises: Away, Damaged."""
        sealed = self._keys.seal(wrapped_key, uid, 0).close_beside(name, content)
        self._objects.put(self._beside(uid, name), sealed)
        self._settle(self._beside(uid, name))

    def read_derived(self, uid: str, wrapped_key: str, name: str) -> bytes:
        """Return what was made of a file, whole. Raises: Absent, Away, Damaged."""
        seal = self._keys.seal(wrapped_key, uid, 0)
        beside = self._beside(uid, name)
        if self.files is None:
            return seal.open_beside(name, self._objects.whole(beside))
        with asked():
            stored = (self.files / beside).read_bytes()
        return seal.open_beside(name, stored)

    def remove(self, uid: str) -> None:
        """Remove a kept file and all that was made of it; what is not there is no fault. Raises: Away."""
        for path in (uid, *(self._beside(uid, name) for name in DERIVED)):
            with contextlib.suppress(Absent):
                self._objects.remove(path)

    # -- what nobody asks for any more

    def staged_uids(self, before: datetime) -> set[str]:
        """Return the uids of uploads of which bytes lie here and nothing has come since an instant."""
        found = {path.name.removesuffix(OWNER) for path in self._lying(self.uploads, before)}
        return {uid for uid in found if _UID.fullmatch(uid)}

    def kept_uids(self, before: datetime) -> set[str]:
        """Return the uids of files that were kept before an instant. What a crash has left of a copy goes. Raises: Away."""
        if self.files is not None:
            for path in self._lying(self.files, before):
                if _LEFT_OVER.fullmatch(path.name):
                    path.unlink(missing_ok=True)
        found = {name.partition(".")[0] for name in self._objects.names(before)}
        return {uid for uid in found if _UID.fullmatch(uid)}

    @staticmethod
    def _lying(folder: Path, before: datetime) -> list[Path]:
        found = []
        for path in folder.iterdir() if folder.is_dir() else ():
            with contextlib.suppress(FileNotFoundError):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    found.append(path)
        return found

    def _beside(self, uid: str, name: str) -> str:
        if name not in DERIVED:
            raise ValueError(f"{name!r} is nothing that is kept beside a file")
        return f"{uid}.{name}"

    def _settle(self, name: str) -> None:
        """Have an object on the disk, readable for its owner only: obstore's own way leaves when it is written to the machine."""
        if self.files is None:
            return
        with asked():
            for path in (self.files / name, self.files):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    if path is not self.files:
                        os.fchmod(descriptor, 0o600)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)


_made: dict[tuple[Path, str], Store] = {}
_making = threading.Lock()


def of(config: Config) -> Store:
    """Return where the files of a clinic are, the same each time. Raises: ValueError where it has no key for them."""
    where = (config.data, config.files_url)
    with _making:
        if where not in _made:
            _made[where] = Store(config)
        return _made[where]
