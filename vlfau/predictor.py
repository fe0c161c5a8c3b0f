"""From a photo to action units: finds faces, aligns chips, runs the network and gathers what it says per face."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import torch

from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.checkpoint import Checkpoint, load_checkpoint
from vlfau.faces import Face, FaceFinder


@dataclass(frozen=True)
class ActionUnitPrediction:
    """What is said of one action unit on one face."""

    number: int
    probability: float
    """Calibrated probability that it is present, 0-1."""
    threshold: float
    """The probability from which it counts as present, 0-1."""
    active: bool
    intensity: float
    """Expected intensity, 0-5 (A = 1 .. E = 5); meaningful when active."""
    text: str | None
    """Sentence about it, None with words off."""


@dataclass(frozen=True)
class FacePrediction:
    """What is said of one face."""

    face: Face
    action_units: tuple[ActionUnitPrediction, ...]
    """One for each action unit of the checkpoint, in the table's order."""
    description: str | None
    """Sentence about the whole face, None with words off."""
    evidence: np.ndarray
    """(A, G, G) float32 maps over the chip, each summing to 1."""
    chip: np.ndarray
    """(S, S, 3) uint8 RGB aligned face."""
    chip_transform: np.ndarray
    """(2, 3) float64 similarity, photo px -> chip px."""
    model_version: str


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """A found face made ready for the network, after which its photo can be let go."""

    face: Face
    chip: np.ndarray
    """(S, S, 3) uint8 RGB."""
    chip_transform: np.ndarray
    """(2, 3) float64 similarity, photo px -> chip px."""
    landmarks: np.ndarray
    """(478, 3) float32 in chip units."""


class Predictor:
    """Holds a checkpoint and a face finder; give it upright RGB photos.

    Calls from several threads are safe: the network runs one batch at a time.
    """

    def __init__(self, checkpoint: Checkpoint, finder: FaceFinder, device: str = "cpu") -> None:
        self.checkpoint = checkpoint
        self.model = checkpoint.model.to(device)
        self.finder = finder
        self.device = device
        self._lock = Lock()

    @classmethod
    def load(
        cls, model: str | Path | None = None, device: str | None = None, revision: str | None = None
    ) -> "Predictor":
        """With the embedded checkpoint, or one from a folder or Hub repository, and the MediaPipe finder.

        `device` None takes a GPU when there is one; `revision` is a tag, branch or commit of the repository.
        """
        from vlfau.finder import MediaPipeFinder

        return cls(
            load_checkpoint(model, revision),
            MediaPipeFinder(),
            device or ("cuda" if torch.cuda.is_available() else "cpu"),
        )

    def predict(self, image: np.ndarray, words: bool = True) -> list[FacePrediction]:
        """image (H, W, 3) uint8 upright RGB -> one prediction per face, largest face first; [] when there is none."""
        return self.predict_faces(image, self.finder.find(image), words)

    def predict_faces(
        self, image: np.ndarray, faces: Sequence[Face], words: bool = True
    ) -> list[FacePrediction]:
        """The same for faces that were found before."""
        return self.predict_batch([(image, face) for face in faces], words)

    def predict_batch(
        self, found: Sequence[tuple[np.ndarray, Face]], words: bool = True, batch_size: int = 16
    ) -> list[FacePrediction]:
        """Faces of any photos, in batches; the same answer as one at a time, to float precision."""
        return self.predict_aligned([self.align(image, face) for image, face in found], words, batch_size)

    def align(self, image: np.ndarray, face: Face) -> AlignedFace:
        """Cut the chip of a face out of its photo; raises NoFaceError when the landmarks are no face."""
        size = self.checkpoint.config.chip_size_px
        transform = chip_transform(face.landmarks_px, size)
        return AlignedFace(
            face, make_chip(image, transform, size), transform, chip_landmarks(face.landmarks_px)
        )

    def predict_aligned(
        self, faces: Sequence[AlignedFace], words: bool = True, batch_size: int = 16
    ) -> list[FacePrediction]:
        """One prediction per face, in the order given."""
        version = self.checkpoint.config.model_version
        results: list[FacePrediction] = []
        for start in range(0, len(faces), batch_size):
            part = faces[start : start + batch_size]
            chips, landmarks = np.stack([face.chip for face in part]), np.stack([f.landmarks for f in part])
            for one, (units, description, evidence) in zip(
                part, self._run(chips, landmarks, words), strict=True
            ):
                found = (one.face, units, description, evidence, one.chip, one.chip_transform, version)
                results.append(FacePrediction(*found))
        return results

    @torch.inference_mode()
    def _run(self, chips: np.ndarray, landmarks: np.ndarray, words: bool) -> list[tuple]:
        """(B, S, S, 3) uint8 chips, (B, 478, 3) landmarks -> per face: units, description, evidence."""
        with self._lock:
            pixels = torch.from_numpy(chips).to(self.device).permute(0, 3, 1, 2).float() / 255
            output = self.model(pixels, torch.from_numpy(landmarks).to(self.device).float())
            texts = (
                self._texts(self.model.write(output)) if words and self.model.writes else [None] * len(chips)
            )
            probabilities = self.model.probabilities(output).cpu().numpy()
            intensities = output.intensity.cpu().numpy()
            evidence = output.evidence.float().cpu().numpy()
        return [
            (self._units(p, i, t[:-1] if t else None), t[-1] if t else None, e)
            for p, i, t, e in zip(probabilities, intensities, texts, evidence, strict=True)
        ]

    def _texts(self, ids: torch.Tensor) -> list[list[str]]:
        return [[self.checkpoint.words.decode(row) for row in face] for face in ids.tolist()]

    def _units(
        self, probabilities: np.ndarray, intensities: np.ndarray, texts: list[str] | None
    ) -> tuple[ActionUnitPrediction, ...]:
        config = self.checkpoint.config
        return tuple(
            ActionUnitPrediction(
                number,
                float(probabilities[i]),
                float(config.thresholds[i]),
                # the sentence was written from the network's float32 decision; compare in the same precision
                bool(probabilities[i] >= np.float32(config.thresholds[i])),
                float(intensities[i]),
                texts[i] if texts else None,
            )
            for i, number in enumerate(config.au_numbers)
        )
