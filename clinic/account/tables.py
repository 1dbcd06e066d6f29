"""Tables of accounts, their links, devices, sessions and invitations. Imports clinic.storage only.

Secrets are stored as HMAC-SHA256 under the clinic's pepper (`*_mac`), passwords as argon2id strings made by the page.
"""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata

NAME_LENGTH = 200

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    # The local part of the XMPP address: random, so that an address tells nobody a name.
    sa.Column("handle", sa.String(32), nullable=False, unique=True),
    sa.Column("email", sa.String(254), unique=True),
    sa.Column("name", sa.String(NAME_LENGTH), nullable=False),
    sa.Column("folded_name", sa.String(NAME_LENGTH), nullable=False, index=True),
    sa.Column("birth_date", sa.Date),
    sa.Column("password_hash", sa.String(200)),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
)

account_roles = sa.Table(
    "account_roles",
    metadata,
    sa.Column("account_id", sa.ForeignKey("accounts.id"), primary_key=True),
    sa.Column("role", sa.String(16), primary_key=True),
)

coordinator_links = sa.Table(
    "coordinator_links",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("coordinator_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("practitioner_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.UniqueConstraint("coordinator_id", "practitioner_id"),
)

patient_links = sa.Table(
    "patient_links",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("patient_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("practitioner_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.UniqueConstraint("patient_id", "practitioner_id"),
)

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret_mac", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("last_used_at", UtcInstant),
    sa.Column("revoked_at", UtcInstant),
)

login_sessions = sa.Table(
    "login_sessions",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False, unique=True),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("token_mac", sa.String(64), nullable=False, unique=True),
    sa.Column("user_agent", sa.String(300), nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("seen_at", UtcInstant, nullable=False),
    sa.Column("ended_at", UtcInstant),
)

# A link that lets its holder set an account's password once; account_id is null for the clinic's first set-up.
invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), index=True),
    sa.Column("token_mac", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("expires_at", UtcInstant, nullable=False),
    sa.Column("used_at", UtcInstant),
)

# One counter for every way to log in, page and XMPP alike.
login_failures = sa.Table(
    "login_failures",
    metadata,
    sa.Column("key", sa.String(300), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_at", UtcInstant, nullable=False),
)

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("key", sa.String(100), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
