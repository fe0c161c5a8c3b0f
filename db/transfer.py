"""A whole store as one JSON Lines file, and back: the same rows with the same numbers, history and all."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text

from db.errors import Conflict, StoreError
from db.roles import Actor
from db.rows import TABLES, decode, encode, in_parts
from db.store import REVISION, Store, Work

_AT_ONCE = 500
"""Rows per insert."""


def write_store(work: Work, path: Path) -> list[str]:
    """Every row of every table, as the transaction sees it; returns the sha256 of the images it names.

    The first line says which schema it has, each other line is `{"table": name, "values": {column: JSON value}}`.
    """
    shas = []
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps({"vlfau_store": REVISION}) + "\n")
        for name, table in TABLES.items():
            rows = work.execute(select(table).order_by(*table.primary_key.columns))
            for row in rows.mappings():
                values = encode(table, {str(column): value for column, value in row.items()})
                file.write(json.dumps({"table": name, "values": values}, ensure_ascii=False) + "\n")
                if name == "image":
                    shas.append(values["sha256"])
    return shas


def read_store(store: Store, actor: Actor, path: str | Path, images: str | Path) -> dict[str, int]:
    """Fill an empty store from such a file and the folder of its photos; returns table -> rows.

    All or nothing. Raises `Conflict` when the store is not empty and `StoreError` for a file that is none, has another
    schema, or breaks a rule of the database.
    """
    path, images = Path(path), Path(images)
    counts: dict[str, int] = {}
    with store.unit_of_work(actor, "import") as work:
        _check_empty(work)
        for name, rows in _tables(path):
            for part in in_parts(rows, _AT_ONCE):
                if name == "image":
                    _take_photos(work, images, [row["sha256"] for row in part])
                work.execute(insert(TABLES[name]), part)
                counts[name] = counts.get(name, 0) + len(part)
        if not store.is_sqlite:
            _move_sequences(work)
    return counts


def _check_empty(work: Work) -> None:
    for name, table in TABLES.items():
        if work.scalar(select(func.count()).select_from(table)):
            raise Conflict(
                f"The store is not empty. Table {name} has rows. Import into a new one: set another folder or URL."
            )


def _tables(path: Path) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Runs of lines of one table: its name, and its decoded rows."""
    lines = _lines(path)
    waiting: list[tuple[str, dict[str, Any]]] = []

    def run(name: str) -> Iterator[dict[str, Any]]:
        while waiting and waiting[0][0] == name:
            yield waiting.pop()[1]
            waiting.extend(_next(lines))

    waiting.extend(_next(lines))
    while waiting:
        yield waiting[0][0], run(waiting[0][0])


def _next(lines: Iterator[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    following = next(lines, None)
    return [] if following is None else [following]


def _lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    number = 1
    try:
        with path.open(encoding="utf-8") as file:
            found = json.loads(file.readline())["vlfau_store"]
            if found != REVISION:
                raise StoreError(
                    f"The file has another schema. It is {found}; {REVISION} is needed. Import it with the program "
                    "that wrote it, run python -m db upgrade there, and export again."
                )
            for number, line in enumerate(file, 2):  # noqa: B007  # the message below names it
                values = json.loads(line)
                table = TABLES[values["table"]]
                yield values["table"], decode(table, values["values"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"This is not a store that was exported. Line {number} of {path.name} cannot be read: {error!r}. "
            "Give the file private/store.jsonl of an export."
        ) from error


def _take_photos(work: Work, folder: Path, shas: list[str]) -> None:
    for sha256 in shas:
        file = folder / sha256[:2] / f"{sha256}.png"
        if not file.is_file():
            raise StoreError(f"A photo is missing. There is no {file}. Copy the images of the export too.")
        work.images.add_file(sha256, file.read_bytes())


def _move_sequences(work: Work) -> None:
    """PostgreSQL numbers new rows from where its sequences stand, and rows with numbers do not move them."""
    for name, table in TABLES.items():
        if "id" in table.columns:
            work.execute(
                text(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), COALESCE(MAX(id), 0) + 1, false) "
                    f'FROM "{name}"'
                )
            )
