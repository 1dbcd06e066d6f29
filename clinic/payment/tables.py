"""Tables of services, payment requests, attempts to pay, refunds and what providers told. Imports clinic.storage and the columns of requests.

Money is an integer of the currency's smallest unit. A request keeps what its service was when it was made.
"""

from __future__ import annotations

import sqlalchemy as sa

from clinic.requests import columns
from clinic.storage import UtcInstant, metadata

NAME_LENGTH, WORDS_LENGTH = 200, 2000

services = sa.Table(
    "services",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("name", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("price_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("response_hours", sa.Integer),  # after payment; none is promised where it is null
    sa.Column("price_may_change", sa.Boolean, nullable=False),  # staff may ask for another amount
    sa.Column("tax_note", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("archived_at", UtcInstant),  # no longer offered; requests for it keep what it was
)

payment_requests = sa.Table(
    "payment_requests",
    metadata,
    *columns(),  # state: a State (states.py)
    # Whose the request is: the requester, or the practitioner whom a coordinator assists. In their threads it holds.
    sa.Column("practitioner_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("service_id", sa.ForeignKey("services.id"), nullable=False),
    sa.Column("service", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tax_note", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("response_hours", sa.Integer),
    sa.Column("paid_at", UtcInstant),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False),
    sa.Column("receipt_number", sa.BigInteger, unique=True),
    sa.Index("ix_payment_requests_created_at", "created_at"),
    # What each message of a patient asks: few are open.
    sa.Index("ix_payment_requests_open", "addressee_id", sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'")),
)

payment_attempts = sa.Table(
    "payment_attempts",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("request_id", sa.ForeignKey("payment_requests.id"), nullable=False, index=True),
    sa.Column("provider", sa.String(16), nullable=False),  # "manual", or the name of one that takes cards
    sa.Column("state", sa.String(16), nullable=False),  # an AttemptState (states.py)
    sa.Column("reference", sa.String(255)),  # the provider's own name for it
    sa.Column("url", sa.Text),  # where the patient pays
    sa.Column("test", sa.Boolean, nullable=False),  # no real money moves
    sa.Column("payment_reference", sa.String(255)),  # the provider's name for the money that came
    sa.Column("receipt_url", sa.Text),
    sa.Column("note", sa.Text, nullable=False),  # of staff who marked it paid
    sa.Column("marked_by", sa.ForeignKey("accounts.id")),
    sa.Column("trouble", sa.Text, nullable=False),  # what an administrator should look at: it did not answer, it reports another amount
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("expires_at", UtcInstant),
    sa.Column("settled_at", UtcInstant),  # paid, expired or given up
    sa.UniqueConstraint("provider", "reference"),
)

refunds = sa.Table(
    "refunds",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("attempt_id", sa.ForeignKey("payment_attempts.id"), nullable=False, index=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),  # "asked", or a RefundOutcome (providers.py)
    sa.Column("reference", sa.String(255)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("asked_by", sa.ForeignKey("accounts.id")),  # null: the clinic itself, or it was made at the provider's
    sa.Column("trouble", sa.Text, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("settled_at", UtcInstant),
)

# What a provider has told us of by itself, each once. The news themselves are asked for.
provider_events = sa.Table(
    "provider_events",
    metadata,
    sa.Column("provider", sa.String(16), primary_key=True),
    sa.Column("event", sa.String(255), primary_key=True),
    sa.Column("received_at", UtcInstant, nullable=False, index=True),
)
