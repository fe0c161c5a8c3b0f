"""Passwords of local names, and how often they were tried wrongly; nothing that was there changes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two tables; nobody has a password yet."""
    op.create_table(
        "credential",
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(name_key) <= 320", name=op.f("ck_credential_name_key_length")),
        sa.CheckConstraint("length(password_hash) <= 300", name=op.f("ck_credential_password_hash_length")),
        sa.CheckConstraint("generation >= 1", name=op.f("ck_credential_generation")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_credential_annotator_id")),
        sa.PrimaryKeyConstraint("annotator_id", name=op.f("pk_credential")),
        sa.UniqueConstraint("name_key", name=op.f("uq_credential_name_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "failed_sign_in",
        sa.Column("name_sha256", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("length(name_sha256) = 64", name=op.f("ck_failed_sign_in_name_sha256")),
        sa.CheckConstraint("failures >= 1", name=op.f("ck_failed_sign_in_failures")),
        sa.PrimaryKeyConstraint("name_sha256", name=op.f("pk_failed_sign_in")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_failed_sign_in_last_at"), "failed_sign_in", ["last_at"], unique=False)


def downgrade() -> None:
    """Take both away again; everybody's password is lost."""
    op.drop_table("failed_sign_in")
    op.drop_table("credential")
