"""The door to the migrations: upgrade, downgrade, current and newest revision. Imports Alembic and SQLAlchemy.

A database that is newer than this code is refused: an old version must not write what it does not understand.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection, Engine


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def newest() -> str:
    """Return the revision that this code writes."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("there is no migration")
    return head


def current(engine: Engine) -> str | None:
    """Return the revision of the database, or None when it is empty."""
    with engine.connect() as connection:
        return revision_of(connection)


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the database that `connection` sees, or None when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to `revision` in one transaction.

    Raises: SystemExit with words when the database is of a newer Bedside.
    """
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    found = current(engine)
    if found is not None and found not in known:
        raise SystemExit(
            f"This database is of a newer Bedside (revision {found}). Start it with that version, or restore a backup."
        )
    with _exclusive(engine) as connection:
        command.upgrade(_config(connection), revision)
        connection.commit()


def upgrade_within(connection: Connection) -> None:
    """Make the newest tables in an empty database, in the caller's transaction."""
    command.upgrade(_config(connection), "head")


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to `revision` ("base" for empty) in one transaction."""
    with _exclusive(engine) as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


def _exclusive(engine: Engine) -> Connection:
    return engine.connect().execution_options(bedside_begin="BEGIN EXCLUSIVE")
