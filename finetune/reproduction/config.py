"""The recipe of the experiment: every number that `python -m finetune.reproduce` follows, as one flat JSON file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from finetune.config_file import read_config
from finetune.datasets.protocol import VALIDATION_SHARE
from vlfau.config import PRESETS
from vlfau.errors import DataError

VARIANTS: dict[str, dict[str, bool]] = {
    "full": {},
    "au-only": {"local_language": False, "global_language": False},
    "no-local-language": {"local_language": False},
    "no-global-language": {"global_language": False},
    "channel-only": {"spatial_attention": False},
    "spatial-only": {"channel_attention": False},
    "no-dair": {"channel_attention": False, "spatial_attention": False},
    "single-scale": {"multi_scale": False},
}
"""The rows of the paper's ablation, by the fields of `VLFAUConfig` that differ."""


@dataclass(frozen=True)
class ReproduceConfig:
    """What is trained, and for how long."""

    preset: str = "base"
    """Name of a size in `vlfau.config.PRESETS`."""
    overrides: dict[str, Any] = field(default_factory=dict)
    """Fields of `VLFAUConfig` that differ from the preset."""
    stem: str | None = "microsoft/swin-base-patch4-window7-224"
    """Swin that the stem starts from: a folder or a Hub repository; None starts from random weights."""
    epochs: int = 20
    frames_per_epoch: int | None = None
    """Faces drawn in an epoch; None takes all of them once."""
    batch: int = 64
    """Faces per process and step."""
    learning_rate: float = 1e-4
    stem_learning_rate: float = 2e-5
    """For the Swin inside, which has learnt before."""
    weight_decay: float = 5e-4
    warmup_share: float = 0.05
    """Share of all steps in which the learning rates rise; then they fall along a cosine."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    sentences_per_face: int = 6
    """Local sentences worded per face and step."""
    words_steps: int = 0
    """Steps at the start in which the words learn from decisions alone, without pictures."""
    turn_deg: float = 4.0
    zoom: float = 0.05
    shift: float = 0.03
    """Standard deviations of the random placement: degrees, share of the size, chip units."""
    colour: float = 0.4
    """Brightness, contrast and saturation are multiplied by 1 - colour to 1 + colour."""
    validation_share: float = VALIDATION_SHARE
    """Share of the training subjects on whom the epoch is chosen."""
    words_measured_on: int = 1000
    """Test faces of a fold, evenly spaced, whose sentences are written and compared."""
    loader_workers: int = 0
    """Processes per training process that decode chips."""

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise DataError(
                f"The configuration's preset is unknown. Found {self.preset!r}. Use one of {', '.join(PRESETS)}."
            )
        for name in ("epochs", "batch", "learning_rate", "words_measured_on", "sentences_per_face"):
            if not getattr(self, name) > 0:
                raise DataError(
                    f"The configuration's {name} is out of range. Found {getattr(self, name)}. Give more than 0."
                )
        if not 0 < self.validation_share < 1:
            raise DataError(
                f"The configuration's validation_share is out of range. Found {self.validation_share}. "
                "Give more than 0 and less than 1."
            )

    @classmethod
    def load(cls, file: str | Path) -> "ReproduceConfig":
        """Read a JSON file; raises `DataError` for one that is missing, malformed or names an unknown field."""
        return read_config(cls, file, "configs/vlfau_swin_base.json")

    def plain(self) -> dict[str, Any]:
        """As plain JSON types."""
        return dict(json.loads(json.dumps(asdict(self))))
