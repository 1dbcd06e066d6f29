"""How a file's bytes are encrypted: each file under a key of its own, in pieces that prove themselves. Of libraries it imports cryptography alone.

Owns Keys, Seal, CHUNK_BYTES, sealed_bytes. A file is cut into pieces of CHUNK_BYTES; each is stored as
nonce, AES-256-GCM and tag. With each are authenticated the file's uid, its size and which piece it is: one that was changed, moved, left out
or taken from another file does not open.
The file's key is kept beside it in the database, wrapped (RFC 3394) under the clinic's `files_key`: whoever has one without the other has nothing,
and a file whose row is gone can be read by nobody, however long a copy of its bytes lies in a backup.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from web.gateways.faults import Damaged

CHUNK_BYTES = 256 * 1024
_NONCE, _TAG = 12, 16
_MORE = _NONCE + _TAG
SEALED_CHUNK_BYTES = CHUNK_BYTES + _MORE
"""How many bytes a whole piece has where it is stored."""
_WRAPPED_AS = "1."
AT_WORK = threading.BoundedSemaphore(4)
"""Held while a piece is sealed and stored, or fetched and opened, on this machine: so twenty files on their way take the room of four in memory."""


def chunks_of(size: int) -> int:
    """Return how many pieces `size` bytes have."""
    return -(-size // CHUNK_BYTES)


def sealed_bytes(size: int) -> int:
    """Return how many bytes `size` bytes take where they are stored."""
    return size + _MORE * chunks_of(size)


class Seal:
    """The key of one file, and the pieces made with it. uid: the file's; size: of its content, in bytes."""

    def __init__(self, key: bytes, uid: str, size: int) -> None:
        self._cipher = AESGCM(key)
        self.uid, self.size = uid, size

    def length(self, number: int) -> int:
        """Return how many bytes of content piece `number` has, from 0 on."""
        return min(CHUNK_BYTES, self.size - number * CHUNK_BYTES)

    def close(self, number: int, content: bytes | memoryview) -> bytearray:
        """Return piece `number` as it is stored. Nothing is copied by the way: many uploads do this at once."""
        nonce, stored = os.urandom(_NONCE), bytearray(_MORE + len(content))
        stored[:_NONCE] = nonce
        with memoryview(stored) as view, view[_NONCE:] as rest:
            self._cipher.encrypt_into(nonce, content, self._about(number), rest)
        return stored

    def open(self, number: int, stored: bytes | memoryview) -> bytes:
        """Return the content of piece `number`. Raises: Damaged."""
        found = self._opened(stored, self._about(number))
        if len(found) != self.length(number):
            raise Damaged(f"piece {number} of {self.uid} has another length")
        return found

    def close_beside(self, name: str, content: bytes) -> bytes:
        """Return something small that was made of the file, as it is stored beside it under `name`."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, content, self._about_beside(name))

    def open_beside(self, name: str, stored: bytes | memoryview) -> bytes:
        """Return what `close_beside` closed. Raises: Damaged."""
        return self._opened(stored, self._about_beside(name))

    def _opened(self, stored: bytes | memoryview, about: bytes) -> bytes:
        view = memoryview(stored)
        try:
            return self._cipher.decrypt(bytes(view[:_NONCE]), view[_NONCE:], about)
        except (InvalidTag, ValueError) as error:  # ValueError: too short for a nonce
            raise Damaged(f"{self.uid} does not open") from error

    def _about(self, number: int) -> bytes:
        last = number == chunks_of(self.size) - 1
        return f"bedside file 1\0{self.uid}\0{self.size}\0{number}\0{'last' if last else 'more'}".encode()

    def _about_beside(self, name: str) -> bytes:
        return f"bedside derived 1\0{self.uid}\0{name}".encode()


class Keys:
    """The clinic's key, under which the keys of files are wrapped. files_key: 32 bytes."""

    def __init__(self, files_key: bytes) -> None:
        if len(files_key) != 32:
            raise ValueError("the clinic's key for files is missing: `bedside up --data DIR` makes it")
        self._key = files_key

    def new(self) -> str:
        """Return the key of a new file, wrapped."""
        return _WRAPPED_AS + base64.urlsafe_b64encode(aes_key_wrap(self._key, AESGCM.generate_key(256))).decode()

    def seal(self, wrapped: str, uid: str, size: int) -> Seal:
        """Return what opens and closes a file's pieces. Raises: Damaged where the wrapped key is none of this clinic's."""
        try:
            kind, stored = wrapped[: len(_WRAPPED_AS)], base64.b64decode(wrapped[len(_WRAPPED_AS) :], altchars=b"-_", validate=True)
            if kind != _WRAPPED_AS:
                raise ValueError
            key = aes_key_unwrap(self._key, stored)
        except (InvalidUnwrap, ValueError, binascii.Error) as error:
            raise Damaged(f"the key of {uid} does not open: files_key is another one") from error
        return Seal(key, uid, size)
