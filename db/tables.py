"""The tables of the store: photos of people, what models said of them, who annotates, the queue, and every change."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import COMPACT, CONFIDENTIAL, KEPT, Base, known_unit, one_of, owned, share, short
from db.roles import Role
from db.values import ChosenBy, Consent, ItemState, Outcome

OPEN = "state = 'open' AND wanted > answers + held"
"""An item with a place free. Indexes and queries share this very text: SQLite takes a partial index only then, and only
with the lone column on the left, because it turns other comparisons round before it looks."""
CLOSED = "state <> 'open'"
"""Everything else; the index on it stays out of the way of those above."""
UNFINISHED = "outcome IN ('expired', 'put_back')"


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
    subject_id: Mapped[int] = owned("subject.id")
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
    image_id: Mapped[int] = owned("image.id")
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
    face_id: Mapped[int] = owned("face.id")
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
    face_id: Mapped[int] = owned("face.id")
    prediction_id: Mapped[int | None] = mapped_column(ForeignKey("prediction.id", ondelete="CASCADE"))
    state: Mapped[str]
    wanted: Mapped[int]
    answers: Mapped[int] = mapped_column(default=0)
    """Submitted responses that count now."""
    held: Mapped[int] = mapped_column(default=0)
    """Leases that have not ended."""
    skips: Mapped[int] = mapped_column(default=0)
    blind: Mapped[bool]
    """Drawn by chance when the item was added."""
    priority: Mapped[float]
    random_key: Mapped[float]
    added_at: Mapped[datetime]

    @property
    def without_model(self) -> bool:
        """Nobody gets to see what the model says: drawn for that, or a known face, which measures people alone."""
        return self.blind or self.state == ItemState.GOLD


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
    item_id: Mapped[int] = owned("item.id")
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotator.id"))
    chosen_by: Mapped[str]
    leased_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]


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


class Publication(Base):
    """A project as it was put on the Hub, and all that is needed to do it again without somebody."""

    __tablename__ = "publication"
    __table_args__ = (
        short("repository", 200),
        short("revision", 80),
        short("licence", 60),
        short("contact", 200),
        CheckConstraint("faces >= 0 AND responses >= 0", name="counts"),
        Index(None, "repository", "id"),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    repository: Mapped[str]
    revision: Mapped[str]
    """The commit."""
    licence: Mapped[str]
    contact: Mapped[str]
    labels_only: Mapped[bool]
    history_kept: Mapped[bool]
    faces: Mapped[int]
    responses: Mapped[int]
    read_at: Mapped[datetime]
    """When the store was read for it: whoever left after that is in it."""
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
