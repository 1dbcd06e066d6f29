"""Payments: services, requests, attempts to pay, refunds; entries for one patient of a thread; promised answers.

Revision 0007, after 0006. 2026-11-29
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _refer(table: str, column: str, to: str) -> None:
    """Add a column that refers to another table's id. SQLite takes the reference only together with the column."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} BIGINT CONSTRAINT fk_{table}_{column} REFERENCES {to} (id)")
        return
    op.add_column(table, sa.Column(column, sa.BigInteger(), nullable=True))
    op.create_foreign_key(f"fk_{table}_{column}", table, to, [column], ["id"])


def upgrade() -> None:
    _refer("entries", "addressee_id", "accounts")
    op.create_table("provider_events",
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("event", sa.String(length=255), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", "event", name=op.f("pk_provider_events")),
    )
    op.create_index(op.f("ix_provider_events_received_at"), "provider_events", ["received_at"])
    op.create_table("services",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("response_hours", sa.Integer(), nullable=True),
        sa.Column("price_may_change", sa.Boolean(), nullable=False),
        sa.Column("tax_note", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
        sa.UniqueConstraint("uid", name=op.f("uq_services_uid")),
    )
    op.create_table("payment_requests",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_uid", sa.String(length=26), nullable=False),
        sa.Column("addressee_id", sa.BigInteger(), nullable=False),
        sa.Column("requester_id", sa.BigInteger(), nullable=False),
        sa.Column("practitioner_id", sa.BigInteger(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tax_note", sa.String(length=200), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("response_hours", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("receipt_number", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["addressee_id"], ["accounts.id"], name=op.f("fk_payment_requests_addressee_id")),
        sa.ForeignKeyConstraint(["practitioner_id"], ["accounts.id"], name=op.f("fk_payment_requests_practitioner_id")),
        sa.ForeignKeyConstraint(["requester_id"], ["accounts.id"], name=op.f("fk_payment_requests_requester_id")),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_payment_requests_service_id")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_payment_requests_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_requests")),
        sa.UniqueConstraint("receipt_number", name=op.f("uq_payment_requests_receipt_number")),
        sa.UniqueConstraint("uid", name=op.f("uq_payment_requests_uid")),
    )
    op.create_index(op.f("ix_payment_requests_addressee_id"), "payment_requests", ["addressee_id"])
    op.create_index(op.f("ix_payment_requests_created_at"), "payment_requests", ["created_at"])
    op.create_index("ix_payment_requests_open", "payment_requests", ["addressee_id"],
        sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_index(op.f("ix_payment_requests_thread_id"), "payment_requests", ["thread_id"])
    op.create_table("payment_attempts",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("provider", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("payment_reference", sa.String(length=255), nullable=True),
        sa.Column("receipt_url", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("marked_by", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["marked_by"], ["accounts.id"], name=op.f("fk_payment_attempts_marked_by")),
        sa.ForeignKeyConstraint(["request_id"], ["payment_requests.id"], name=op.f("fk_payment_attempts_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payment_attempts")),
        sa.UniqueConstraint("provider", "reference", name=op.f("uq_payment_attempts_provider_reference")),
        sa.UniqueConstraint("uid", name=op.f("uq_payment_attempts_uid")),
    )
    op.create_index(op.f("ix_payment_attempts_request_id"), "payment_attempts", ["request_id"])
    op.create_table("refunds",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("attempt_id", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["accounts.id"], name=op.f("fk_refunds_asked_by")),
        sa.ForeignKeyConstraint(["attempt_id"], ["payment_attempts.id"], name=op.f("fk_refunds_attempt_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("uid", name=op.f("uq_refunds_uid")),
    )
    op.create_index(op.f("ix_refunds_attempt_id"), "refunds", ["attempt_id"])
    op.add_column("threads", sa.Column("answer_due_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(op.f("ix_threads_answer_due_at"), "threads", ["answer_due_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_threads_answer_due_at"), table_name="threads")
    op.drop_column("threads", "answer_due_at")
    op.drop_index(op.f("ix_refunds_attempt_id"), table_name="refunds")
    op.drop_table("refunds")
    op.drop_index(op.f("ix_payment_attempts_request_id"), table_name="payment_attempts")
    op.drop_table("payment_attempts")
    op.drop_index(op.f("ix_payment_requests_thread_id"), table_name="payment_requests")
    op.drop_index("ix_payment_requests_open", table_name="payment_requests")
    op.drop_index(op.f("ix_payment_requests_created_at"), table_name="payment_requests")
    op.drop_index(op.f("ix_payment_requests_addressee_id"), table_name="payment_requests")
    op.drop_table("payment_requests")
    op.drop_table("services")
    op.drop_index(op.f("ix_provider_events_received_at"), table_name="provider_events")
    op.drop_table("provider_events")
    # What was for one patient would be read by every patient of the thread: a version that knows no addressee shows it to staff only.
    op.execute("UPDATE entries SET audience = 'staff' WHERE addressee_id IS NOT NULL")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("ALTER TABLE entries DROP COLUMN addressee_id")
    else:
        op.drop_column("entries", "addressee_id")
