"""The prepared clinic with everybody's pages open, made once for each file of the proof."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.access import furniture
from tests.access.scene import PEOPLE, Scene
from tests.access.state import State
from tests.access.visitors import Pages
from tests.web.conftest import PASSWORD, config_of, opened_app
from web.db import clinic_db
from web.passwords import hash_password

assert furniture.FURNISHED


class Written(logging.Handler):
    """All that is logged, as an operator would read it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(scope="module")
def written() -> Iterator[Written]:
    """What is logged at the level that a clinic logs."""
    handler, root = Written(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, written: Written) -> Iterator[Pages]:
    """The clinic behind its web application; everybody has logged in."""
    config = config_of(tmp_path_factory.mktemp("access"))
    for app in opened_app(config):
        with app.app_context():
            scene = Scene(clinic_db(), hash_password(PASSWORD))
        state = State(config.database_url)
        yield Pages(app, scene, state, {name: scene.emails[name] for name in PEOPLE}, PASSWORD)
        state.close()
