"""What one training learns from, chooses on and tests: rows of prepared faces, with the action units it is about.

Letters: n rows, A action units of the division.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from finetune.augment import generator_for
from finetune.datasets.protocol import PROTOCOLS, Fold, validation_subjects
from finetune.datasets.shards import PreparedFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError


class FaceRows(Dataset):
    """Some rows of prepared faces, with some of the action units."""

    def __init__(self, faces: PreparedFaces, rows: NDArray[np.int64], units: tuple[int, ...]) -> None:
        columns = [AU_NUMBERS.index(unit) for unit in units]
        known = ~np.isnan(faces.occurrence[rows][:, columns]).all(axis=1)
        self.faces, self.rows, self.units = faces, rows[known], units
        self.occurrence = faces.occurrence[self.rows][:, columns]
        self.intensity = faces.intensity[self.rows][:, columns]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        """chips (S, S, 3) uint8, landmarks (478, 3), occurrence (A,), intensity (A,) and the position."""
        row = int(self.rows[position])
        return {
            "chips": torch.from_numpy(np.array(self.faces.chip(row))),
            "landmarks": torch.from_numpy(self.faces.landmarks[row].astype(np.float32)),
            "occurrence": torch.from_numpy(self.occurrence[position]),
            "intensity": torch.from_numpy(self.intensity[position]),
            "position": torch.tensor(position),
        }

    @property
    def subject(self) -> NDArray[np.str_]:
        """(n,)"""
        return self.faces.subject[self.rows]

    @property
    def rates(self) -> NDArray[np.float64]:
        """(A,) share of active faces among those that are known; 0 for an action unit that nobody coded."""
        return np.nan_to_num(np.nanmean(self.occurrence, axis=0, dtype=np.float64))


@dataclass(frozen=True)
class Division:
    """One training's faces."""

    name: str
    """Such as `fold-1`, or `disfa-to-bp4d`."""
    tested: str
    """Dataset of the test faces."""
    train: FaceRows
    validation: FaceRows
    test: FaceRows

    @property
    def units(self) -> tuple[int, ...]:
        return self.train.units

    def people(self) -> dict[str, list[str]]:
        """The subjects of each part."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: sorted(set(rows.subject.tolist())) for name, rows in parts.items()}


def of_folds(faces: PreparedFaces, validation_share: float) -> list[Division]:
    """The three subject-exclusive folds of a prepared dataset."""
    protocol = PROTOCOLS[faces.dataset]
    folds = protocol.folds(set(faces.subject.tolist()), validation_share)
    return [_of_fold(faces, fold, protocol.units) for fold in folds]


def _of_fold(faces: PreparedFaces, fold: Fold, units: tuple[int, ...]) -> Division:
    train, validation, test = (
        FaceRows(faces, faces.rows_of(part), units) for part in (fold.train, fold.validation, fold.test)
    )
    return _checked(Division(f"fold-{fold.number}", faces.dataset, train, validation, test))


def across(learnt: PreparedFaces, tested: PreparedFaces, validation_share: float) -> Division:
    """All of one dataset to learn from (and choose on), all of the other to test, with the action units of both."""
    units = tuple(u for u in PROTOCOLS[learnt.dataset].units if u in PROTOCOLS[tested.dataset].units)
    name = f"{learnt.dataset}-to-{tested.dataset}"
    subjects = tuple(sorted(set(learnt.subject.tolist())))
    validation = validation_subjects(subjects, validation_share, name)
    train = tuple(s for s in subjects if s not in validation)
    first, second = (FaceRows(learnt, learnt.rows_of(part), units) for part in (train, validation))
    test = FaceRows(tested, np.arange(len(tested), dtype=np.int64), units)
    return _checked(Division(name, tested.dataset, first, second, test))


def _checked(division: Division) -> Division:
    empty = [name for name, subjects in division.people().items() if not subjects]
    shared = [s for s, parts in Counter(_everybody(division)).items() if parts > 1]
    if empty or shared:
        raise DataError(
            f"The division {division.name} cannot be used. Without faces: {empty or 'no part'}; in two parts: "
            f"{shared or 'nobody'}. Prepare the subjects that are missing."
        )
    return division


def _everybody(division: Division) -> Iterator[tuple[str, str]]:
    for rows in (division.train, division.validation, division.test):
        yield from {(rows.faces.dataset, subject) for subject in rows.subject.tolist()}


class EpochOrder(Sampler[int]):
    """Rows in an order that depends on seed and epoch alone, so that a resumed epoch sees what a straight run sees."""

    def __init__(self, rows: int, drawn: int | None, seed: int) -> None:
        self.rows, self.drawn, self.seed, self.epoch = rows, drawn or rows, seed, 0

    def __len__(self) -> int:
        return self.drawn

    def __iter__(self) -> Iterator[int]:
        generator = generator_for(self.seed, self.epoch)
        rounds = -(-self.drawn // self.rows)
        order = torch.cat([torch.randperm(self.rows, generator=generator) for _ in range(rounds)])
        return iter(order[: self.drawn].tolist())
