"""What gunicorn does with a process of web besides serving requests. Source: web/gunicorn.py."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from clinic import Actor
from clinic.config import Config
from web.db import clinic_db

SETTINGS = Path(__file__).parents[2] / "web" / "gunicorn.py"


def open_files(below: Path) -> list[Path]:
    files = [one.readlink() for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    return [file for file in files if file.is_relative_to(below)]


@pytest.mark.sqlite_only("its files are what can be seen from here")
def test_a_process_that_ends_leaves_nothing_of_the_database_open(app: Flask, config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BEDSIDE_DATA", str(config.data))
    ends = runpy.run_path(str(SETTINGS))["worker_exit"]
    with app.app_context():
        clinic_db().perform(Actor.system(), "bookmark.seek")
    assert open_files(config.data)
    ends(None, SimpleNamespace())  # one that has not come to load the app
    ends(None, SimpleNamespace(wsgi=app))
    assert open_files(config.data) == []
