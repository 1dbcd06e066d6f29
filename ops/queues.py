"""A thread of the worker that does the jobs of one queue: what those threads share. Imports clinic."""

import logging
import threading

from clinic import Database, outbox
from clinic.errors import DomainError

WAIT_SECONDS = 0.5
STOP_SECONDS = 25
"""How long the end of what is being done is waited for: a provider's answer, a large file."""


class QueueThread(threading.Thread):
    """Does the jobs of the queue `queue`, which is also its name and its logger's, one at a time, until `stop`."""

    def __init__(self, database: Database, queue: str) -> None:
        super().__init__(name=queue, daemon=True)
        self.database, self.queue = database, queue
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends the thread after what it is doing; what is not done then is done after the next start."""
        self._stopping.set()
        if self.is_alive():
            self.join(STOP_SECONDS)

    def run(self) -> None:
        """Does jobs as they come."""
        logger, bell, released = logging.getLogger(self.queue), self.database.doorbell(self.queue), False
        try:
            while not self._stopping.is_set():
                try:
                    if not released:  # what is held now was held by a worker that has died
                        outbox.release(self.database, self.queue)
                        released = True
                    while not self._stopping.is_set() and self.turn():
                        pass
                except DomainError as error:
                    logger.warning("put off: %s", error.code)
                except Exception:
                    logger.exception("%s failed", self.queue)
                bell.wait_for(self.queue, WAIT_SECONDS)
        finally:
            bell.close()

    def turn(self) -> bool:
        """Does one job if one is due. Returns: whether there was one."""
        raise NotImplementedError
