"""`bedside worker`: does the outbox jobs of the queue "worker" and the clinic's housekeeping. Imports `clinic`.

Housekeeping goes by the clock: sealing the audit chain, ending what has expired. Logs ids and codes only.
"""

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from clinic import Actor, Database, outbox
from clinic.account.sweep import expire, sweep
from clinic.audit.seal import seal
from clinic.config import Config
from clinic.errors import Busy, DomainError
from clinic.file.withdrawing import TAKE_BACK
from clinic.search.index import Indexer
from clinic.text.scheduled import deliver_due
from clinic.urgent.actions import ESCALATE
from ops.checking import Checker
from ops.paying import Payer
from ops.sweeping import Sweeper

QUEUE = "worker"
WAIT_SECONDS = 0.5
JOBS = frozenset({ESCALATE, TAKE_BACK})
logger = logging.getLogger("worker")


@dataclass
class Chore:
    """Something to do every `seconds`; `work` returns how many things it did."""

    name: str
    seconds: float
    work: Callable[[Database], int]
    due: float = 0.0

    def run_if_due(self, database: Database) -> None:
        """Does it if its time has come."""
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + self.seconds
        if done := self.work(database):
            logger.info("%s: %d", self.name, done)


class Worker:
    """The loop; `stop` ends it after what it is doing."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.stopping = False
        self.chores = [
            Chore("sealed", 5, seal),
            Chore("sessions over", 15, expire),
            Chore("swept", 60, sweep),
            Chore("sent later", 1, deliver_due),
            Chore("indexed", 1, Indexer()),
        ]

    def stop(self, number: int, frame: object) -> None:
        """Handles SIGTERM and SIGINT."""
        self.stopping = True

    def turn(self) -> None:
        """Does what is due. A database that is busy or full is tried again at the next turn."""
        try:
            for job in outbox.claim(self.database, QUEUE):
                self._do(job)
            for chore in self.chores:
                chore.run_if_due(self.database)
        except DomainError as error:
            logger.warning("put off: %s", error.code)

    def _do(self, job: outbox.Job) -> None:
        """Does one job: those of this queue are actions of the clinic itself on a thread, and safe to do twice."""
        if job.name not in JOBS:
            outbox.retry(self.database, job, "no handler")
            logger.warning("job %s has no handler", job.name)
            return
        try:
            values = {name: value for name, value in job.payload.items() if name != "thread"}
            self.database.perform(Actor.system(), job.name, job.payload["thread"], **values)
        except Busy:
            outbox.retry(self.database, job, Busy.code)
            raise
        except DomainError as error:  # such as the thread's end: it would be no other the next time
            logger.warning("job %s: %s", job.name, error.code)
        outbox.done(self.database, job)


def main() -> None:
    """Runs until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    config = Config.from_environ()
    database = Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
    worker = Worker(database)
    besides = (Payer(database, config), Checker(database, config), Sweeper(database, config))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.stop)
    bell = database.doorbell(QUEUE)
    mark = config.run_dir / "worker.ready"
    (config.run_dir / "clamd").write_text(config.clamd)  # for `bedside doctor`, which is started elsewhere
    for one in besides:
        one.start()
    try:
        while not worker.stopping:
            worker.turn()
            mark.touch()
            # Each text in each thread rings too: only a job is a reason to look before the time.
            bell.wait_for(QUEUE, WAIT_SECONDS)
    finally:
        mark.unlink(missing_ok=True)
        for one in besides:
            one.stop()
        bell.close()
        database.close()
