"""Evidence maps: where the network looked, kept with what it said.

Predictions from before have none. No event tells of the new column: what a row lacked in its time is rebuilt as NULL.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column, empty."""
    blob = sa.LargeBinary().compile(dialect=op.get_bind().dialect)
    op.execute(
        f"ALTER TABLE prediction ADD COLUMN evidence {blob} "
        "CONSTRAINT ck_prediction_evidence_length CHECK (length(evidence) <= 65536)"
    )


def downgrade() -> None:
    """Take it away again, and the maps with it."""
    op.execute("ALTER TABLE prediction DROP COLUMN evidence")
