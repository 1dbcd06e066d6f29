"""Profiles: of patients demographics, health data and notes, of practitioners what patients read of them.

Revision 0009, after 0008. 2026-11-30
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("demographics",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("called", sa.String(length=200), nullable=True),
        sa.Column("sex", sa.String(length=16), nullable=True),
        sa.Column("phone", sa.String(length=40), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("language", sa.String(length=200), nullable=True),
        sa.Column("time_zone", sa.String(length=60), nullable=True),
        sa.Column("emergency_name", sa.String(length=200), nullable=True),
        sa.Column("emergency_relation", sa.String(length=200), nullable=True),
        sa.Column("emergency_phone", sa.String(length=40), nullable=True),
        sa.Column("guardian_name", sa.String(length=200), nullable=True),
        sa.Column("guardian_relation", sa.String(length=200), nullable=True),
        sa.Column("guardian_phone", sa.String(length=40), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["accounts.id"], name=op.f("fk_demographics_patient_id")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_demographics_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_demographics")),
        sa.UniqueConstraint("patient_id", "version", name=op.f("uq_demographics_patient_id_version")),
    )
    op.create_table("health_basics",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("height", sa.String(length=8), nullable=True),
        sa.Column("height_unit", sa.String(length=4), nullable=True),
        sa.Column("weight", sa.String(length=8), nullable=True),
        sa.Column("weight_unit", sa.String(length=4), nullable=True),
        sa.Column("blood_group", sa.String(length=8), nullable=True),
        sa.Column("smoking", sa.String(length=16), nullable=True),
        sa.Column("smoking_more", sa.String(length=500), nullable=True),
        sa.Column("alcohol", sa.String(length=16), nullable=True),
        sa.Column("alcohol_more", sa.String(length=500), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["accounts.id"], name=op.f("fk_health_basics_patient_id")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_health_basics_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_basics")),
        sa.UniqueConstraint("patient_id", "source", "version", name=op.f("uq_health_basics_patient_id_source_version")),
    )
    op.create_table("health_items",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=True),
        sa.Column("since", sa.String(length=10), nullable=True),
        sa.Column("standing", sa.String(length=16), nullable=False),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["accounts.id"], name=op.f("fk_health_items_patient_id")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_health_items_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_health_items")),
        sa.UniqueConstraint("uid", "version", name=op.f("uq_health_items_uid_version")),
    )
    op.create_index(op.f("ix_health_items_patient_id"), "health_items", ["patient_id"])
    op.create_table("profile_notes",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uid", sa.String(length=26), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.BigInteger(), nullable=False),
        sa.Column("thread_id", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["accounts.id"], name=op.f("fk_profile_notes_patient_id")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_profile_notes_thread_id")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_profile_notes_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profile_notes")),
        sa.UniqueConstraint("uid", "version", name=op.f("uq_profile_notes_uid_version")),
    )
    op.create_index(op.f("ix_profile_notes_patient_id"), "profile_notes", ["patient_id"])
    op.create_table("practitioner_profiles",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("specialties", sa.String(length=500), nullable=True),
        sa.Column("languages", sa.String(length=300), nullable=True),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("response_time", sa.String(length=200), nullable=True),
        sa.Column("author_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name=op.f("fk_practitioner_profiles_account_id")),
        sa.ForeignKeyConstraint(["author_id"], ["accounts.id"], name=op.f("fk_practitioner_profiles_author_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practitioner_profiles")),
        sa.UniqueConstraint("account_id", "version", name=op.f("uq_practitioner_profiles_account_id_version")),
    )


def downgrade() -> None:
    op.drop_table("practitioner_profiles")
    op.drop_index(op.f("ix_profile_notes_patient_id"), table_name="profile_notes")
    op.drop_table("profile_notes")
    op.drop_index(op.f("ix_health_items_patient_id"), table_name="health_items")
    op.drop_table("health_items")
    op.drop_table("health_basics")
    op.drop_table("demographics")
