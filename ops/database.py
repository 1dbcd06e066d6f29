"""Brings the database's schema up to date with Alembic, and opens the domain on it. May import `clinic` and `migrations`."""

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from ops.layout import PROJECT
from ops.problems import Problem


def _alembic(url: str) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(PROJECT / "migrations"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def versions(url: str) -> tuple[str | None, str | None]:
    """Returns the schema's version in the database (None: empty) and the newest that this program knows."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return current, ScriptDirectory.from_config(_alembic(url)).get_current_head()


def migrate(url: str) -> None:
    """Migrates to the newest schema. Raises Problem if the database is newer than this program, or cannot be reached."""
    try:
        current, newest = versions(url)
        known = {script.revision for script in ScriptDirectory.from_config(_alembic(url)).walk_revisions()}
        if current and current not in known:
            raise Problem("The database was written by a newer version of Bedside. Start that version, or restore an older backup.")
        if current != newest:
            command.upgrade(_alembic(url), "head")
    except OperationalError as error:
        raise Problem(f"The database cannot be used: {error.orig}. Check --database-url and that the database server runs.") from error
