"""How columns are typed and constraints are named: what all tables of the store have in common."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, ForeignKey, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from vlfau.action_units import ACTION_UNITS, AU_NUMBERS

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Every constraint has a name, so that a message can tell which one was broken and a migration can find it."""

WITHOUT_SIDES = tuple(unit.number for unit in ACTION_UNITS if not unit.has_sides)

KEPT = {"sqlite_autoincrement": True}
COMPACT = {"sqlite_with_rowid": False}
CONFIDENTIAL = COMPACT | {"info": {"confidential": True}}
"""A table whose rows never leave the database: no event, export or count has them."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, in UTC; SQLite stores no zone, so it is taken off on the way in and put on again on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables. Ids are never used twice, also after rows were erased: old events keep pointing at nothing."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """The column holds one of these words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(value)) for value in values)})", name=column)


def share(column: str) -> CheckConstraint:
    """The column holds a share, 0 to 1."""
    return CheckConstraint(f"{column} >= 0 AND {column} <= 1", name=column)


def short(column: str, limit: int) -> CheckConstraint:
    """The column holds at most that many characters."""
    return CheckConstraint(f"length({column}) <= {limit}", name=f"{column}_length")


def known_unit() -> CheckConstraint:
    """The column `number` holds an action unit of the table."""
    return CheckConstraint(f"number IN ({', '.join(map(str, AU_NUMBERS))})", name="number")


class ScoredUnit:
    """Columns of one action unit as a person scored it; the same for answers, adjudications and gold."""

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    occurrence: Mapped[str | None]
    intensity: Mapped[int | None]
    side: Mapped[str | None]
    text: Mapped[str | None]


def scored_unit_rules() -> tuple[CheckConstraint, ...]:
    """What the database itself refuses in a scored unit."""
    sideless = ", ".join(map(str, WITHOUT_SIDES))
    return (
        known_unit(),
        one_of("occurrence", ("present", "absent", "unsure", "not_visible")),
        CheckConstraint("intensity BETWEEN 1 AND 5", name="intensity"),
        one_of("side", ("left", "right", "both")),
        CheckConstraint(
            "occurrence = 'present' OR (intensity IS NULL AND side IS NULL)", name="only_present_is_rated"
        ),
        CheckConstraint(f"side = 'both' OR number NOT IN ({sideless})", name="midline_has_no_side"),
        CheckConstraint("occurrence IS NOT NULL OR text IS NOT NULL", name="says_something"),
        short("text", 300),
    )


def owned(column: str) -> Mapped[int]:
    """A reference to a row that this one goes with: erasing a person erases what hangs on their photos."""
    return mapped_column(ForeignKey(column, ondelete="CASCADE"))
