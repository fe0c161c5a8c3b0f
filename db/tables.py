"""The tables of the store: people in photos, what models said, what people answered, and every change that was made."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from db.columns import Base, ScoredUnit, known_unit, one_of, scored_unit_rules, share, short
from db.roles import Role
from db.values import ChosenBy, Consent, ItemState, Outcome, Status

OPEN = "state = 'open' AND wanted > answers + held"
"""An item with a place free. Indexes and queries share this very text: SQLite takes a partial index only then, and only
with the lone column on the left, because it turns other comparisons round before it looks."""
CLOSED = "state <> 'open'"
"""Everything else; the index on it stays out of the way of those above."""
UNFINISHED = "outcome IN ('expired', 'put_back')"

KEPT = {"sqlite_autoincrement": True}
COMPACT = {"sqlite_with_rowid": False}
CONFIDENTIAL = COMPACT | {"info": {"confidential": True}}
"""A table whose rows never leave the database: no event, export or count has them."""


def _owned(column: str) -> Mapped[int]:
    """A reference to a row that this one goes with: erasing a person erases what hangs on their photos."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"))


class Subject(Base):
    """A person being photographed, known by a code only."""

    __tablename__ = "subject"
    __table_args__ = (one_of("consent", Consent), short("code", 80), KEPT)

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    consent: Mapped[str]
    consented_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Image(Base):
    """A photo; its file is in the content store under its sha256."""

    __tablename__ = "image"
    __table_args__ = (
        CheckConstraint("length(sha256) = 64", name="sha256"),
        CheckConstraint("width_px > 0 AND height_px > 0 AND size_bytes > 0", name="size"),
        short("source", 80),
        Index(None, "subject_id"),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = _owned("subject.id")
    sha256: Mapped[str] = mapped_column(unique=True)
    width_px: Mapped[int]
    height_px: Mapped[int]
    size_bytes: Mapped[int]
    source: Mapped[str | None]
    added_at: Mapped[datetime]


class FaceRow(Base):
    """A face in a photo, with the geometry of its chip."""

    __tablename__ = "face"
    __table_args__ = (
        CheckConstraint("x1_px > x0_px AND y1_px > y0_px", name="box"),
        share("score"),
        Index(None, "image_id"),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    image_id: Mapped[int] = _owned("image.id")
    x0_px: Mapped[float]
    y0_px: Mapped[float]
    x1_px: Mapped[float]
    y1_px: Mapped[float]
    score: Mapped[float]
    yaw_deg: Mapped[float]
    pitch_deg: Mapped[float]
    roll_deg: Mapped[float]
    warnings: Mapped[list[Any]]
    """Pairs of code and message."""
    landmarks: Mapped[bytes] = mapped_column(LargeBinary)
    """(478, 3) float32, little endian, photo px."""
    chip_transform: Mapped[list[Any]]
    """(2, 3), photo px -> chip px."""


class PredictionRow(Base):
    """What one model version said of one face; never changed."""

    __tablename__ = "prediction"
    __table_args__ = (
        UniqueConstraint("face_id", "model_version"),
        short("model_version", 200),
        short("evidence", 65_536),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    face_id: Mapped[int] = _owned("face.id")
    model_version: Mapped[str]
    description: Mapped[str | None]
    made_at: Mapped[datetime]
    evidence: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Where the network looked for each action unit, as `db.evidence` packs it; NULL when that is not known."""


class PredictedUnitRow(Base):
    """What it said of one action unit."""

    __tablename__ = "predicted_unit"
    __table_args__ = (
        known_unit(),
        share("probability"),
        share("threshold"),
        CheckConstraint("intensity >= 0 AND intensity <= 5", name="intensity"),
        COMPACT,
    )

    prediction_id: Mapped[int] = mapped_column(
        ForeignKey("prediction.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True)
    probability: Mapped[float]
    threshold: Mapped[float]
    intensity: Mapped[float | None]
    text: Mapped[str | None]


class Annotator(Base):
    """A person who answers. Exports know them by the pseudonym."""

    __tablename__ = "annotator"
    __table_args__ = (one_of("role", Role), short("name", 80), short("language", 35), KEPT)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    identity: Mapped[str | None] = mapped_column(unique=True)
    """Who says so, and what they call the person: `huggingface:6475...`; None for a local name."""
    pseudonym: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    language: Mapped[str]
    joined_at: Mapped[datetime]
    blocked_at: Mapped[datetime | None]


class Credential(Base):
    """How a local name proves who it is. Neither events nor exports know this table; a backup of SQLite has it."""

    __tablename__ = "credential"
    __table_args__ = (
        UniqueConstraint("name_key"),
        short("name_key", 320),
        short("password_hash", 300),
        CheckConstraint("generation >= 1", name="generation"),
        CONFIDENTIAL,
    )

    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    name_key: Mapped[str]
    """The name without the difference of capital letters: nobody takes "Ann" beside "ann"."""
    password_hash: Mapped[str]
    """Argon2id, with its parameters and salt."""
    generation: Mapped[int]
    """Sessions carry it; one more ends them all."""
    changed_at: Mapped[datetime]


class FailedSignIn(Base):
    """How often a name was tried with a wrong password lately, whether anybody has that name or not."""

    __tablename__ = "failed_sign_in"
    __table_args__ = (
        CheckConstraint("length(name_sha256) = 64", name="name_sha256"),
        CheckConstraint("failures >= 1", name="failures"),
        Index(None, "last_at"),
        CONFIDENTIAL,
    )

    name_sha256: Mapped[str] = mapped_column(primary_key=True)
    """Of the name's key: people type passwords into the wrong field."""
    failures: Mapped[int]
    last_at: Mapped[datetime]
    locked_until: Mapped[datetime | None]


class Project(Base):
    """A pool of faces, and how it is to be annotated."""

    __tablename__ = "project"
    __table_args__ = (
        short("name", 80),
        CheckConstraint("answers_wanted BETWEEN 1 AND 100", name="answers_wanted"),
        CheckConstraint("lease_minutes > 0", name="lease_minutes"),
        CheckConstraint("guideline_version >= 1", name="guideline_version"),
        share("random_share"),
        share("blind_share"),
        share("gold_share"),
        CheckConstraint("qualification_items >= 0", name="qualification_items"),
        share("qualification_accuracy"),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    answers_wanted: Mapped[int]
    lease_minutes: Mapped[float]
    random_share: Mapped[float]
    blind_share: Mapped[float]
    gold_share: Mapped[float]
    guideline_version: Mapped[int]
    rarity: Mapped[dict[str, Any]]
    """Action unit -> weight in the order of the queue; 1 when not in there."""
    created_at: Mapped[datetime]
    qualification_items: Mapped[int] = mapped_column(server_default=text("0"))
    qualification_accuracy: Mapped[float] = mapped_column(server_default=text("0.7"))


class Membership(Base):
    """How one annotator stands in one project."""

    __tablename__ = "membership"
    __table_args__ = (
        CheckConstraint("gold_items >= 0 AND gold_right >= 0 AND gold_right <= gold_scored", name="gold"),
        COMPACT,
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"), primary_key=True)
    submitted: Mapped[int] = mapped_column(default=0)
    gold_items: Mapped[int] = mapped_column(default=0)
    gold_scored: Mapped[int] = mapped_column(default=0)
    """Known action units of the gold items answered."""
    gold_right: Mapped[int] = mapped_column(default=0)
    qualified_at: Mapped[datetime | None]


class Item(Base):
    """One face in one project: what the queue hands out. docs/store.md explains its indexes."""

    __tablename__ = "item"
    __table_args__ = (
        UniqueConstraint("project_id", "face_id"),
        one_of("state", ItemState),
        CheckConstraint("wanted >= 1", name="wanted"),
        CheckConstraint("answers >= 0 AND held >= 0 AND skips >= 0", name="counts"),
        CheckConstraint("priority >= 0", name="priority"),
        CheckConstraint("random_key >= 0 AND random_key < 1", name="random_key"),
        Index("ix_item_open_by_priority", "project_id", "priority", "id", sqlite_where=text(OPEN),
              postgresql_where=text(OPEN)),
        Index("ix_item_open_by_random", "project_id", "random_key", sqlite_where=text(OPEN),
              postgresql_where=text(OPEN)),
        Index("ix_item_untouched", "project_id", "priority", "id",
              sqlite_where=text(f"{OPEN} AND answers = 0"), postgresql_where=text(f"{OPEN} AND answers = 0")),
        Index("ix_item_closed", "project_id", "state", "priority", "id", sqlite_where=text(CLOSED),
              postgresql_where=text(CLOSED)),
        Index(None, "face_id"),
        Index(None, "prediction_id"),
        KEPT,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    face_id: Mapped[int] = _owned("face.id")
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id", ondelete="CASCADE"))
    state: Mapped[str]
    wanted: Mapped[int]
    answers: Mapped[int] = mapped_column(default=0)
    """Submitted responses that count now."""
    held: Mapped[int] = mapped_column(default=0)
    """Leases that have not ended."""
    skips: Mapped[int] = mapped_column(default=0)
    blind: Mapped[bool]
    priority: Mapped[float]
    random_key: Mapped[float]
    added_at: Mapped[datetime]


class Lease(Base):
    """An item in somebody's hands; it ends by an answer, a skip, or the clock."""

    __tablename__ = "lease"
    __table_args__ = (
        one_of("outcome", Outcome),
        one_of("chosen_by", ChosenBy),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended"),
        CheckConstraint("expires_at > leased_at", name="expires"),
        Index("uq_lease_one_in_hand", "annotator_id", "project_id", unique=True,
              sqlite_where=text("outcome IS NULL"), postgresql_where=text("outcome IS NULL")),
        Index("ix_lease_running", "expires_at", sqlite_where=text("outcome IS NULL"),
              postgresql_where=text("outcome IS NULL")),
        Index("ix_lease_unfinished", "annotator_id", "project_id", "id", sqlite_where=text(UNFINISHED),
              postgresql_where=text(UNFINISHED)),
        Index(None, "item_id"),
        KEPT,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = _owned("item.id")
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    chosen_by: Mapped[str]
    leased_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


class Response(Base):
    """What one person said of one item at one moment. Never changed: a later row supersedes it."""

    __tablename__ = "response"
    __table_args__ = (
        UniqueConstraint("id", "annotator_id", "item_id", name="uq_response_chain"),
        UniqueConstraint("supersedes", name="uq_response_superseded_once"),
        ForeignKeyConstraint(
            ["supersedes", "annotator_id", "item_id"],
            ["response.id", "response.annotator_id", "response.item_id"],
            name="fk_response_supersedes_own",
        ),
        Index("uq_response_one_chain", "annotator_id", "item_id", unique=True,
              sqlite_where=text("supersedes IS NULL"), postgresql_where=text("supersedes IS NULL")),
        one_of("status", Status),
        one_of("chosen_by", ChosenBy),
        CheckConstraint("status <> 'discarded' OR reason IS NOT NULL", name="discarded_has_reason"),
        CheckConstraint("seconds >= 0 AND seconds <= 86400", name="seconds"),
        CheckConstraint("supersedes < id", name="supersedes_earlier"),
        short("description", 1000),
        short("reason", 500),
        Index(None, "item_id"),
        Index(None, "annotator_id", "project_id", "id"),
        Index(None, "prediction_id"),
        KEPT,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = _owned("item.id")
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    supersedes: Mapped[int | None]
    status: Mapped[str]
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id", ondelete="CASCADE"))
    """The prediction the item had then, shown or not."""
    blind: Mapped[bool]
    chosen_by: Mapped[str]
    seconds: Mapped[float]
    guideline_version: Mapped[int]
    description: Mapped[str | None]
    reason: Mapped[str | None]
    at: Mapped[datetime]


class AnswerRow(ScoredUnit, Base):
    """What a response says of one action unit; no row, not answered."""

    __tablename__ = "answer"
    __table_args__ = (*scored_unit_rules(), COMPACT)

    response_id: Mapped[int] = mapped_column(
        ForeignKey("response.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class Verdict:
    """Columns of what a reviewer laid down about an item."""

    id: Mapped[int] = mapped_column(primary_key=True)
    supersedes: Mapped[int | None]
    description: Mapped[str | None]
    note: Mapped[str | None]
    at: Mapped[datetime]

    @declared_attr
    def item_id(self) -> Mapped[int]:
        return _owned("item.id")

    @declared_attr
    def reviewer_id(self) -> Mapped[int | None]:
        """None: the operator."""
        return mapped_column(ForeignKey("annotator.id"))


def _verdict_rules(table: str) -> tuple[Any, ...]:
    """One chain of verdicts per item, like that of responses."""
    first = text("supersedes IS NULL")
    return (
        UniqueConstraint("id", "item_id", name=f"uq_{table}_chain"),
        UniqueConstraint("supersedes", name=f"uq_{table}_superseded_once"),
        ForeignKeyConstraint(
            ["supersedes", "item_id"], [f"{table}.id", f"{table}.item_id"], name=f"fk_{table}_supersedes_own"
        ),
        Index(f"uq_{table}_one_chain", "item_id", unique=True, sqlite_where=first, postgresql_where=first),
        CheckConstraint("supersedes < id", name="supersedes_earlier"),
        short("description", 1000),
        short("note", 500),
        KEPT,
    )


class Adjudication(Verdict, Base):
    """What a reviewer decided about an item on which people disagreed."""

    __tablename__ = "adjudication"
    __table_args__ = _verdict_rules("adjudication")


class AdjudicatedUnit(ScoredUnit, Base):
    """What an adjudication says of one action unit."""

    __tablename__ = "adjudicated_unit"
    __table_args__ = (*scored_unit_rules(), COMPACT)

    adjudication_id: Mapped[int] = mapped_column(
        ForeignKey("adjudication.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class Gold(Verdict, Base):
    """A known answer, against which people are measured."""

    __tablename__ = "gold"
    __table_args__ = _verdict_rules("gold")


class GoldUnit(ScoredUnit, Base):
    """What is known of one action unit."""

    __tablename__ = "gold_unit"
    __table_args__ = (*scored_unit_rules(), COMPACT)

    gold_id: Mapped[int] = mapped_column(
        ForeignKey("gold.id", ondelete="CASCADE"), primary_key=True, sort_order=-1
    )


class Export(Base):
    """An export that was made: who was in it follows from its moment and its scope."""

    __tablename__ = "export"
    __table_args__ = (one_of("scope", Consent), KEPT)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    format: Mapped[str]
    scope: Mapped[str]
    faces: Mapped[int]
    responses: Mapped[int]
    at: Mapped[datetime]


class Tombstone(Base):
    """That a person was erased, and how much with them; nothing about who."""

    __tablename__ = "tombstone"
    __table_args__ = (KEPT,)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(unique=True)
    """The number the person had; no row has it any more, and none will."""
    images: Mapped[int]
    faces: Mapped[int]
    responses: Mapped[int]
    begun_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    """While this is NULL, the triggers that keep rows as they are stand aside; see the first migration."""


class Event(Base):
    """Something somebody did, with every change of a row it made: the past can be rebuilt from these."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "kind"), KEPT)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    """The verb, as in `db.roles.PERMISSIONS`."""
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    """None: the operator."""
    changes: Mapped[list[Any]]
    """See `db.events`."""
