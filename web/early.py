"""Refuses an upload by its beginning: nobody sends 200 MB to read then that it is of a wrong kind. Imports clinic and web.media.

The whole of a file is looked at by the worker (ops/checking.py); what is said here is only what no rest can make good.
"""

from __future__ import annotations

from clinic.calls import Actor
from clinic.errors import NotAcceptable
from clinic.file.allowed import taken
from clinic.file.uploading import LIMITS_MS, UploadBytes
from web.db import clinic_db
from web.gateways.staging import Staged
from web.gateways.storage import Reader
from web.media import inspecting

LOOK_AT = (262_144, 2_097_152, 8_388_608, 33_554_432, 100_663_296)
"""After how many bytes an upload is looked at."""
SYSTEM = Actor.system()


class Beginning:
    """What has come of an upload. A clinic.file.media.Source."""

    def __init__(self, content: Reader, size: int) -> None:
        self.size, self._content = size, content

    def read(self, offset: int, length: int) -> bytes:
        return self._content.read(offset, min(length, self.size - offset))


def refuse_early(staged: Staged, stored: int, upload: UploadBytes) -> None:
    """Look at the first `stored` bytes of an upload. Raises: NotAcceptable with words, once it is refused and its bytes are gone."""
    database = clinic_db()
    with database.read(SYSTEM) as work:
        allowed = taken(work)
    beginning = Beginning(Reader(staged.seal, staged.read), stored)
    words = inspecting.early(beginning, upload.name, upload.purpose, allowed, LIMITS_MS.get(upload.purpose))
    if words is not None:
        database.perform(SYSTEM, "file.refuse", upload.uid, words=words)
        staged.remove()
        raise NotAcceptable(words)
