"""What the recipe says about people it was not shown: the basis of calibration, thresholds and branch shares.

People are divided into folds; for each fold the geometry and texture branches are learnt anew without its people, by
the same recipe, and read its photos and a share of its renders. The published network is then trained on all of them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from finetune.faces import LabelledFaces
from finetune.people import fold_of

BRANCHES = ("geometry", "texture")

RENDERS_PER_FOLD = 1500
"""Renders of each fold's people that are read."""


@dataclass(frozen=True)
class HeldOut:
    """Faces of one kind with what was said about them: labels (n, A) 0-5 or NaN, logits (n, A) by branch."""

    peak: NDArray[np.floating]
    logits: dict[str, NDArray[np.floating]]

    @classmethod
    def joined(cls, parts: list["HeldOut"]) -> "HeldOut":
        logits = {name: np.concatenate([p.logits[name] for p in parts]) for name in parts[0].logits}
        return cls(np.concatenate([p.peak for p in parts]), logits)

    def columns(self, prefix: str) -> dict[str, NDArray]:
        return {f"{prefix}_peak": self.peak} | {f"{prefix}_{n}": v for n, v in self.logits.items()}

    @classmethod
    def from_columns(cls, columns: dict[str, NDArray], prefix: str) -> "HeldOut":
        names = [key.removeprefix(f"{prefix}_") for key in columns if key.startswith(f"{prefix}_")]
        logits = {name: columns[f"{prefix}_{name}"] for name in names if name != "peak"}
        return cls(columns[f"{prefix}_peak"], logits)


@dataclass(frozen=True)
class CrossFit:
    """Photos and renders of all folds, each read by a network that never saw its person."""

    photos: HeldOut
    renders: HeldOut

    def save(self, path: Path) -> None:
        partial = path.with_suffix(".part.npz")
        np.savez(partial, **self.photos.columns("photos"), **self.renders.columns("renders"))
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> "CrossFit":
        with np.load(path) as table:
            columns = {name: table[name] for name in table.files}
        return cls(HeldOut.from_columns(columns, "photos"), HeldOut.from_columns(columns, "renders"))


def people_of_fold(faces: list[LabelledFaces], fold: int, folds: int) -> set[str]:
    """Names of the people of one fold among several sets of faces."""
    everyone = {str(name) for some in faces for name in np.unique(some.person)}
    return {name for name in everyone if fold_of(name, folds) == fold}


def rows_of(faces: LabelledFaces, people: set[str], most: int, seed: int) -> NDArray[np.integer]:
    """At most `most` rows of some people, drawn by `seed`, in order."""
    rows = np.flatnonzero(np.isin(faces.person, sorted(people)))
    return np.sort(np.random.default_rng(seed).permutation(rows)[:most])
