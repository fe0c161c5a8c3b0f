"""The qualification round: how many known faces come first, and how each annotator did on them.

Those who annotated before the round existed stay qualified. What the step does to rows is an event like any other, so
that the past can still be rebuilt.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = {
    "qualification_items": "INTEGER DEFAULT 0 NOT NULL CONSTRAINT ck_project_qualification_items "
    "CHECK (qualification_items >= 0)",
    "qualification_accuracy": "{double} DEFAULT 0.7 NOT NULL CONSTRAINT ck_project_qualification_accuracy "
    "CHECK (qualification_accuracy >= 0 AND qualification_accuracy <= 1)",
}

EVENT = sa.table(
    "event",
    sa.column("at", sa.DateTime(timezone=True)),
    sa.column("kind", sa.String()),
    sa.column("changes", sa.JSON()),
)
MEMBERSHIP = sa.table(
    "membership",
    *(
        sa.column(name, sa.Integer())
        for name in ("project_id", "annotator_id", "submitted", "gold_items", "gold_scored", "gold_right")
    ),
    sa.column("qualified_at", sa.DateTime(timezone=True)),
)

MEMBERS = """
INSERT INTO membership (project_id, annotator_id, submitted, gold_items, gold_scored, gold_right, qualified_at)
SELECT project_id, annotator_id, SUM(CASE WHEN status = 'submitted' THEN 1 ELSE 0 END), 0, 0, 0, MIN(at)
FROM response
WHERE NOT EXISTS (SELECT 1 FROM response AS later WHERE later.supersedes = response.id)
GROUP BY project_id, annotator_id
"""


def upgrade() -> None:
    """Two settings of a project, and a membership for everybody who annotated."""
    double = sa.Double().compile(dialect=op.get_bind().dialect)
    for name, definition in COLUMNS.items():
        op.execute(f"ALTER TABLE project ADD COLUMN {name} {definition.format(double=double)}")
    op.create_table(
        "membership",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("submitted", sa.Integer(), nullable=False),
        sa.Column("gold_items", sa.Integer(), nullable=False),
        sa.Column("gold_scored", sa.Integer(), nullable=False),
        sa.Column("gold_right", sa.Integer(), nullable=False),
        sa.Column("qualified_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "gold_items >= 0 AND gold_right >= 0 AND gold_right <= gold_scored",
            name=op.f("ck_membership_gold"),
        ),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_membership_annotator_id")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_membership_project_id")),
        sa.PrimaryKeyConstraint("project_id", "annotator_id", name=op.f("pk_membership")),
        sqlite_with_rowid=False,
    )
    op.execute(MEMBERS)
    changes = _projects() + _members()
    if changes:
        op.bulk_insert(EVENT, [{"at": datetime.now(UTC), "kind": "upgrade", "changes": changes}])


def _projects() -> list[dict[str, Any]]:
    names = (*COLUMNS,)
    rows = op.get_bind().execute(sa.text(f"SELECT id, {', '.join(names)} FROM project ORDER BY id"))
    return [
        {"op": "update", "table": "project", "key": [key], "values": dict(zip(names, values, strict=True))}
        for key, *values in rows
    ]


def _members() -> list[dict[str, Any]]:
    rows = op.get_bind().execute(sa.select(MEMBERSHIP).order_by(*MEMBERSHIP.columns)).mappings()
    changes = []
    for row in rows:
        values = dict(row)
        # the database gives the moment without its zone on SQLite, with one on PostgreSQL
        moment = values["qualified_at"]
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        values["qualified_at"] = moment.isoformat()
        key = [values["project_id"], values["annotator_id"]]
        changes.append({"op": "insert", "table": "membership", "key": key, "values": values})
    return changes


def downgrade() -> None:
    """Take both away again; who was qualified is lost."""
    op.drop_table("membership")
    for name in COLUMNS:
        op.execute(f"ALTER TABLE project DROP COLUMN {name}")
