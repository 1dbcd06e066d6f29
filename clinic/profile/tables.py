"""Tables of profiles. Rows are added and never changed: the newest version of a thing is how it stands. Imports clinic.storage only."""

from __future__ import annotations

import sqlalchemy as sa

from clinic.storage import UtcInstant, metadata


def _said() -> tuple[sa.Column[object], ...]:
    """Who has said a version, in which role, and when."""
    return (
        sa.Column("author_id", sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("at", UtcInstant, nullable=False),
    )


# Each version is all of it. Names and birth dates are the verified ones of the account, and are not here.
demographics = sa.Table(
    "demographics",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("patient_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("called", sa.String(200)),  # what the person would like to be called
    sa.Column("sex", sa.String(16)),
    sa.Column("phone", sa.String(40)),
    sa.Column("email", sa.String(254)),
    sa.Column("address", sa.Text),
    sa.Column("language", sa.String(200)),
    sa.Column("time_zone", sa.String(60)),
    sa.Column("emergency_name", sa.String(200)),
    sa.Column("emergency_relation", sa.String(200)),
    sa.Column("emergency_phone", sa.String(40)),
    sa.Column("guardian_name", sa.String(200)),
    sa.Column("guardian_relation", sa.String(200)),
    sa.Column("guardian_phone", sa.String(40)),
    *_said(),
    sa.UniqueConstraint("patient_id", "version"),
)

# Of health, what there is one of. The patient's own versions stand beside the staff's (source), never over them.
health_basics = sa.Table(
    "health_basics",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("patient_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),  # "staff" or "patient"
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("height", sa.String(8)),  # a decimal number, as it was given
    sa.Column("height_unit", sa.String(4)),
    sa.Column("weight", sa.String(8)),
    sa.Column("weight_unit", sa.String(4)),
    sa.Column("blood_group", sa.String(8)),
    sa.Column("smoking", sa.String(16)),
    sa.Column("smoking_more", sa.String(500)),
    sa.Column("alcohol", sa.String(16)),
    sa.Column("alcohol_more", sa.String(500)),
    *_said(),
    sa.UniqueConstraint("patient_id", "source", "version"),
)

# Of health, what there may be several of. uid names the thing through all its versions.
health_items = sa.Table(
    "health_items",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("patient_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.String(300), nullable=False),  # "" says that none is known
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("severity", sa.String(16)),
    sa.Column("since", sa.String(10)),  # a year, a month or a day: 2019, 2019-05, 2019-05-02
    sa.Column("standing", sa.String(16), nullable=False),  # "now", "past", or "mistaken": it never was so
    *_said(),
    sa.UniqueConstraint("uid", "version"),
)

# For staff only. thread_id: only that thread's staff read it.
profile_notes = sa.Table(
    "profile_notes",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("uid", sa.String(26), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("patient_id", sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("thread_id", sa.ForeignKey("threads.id")),
    sa.Column("body", sa.Text, nullable=False),  # "" of one that its author took back
    sa.Column("client_id", sa.String(128)),  # of the form that wrote it
    *_said(),
    sa.UniqueConstraint("uid", "version"),
)

practitioner_profiles = sa.Table(
    "practitioner_profiles",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("title", sa.String(200)),
    sa.Column("specialties", sa.String(500)),
    sa.Column("languages", sa.String(300)),
    sa.Column("bio", sa.Text),
    sa.Column("response_time", sa.String(200)),
    *_said(),
    sa.UniqueConstraint("account_id", "version"),
)

practitioner_photos = sa.Table(
    "practitioner_photos",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("account_id", sa.ForeignKey("accounts.id"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("file_id", sa.ForeignKey("files.id")),  # in no thread and no folder; null: none from here on
    *_said(),
    sa.UniqueConstraint("account_id", "version"),
)
