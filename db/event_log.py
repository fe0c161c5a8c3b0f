"""The event log outside the database: what happened since a moment as a file of JSON Lines, and back into a database.

The first line tells the schema and how many events follow; each other line is one event with every row it changed, or
one account's password hash, of which events do not tell.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, func, select

from db.errors import StoreError
from db.roles import OPERATOR
from db.rows import TABLES, decode, encode
from db.store import REVISION, Store, border, make_engine
from db.tables import Credential, Event

FORMAT = 1
AT_ONCE = 2000
"""Events in one part."""


@dataclass(frozen=True)
class Part:
    """What happened after one moment: events without a gap, oldest first, and password hashes as they are now."""

    events: list[dict[str, Any]]
    """Columns of the event table as JSON values."""
    credentials: list[dict[str, Any]]

    @property
    def photos(self) -> list[str]:
        """sha256 of the photos that were added."""
        changes = (change for event in self.events for change in event["changes"])
        return [
            change["values"]["sha256"]
            for change in changes
            if change["table"] == "image" and change["op"] == "insert"
        ]


def last_event(store: Store) -> int:
    """The number of the newest event; 0 when nothing ever happened."""
    with store.reading(OPERATOR, "export") as work:
        return work.scalar(select(func.max(Event.id))) or 0


def last_erasure(store: Store) -> int:
    """The number of the event in which somebody was forgotten last; 0 when nobody was."""
    with store.reading(OPERATOR, "export") as work:
        return work.scalar(select(func.max(Event.id)).where(Event.kind == "forget")) or 0


def read_events(store: Store, after: int) -> list[dict[str, Any]]:
    """At most `AT_ONCE` events with a number above `after`."""
    with store.reading(OPERATOR, "export") as work:
        query = select(*Event.__table__.columns).where(Event.id > after).order_by(Event.id).limit(AT_ONCE)
        return _encoded(TABLES["event"], work.execute(query).mappings())


def read_accounts(store: Store) -> list[dict[str, Any]]:
    """All password hashes."""
    with store.reading(OPERATOR, "export") as work:
        query = select(*_CREDENTIAL.columns).order_by(_CREDENTIAL.columns.annotator_id)
        return _encoded(_CREDENTIAL, work.execute(query).mappings())


def write_part(part: Part, path: Path) -> None:
    """The part as a file."""
    head = {"vlfau_log": FORMAT, "schema": REVISION, "events": len(part.events)}
    lines = [
        head,
        *({"event": event} for event in part.events),
        *({"account": row} for row in part.credentials),
    ]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def read_part(path: Path) -> Part:
    """The part that a file holds; raises `StoreError` when it is not whole."""
    try:
        with path.open(encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        part = Part(
            [line["event"] for line in lines[1:] if "event" in line],
            [line["account"] for line in lines[1:] if "account" in line],
        )
        if lines[0]["vlfau_log"] != FORMAT or len(part.events) != lines[0]["events"]:
            raise ValueError(f"{len(part.events)} events of {lines[0]['events']}")
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise StoreError(
            f"A part of the backup's log cannot be read. {path.name}: {error!r}. Get it from the history of the place, "
            "or restore without it: remove the file there."
        ) from error
    return part


def replay(database: Path, parts: Iterable[Part]) -> int:
    """Apply parts to a SQLite database of the schema they were written with; returns how many events it did not have.

    One transaction. An event that is there already is passed over, so parts may overlap. Raises `StoreError` when an
    event is missing in between, or does not fit.
    """
    engine = make_engine(sa.URL.create("sqlite", database=str(database)), foreign_keys=False)
    added = 0
    try:
        with border(), engine.connect().execution_options(writes=True) as connection, connection.begin():
            last = connection.scalar(sa.text("SELECT COALESCE(MAX(id), 0) FROM event")) or 0
            for part in parts:
                for event in part.events:
                    if event["id"] > last:
                        _apply(connection, event, last)
                        last, added = event["id"], added + 1
                _apply_credentials(connection, part.credentials)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken is not None:
                raise StoreError(
                    f"The backup's log does not fit its snapshot. A row of {broken[0]} points nowhere. "
                    "Restore an older generation."
                )
    finally:
        engine.dispose()
    return added


def _apply(connection: Connection, event: Mapping[str, Any], last: int) -> None:
    if event["id"] != last + 1:
        raise StoreError(
            f"The backup's log has a gap. Event {event['id']} follows {last}. Get the missing part from the history "
            "of the place, or remove the parts after the gap to restore what was before it."
        )
    try:
        _write(connection, "insert", "event", {"id": event["id"]}, event)
        for change in event["changes"]:
            table = TABLES[change["table"]]
            key = dict(zip((column.name for column in table.primary_key.columns), change["key"], strict=True))
            _write(connection, change["op"], change["table"], key, change.get("values", {}))
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(
            f"The backup's log was written by another program. Event {event['id']} tells of {error!r}. "
            "Restore with the version that wrote it, then upgrade."
        ) from error


def _write(
    connection: Connection, operation: str, name: str, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """By the columns that are named, and no others: the database may be of an older schema than the code."""
    full = TABLES[name]
    table = sa.table(name, *(sa.column(column.name, column.type) for column in full.columns))
    given = decode(full, values)
    here = [table.columns[column] == value for column, value in key.items()]
    if operation == "insert":
        connection.execute(sa.insert(table).values(given))
    elif operation == "update":
        connection.execute(sa.update(table).where(*here).values(given))
    else:
        connection.execute(sa.delete(table).where(*here))


def _apply_credentials(connection: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        values = decode(_CREDENTIAL, row)
        own = _CREDENTIAL.columns.annotator_id == values["annotator_id"]
        connection.execute(sa.delete(_CREDENTIAL).where(own))
        connection.execute(sa.insert(_CREDENTIAL).values(values))


_CREDENTIAL = TABLES["event"].metadata.tables[Credential.__tablename__]


def _encoded(table: sa.Table, rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [encode(table, {str(name): value for name, value in row.items()}) for row in rows]
