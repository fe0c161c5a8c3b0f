"""A row of any table as plain JSON values, and back: the common language of events, export and import."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Column, LargeBinary, Table

from db import answer_tables, registry_tables, tables  # noqa: F401 (with these, all tables are known)
from db.columns import Base, UtcDateTime

T = TypeVar("T")

Values = dict[str, Any]
"""Column -> JSON value: a moment is ISO 8601 in UTC, bytes are base64, the rest is as it is."""

TABLES: dict[str, Table] = {
    table.name: table for table in Base.metadata.sorted_tables if not table.info.get("confidential")
}
"""Name -> table; a table comes after those it refers to. Those with passwords are not among them."""


def encode(table: Table, values: Mapping[str, Any]) -> Values:
    """Column values as Python has them -> JSON values."""
    return {name: _encode(table.columns[name], value) for name, value in values.items()}


def decode(table: Table, values: Mapping[str, Any]) -> Values:
    """JSON values -> column values as Python has them."""
    return {name: _decode(table.columns[name], value) for name, value in values.items()}


def key_of(table: Table, values: Mapping[str, Any]) -> list[Any]:
    """The primary key of a row, in the table's order."""
    return [values[column.name] for column in table.primary_key.columns]


def in_parts(rows: Iterable[T], size: int) -> Iterator[list[T]]:
    """Rows as lists of at most `size`."""
    left = iter(rows)
    while part := list(islice(left, size)):
        yield part


def _encode(column: Column[Any], value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value) if isinstance(value, str) else value  # a StrEnum becomes plain text


def _decode(column: Column[Any], value: Any) -> Any:
    if value is not None and isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(value)
    if value is not None and isinstance(column.type, LargeBinary):
        return base64.b64decode(value)
    return value
