"""The engine that Flask-SQLAlchemy opens over clinic's metadata, and the Database that clinic makes of it.

Owns db, adopt, close, clinic_db, try_perform. Imports Flask-SQLAlchemy and clinic. No query is written in `web`: actions and views only.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from clinic.calls import Actor
from clinic.config import Config
from clinic.database import Database
from clinic.errors import Busy, DomainError
from clinic.storage import metadata

db = SQLAlchemy(metadata=metadata)
_KEY, _TRYING = "bedside-clinic", "bedside-trying"
PAUSE_SECONDS = 20.0
MOST_CONNECTIONS = 32
"""As many as gunicorn has threads: none waits for another's connection."""


def adopt(app: Flask, config: Config) -> Database:
    """Open the engine of `app` and hand it to clinic."""
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": 5, "max_overflow": MOST_CONNECTIONS - 5}
    db.init_app(app)
    with app.app_context():
        database = Database.adopt(db.engine, run_dir=config.run_dir, pepper=config.pepper)
    app.extensions[_KEY] = database
    app.extensions[_TRYING] = {"not_before": 0.0}
    return database


def close(app: Flask) -> None:
    """Close what `app` holds open of the clinic's database, at its end."""
    database: Database = app.extensions[_KEY]
    database.close()


def try_perform(actor: Actor, action: str, subject: str | None = None, **values: Any) -> None:
    """Perform what may be lost: reading goes on while nothing can be stored, and one request in PAUSE_SECONDS finds that out."""
    state = current_app.extensions[_TRYING]
    if time.monotonic() < state["not_before"]:
        return
    try:
        clinic_db().perform(actor, action, subject, **values)
    except Busy:
        state["not_before"] = time.monotonic() + PAUSE_SECONDS
    except DomainError:
        return


def clinic_db() -> Database:
    """Return the clinic's database of the current application."""
    database: Database = current_app.extensions[_KEY]
    return database
