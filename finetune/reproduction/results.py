"""What one training leaves on disk: its figures as JSON, what it said of every test face as arrays.

Letters: n test faces, A action units.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from finetune.reproduction.measures import Verdicts
from vlfau.errors import DataError

NOTES, ARRAYS = "result.json", "tested.npz"


@dataclass
class Result:
    """One training of one variant with one seed on one division."""

    recipe: dict[str, Any]
    """What the result depends on: configuration, variant, seed, division and its subjects."""
    units: tuple[int, ...]
    train_rates: list[float]
    """(A,) share of active training faces"""
    epoch: int
    """The epoch chosen on the validation subjects, from 1."""
    validation_f1: float
    tested: Verdicts
    words: dict[str, float] | None
    """None for a variant that does not write."""
    on_test: Verdicts | None = None
    """What the epoch says that is best on the test faces themselves; only with `select_on_test`."""
    epoch_on_test: int | None = None
    log: list[dict[str, Any]] = field(default_factory=list)

    @property
    def variant(self) -> str:
        return str(self.recipe["variant"])

    @property
    def division(self) -> str:
        return str(self.recipe["division"])

    @property
    def seed(self) -> int:
        return int(self.recipe["seed"])

    @property
    def dataset(self) -> str:
        """The dataset whose faces were tested."""
        return str(self.recipe["tested"])

    def save(self, folder: Path) -> None:
        """Write both files; the notes come last, so that a folder with notes is complete."""
        arrays = {"labels": self.tested.labels, "subject": self.tested.subject}
        arrays["probabilities"] = self.tested.probabilities.astype(np.float16)
        if self.on_test is not None:
            arrays["probabilities_on_test"] = self.on_test.probabilities.astype(np.float16)
        np.savez(folder / ARRAYS, **arrays)
        names = ("recipe", "units", "train_rates", "epoch", "validation_f1", "words", "epoch_on_test", "log")
        part = folder / f"{NOTES}.part"
        part.write_text(json.dumps({name: getattr(self, name) for name in names}, indent=1) + "\n", "utf-8")
        part.rename(folder / NOTES)

    @classmethod
    def load(cls, folder: Path) -> "Result":
        """Raises `DataError` when a file is missing or damaged."""
        try:
            notes = json.loads((folder / NOTES).read_text("utf-8"))
            with np.load(folder / ARRAYS) as arrays:
                labels, subject = arrays["labels"], arrays["subject"]
                said = {
                    name: Verdicts(labels, arrays[name].astype(np.float32), subject)
                    for name in ("probabilities", "probabilities_on_test")
                    if name in arrays.files
                }
        except (OSError, KeyError, ValueError) as error:
            raise DataError(
                f"A result cannot be read. {folder} gave: {error!r}. Delete this folder and run the same command again."
            ) from error
        notes["units"] = tuple(notes["units"])
        return cls(**notes, tested=said["probabilities"], on_test=said.get("probabilities_on_test"))


def finished(folder: Path, recipe: dict[str, Any]) -> Result | None:
    """The result in a folder, None when there is none yet; raises `DataError` when it is another recipe's."""
    if not (folder / NOTES).is_file():
        return None
    result = Result.load(folder)
    if result.recipe != recipe:
        different = sorted(k for k in recipe if result.recipe.get(k) != recipe[k])
        raise DataError(
            f"The folder holds results of another recipe. {folder} differs in: {', '.join(different)}. "
            "Give another --out, or delete the folder."
        )
    return result
