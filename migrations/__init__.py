"""Database migrations (Alembic). A migration imports no application code: it must mean the same in ten years."""
