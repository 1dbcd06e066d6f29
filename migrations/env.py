"""Runs the migrations on the connection that the caller supplies in the configuration's attributes.

`migrations.runner` is the door; there is no alembic.ini.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy.engine import Connection


def run(connection: Connection) -> None:
    """Migrate inside one transaction, so that a migration that fails leaves nothing behind (SQLite and PostgreSQL)."""
    # SQLite cannot alter most things in place: batch mode copies the table.
    context.configure(
        connection=connection,
        target_metadata=context.config.attributes.get("metadata"),
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
