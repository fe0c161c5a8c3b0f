"""The tables of what people said: answers, what a reviewer laid down, and the answers that are known."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from db.columns import COMPACT, KEPT, Base, ScoredUnit, one_of, owned, scored_unit_rules, short
from db.values import ChosenBy, Status


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
    item_id: Mapped[int] = owned("item.id")
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
        return owned("item.id")

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
