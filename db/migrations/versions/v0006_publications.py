"""Publications: what lies on the Hub, so that it can be renewed when somebody leaves.

What was published before is not known here: publish it again once.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table; nothing is in it yet."""
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("repository", sa.String(), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("licence", sa.String(), nullable=False),
        sa.Column("contact", sa.String(), nullable=False),
        sa.Column("labels_only", sa.Boolean(), nullable=False),
        sa.Column("history_kept", sa.Boolean(), nullable=False),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("faces >= 0 AND responses >= 0", name=op.f("ck_publication_counts")),
        sa.CheckConstraint("length(contact) <= 200", name=op.f("ck_publication_contact_length")),
        sa.CheckConstraint("length(licence) <= 60", name=op.f("ck_publication_licence_length")),
        sa.CheckConstraint("length(repository) <= 200", name=op.f("ck_publication_repository_length")),
        sa.CheckConstraint("length(revision) <= 80", name=op.f("ck_publication_revision_length")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_publication_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_publication_repository_id"), "publication", ["repository", "id"])


def downgrade() -> None:
    """Take it away again."""
    op.drop_table("publication")
