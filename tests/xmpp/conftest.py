"""The XMPP server with a stand-in for the web application, one pair for each file of tests."""

from collections.abc import Iterator

import pytest

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
