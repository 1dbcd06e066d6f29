"""The XMPP server with a stand-in for the web application, one pair for each file of tests; and a whole clinic for one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_clinic import LiveClinic, live_clinic
from tests.support.ports import eventually
from tests.support.prosody import Prosody
from tests.support.stub_web import StubWeb


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    """The server; a test needs `web` too, else nobody gets in."""
    with Prosody(tmp_path_factory.mktemp("prosody") / "data") as server:
        yield server


@pytest.fixture
def web(prosody: Prosody) -> Iterator[StubWeb]:
    """The stand-in: ana has two devices, boris and eve one."""
    with StubWeb(prosody.layout.base_port, prosody.secrets["internal_token"]) as stub:
        stub.passwords = {("ana", "phone"): "d-phone", ("ana", "laptop"): "d-laptop", ("boris", "desk"): "d-desk", ("eve", "evil"): "d-eve"}
        yield stub


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[LiveClinic]:
    """A clinic with its own XMPP server, once everybody's threads are among their bookmarks."""
    with live_clinic(tmp_path / "clinic") as place:
        eventually(lambda: not place.waiting("bookmarks"), 60, "the bookmarks are kept")
        yield place
