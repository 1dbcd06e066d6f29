"""Remembers how a data folder was last started, so that other commands need only `--data`; opens the domain on it. Imports `clinic`."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from clinic import Database
from clinic.config import Config
from clinic.errors import DomainError
from ops import database, keys
from ops.layout import Layout
from ops.problems import Problem


def remembered_in(data: Path) -> Path:
    """Returns the file that keeps how a folder's clinic was last started."""
    return data / "run" / "deployment.json"


def remember(layout: Layout) -> None:
    """Writes the layout below the data folder (it may hold the database's password: 0600)."""
    keys.write_private(remembered_in(layout.data), json.dumps({**asdict(layout), "data": str(layout.data)}, indent=1) + "\n")


def recall(data: Path) -> Layout:
    """Returns the layout of the last start. Raises Problem if there was none."""
    path = remembered_in(data)
    if not path.exists():
        raise Problem(f"No clinic was started in {data} yet. Start it with `bedside up --data {data}`, or give --data the right folder.")
    try:
        return Layout(**{**json.loads(path.read_text()), "data": data})
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror}). Run this as the user who starts the clinic.") from error
    except (ValueError, TypeError) as error:
        raise Problem(
            f"{path} is damaged. Remove it, then start the clinic with the options that it had: "
            "--base-port, --host, --domain, and --database-url if its data is in PostgreSQL."
        ) from error


def carry_on(layout: Layout) -> Layout:
    """Returns the layout with the database that this folder's clinic has. Raises Problem for another one, or if its file is gone."""
    if remembered_in(layout.data).exists():
        known = recall(layout.data)
        database.check_file(known.database)
    elif (layout.data / "clinic.sqlite3").exists():
        known = Layout(layout.data, layout.base_port)
    else:
        return layout
    if layout.database_url and not database.same(layout.database, known.database):
        raise Problem(
            f"The clinic in {layout.data} keeps its data in {database.shown(known.database)}; --database-url names {database.shown(layout.database)}. "
            "Leave --database-url out to go on, or give --data an empty folder for another clinic. "
            "`bedside migrate-database` moves a clinic from SQLite to PostgreSQL; "
            f"if you moved the data yourself, remove {remembered_in(layout.data)} (and a clinic.sqlite3) first."
        )
    return layout if layout.database_url else replace(layout, database_url=known.database_url)


def open_clinic(layout: Layout) -> Database:
    """Opens the domain on this clinic's database. Raises Problem when a secret is damaged or the database's file is gone."""
    try:
        config = Config.from_environ({**os.environ, **layout.environment()})
    except SystemExit as error:
        raise Problem(str(error)) from error
    database.check_file(config.database_url)
    return Database.open(config.database_url, run_dir=config.run_dir, pepper=config.pepper)


@contextmanager
def opened(layout: Layout) -> Iterator[Database]:
    """Opens the domain for a while. Raises Problem for what it refuses, and for what its database cannot do."""
    with database.in_words(layout.database):
        found = open_clinic(layout)
        try:
            yield found
        except DomainError as error:
            raise Problem(error.text) from error
        finally:
            found.close()
