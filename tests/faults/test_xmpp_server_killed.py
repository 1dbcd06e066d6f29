"""The XMPP server is killed: the component is back by itself, and nobody haunts the rooms. Source: facts/reliability F2."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crowd import settle
from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


@pytest.mark.e2e
def test_the_component_is_back_within_ten_seconds_and_ghosts_are_dropped(clinic: LiveClinic) -> None:
    ana = clinic.member("ana")
    clinic.member("chen")
    for number in range(20):
        ana.say(f"before-{number}")
    settle([ana], lambda: not ana.outbox, 20.0)
    ana.say("perhaps")
    assert clinic.server.process is not None
    clinic.server.process.kill()
    clinic.server.process.wait(10)
    eventually(lambda: not clinic.ready.exists(), what="the component notices")
    clinic.server.__enter__()
    eventually(clinic.ready.exists, 10.0, "the component serves again")
    eventually(lambda: clinic.live() == set(), what="nobody who was there is there")
    boris, again = clinic.member("boris"), clinic.member("ana")
    settle([boris, again], lambda: boris.presences == 1, 20.0)  # Ana came; nobody else was shown
    for client_id in sorted(ana.outbox):
        again.say(client_id)
    again.say("after")
    settle([boris, again], lambda: not again.outbox, 20.0)
    stored = [client_id for _uid, client_id in clinic.archive()]
    assert stored == [f"before-{number}" for number in range(20)] + ["perhaps", "after"]
