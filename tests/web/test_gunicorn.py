"""What gunicorn does with a process of web besides serving requests. Source: web/gunicorn.py."""

import random
import runpy
import socket
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from gunicorn.config import Config as Settings

from clinic import Actor
from clinic.config import Config
from web.connections import BODY_BYTES, Connection
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


def test_no_more_of_a_body_is_taken_than_a_little_and_all_of_it_comes() -> None:
    """Ten uploads at once hold ten times what lies there."""
    body, got, held = random.Random(6).randbytes(50 * BODY_BYTES + 7), b"", []
    head = f"PUT / HTTP/1.1\r\nHost: clinic\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * BODY_BYTES)  # more lies ready than is to be taken
        sending = threading.Thread(target=theirs.sendall, args=(head + body,), daemon=True)
        sending.start()
        connection = Connection(Settings(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2))
        connection.init()
        request = next(connection.parser)
        while piece := request.body.read(5000):
            got += piece
            held.append(len(connection.parser.unreader.buf.getvalue()))
        sending.join()
    assert got == body
    assert 0 < max(held) <= BODY_BYTES
