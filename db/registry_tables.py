"""The tables of the registry: training runs, model versions, how they compare, and which one is served."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from db.columns import KEPT, Base, one_of, short


class Alias(StrEnum):
    """A name that moves from version to version."""

    PRODUCTION = "production"
    """What the pages predict with."""
    CANDIDATE = "candidate"
    """The newest version that asks to be that."""


class RunState(StrEnum):
    """Where a training run stands, as the database knows it; how far it is stands in its status file."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


_RUNNING = text("state = 'running'")
_FIRST = text("supersedes IS NULL")


class TrainingRun(Base):
    """A training run; the database itself allows one at a time."""

    __tablename__ = "training_run"
    __table_args__ = (
        one_of("state", RunState),
        CheckConstraint("(state = 'running') = (ended_at IS NULL)", name="ended"),
        CheckConstraint("deadline_at > started_at", name="deadline"),
        CheckConstraint("corrections >= 0", name="corrections"),
        short("name", 80),
        short("reason", 500),
        short("machine", 255),
        short("message", 2000),
        Index("uq_training_run_one_at_a_time", "state", unique=True,
              sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        KEPT,
    )  # fmt: skip

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    """Of its version, and of its folder below `runs/`."""
    state: Mapped[str]
    reason: Mapped[str]
    """Why it was started."""
    config: Mapped[dict[str, Any]]
    """As `finetune.train` takes it."""
    corrections: Mapped[int]
    """Faces agreed on when it started."""
    machine: Mapped[str]
    """Where it runs."""
    started_at: Mapped[datetime]
    started_by: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    """None: the operator, or the schedule."""
    deadline_at: Mapped[datetime]
    """Whoever still finds it running then may believe it lost."""
    cancel_at: Mapped[datetime | None]
    """When somebody asked it to end; its watching process looks here."""
    ended_at: Mapped[datetime | None]
    message: Mapped[str | None]
    """How it ended, for people."""


class ModelVersion(Base):
    """A model; its files never change."""

    __tablename__ = "model_version"
    __table_args__ = (
        UniqueConstraint("sha256"),
        CheckConstraint("length(sha256) = 64", name="sha256"),
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint("(repository IS NULL) = (revision IS NULL)", name="hub"),
        short("name", 200),
        Index(None, "run_id"),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    """As predictions name it."""
    sha256: Mapped[str]
    """Of its files, see `db.registry.content_hash`; also the name of its folder below `models/`."""
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    """Of the weights."""
    base: Mapped[str | None]
    """Name of the version it was trained from, as far as it says."""
    repository: Mapped[str | None]
    revision: Mapped[str | None]
    """Where its files also are on the Hugging Face Hub: a commit."""
    learnt_from: Mapped[list[Any]]
    """Codes of the people (`P12`) it was trained or calibrated on: nothing is measured on them."""
    run_id: Mapped[int | None] = mapped_column(ForeignKey("training_run.id"))
    added_at: Mapped[datetime]
    added_by: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))


class Comparison(Base):
    """How a version did beside the one in production, and whether it may take its place."""

    __tablename__ = "comparison"
    __table_args__ = (
        CheckConstraint("candidate_id <> champion_id", name="two_versions"),
        Index(None, "candidate_id", "champion_id"),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    champion_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    passed: Mapped[bool]
    report: Mapped[dict[str, Any]]
    """See `finetune.gate`."""
    at: Mapped[datetime]


class AliasMove(Base):
    """One move of an alias; the last one holds."""

    __tablename__ = "model_alias"
    __table_args__ = (
        one_of("alias", Alias),
        UniqueConstraint("id", "alias", name="uq_model_alias_chain"),
        UniqueConstraint("supersedes", name="uq_model_alias_superseded_once"),
        ForeignKeyConstraint(
            ["supersedes", "alias"],
            ["model_alias.id", "model_alias.alias"],
            name="fk_model_alias_supersedes_own",
        ),
        Index("uq_model_alias_one_chain", "alias", unique=True, sqlite_where=_FIRST, postgresql_where=_FIRST),
        CheckConstraint("supersedes < id", name="supersedes_earlier"),
        CheckConstraint("length(reason) > 0", name="reason"),
        short("reason", 500),
        KEPT,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    alias: Mapped[str]
    version_id: Mapped[int] = mapped_column(ForeignKey("model_version.id"))
    supersedes: Mapped[int | None]
    reason: Mapped[str]
    forced: Mapped[bool]
    """Against what the comparison says."""
    rolled_back: Mapped[bool]
    """Back to the version before."""
    comparison_id: Mapped[int | None] = mapped_column(ForeignKey("comparison.id"))
    """On which it is founded."""
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("annotator.id"))
    """None: the operator, or the schedule."""
