"""The registry: training runs, model versions, how they compare, and which one is served."""

import sqlalchemy as sa
from alembic import op

from db.migrations.guards import guard

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEPT = ("model_version", "comparison", "model_alias")
"""Tables whose rows never change."""


def upgrade() -> None:
    """Four tables; nothing is registered yet."""
    training_run()
    model_version()
    comparison()
    model_alias()
    for table in KEPT:
        guard(table)


def downgrade() -> None:
    """Take them away again; the files below `models/` and `runs/` stay."""
    for table in ("model_alias", "comparison", "model_version", "training_run"):
        op.drop_table(table)


def training_run() -> None:
    """Runs; one at a time."""
    op.create_table(
        "training_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("machine", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Integer(), nullable=True),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancel_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.CheckConstraint("(state = 'running') = (ended_at IS NULL)", name=op.f("ck_training_run_ended")),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'failed', 'cancelled')", name=op.f("ck_training_run_state")
        ),
        sa.CheckConstraint("corrections >= 0", name=op.f("ck_training_run_corrections")),
        sa.CheckConstraint("deadline_at > started_at", name=op.f("ck_training_run_deadline")),
        sa.CheckConstraint("length(machine) <= 255", name=op.f("ck_training_run_machine_length")),
        sa.CheckConstraint("length(message) <= 2000", name=op.f("ck_training_run_message_length")),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_training_run_name_length")),
        sa.CheckConstraint("length(reason) <= 500", name=op.f("ck_training_run_reason_length")),
        sa.ForeignKeyConstraint(["started_by"], ["annotator.id"], name=op.f("fk_training_run_started_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_run")),
        sa.UniqueConstraint("name", name=op.f("uq_training_run_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_training_run_one_at_a_time",
        "training_run",
        ["state"],
        unique=True,
        sqlite_where=sa.text("state = 'running'"),
        postgresql_where=sa.text("state = 'running'"),
    )


def model_version() -> None:
    """Versions; they never change."""
    op.create_table(
        "model_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("base", sa.String(), nullable=True),
        sa.Column("repository", sa.String(), nullable=True),
        sa.Column("revision", sa.String(), nullable=True),
        sa.Column("learnt_from", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Integer(), nullable=True),
        sa.CheckConstraint("(repository IS NULL) = (revision IS NULL)", name=op.f("ck_model_version_hub")),
        sa.CheckConstraint("length(name) <= 200", name=op.f("ck_model_version_name_length")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_model_version_sha256")),
        sa.CheckConstraint("size_bytes > 0", name=op.f("ck_model_version_size")),
        sa.ForeignKeyConstraint(["added_by"], ["annotator.id"], name=op.f("fk_model_version_added_by")),
        sa.ForeignKeyConstraint(["run_id"], ["training_run.id"], name=op.f("fk_model_version_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_version")),
        sa.UniqueConstraint("name", name=op.f("uq_model_version_name")),
        sa.UniqueConstraint("sha256", name=op.f("uq_model_version_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_model_version_run_id"), "model_version", ["run_id"], unique=False)


def comparison() -> None:
    """How two versions compare."""
    op.create_table(
        "comparison",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("champion_id", sa.Integer(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("candidate_id <> champion_id", name=op.f("ck_comparison_two_versions")),
        sa.ForeignKeyConstraint(
            ["candidate_id"], ["model_version.id"], name=op.f("fk_comparison_candidate_id")
        ),
        sa.ForeignKeyConstraint(
            ["champion_id"], ["model_version.id"], name=op.f("fk_comparison_champion_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_comparison_candidate_id_champion_id"),
        "comparison",
        ["candidate_id", "champion_id"],
        unique=False,
    )


def model_alias() -> None:
    """Which version has which name, move by move."""
    op.create_table(
        "model_alias",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("rolled_back", sa.Boolean(), nullable=False),
        sa.Column("comparison_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("alias IN ('production', 'candidate')", name=op.f("ck_model_alias_alias")),
        sa.CheckConstraint("length(reason) <= 500", name=op.f("ck_model_alias_reason_length")),
        sa.CheckConstraint("length(reason) > 0", name=op.f("ck_model_alias_reason")),
        sa.CheckConstraint("supersedes < id", name=op.f("ck_model_alias_supersedes_earlier")),
        sa.ForeignKeyConstraint(["actor_id"], ["annotator.id"], name=op.f("fk_model_alias_actor_id")),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparison.id"], name=op.f("fk_model_alias_comparison_id")
        ),
        sa.ForeignKeyConstraint(
            ["supersedes", "alias"],
            ["model_alias.id", "model_alias.alias"],
            name="fk_model_alias_supersedes_own",
        ),
        sa.ForeignKeyConstraint(["version_id"], ["model_version.id"], name=op.f("fk_model_alias_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_alias")),
        sa.UniqueConstraint("id", "alias", name="uq_model_alias_chain"),
        sa.UniqueConstraint("supersedes", name="uq_model_alias_superseded_once"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_model_alias_one_chain",
        "model_alias",
        ["alias"],
        unique=True,
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
