"""A call for help reaches staff's apps beside every thread: the real XMPP server, the real component as a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually
from tests.support.raw_xmpp import CLIENT, PATIENCE

pytestmark = pytest.mark.e2e


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    with live_clinic(tmp_path) as place:
        yield place


def test_staff_online_and_offline_are_told_by_the_clinic_and_read_nothing_of_the_thread_in_it(clinic: LiveClinic) -> None:
    cast, thread = clinic.cast, clinic.room.partition("@")[0]
    boris = clinic.server.client().log_in(cast.handle("boris"), "secret", "phone")
    with boris:
        boris.send("<presence/>")
        boris.receive(f"{CLIENT}presence")
        clinic.db.perform(cast.ana, "urgent.call", thread, words="a secret pain", client_id="call")
        told = boris.receive(f"{CLIENT}message", type="chat")
        body = told.findtext(f"{CLIENT}body") or ""
        assert told.get("from") == clinic.server.layout.threads_domain
        assert body == "URGENT: Ana Alvarez needs help. Open the thread now." and "secret" not in body
    eventually(lambda: not clinic.waiting("threads", name="xmpp.tell"), PATIENCE, "everybody is told")
    clinic.web.passwords[cast.handle("chen"), "secret"] = "d-chen"
    with clinic.server.client().log_in(cast.handle("chen"), "secret", "phone") as chen:
        chen.send("<presence/>")
        assert "Ana Alvarez needs help" in (chen.receive(f"{CLIENT}message", type="chat").findtext(f"{CLIENT}body") or "")
