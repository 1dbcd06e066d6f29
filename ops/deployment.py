"""Remembers how a data folder was last started, so that other commands need only `--data`; opens the domain on it. Imports `clinic`."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from clinic import Database
from clinic.config import Config
from ops import keys
from ops.layout import Layout
from ops.problems import Problem


def remember(layout: Layout) -> None:
    """Writes the layout below the data folder (it may hold the database's password: 0600)."""
    keys.write_private(layout.data / "run" / "deployment.json", json.dumps({**asdict(layout), "data": str(layout.data)}, indent=1) + "\n")


def recall(data: Path) -> Layout:
    """Returns the layout of the last start. Raises Problem if there was none."""
    path = data / "run" / "deployment.json"
    if not path.exists():
        raise Problem(f"No clinic was started in {data} yet. Start it with `bedside up --data {data}`, or give --data the right folder.")
    content = json.loads(path.read_text())
    return Layout(**{**content, "data": data})


def open_clinic(layout: Layout) -> Database:
    """Opens the domain on this clinic's database."""
    config = Config.from_environ({**os.environ, **layout.environment()})
    return Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)
