"""Two processes serve pages on one clinic, on both engines: any of them answers any request, and one may be killed.

Source: house rule 9; facts/reliability F3, B9 (one shared counter), I1 to I4.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import evidence
from tests.support.clinic import RunningClinic
from tests.support.page import Outbox, Page
from tests.support.ports import eventually

POSTS, NAMES = 60, ("ana", "boris", "chen")
TRIES = 7

pytestmark = pytest.mark.e2e


@pytest.fixture
def clinic(tmp_path: Path, database_url: str) -> Iterator[RunningClinic]:
    with RunningClinic(tmp_path / "data", "--demo", "--web-processes", "2", "--database-url", database_url) as one:
        yield one


class Hopping(Outbox):
    """An outbox that posts each text over a connection of its own, which either process may take."""

    def send(self, client_id: str, body: str) -> bool:
        self.page.close()
        return super().send(client_id, body)


def workers(clinic: RunningClinic) -> dict[str, int]:
    """Returns the web's serving processes with the time that each has worked, in the kernel's ticks."""
    pid = clinic.ready["pids"]["web"]
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return {child: sum(map(int, Path("/proc", child, "stat").read_text().rpartition(")")[2].split()[11:13])) for child in children}


def test_any_process_answers_any_request_and_a_killed_one_loses_nothing(clinic: RunningClinic) -> None:
    thread = clinic.ready["threads"]["ana-boris"]["uid"]
    before, idle = evidence.stored(clinic.url, thread), workers(clinic)
    assert len(idle) == 2
    outboxes = [Hopping(Page(clinic, name), thread) for name in NAMES]
    for one in outboxes:
        one.start()
    seed = random.randrange(10**6)
    killed = random.Random(seed).choice(sorted(idle))
    for number in range(POSTS):
        one = outboxes[number % len(outboxes)]
        one.add(f"post-{number}", f"post-{number}")
        if number == POSTS // 2:
            worked = workers(clinic)
            os.kill(int(killed), signal.SIGKILL)
        time.sleep(0.05)
    eventually(lambda: not any(one.waiting for one in outboxes), 30.0, "everything is answered")
    after = eventually(lambda: (now := workers(clinic)) and len(now) == 2 and killed not in now and now, 30.0, "a process in its place")
    assert all(worked[pid] > idle[pid] for pid in idle), "one of them answered nothing: nothing was proved"
    assert set(after) != set(idle)
    log = evidence.stored(clinic.url, thread)
    heard = {name: one.page.entries_after(thread, before[-1][0]) for name, one in zip(NAMES, outboxes, strict=True)}
    answered = {client_id: uid for one in outboxes for client_id, uid in one.answered.items()}
    for one in outboxes:
        one.stop()
    evidence.check(log, len(before), {f"post-{number}" for number in range(POSTS)}, answered, heard, seed)


def test_a_session_and_its_end_and_wrong_passwords_count_in_every_process(clinic: RunningClinic) -> None:
    page = Page(clinic, "boris")

    def asked(path: str) -> set[int]:
        found = set()
        for _ in range(12):
            page.close()
            found.add(page.ask("GET", path, headers={"Accept": "text/html"}).status)
        return found

    assert asked("/") == {200}
    assert page.ask("POST", "/logout", f"csrf_token={page.csrf}", {"Content-Type": "application/x-www-form-urlencoded"}).status == 303
    signed_out = dict(page.cookies)
    other = Page(clinic, "boris")
    kept = dict(other.cookies)
    assert other.ask("POST", "/logout", f"csrf_token={other.csrf}", {"Content-Type": "application/x-www-form-urlencoded"}).status == 303
    other.close()
    page.cookies = kept
    assert asked("/") == {401}  # a copy of the cookie opens nothing, whichever process is asked
    page.cookies = signed_out
    answers = [page.log_in(clinic.ready["accounts"]["ana"]["email"], "wrong", close=True) for _ in range(TRIES)]
    assert answers[:5] == [401] * 5 and answers[-1] == 429
    page.close()
