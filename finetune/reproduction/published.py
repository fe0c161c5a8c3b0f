"""The field's published F1 on DISFA and BP4D, to stand beside ours; VL-FAU's own numbers could not be found.

The tables `published_*.csv` hold facts read in the sources they name; `own_row` says whether a method's authors printed
the row themselves or later authors copied it. Most of these works choose the epoch on the test fold.
"""

import csv
from dataclasses import dataclass
from importlib.resources import files

DOUBTFUL = 0.15
"""Points by which a printed average may differ from its own action units before the row is marked."""


@dataclass(frozen=True)
class Published:
    """One row; F1 in per cent."""

    method: str
    f1: tuple[float, ...]
    """Per action unit of the protocol."""
    average: float
    """As printed."""
    own_row: bool
    source: str

    @property
    def doubtful(self) -> bool:
        """Whether the printed average does not follow from its action units."""
        return abs(sum(self.f1) / len(self.f1) - self.average) > DOUBTFUL


def published(dataset: str) -> list[Published]:
    """All rows of a dataset (disfa or bp4d), from the lowest average to the highest."""
    text = (files(__package__) / f"published_{dataset}.csv").read_text("utf-8")
    rows = []
    for row in csv.DictReader(text.splitlines()):
        f1 = tuple(float(value) for name, value in row.items() if name.startswith("AU"))
        rows.append(
            Published(row["method"], f1, float(row["average"]), row["own_row"] == "yes", row["source"])
        )
    return sorted(rows, key=lambda each: each.average)
