"""The first store: everything but the qualification round."""

import sqlalchemy as sa
from alembic import op

from db.migrations.guards import guard

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GUARDED = (
    "prediction",
    "predicted_unit",
    "response",
    "answer",
    "adjudication",
    "adjudicated_unit",
    "gold",
    "gold_unit",
    "event",
)


def upgrade() -> None:
    """Create all tables, then what keeps rows as they are."""
    people()
    photos()
    queue()
    answers()
    verdicts()
    for table in GUARDED:
        guard(table)


def downgrade() -> None:
    """There is nothing before this."""
    raise NotImplementedError(
        "This is the first schema. Nothing lies before it. Delete the database instead."
    )


def people() -> None:
    """Who annotates what, who is photographed, and the journal."""
    op.create_table(
        "annotator",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("identity", sa.String(), nullable=True),
        sa.Column("pseudonym", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('annotator', 'reviewer', 'admin')", name=op.f("ck_annotator_role")),
        sa.CheckConstraint("length(language) <= 35", name=op.f("ck_annotator_language_length")),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_annotator_name_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotator")),
        sa.UniqueConstraint("identity", name=op.f("uq_annotator_identity")),
        sa.UniqueConstraint("name", name=op.f("uq_annotator_name")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_annotator_pseudonym")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("answers_wanted", sa.Integer(), nullable=False),
        sa.Column("lease_minutes", sa.Double(), nullable=False),
        sa.Column("random_share", sa.Double(), nullable=False),
        sa.Column("blind_share", sa.Double(), nullable=False),
        sa.Column("gold_share", sa.Double(), nullable=False),
        sa.Column("guideline_version", sa.Integer(), nullable=False),
        sa.Column("rarity", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("answers_wanted BETWEEN 1 AND 100", name=op.f("ck_project_answers_wanted")),
        sa.CheckConstraint("blind_share >= 0 AND blind_share <= 1", name=op.f("ck_project_blind_share")),
        sa.CheckConstraint("gold_share >= 0 AND gold_share <= 1", name=op.f("ck_project_gold_share")),
        sa.CheckConstraint("guideline_version >= 1", name=op.f("ck_project_guideline_version")),
        sa.CheckConstraint("lease_minutes > 0", name=op.f("ck_project_lease_minutes")),
        sa.CheckConstraint("length(name) <= 80", name=op.f("ck_project_name_length")),
        sa.CheckConstraint("random_share >= 0 AND random_share <= 1", name=op.f("ck_project_random_share")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("name", name=op.f("uq_project_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("consent", sa.String(), nullable=False),
        sa.Column("consented_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("consent IN ('annotate', 'publish')", name=op.f("ck_subject_consent")),
        sa.CheckConstraint("length(code) <= 80", name=op.f("ck_subject_code_length")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        sa.UniqueConstraint("code", name=op.f("uq_subject_code")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tombstone",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("images", sa.Integer(), nullable=False),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstone")),
        sa.UniqueConstraint("subject_id", name=op.f("uq_tombstone_subject_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["annotator.id"], name=op.f("fk_event_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_event_kind"), "event", ["kind"], unique=False)
    op.create_table(
        "export",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("faces", sa.Integer(), nullable=False),
        sa.Column("responses", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("scope IN ('annotate', 'publish')", name=op.f("ck_export_scope")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_export_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        sqlite_autoincrement=True,
    )


def photos() -> None:
    """Photos, faces, and what models said of them."""
    op.create_table(
        "image",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_image_sha256")),
        sa.CheckConstraint("length(source) <= 80", name=op.f("ck_image_source_length")),
        sa.CheckConstraint("width_px > 0 AND height_px > 0 AND size_bytes > 0", name=op.f("ck_image_size")),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_image_subject_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_image")),
        sa.UniqueConstraint("sha256", name=op.f("uq_image_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_image_subject_id"), "image", ["subject_id"], unique=False)
    op.create_table(
        "face",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("image_id", sa.Integer(), nullable=False),
        sa.Column("x0_px", sa.Double(), nullable=False),
        sa.Column("y0_px", sa.Double(), nullable=False),
        sa.Column("x1_px", sa.Double(), nullable=False),
        sa.Column("y1_px", sa.Double(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("yaw_deg", sa.Double(), nullable=False),
        sa.Column("pitch_deg", sa.Double(), nullable=False),
        sa.Column("roll_deg", sa.Double(), nullable=False),
        sa.Column("warnings", sa.JSON(), nullable=False),
        sa.Column("landmarks", sa.LargeBinary(), nullable=False),
        sa.Column("chip_transform", sa.JSON(), nullable=False),
        sa.CheckConstraint("score >= 0 AND score <= 1", name=op.f("ck_face_score")),
        sa.CheckConstraint("x1_px > x0_px AND y1_px > y0_px", name=op.f("ck_face_box")),
        sa.ForeignKeyConstraint(
            ["image_id"], ["image.id"], name=op.f("fk_face_image_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_face_image_id"), "face", ["image_id"], unique=False)
    op.create_table(
        "prediction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("model_version", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(model_version) <= 200", name=op.f("ck_prediction_model_version_length")),
        sa.ForeignKeyConstraint(
            ["face_id"], ["face.id"], name=op.f("fk_prediction_face_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prediction")),
        sa.UniqueConstraint("face_id", "model_version", name=op.f("uq_prediction_face_id_model_version")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "predicted_unit",
        sa.Column("prediction_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("intensity", sa.Double(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.CheckConstraint("intensity >= 0 AND intensity <= 5", name=op.f("ck_predicted_unit_intensity")),
        sa.CheckConstraint(
            "number IN (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)",
            name=op.f("ck_predicted_unit_number"),
        ),
        sa.CheckConstraint(
            "probability >= 0 AND probability <= 1", name=op.f("ck_predicted_unit_probability")
        ),
        sa.CheckConstraint("threshold >= 0 AND threshold <= 1", name=op.f("ck_predicted_unit_threshold")),
        sa.ForeignKeyConstraint(
            ["prediction_id"],
            ["prediction.id"],
            name=op.f("fk_predicted_unit_prediction_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("prediction_id", "number", name=op.f("pk_predicted_unit")),
        sqlite_with_rowid=False,
    )


def queue() -> None:
    """What is handed out, and to whom."""
    op.create_table(
        "item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("prediction_id", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("skips", sa.Integer(), nullable=False),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("random_key", sa.Double(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('open', 'agreed', 'disputed', 'settled', 'gold', 'set_aside', 'withdrawn')",
            name=op.f("ck_item_state"),
        ),
        sa.CheckConstraint("answers >= 0 AND held >= 0 AND skips >= 0", name=op.f("ck_item_counts")),
        sa.CheckConstraint("priority >= 0", name=op.f("ck_item_priority")),
        sa.CheckConstraint("random_key >= 0 AND random_key < 1", name=op.f("ck_item_random_key")),
        sa.CheckConstraint("wanted >= 1", name=op.f("ck_item_wanted")),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name=op.f("fk_item_face_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["prediction.id"], name=op.f("fk_item_prediction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_item_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
        sa.UniqueConstraint("project_id", "face_id", name=op.f("uq_item_project_id_face_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_item_closed",
        "item",
        ["project_id", "state", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("state <> 'open'"),
        postgresql_where=sa.text("state <> 'open'"),
    )
    op.create_index(op.f("ix_item_face_id"), "item", ["face_id"], unique=False)
    op.create_index(
        "ix_item_open_by_priority",
        "item",
        ["project_id", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open' AND wanted > answers + held"),
        postgresql_where=sa.text("state = 'open' AND wanted > answers + held"),
    )
    op.create_index(
        "ix_item_open_by_random",
        "item",
        ["project_id", "random_key"],
        unique=False,
        sqlite_where=sa.text("state = 'open' AND wanted > answers + held"),
        postgresql_where=sa.text("state = 'open' AND wanted > answers + held"),
    )
    op.create_index(op.f("ix_item_prediction_id"), "item", ["prediction_id"], unique=False)
    op.create_index(
        "ix_item_untouched",
        "item",
        ["project_id", "priority", "id"],
        unique=False,
        sqlite_where=sa.text("state = 'open' AND wanted > answers + held AND answers = 0"),
        postgresql_where=sa.text("state = 'open' AND wanted > answers + held AND answers = 0"),
    )
    op.create_table(
        "lease",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("chosen_by", sa.String(), nullable=False),
        sa.Column("leased_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.CheckConstraint(
            "chosen_by IN ('priority', 'random', 'gold', 'own')", name=op.f("ck_lease_chosen_by")
        ),
        sa.CheckConstraint(
            "outcome IN ('submitted', 'skipped', 'expired', 'put_back')", name=op.f("ck_lease_outcome")
        ),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_lease_ended")),
        sa.CheckConstraint("expires_at > leased_at", name=op.f("ck_lease_expires")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_lease_annotator_id")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_lease_item_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_lease_project_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_lease_item_id"), "lease", ["item_id"], unique=False)
    op.create_index(
        "ix_lease_running",
        "lease",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "ix_lease_unfinished",
        "lease",
        ["annotator_id", "project_id", "id"],
        unique=False,
        sqlite_where=sa.text("outcome IN ('expired', 'put_back')"),
        postgresql_where=sa.text("outcome IN ('expired', 'put_back')"),
    )
    op.create_index(
        "uq_lease_one_in_hand",
        "lease",
        ["annotator_id", "project_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )


def answers() -> None:
    """What people said."""
    op.create_table(
        "response",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("annotator_id", sa.Integer(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("prediction_id", sa.Integer(), nullable=True),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("chosen_by", sa.String(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("guideline_version", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "chosen_by IN ('priority', 'random', 'gold', 'own')", name=op.f("ck_response_chosen_by")
        ),
        sa.CheckConstraint(
            "status <> 'discarded' OR reason IS NOT NULL", name=op.f("ck_response_discarded_has_reason")
        ),
        sa.CheckConstraint("status IN ('draft', 'submitted', 'discarded')", name=op.f("ck_response_status")),
        sa.CheckConstraint("length(description) <= 1000", name=op.f("ck_response_description_length")),
        sa.CheckConstraint("length(reason) <= 500", name=op.f("ck_response_reason_length")),
        sa.CheckConstraint("seconds >= 0 AND seconds <= 86400", name=op.f("ck_response_seconds")),
        sa.CheckConstraint("supersedes < id", name=op.f("ck_response_supersedes_earlier")),
        sa.ForeignKeyConstraint(["annotator_id"], ["annotator.id"], name=op.f("fk_response_annotator_id")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["item.id"], name=op.f("fk_response_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["prediction_id"], ["prediction.id"], name=op.f("fk_response_prediction_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_response_project_id")),
        sa.ForeignKeyConstraint(
            ["supersedes", "annotator_id", "item_id"],
            ["response.id", "response.annotator_id", "response.item_id"],
            name="fk_response_supersedes_own",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response")),
        sa.UniqueConstraint("id", "annotator_id", "item_id", name="uq_response_chain"),
        sa.UniqueConstraint("supersedes", name="uq_response_superseded_once"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_response_annotator_id_project_id_id"),
        "response",
        ["annotator_id", "project_id", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_response_item_id"), "response", ["item_id"], unique=False)
    op.create_index(op.f("ix_response_prediction_id"), "response", ["prediction_id"], unique=False)
    op.create_index(
        "uq_response_one_chain",
        "response",
        ["annotator_id", "item_id"],
        unique=True,
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
    op.create_table(
        "answer",
        sa.Column("response_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("occurrence", sa.String(), nullable=True),
        sa.Column("intensity", sa.Integer(), nullable=True),
        sa.Column("side", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.CheckConstraint(
            "occurrence = 'present' OR (intensity IS NULL AND side IS NULL)",
            name=op.f("ck_answer_only_present_is_rated"),
        ),
        sa.CheckConstraint(
            "occurrence IN ('present', 'absent', 'unsure', 'not_visible')", name=op.f("ck_answer_occurrence")
        ),
        sa.CheckConstraint(
            "side = 'both' OR number NOT IN (17, 18, 22, 25, 26, 27, 28)",
            name=op.f("ck_answer_midline_has_no_side"),
        ),
        sa.CheckConstraint("side IN ('left', 'right', 'both')", name=op.f("ck_answer_side")),
        sa.CheckConstraint("intensity BETWEEN 1 AND 5", name=op.f("ck_answer_intensity")),
        sa.CheckConstraint("length(text) <= 300", name=op.f("ck_answer_text_length")),
        sa.CheckConstraint(
            "number IN (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)",
            name=op.f("ck_answer_number"),
        ),
        sa.CheckConstraint(
            "occurrence IS NOT NULL OR text IS NOT NULL", name=op.f("ck_answer_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["response_id"], ["response.id"], name=op.f("fk_answer_response_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("response_id", "number", name=op.f("pk_answer")),
        sqlite_with_rowid=False,
    )


def verdicts() -> None:
    """What reviewers laid down."""
    op.create_table(
        "adjudication",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("length(description) <= 1000", name=op.f("ck_adjudication_description_length")),
        sa.CheckConstraint("length(note) <= 500", name=op.f("ck_adjudication_note_length")),
        sa.CheckConstraint("supersedes < id", name=op.f("ck_adjudication_supersedes_earlier")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["item.id"], name=op.f("fk_adjudication_item_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["reviewer_id"], ["annotator.id"], name=op.f("fk_adjudication_reviewer_id")),
        sa.ForeignKeyConstraint(
            ["supersedes", "item_id"],
            ["adjudication.id", "adjudication.item_id"],
            name="fk_adjudication_supersedes_own",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudication")),
        sa.UniqueConstraint("id", "item_id", name="uq_adjudication_chain"),
        sa.UniqueConstraint("supersedes", name="uq_adjudication_superseded_once"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_adjudication_one_chain",
        "adjudication",
        ["item_id"],
        unique=True,
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
    op.create_table(
        "gold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("supersedes", sa.Integer(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("reviewer_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("length(description) <= 1000", name=op.f("ck_gold_description_length")),
        sa.CheckConstraint("length(note) <= 500", name=op.f("ck_gold_note_length")),
        sa.CheckConstraint("supersedes < id", name=op.f("ck_gold_supersedes_earlier")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_gold_item_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["annotator.id"], name=op.f("fk_gold_reviewer_id")),
        sa.ForeignKeyConstraint(
            ["supersedes", "item_id"], ["gold.id", "gold.item_id"], name="fk_gold_supersedes_own"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gold")),
        sa.UniqueConstraint("id", "item_id", name="uq_gold_chain"),
        sa.UniqueConstraint("supersedes", name="uq_gold_superseded_once"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_gold_one_chain",
        "gold",
        ["item_id"],
        unique=True,
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
    op.create_table(
        "adjudicated_unit",
        sa.Column("adjudication_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("occurrence", sa.String(), nullable=True),
        sa.Column("intensity", sa.Integer(), nullable=True),
        sa.Column("side", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.CheckConstraint(
            "occurrence = 'present' OR (intensity IS NULL AND side IS NULL)",
            name=op.f("ck_adjudicated_unit_only_present_is_rated"),
        ),
        sa.CheckConstraint(
            "occurrence IN ('present', 'absent', 'unsure', 'not_visible')",
            name=op.f("ck_adjudicated_unit_occurrence"),
        ),
        sa.CheckConstraint(
            "side = 'both' OR number NOT IN (17, 18, 22, 25, 26, 27, 28)",
            name=op.f("ck_adjudicated_unit_midline_has_no_side"),
        ),
        sa.CheckConstraint("side IN ('left', 'right', 'both')", name=op.f("ck_adjudicated_unit_side")),
        sa.CheckConstraint("intensity BETWEEN 1 AND 5", name=op.f("ck_adjudicated_unit_intensity")),
        sa.CheckConstraint("length(text) <= 300", name=op.f("ck_adjudicated_unit_text_length")),
        sa.CheckConstraint(
            "number IN (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)",
            name=op.f("ck_adjudicated_unit_number"),
        ),
        sa.CheckConstraint(
            "occurrence IS NOT NULL OR text IS NOT NULL", name=op.f("ck_adjudicated_unit_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["adjudication_id"],
            ["adjudication.id"],
            name=op.f("fk_adjudicated_unit_adjudication_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("adjudication_id", "number", name=op.f("pk_adjudicated_unit")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "gold_unit",
        sa.Column("gold_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("occurrence", sa.String(), nullable=True),
        sa.Column("intensity", sa.Integer(), nullable=True),
        sa.Column("side", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.CheckConstraint(
            "occurrence = 'present' OR (intensity IS NULL AND side IS NULL)",
            name=op.f("ck_gold_unit_only_present_is_rated"),
        ),
        sa.CheckConstraint(
            "occurrence IN ('present', 'absent', 'unsure', 'not_visible')",
            name=op.f("ck_gold_unit_occurrence"),
        ),
        sa.CheckConstraint(
            "side = 'both' OR number NOT IN (17, 18, 22, 25, 26, 27, 28)",
            name=op.f("ck_gold_unit_midline_has_no_side"),
        ),
        sa.CheckConstraint("side IN ('left', 'right', 'both')", name=op.f("ck_gold_unit_side")),
        sa.CheckConstraint("intensity BETWEEN 1 AND 5", name=op.f("ck_gold_unit_intensity")),
        sa.CheckConstraint("length(text) <= 300", name=op.f("ck_gold_unit_text_length")),
        sa.CheckConstraint(
            "number IN (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28, 43)",
            name=op.f("ck_gold_unit_number"),
        ),
        sa.CheckConstraint(
            "occurrence IS NOT NULL OR text IS NOT NULL", name=op.f("ck_gold_unit_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["gold_id"], ["gold.id"], name=op.f("fk_gold_unit_gold_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("gold_id", "number", name=op.f("pk_gold_unit")),
        sqlite_with_rowid=False,
    )
