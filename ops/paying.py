"""The part of the worker that asks providers of payments: opens attempts, looks how they stand, closes them, gives back. Imports clinic and web.gateways.

In a thread of its own: an answer may take ten seconds, and an urgent call must not wait for it. What was asked may have been done although no
answer came, so everything is asked under a key that makes it safe to ask again; only then is the job forgotten.
"""

import logging
import threading

from clinic import Actor, Database, outbox
from clinic.config import Config
from clinic.errors import Busy, DomainError
from clinic.payment.asking import AttemptToAsk, attempt_to_ask, refund_to_ask
from clinic.payment.providers import Asking, Provider, Refused, Unreachable
from clinic.payment.record import CLOSE_JOB, LOOK_JOB, OPEN_JOB, PAYMENTS, REFUND_JOB
from clinic.payment.states import AttemptState
from web.gateways import keys

WAIT_SECONDS = 0.5
NO_KEYS = "The clinic has no keys of its card service just now: bedside payments keys"
SYSTEM = Actor.system()
logger = logging.getLogger("payments")


class Payer(threading.Thread):
    """Does the jobs of the queue of payments, one at a time, until `stop`."""

    def __init__(self, database: Database, config: Config) -> None:
        super().__init__(name="payments", daemon=True)
        self.database, self.config = database, config
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ends the thread after what it is doing, which is waited for as long as a provider may take to answer."""
        self._stopping.set()
        if self.is_alive():
            self.join(25)

    def run(self) -> None:
        """Does jobs as they come."""
        bell = self.database.doorbell(PAYMENTS)
        released = False
        try:
            while not self._stopping.is_set():
                try:
                    if not released:  # what is held now was held by a worker that has died
                        outbox.release(self.database, PAYMENTS)
                        released = True
                    while not self._stopping.is_set() and self.turn():
                        pass
                except DomainError as error:
                    logger.warning("put off: %s", error.code)
                except Exception:
                    logger.exception("payments failed")
                bell.wait_for(PAYMENTS, WAIT_SECONDS)
        finally:
            bell.close()

    def turn(self) -> bool:
        """Does one job if one is due. Returns: whether there was one."""
        jobs = outbox.claim(self.database, PAYMENTS, limit=1)
        for job in jobs:
            self._one(job)
        return bool(jobs)

    def _one(self, job: outbox.Job) -> None:
        attempt = str(job.payload["attempt"])
        try:
            self._do(job, attempt)
        except Unreachable as error:
            logger.warning("job %s put off: %s", job.name, error)
            self._waits(job, attempt, f"The card service did not answer: {error}", refused=False)
        except Refused as error:
            logger.warning("job %s refused", job.name)
            self._waits(job, attempt, error.words, refused=True)
        except Busy:
            outbox.retry(self.database, job, Busy.code)
            raise
        except DomainError as error:
            logger.warning("job %s: %s", job.name, error.code)
            outbox.done(self.database, job)
        else:
            outbox.done(self.database, job)

    def _do(self, job: outbox.Job, uid: str) -> None:
        with self.database.read(SYSTEM) as work:
            attempt = attempt_to_ask(work, uid)
        if attempt is None:
            return
        if job.name == OPEN_JOB:
            self._open(attempt)
        elif job.name == LOOK_JOB:
            if attempt.reference:
                self.database.perform(SYSTEM, "payment.reported", uid, report=self._provider().look(attempt.reference), again=bool(job.payload["again"]))
        elif job.name == CLOSE_JOB:
            if attempt.reference:
                self.database.perform(SYSTEM, "payment.reported", uid, report=self._provider().close(attempt.reference), again=False)
            # One that is not open yet is closed by the answer that opens it (payment.opened), or dropped before it is asked for.
        elif job.name == REFUND_JOB:
            self._refund(uid, str(job.payload["refund"]))
        else:
            logger.error("job %s has no handler", job.name)

    def _open(self, attempt: AttemptToAsk) -> None:
        if attempt.state is not AttemptState.ASKED:
            return
        if not attempt.wanted:
            self.database.perform(SYSTEM, "payment.drop", attempt.uid)
            return
        # The service's name alone leaves the clinic: neither its description nor anything of the patient.
        asking = Asking(attempt.uid, attempt.amount, attempt.service, "", f"{self.config.shared_url}/payments/{attempt.request}?back=1")
        opened = self._provider().open(asking)
        self.database.perform(SYSTEM, "payment.opened", attempt.uid, opened=opened)

    def _refund(self, uid: str, refund: str) -> None:
        with self.database.read(SYSTEM) as work:
            asked = refund_to_ask(work, refund)
        if asked is not None:
            report = self._provider().refund(asked[0], refund, asked[1])
            self.database.perform(SYSTEM, "payment.refunded", uid, report=report)

    def _provider(self) -> Provider:
        found = keys.provider(self.config)
        if found is None:
            raise Unreachable(NO_KEYS)
        return found

    def _waits(self, job: outbox.Job, attempt: str, words: str, *, refused: bool) -> None:
        """Says in the record why a job waits, and has it done again later; what would be refused again is not."""
        ended = False
        if job.name == OPEN_JOB:
            self.database.perform(SYSTEM, "payment.delayed", attempt, words=words, refused=refused)
        elif job.name == REFUND_JOB:
            self.database.perform(SYSTEM, "payment.refund_delayed", attempt, refund=str(job.payload["refund"]), words=words, refused=refused)
            ended = refused
        if ended:
            outbox.done(self.database, job)
        else:
            # Who is away for a day is asked again when they are back. A look that is refused (keys of another account) is given up in the end.
            outbox.retry(self.database, job, words, park=refused and job.name != OPEN_JOB)
