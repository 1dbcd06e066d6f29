"""The XMPP server stops reading while people write, and the component dies with what it had not handed over.

Source: house rules 9 and 10; clinic/thread/tables.py: ``relayed_seq`` may lag, never lead.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clinic import START_SECONDS
from tests.support.crowd import run, settle
from tests.support.databases import rows
from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually

POSTS = 300


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


def relayed(clinic: LiveClinic) -> tuple[int, int]:
    """Returns (relayed_seq, last_seq) as stored."""
    [found] = rows(clinic.url, "SELECT relayed_seq, last_seq FROM threads WHERE uid = :uid", uid=clinic.thread)
    return tuple(found)


@pytest.mark.e2e
def test_a_live_client_hears_everything_that_the_server_had_not_taken_when_the_component_was_killed(clinic: LiveClinic) -> None:
    ana = clinic.member("ana")
    settle([ana], lambda: len(set(relayed(clinic))) == 1, 20.0)
    server = clinic.server.process
    assert server is not None
    server.send_signal(signal.SIGSTOP)
    try:
        before = relayed(clinic)[0]
        body = "x" * 40_000  # more than the sockets between them hold
        for number in range(POSTS):
            clinic.db.perform(clinic.cast.boris, "text.post", clinic.thread, body=f"{number} {body}", client_id=f"post-{number}")
        eventually(lambda: clinic.untaken() > 100_000, what="the component writes what nobody reads")
        last = relayed(clinic)[1]

        def unmoved(_passed: float) -> None:
            assert relayed(clinic) == (before, last)
        run([ana], 3.0, unmoved)  # three times as long as storing takes
        clinic.die()
    finally:
        server.send_signal(signal.SIGCONT)
    clinic.start()
    settle([ana], lambda: len(ana.order) == POSTS, START_SECONDS)
    assert ana.order == [uid for uid, _client_id in clinic.archive()]
    settle([ana], lambda: len(set(relayed(clinic))) == 1, 10.0)
    assert ana.presences == 0  # nobody joined again
