"""Faces with what people said about them: soft labels, masks and sentences beside what every labelled face has.

Letters: n faces, B batch, S stored chip side in px, A action units. NaN is a mask: nobody said.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

from finetune.faces import LabelledFaces
from finetune.targets import SentenceWriter, soft_occurrence
from vlfau.model import Targets

UNDECIDED = (0.3, 0.7)
"""A soft label between these gets no sentence by rule: there is nothing sure to say."""

UNRATED = 3.0
"""Intensity that a sentence is worded with when somebody said "present" and no intensity."""
LABELS = ("landmarks", "intensity", "person")
"""Columns of `LabelledFaces` that are kept as they are."""


@dataclass(frozen=True)
class Written:
    """Sentences that a person wrote about one face."""

    units: dict[int, str] = field(default_factory=dict)
    """By index of the action unit."""
    description: str = ""

    def __bool__(self) -> bool:
        return bool(self.units or self.description)


@dataclass
class AnnotatedFaces:
    """Faces that are trained on or measured with; `faces.chips` may be memory-mapped."""

    faces: LabelledFaces
    occurrence: NDArray[np.float32]
    """(n, A) soft label 0-1 or NaN."""
    written: tuple[Written, ...]

    @classmethod
    def of(cls, faces: LabelledFaces) -> "AnnotatedFaces":
        """Faces whose labels are intensities alone."""
        peak = torch.from_numpy(np.asarray(faces.peak, np.float32))
        return cls(faces, soft_occurrence(peak).numpy(), (Written(),) * len(faces))

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def labels(self) -> NDArray[np.float64]:
        """(n, A) 1 present, 0 absent, NaN unknown or undecided (exactly one half)."""
        known = np.where(self.occurrence == 0.5, np.nan, self.occurrence)
        return np.where(np.isnan(known), np.nan, known > 0.5).astype(np.float64)

    def subset(self, rows: NDArray[Any]) -> "AnnotatedFaces":
        """The faces at an index (not a mask)."""
        written = tuple(self.written[int(row)] for row in rows)
        return AnnotatedFaces(self.faces.subset(rows), self.occurrence[rows], written)


class AnnotationWriter(SentenceWriter):
    """Writes the sentences of annotated faces: a person's own where there is one, the rules' elsewhere."""

    def annotated(self, intensity: Tensor, occurrence: Tensor, written: Sequence[Written]) -> Targets:
        """(B, 2, A) intensity by side, (B, A) soft label, what was written -> targets of the batch (on the CPU).

        A person's sentence holds for the picture as it was seen; for a mirrored one pass an empty `Written`.
        """
        rows = [
            self._face(sides, states, own)
            for sides, states, own in zip(intensity.numpy(), occurrence.numpy(), written, strict=True)
        ]
        units = [chosen + [0] * (self.per_face - len(chosen)) for chosen, *_ in rows]
        texts = [text for _, said, _ in rows for text in said + [""] * (self.per_face - len(said))]
        local = torch.tensor(self._encode(texts)).unflatten(0, (len(rows), self.per_face))
        whole = torch.tensor(self._encode([description for *_, description in rows]))
        return Targets(occurrence, intensity.amax(dim=1), torch.tensor(units), local, whole)

    def _face(
        self, sides: NDArray[np.float32], states: NDArray[np.float32], own: Written
    ) -> tuple[list[int], list[str], str]:
        sure = np.where((states > UNDECIDED[0]) & (states < UNDECIDED[1]), np.nan, states)
        units, texts, description = self.face(np.nan_to_num(sides, nan=UNRATED), sure)
        by_unit = own.units | {u: t for u, t in zip(units, texts, strict=True) if u not in own.units}
        chosen = list(by_unit)[: self.per_face]
        return chosen, [by_unit[unit] for unit in chosen], own.description or description


def keep_chips(folder: Path, name: str, chips: Iterable[NDArray[np.uint8]], count: int, side: int) -> None:
    """Write chips (side, side, 3), one after the other, as `NAME-chips.npy` (count, side, side, 3).

    Front to back: on a full disk this raises `OSError`, where writing through a memory map would kill the process.
    """
    with (folder / f"{name}-chips.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 3)}
        npy.write_array_header_1_0(file, header)
        for chip in chips:
            file.write(np.ascontiguousarray(chip, np.uint8).tobytes())


def keep_labels(folder: Path, name: str, faces: AnnotatedFaces) -> None:
    """Write everything but the chips as `NAME.npz`."""
    labels = {key: getattr(faces.faces, key) for key in LABELS}
    written = json.dumps([asdict(one) for one in faces.written])
    columns = {f"group_{key}": column for key, column in faces.faces.groups.items()}
    with (folder / f"{name}.npz").open("wb") as file:
        np.savez(file, **labels, **columns, occurrence=faces.occurrence, written=np.array(written))


def kept(folder: Path, name: str) -> AnnotatedFaces:
    """What `keep_chips` and `keep_labels` wrote; the chips stay on the disk and are mapped into memory."""
    with np.load(folder / f"{name}.npz") as table:
        columns = {key: table[key] for key in table.files}
    chips = np.load(folder / f"{name}-chips.npy", mmap_mode="r")
    written = tuple(
        Written({int(unit): text for unit, text in one["units"].items()}, one["description"])
        for one in json.loads(str(columns.pop("written")))
    )
    occurrence, labels = columns.pop("occurrence"), {key: columns.pop(key) for key in LABELS}
    groups = {key.removeprefix("group_"): column for key, column in columns.items()}
    return AnnotatedFaces(LabelledFaces(chips, **labels, groups=groups), occurrence, written)
