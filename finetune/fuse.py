"""What a run does when no weight is trained: it reads every corrected face, and the branches are fused anew.

A few hundred corrections say enough of how far each branch is to be believed, and from where an action unit counts;
they say too little to change what the network sees. Letters: n faces, A action units, K branches.
"""

import numpy as np
from numpy.typing import NDArray

from finetune.annotated_faces import AnnotatedFaces
from finetune.division import Part
from finetune.fit import Progress, measured, said_of
from finetune.preparation import Prepared
from finetune.recalibrate import Fusion, Said
from finetune.scores import run_faces
from finetune.status import StatusFile
from finetune.train_config import TrainConfig
from vlfau.checkpoint import Checkpoint
from vlfau.model import VLFAUModel


class Fuse:
    """Like `finetune.fit.Fit`, without steps: nobody is trained on, so training people settle the fusion as well."""

    pieces = 1

    def __init__(
        self,
        config: TrainConfig,
        checkpoint: Checkpoint,
        prepared: Prepared,
        status: StatusFile,
        progress: Progress,
        at_once: int,
    ) -> None:
        self.config, self.prepared, self.status, self.progress = config, prepared, status, progress
        self.model, self.at_once = checkpoint.model, at_once
        self.fusion = Fusion.of(checkpoint.config)
        self.read: list[list[NDArray[np.float64]]] = []

    def run(self) -> None:
        """Read every face once and measure the base on validation people."""
        self.status.update(state="training", message="Reading faces.", step=0, of=1)
        sets = [self.prepared.part(part) for part in (Part.TRAIN, Part.VALIDATION)]
        self.read = [[self._logits(some) for some in both] for both in sets]
        history = measured(np.concatenate(self.read[1]), sets[1], self.fusion, self.config.replay_share)
        self.progress.step = 1
        self.progress.history.append({"epoch": 0, "step": 1, "loss": None, **history})
        self.status.update(step=1, **{name: history[name] for name in ("validation_loss", "f1")})

    def _logits(self, faces: AnnotatedFaces) -> NDArray[np.float64]:
        """(n, A, K)"""
        if not len(faces):
            return np.zeros((0, len(self.fusion.bias), len(self.fusion.branches)))
        said = run_faces(self.model, faces.faces, self.at_once)
        return np.stack([said[name] for name in self.fusion.branches], axis=2).astype(np.float64)

    def said(self) -> tuple[Said, Said]:
        """What is said of all people but the test people, corrected and replayed; after `run`."""
        sets = [self.prepared.part(part) for part in (Part.TRAIN, Part.VALIDATION)]
        corrected, replayed = (
            [said_of(both[k], read[k]) for both, read in zip(sets, self.read, strict=True)] for k in (0, 1)
        )
        return corrected[0].joined(corrected[1]), replayed[0].joined(replayed[1])

    def trained(self) -> VLFAUModel:
        """The network, whose weights are the base's."""
        return self.model.eval()
