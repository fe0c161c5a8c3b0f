"""The recipe of a checkpoint: every number that `finetune.pretrain` follows, as one flat JSON file."""

from dataclasses import dataclass, field
from pathlib import Path

from finetune.config_file import read_config


@dataclass(frozen=True)
class PretrainConfig:
    """A recipe; one JSON file per published checkpoint."""

    preset: str = "small"
    """Name of a size in `vlfau.config.PRESETS`."""
    overrides: dict = field(default_factory=dict)
    """Fields of `VLFAUConfig` that differ from the preset."""
    photo_copies: int = 12
    """How often each coded photo appears in an epoch; a render appears once."""
    view_copies: int = 2
    """How often each view of a coded photo appears (`python -m finetune.views`); 0 does without views."""
    folds: int = 3
    """Folds of people for calibration."""
    alone_batch: int = 256
    """Faces per step while the geometry or the texture branch learns alone."""
    geometry_steps: int = 2500
    geometry_learning_rate: float = 2e-3
    texture_steps: int = 2500
    texture_learning_rate: float = 1e-3
    texture_views: int = 2
    """Augmented looks at each face from which the texture branch learns."""
    words_steps: int = 1500
    """Steps in which the words learn from decisions alone."""
    words_batch: int = 32
    words_learning_rate: float = 2e-3
    epochs: int = 8
    """Rounds of the third stage, each over `faces_per_epoch` faces; a run is resumed after the last finished one."""
    faces_per_epoch: int | None = None
    """Faces drawn in an epoch; None takes all of them once."""
    batch: int = 64
    """Faces per process and step."""
    learning_rate: float = 6e-4
    learnt_before: float = 0.1
    """Share of the learning rate for the parts that the first two stages have trained."""
    weight_decay: float = 0.05
    warmup_share: float = 0.08
    """Share of the third stage's steps in which the learning rate rises; then it falls along a cosine."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    sentences_per_face: int = 6
    """Local sentences worded per face and step; all would cost more than the picture."""
    landmark_noise: float = 0.0012
    """Standard deviation of the noise on each landmark, chip units."""
    seed: int = 1

    @classmethod
    def load(cls, file: str | Path) -> "PretrainConfig":
        """Read a JSON file; raises `DataError` for one that is missing, malformed or names an unknown field."""
        return read_config(cls, file, "finetune/configs/small-3.json")
