"""Groups that no version may neglect: of people (sex, age band, skin tone, ...) where they are known, and by pose.

How far a head is turned is known of every face. Of people the store itself holds no such thing: they are in a CSV file
beside it. The file has the column `person`, the subject code as it was given with the
photos, and a column per kind of group; an empty cell is not known.
"""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from db.roles import OPERATOR
from db.store import Store
from db.tables import Subject
from vlfau.errors import DataError

FILE = "groups.csv"
"""Its usual name, in the store's folder."""

TURNED_DEG = 15.0
"""Yaw to either side from which a head counts as turned."""


def pose_groups(yaw_deg: NDArray[np.floating]) -> dict[str, NDArray[np.integer]]:
    """Rows of the (n,) faces by how the head is turned."""
    turned = np.abs(yaw_deg) >= TURNED_DEG
    return {"facing the camera": np.flatnonzero(~turned), "turned to one side": np.flatnonzero(turned)}


def read_groups(store: Store, file: Path | None = None) -> dict[str, set[str]]:
    """`sex: f` -> codes of people as the corrections name them (`P12`). Empty without a file in the store's folder.

    Raises `DataError` for a file that cannot be read or has no column `person`.
    """
    if file is None:
        file = store.folder / FILE
        if not file.is_file():
            return {}
    with store.reading(OPERATOR, "export") as work:
        known = {code: f"P{number}" for number, code in work.execute(select(Subject.id, Subject.code))}
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for row in _rows(file):
        person = known.get(row.pop("person").strip())
        for kind, value in row.items():
            if person and value and value.strip():
                groups[f"{kind}: {value.strip()}"].add(person)
    return dict(sorted(groups.items()))


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            if "person" not in (reader.fieldnames or ()):
                raise ValueError(f"its columns are {reader.fieldnames}")
            return [{k: v for k, v in row.items() if k} for row in reader if row["person"]]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"The groups of people cannot be read. {file} gave: {error}. Give a CSV file with a column person and one "
            "per kind of group."
        ) from error
