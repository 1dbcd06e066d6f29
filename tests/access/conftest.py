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
from web.pages import files
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


class MadeUpContent:
    """Stands in for where files are kept: the content of each is its marker."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def kept(self, uid: str, _key: str, _size: int) -> MadeUpContent:
        """Return what has the content of a file."""
        self.uid = uid
        return self

    def chunks(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield some of it."""
        yield self._content(self.uid).ljust(1000)[start:stop]

    def read_derived(self, uid: str, _key: str, _name: str) -> bytes:
        """Return the picture of a file."""
        return self._content(uid)

    def _content(self, uid: str) -> bytes:
        return str(self.scene.things["content of", uid]).encode()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory, written: Written) -> Iterator[Pages]:
    """The clinic behind its web application; everybody has logged in."""
    config = config_of(tmp_path_factory.mktemp("access"))
    for app in opened_app(config):
        with app.app_context():
            scene = Scene(clinic_db(), hash_password(PASSWORD))
        state = State(config.database_url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "_store", lambda scene=scene: MadeUpContent(scene))
            yield Pages(app, scene, state, {name: scene.emails[name] for name in PEOPLE}, PASSWORD)
        state.close()
