"""The past: every event holds the rows it changed, so that the store can be rebuilt as it was at any moment.

A change is `{"op": ..., "table": name, "key": [primary key], "values": {column: JSON value}}`; `op` is "insert" with
all columns, "update" with those that changed, or "delete". What was forgotten is cut out of the events and is missing
from every rebuilt moment.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from db.roles import Actor
from db.rows import TABLES, Values, encode, key_of
from db.store import Store
from db.tables import Event

State = dict[str, dict[tuple[Any, ...], Values]]
"""Table -> primary key -> columns as JSON values; no empty tables, and not the events themselves."""


def state_at(store: Store, actor: Actor, event_id: int) -> State:
    """The store as it was right after an event, rebuilt from the events alone."""
    state: State = {}
    with store.reading(actor, "export") as work:
        for changes in work.scalars(select(Event.changes).where(Event.id <= event_id).order_by(Event.id)):
            replay(state, changes)
    return {name: _completed(name, rows) for name, rows in state.items() if rows}


def state_now(store: Store, actor: Actor) -> State:
    """The store as the tables have it."""
    state: State = {}
    with store.reading(actor, "export") as work:
        for name, table in TABLES.items():
            for row in work.execute(select(table)).mappings():
                if name != "event":
                    values = encode(table, row)  # type: ignore[arg-type]  # its keys are the column names
                    state.setdefault(name, {})[tuple(key_of(table, values))] = values
    return state


def _completed(name: str, rows: dict[tuple[Any, ...], Values]) -> dict[tuple[Any, ...], Values]:
    """Columns that a table got later are NULL in the rows of before."""
    empty: Values = {column.name: None for column in TABLES[name].columns if column.nullable}
    return {key: empty | values for key, values in rows.items()}


def replay(state: State, changes: Iterable[Mapping[str, Any]]) -> None:
    """Apply the changes of one event to a state."""
    for change in changes:
        rows, key = state.setdefault(change["table"], {}), tuple(change["key"])
        if change["op"] == "delete":
            del rows[key]
        elif change["op"] == "insert":
            rows[key] = dict(change["values"])
        else:
            rows[key] |= change["values"]
