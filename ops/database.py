"""Brings the database's schema up to date. May import `migrations` and SQLAlchemy."""

from sqlalchemy.exc import ArgumentError, OperationalError

from clinic.storage import open_engine
from migrations import runner
from ops.problems import Problem


def versions(url: str) -> tuple[str | None, str]:
    """Returns the schema's version in the database (None: empty) and the newest that this program knows."""
    engine = open_engine(url)
    try:
        return runner.current(engine), runner.newest()
    finally:
        engine.dispose()


def migrate(url: str) -> None:
    """Migrates to the newest schema. Raises Problem if the database is newer than this program, or cannot be used."""
    try:
        engine = open_engine(url)
    except ArgumentError as error:
        raise Problem(f"--database-url is not a database's address: {error}") from error
    try:
        if runner.current(engine) != runner.newest():
            runner.upgrade(engine)
    except SystemExit as error:
        raise Problem(str(error)) from error
    except OperationalError as error:
        raise Problem(f"The database cannot be used: {error.orig} Check --database-url, and that the database server runs.") from error
    finally:
        engine.dispose()
