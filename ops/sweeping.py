"""The part of the worker that removes bytes of files which nothing asks for any more: of uploads that were given up, of what never became a file.

A crash between two steps leaves such, and so do people who change their minds. What is young is left alone: its row may be about to come.
In a thread of its own, as a store may take its time. Imports clinic and web.gateways.
"""

import logging
import threading
from datetime import timedelta

from clinic import Actor, Database
from clinic.config import Config
from clinic.errors import DomainError, NotFound
from clinic.file.uploading import State, staged, upload_bytes
from clinic.file.views import kept_blobs

EVERY_SECONDS = 3600.0
FIRST_SECONDS = 60.0
STAGED_AT_LEAST = timedelta(minutes=15)
KEPT_AT_LEAST = timedelta(days=1)
ASKED_AT_ONCE = 500
FEW = 20
"""So many orphans are removed whatever their share is."""
SYSTEM = Actor.system()
logger = logging.getLogger("files")


class Sweeper(threading.Thread):
    """Sweeps once an hour until `stop`."""

    def __init__(self, database: Database, config: Config) -> None:
        super().__init__(name="sweeping", daemon=True)
        self.database, self.config = database, config
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends the thread after what it is doing."""
        self._stopping.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Sweeps when it is time."""
        pause = FIRST_SECONDS
        while not self._stopping.wait(pause):
            pause = EVERY_SECONDS
            try:
                if removed := self.sweep():
                    logger.info("swept: %d", removed)
            except DomainError as error:
                logger.warning("put off: %s", error.code)
            except Exception:
                logger.exception("sweeping failed")

    def sweep(self) -> int:
        """Removes what is needed by nothing. Returns of how many uploads and files. Raises: Busy, Away."""
        from web.gateways import storage  # its libraries take 15 MB, for clinics where somebody sends files

        store, now = storage.of(self.config), self.database.now()
        lying = store.staged_uids(now - STAGED_AT_LEAST)
        with self.database.read(SYSTEM) as work:
            given_up = lying - staged(work)
        for uid in given_up:
            store.forget(uid)
        kept = store.kept_uids(now - KEPT_AT_LEAST)
        orphans = kept - self._needed(sorted(kept))
        if len(orphans) > FEW and 2 * len(orphans) > len(kept):
            # Rather another database than a day of crashes: an old backup, or a wrong address. These bytes are all that there is of people's files.
            logger.error("swept nothing: %d of %d kept files are unknown to this database. Is it the right one?", len(orphans), len(kept))
            return len(given_up)
        removed = 0
        for uid in orphans:
            if not self._wanted_now(uid):
                store.remove(uid)
                removed += 1
        return len(given_up) + removed

    def _wanted_now(self, uid: str) -> bool:
        """Whether an orphan is about to become a file, or has become one: after a crash an upload is looked at again, be it days later."""
        with self.database.read(SYSTEM) as work:
            try:
                looked_at = upload_bytes(work, uid).state is State.RECEIVED  # asked first: as this state ends, the file's row is there
            except NotFound:
                looked_at = False
            return looked_at or bool(kept_blobs(work, [uid]))

    def _needed(self, uids: list[str]) -> set[str]:
        found = set[str]()
        for place in range(0, len(uids), ASKED_AT_ONCE):
            with self.database.read(SYSTEM) as work:
                found |= kept_blobs(work, uids[place : place + ASKED_AT_ONCE])
        return found
