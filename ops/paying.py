"""The part of the worker that asks providers of payments: opens attempts, looks how they stand, closes them, gives back. Imports clinic and web.gateways.

In a thread of its own: an answer may take ten seconds, and an urgent call must not wait for it. What was asked may have been done although no
answer came, so everything is asked under a key that makes it safe to ask again; only then is the job forgotten.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from clinic import Actor, Database, outbox
from clinic.config import Config
from clinic.errors import Busy, DomainError
from clinic.payment.asking import AttemptToAsk, attempt_to_ask, refund_to_ask
from clinic.payment.providers import Asking, Provider, Refused, Report, Unreachable
from clinic.payment.record import CLOSE_JOB, LOOK_JOB, OPEN_JOB, PAYMENTS, REFUND_JOB
from clinic.payment.states import AttemptState
from ops.queues import QueueThread
from web.gateways import keys

NO_KEYS = "The clinic has no keys of its card service just now: bedside payments keys"
SYSTEM = Actor.system()
Answer = TypeVar("Answer")
logger = logging.getLogger("payments")


class Payer(QueueThread):
    """Does the jobs of the queue of payments, one at a time, until `stop`."""

    def __init__(self, database: Database, config: Config) -> None:
        super().__init__(database, PAYMENTS)
        self.config = config
        self._away = False  # whoever takes payments did not answer last time

    def turn(self) -> bool:
        """Does one job if one is due. Returns: whether there was one."""
        jobs = outbox.claim(self.database, PAYMENTS, limit=1)
        for job in jobs:
            self._one(job)
        return bool(jobs)

    def _one(self, job: outbox.Job) -> None:
        attempt, pause = str(job.payload["attempt"]), None
        try:
            pause = self._do(job, attempt)
        except Unreachable as error:
            logger.warning("job %s put off: %s", job.name, error)
            self._away = True
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
        except Exception as error:
            # Such as an answer of a shape that we do not know: the others are not to wait for it.
            outbox.retry(self.database, job, type(error).__name__)
            raise
        else:
            if pause is None:
                outbox.done(self.database, job)
            else:
                outbox.later(self.database, job, pause)

    def _do(self, job: outbox.Job, uid: str) -> timedelta | None:
        """Does a job. Returns: after how long it is to be done once more, if it is."""
        with self.database.read(SYSTEM) as work:
            attempt = attempt_to_ask(work, uid)
        if attempt is None:
            return None
        if job.name == OPEN_JOB:
            self._open(attempt)
        elif job.name == LOOK_JOB and attempt.reference:
            pause = self._take(uid, self._asked(lambda provider: provider.look(attempt.reference)))
            return pause if job.payload["again"] else None
        elif job.name == CLOSE_JOB and attempt.reference:
            # One that is not open yet is closed by the answer that opens it (payment.opened), or dropped before it is asked for.
            self._take(uid, self._asked(lambda provider: provider.close(attempt.reference)))
        elif job.name == REFUND_JOB:
            self._refund(uid, str(job.payload["refund"]))
        return None

    def _take(self, uid: str, report: Report) -> timedelta | None:
        pause: timedelta | None = self.database.perform(SYSTEM, "payment.reported", uid, report=report).value
        return pause

    def _open(self, attempt: AttemptToAsk) -> None:
        if attempt.state is not AttemptState.ASKED:
            return
        if not attempt.wanted:
            self.database.perform(SYSTEM, "payment.drop", attempt.uid)
            return
        asking = Asking(attempt.uid, attempt.amount, attempt.service, f"{self.config.shared_url}/payments/{attempt.request}?back=1")
        opened = self._asked(lambda provider: provider.open(asking))
        self.database.perform(SYSTEM, "payment.opened", attempt.uid, opened=opened)

    def _refund(self, uid: str, refund: str) -> None:
        with self.database.read(SYSTEM) as work:
            found = refund_to_ask(work, refund)
        if found is None:
            return
        reference, amount = found
        try:
            report = self._asked(lambda provider: provider.refund(reference, refund, amount))
        except Refused as error:
            # It may have been made when it was asked for before, and the answer lost: a no counts once the whole, asked for, does not hold it.
            try:
                whole = self._asked(lambda provider: provider.look(reference))
            except Refused:  # it says no to everything: not its keys
                raise Unreachable(error.words) from error
            if not any(one.key == refund for one in whole.refunds):
                self.database.perform(SYSTEM, "payment.refund_delayed", uid, refund=refund, words=error.words, refused=True)
            self._take(uid, whole)
        else:
            self.database.perform(SYSTEM, "payment.refunded", uid, report=report)

    def _asked(self, question: Callable[[Provider], Answer]) -> Answer:
        """Asks whoever takes payments now. When they answer after they did not, what waits for them is done at once."""
        found = keys.provider(self.config)
        if found is None:
            raise Unreachable(NO_KEYS)
        answer = question(found)
        if self._away:
            self._away = False
            outbox.hasten(self.database, PAYMENTS)
        return answer

    def _waits(self, job: outbox.Job, attempt: str, words: str, *, refused: bool) -> None:
        """Says in the record why a job waits, and has it done again later."""
        if job.name == OPEN_JOB:
            self.database.perform(SYSTEM, "payment.delayed", attempt, words=words, refused=refused)
        elif job.name == REFUND_JOB:
            self.database.perform(SYSTEM, "payment.refund_delayed", attempt, refund=str(job.payload["refund"]), words=words, refused=False)
        # Who is away for a day is asked again when they are back. A look that is refused (keys of another account) is given up in the end,
        # until there are other keys.
        outbox.retry(self.database, job, words, park=refused and job.name != OPEN_JOB)
