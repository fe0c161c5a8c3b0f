"""The faces that one training run learns from: renders once, coded photos and their views several times."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from finetune.faces import LabelledFaces


@dataclass(frozen=True)
class Part:
    """Faces of one kind, of which `rows` (k,) may be learnt from, each `copies` times in an epoch."""

    faces: LabelledFaces
    copies: int
    rows: NDArray[np.integer]

    @classmethod
    def all_of(cls, faces: LabelledFaces, copies: int = 1) -> "Part":
        return cls(faces, copies, np.arange(len(faces)))

    def without(self, people: set[str]) -> "Part":
        """The same without the faces of some people."""
        kept = ~np.isin(self.faces.person[self.rows], sorted(people))
        return Part(self.faces, self.copies, self.rows[kept])


class TrainingFaces(Dataset):
    """Parts as one list: `faces` are the different ones (n,), a position (m,) is one of them, some several times."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.faces = [(number, int(row)) for number, part in enumerate(parts) for row in part.rows]
        copies = np.concatenate([np.full(len(part.rows), part.copies) for part in parts])
        self.positions = np.repeat(np.arange(len(self.faces)), copies)

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        return self.face(int(self.positions[position]))

    def face(self, number: int) -> dict[str, Tensor]:
        """chips (S, S, 3) uint8, landmarks (478, 3), intensity (2, A) of one of the different faces."""
        part, row = self.faces[number]
        faces = self.parts[part].faces
        return {
            "chips": torch.from_numpy(np.array(faces.chips[row])),
            "landmarks": torch.from_numpy(np.asarray(faces.landmarks[row], np.float32)),
            "intensity": torch.from_numpy(np.asarray(faces.intensity[row], np.float32)),
        }

    def without(self, people: set[str]) -> "TrainingFaces":
        return TrainingFaces([part.without(people) for part in self.parts])

    def numbers_within(self, other: "TrainingFaces") -> Tensor:
        """(n,) where each of these faces stands in `other`."""
        at = {face: number for number, face in enumerate(other.faces)}
        return torch.tensor([at[face] for face in self.faces])

    def landmarks_and_intensity(self) -> tuple[Tensor, Tensor]:
        """All different faces, without pictures: (n, 478, 3), (n, 2, A)."""
        both = [(p.faces.landmarks[p.rows], p.faces.intensity[p.rows]) for p in self.parts]
        points, labels = (np.concatenate([b[k] for b in both]).astype(np.float32) for k in (0, 1))
        return torch.from_numpy(points), torch.from_numpy(labels)
