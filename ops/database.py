"""The clinic's database for whoever starts or examines it: its address, its schema, and its troubles in words. May import `migrations` and SQLAlchemy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from clinic.storage import open_engine
from migrations import runner
from ops.problems import Problem

POSTGRESQL = ("postgresql", "postgresql+psycopg")
HOW = "Write it like postgresql+psycopg://name:password@host/database, or leave it out: the clinic then keeps its data in SQLite below --data."


def check_url(url: str) -> None:
    """Raises Problem for a --database-url that is not the address of a database that Bedside knows. Never shows it: it may hold a password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise Problem(f"--database-url is not the address of a database. {HOW}") from error
    if parsed.drivername in POSTGRESQL and parsed.database:
        return
    if parsed.drivername == "sqlite" and parsed.database and Path(parsed.database).is_absolute():
        return
    raise Problem(f"--database-url names no database that Bedside can use ({parsed.drivername}). {HOW}")


def _host(parsed: URL) -> str:
    host = parsed.host or parsed.query.get("host") or ""
    return host if isinstance(host, str) else ",".join(host)


def same(one: str, other: str) -> bool:
    """Returns whether two addresses name one database; its user and password may change."""
    first, second = make_url(one), make_url(other)
    return all(
        part(first) == part(second)
        for part in (URL.get_backend_name, _host, lambda url: url.port or url.query.get("port") or "5432", lambda url: url.database)
    )


def shown(url: str) -> str:
    """Returns what a person calls this database, without its password."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return f"the file {parsed.database}"
    return f"the PostgreSQL database {parsed.database} ({_host(parsed) or 'this machine'})"


def file_of(url: str) -> Path | None:
    """Returns the file of an SQLite database, None for another."""
    parsed = make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def check_file(url: str) -> None:
    """Raises Problem if the file of a clinic that was started before is not there: opened, it would be a new and empty one."""
    file = file_of(url)
    if file and (not file.exists() or file.stat().st_size == 0):
        raise Problem(
            f"The clinic's database {file} is {'empty' if file.exists() else 'missing'}. Restore it from the last backup; "
            "for a new clinic give --data an empty folder."
        )


@contextmanager
def in_words(url: str) -> Iterator[None]:
    """Turns what a database says when it is damaged or out of reach, or its driver is missing, into a Problem."""
    file = file_of(url)
    try:
        yield
    except DBAPIError as error:
        if file is None:
            remedy = "Check --database-url, that the database server runs and has space on its disk, and that its user may create tables."
        elif isinstance(error, OperationalError):
            remedy = f"Check that {file} belongs to the user who starts the clinic, and that its disk has space."
        else:
            remedy = f"It is damaged: put {file} aside, with the files {file.name}-wal and {file.name}-shm if they are there, and restore the last backup."
        name = shown(url).removeprefix("the ")
        raise Problem(f"The {name} cannot be used: {str(error.orig).strip().rstrip('.')}. {remedy}") from error
    except ImportError as error:
        raise Problem(f"The driver of {shown(url)} is not installed ({error}). Run `make setup`.") from error


def versions(url: str) -> tuple[str | None, str]:
    """Returns the schema's version in the database (None: empty) and the newest that this program knows."""
    engine = open_engine(url)
    try:
        return runner.current(engine), runner.newest()
    finally:
        engine.dispose()


def migrate(url: str) -> None:
    """Migrates to the newest schema. Raises Problem if the database is newer than this program, or cannot be used."""
    with in_words(url):
        engine = open_engine(url)
        try:
            if runner.current(engine) != runner.newest():
                runner.upgrade(engine)
        except SystemExit as error:
            raise Problem(str(error)) from error
        finally:
            engine.dispose()
