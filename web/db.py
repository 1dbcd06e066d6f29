"""The engine that Flask-SQLAlchemy opens over clinic's metadata, and the Database that clinic makes of it.

Owns db, adopt, clinic_db. Imports Flask-SQLAlchemy and clinic. No query is written in `web`: actions and views only.
"""

from __future__ import annotations

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy

from clinic.config import Config
from clinic.database import Database
from clinic.storage import metadata

db = SQLAlchemy(metadata=metadata)
_KEY = "bedside-clinic"


def adopt(app: Flask, config: Config) -> Database:
    """Open the engine of `app` and hand it to clinic."""
    app.config["SQLALCHEMY_DATABASE_URI"] = config.database_url
    db.init_app(app)
    with app.app_context():
        database = Database.adopt(db.engine, run_dir=config.run_dir, pepper=config.pepper)
    app.extensions[_KEY] = database
    return database


def clinic_db() -> Database:
    """Return the clinic's database of the current application."""
    database: Database = current_app.extensions[_KEY]
    return database
