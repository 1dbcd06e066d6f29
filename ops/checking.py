"""The part of the worker that looks at what people uploaded before anybody gets to see it. Imports clinic, web.gateways and web.media.

In a thread of its own: a large file takes seconds. What is found comes out of a process without network (web/media); here it is only carried on. A
file that ends that process, or takes too long twice, is refused in words and never tried again; what keeps us from looking (a full disk, a store or a
scanner that is away, a machine without memory for that process) is waited for. A worker that is killed in the middle begins the file anew, which
changes nothing: its bytes are kept under the upload's own uid, and it is posted in the same commit that says that it was checked. Of a recording that
leaves out its length, what is kept is that recording made anew.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from clinic import Actor, Database, outbox
from clinic.config import Config
from clinic.errors import Busy, DomainError, NotFound
from clinic.file.allowed import taken
from clinic.file.media import Unfit
from clinic.file.uploading import CHECK_JOB, FILES, LIMITS_MS, State, UploadBytes, upload_bytes
from clinic.file.views import senders
from ops.queues import QueueThread
from web.gateways.faults import Absent, Away, Damaged, NoRoom
from web.media import clamav, inspecting, words

if TYPE_CHECKING:
    from web.gateways.storage import Reader, Store

AWAY_PAUSE, BUSY_PAUSE = timedelta(seconds=20), timedelta(seconds=1)
MOST_ATTEMPTS = 3
MOST_SEEN = 500
UNSENT = "This file could not be posted, so it is not in the thread. Choose it again and send it once more."
LOST = "This file was damaged while it waited to be looked at. Choose it again and send it once more."
SYSTEM = Actor.system()
logger = logging.getLogger("files")


class Checker(QueueThread):
    """Does the jobs of the queue of files, one at a time, until `stop`; people take turns: whoever sends fifty keeps nobody waiting for all of them."""

    def __init__(self, database: Database, config: Config) -> None:
        super().__init__(database, FILES)
        self.config = config
        self.scanner = clamav.Scanner(config.clamd) if config.clamd else None
        self._turns = 0
        self._last: dict[str, int] = {}
        """At which turn somebody's upload was looked at last, those of long ago first."""

    def stop(self) -> None:
        """Ends the thread after the file that it is at, and the process that reads files for it."""
        super().stop()
        inspecting.close()

    def turn(self) -> bool:
        """Does one job if one is due. Returns: whether there was one."""
        jobs = outbox.due(self.database, FILES, MOST_SEEN)
        if not jobs:
            return False
        for job in outbox.claim(self.database, FILES, limit=1, only=self._next(jobs).id):
            self._one(job)
        return True

    def _next(self, jobs: list[outbox.Job]) -> outbox.Job:
        """Returns the oldest job of whoever has waited longest for a turn."""
        with self.database.read(SYSTEM) as work:
            whose = senders(work, [str(job.payload.get("upload")) for job in jobs])
        of = {job.id: whose.get(str(job.payload.get("upload")), "") for job in jobs}
        chosen = min(jobs, key=lambda job: self._last.get(of[job.id], 0))  # of several the first: the oldest
        self._turns += 1
        self._last.pop(of[chosen.id], None)
        self._last[of[chosen.id]] = self._turns
        if len(self._last) > MOST_SEEN:
            del self._last[next(iter(self._last))]
        return chosen

    def _one(self, job: outbox.Job) -> None:
        if job.name != CHECK_JOB:
            outbox.retry(self.database, job, "no handler")
            logger.warning("job %s has no handler", job.name)
            return
        uid = str(job.payload["upload"])
        try:
            self._check(uid, job.attempts)
        except (Away, NoRoom, clamav.Away, inspecting.Unavailable) as error:
            logger.warning("upload %s waits: %s", uid, error)
            outbox.later(self.database, job, AWAY_PAUSE)
        except Busy:
            outbox.later(self.database, job, BUSY_PAUSE)
            raise
        except NotFound:  # its sender's account is gone, with all that was theirs
            logger.warning("upload %s is gone", uid)
            outbox.done(self.database, job)
        except inspecting.TooSlow as error:  # once more, as the machine may have been busy
            outbox.retry(self.database, job, type(error).__name__, park=False)
        except Exception as error:
            # Its next attempts are counted; in the end the file is refused, and does not wait for ever.
            outbox.retry(self.database, job, type(error).__name__, park=False)
            raise
        else:
            outbox.done(self.database, job)

    def _check(self, uid: str, attempt: int) -> None:
        from web.gateways import storage  # its libraries take 15 MB, for clinics where somebody sends files

        with self.database.read(SYSTEM) as work:
            upload, allowed = upload_bytes(work, uid), taken(work)
        store = storage.of(self.config)
        if upload.state is not State.RECEIVED:
            store.forget(uid)
            return
        try:
            if attempt > MOST_ATTEMPTS or upload.wrapped_key is None:
                raise Unfit(words.CRASHED if attempt > MOST_ATTEMPTS else LOST)
            self._keep(store, upload, upload.wrapped_key, allowed)
        except Unfit as unfit:
            self._refuse(uid, unfit.words)
        except inspecting.TooSlow:
            if attempt == 1:
                raise
            self._refuse(uid, words.SLOW)
        except (Absent, Damaged) as error:
            logger.warning("upload %s is %s", uid, type(error).__name__)
            self._refuse(uid, LOST)
        except Busy:
            raise
        except DomainError as error:  # such as an id under which its sender has posted something else meanwhile
            logger.warning("upload %s: %s", uid, error.code)
            self._refuse(uid, UNSENT)
        store.forget(uid)

    def _refuse(self, uid: str, why: str) -> None:
        self.database.perform(SYSTEM, "file.refuse", uid, words=why)

    def _keep(self, store: Store, upload: UploadBytes, key: str, allowed: tuple[str, ...]) -> None:
        """Looks at an upload and keeps it. Raises: Unfit, TooSlow; Absent, Damaged; Away, clamav.Away, Unavailable; DomainError."""
        content = store.staged(upload.uid, key, upload.size_bytes)
        found = inspecting.inspect(content, upload.name, upload.purpose, allowed, LIMITS_MS.get(upload.purpose))
        size, sha256 = self._keep_content(store, upload, key, content, found.whole)
        for name, picture in found.pictures.items():
            store.put_derived(upload.uid, key, name, picture)
        self.database.perform(
            SYSTEM, "file.checked", upload.uid, found=found.inspection, size_bytes=size, sha256=sha256, wrapped_key=key
        )

    def _keep_content(self, store: Store, upload: UploadBytes, key: str, came: Reader, anew: bytes | None) -> tuple[int, str]:
        """Has what is kept of an upload scanned and kept: what came, or what was made anew of it. Returns its size and its SHA-256."""
        if anew is None:
            self._scan(came.size, came.chunks())
            store.keep(upload.uid, came.size)
            return came.size, came.sha256()
        self._scan(len(anew), (anew,))
        store.keep_anew(upload.uid, key, anew)
        return len(anew), hashlib.sha256(anew).hexdigest()

    def _scan(self, size: int, content: Iterable[bytes]) -> None:
        if self.scanner is None:
            return
        try:
            virus = self.scanner.scan(content)
        except clamav.TooLarge as error:
            logger.warning("the virus scanner takes no file of %d bytes: raise StreamMaxLength in its settings", size)
            raise Unfit(words.UNSCANNED) from error
        if virus:
            logger.warning("the virus scanner found %s", ascii(virus[:100]))
            raise Unfit(words.INFECTED)
