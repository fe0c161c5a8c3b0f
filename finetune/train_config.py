"""The configuration of a fine-tuning run: one flat JSON file, every field checked by name."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from finetune.config_file import read_config
from vlfau.errors import DataError

TrainWhat = Literal["fusion", "head", "lora", "all"]
Tracker = Literal["tensorboard", "trackio", "none"]
REPLAY = Path(__file__).resolve().parents[1] / "vlfau" / "checkpoints" / "replay.parquet"
"""The pack that comes with the embedded checkpoint."""


@dataclass(frozen=True)
class TrainConfig:
    """What is trained, on what, and for how long; a run writes it into its `training.json`."""

    base: str | None = None
    """Checkpoint to begin with: a folder or a Hub repository; None is the embedded one."""
    store_url: str | None = None
    """Database of the store; None takes the environment or the SQLite file in `store_folder`."""
    store_folder: str | None = None
    """Folder of the store; None is `data`."""
    project: str | None = None
    """Name of the project whose corrections are used; None takes those of all."""
    replay: str | None = str(REPLAY)
    """Pack of base examples that are mixed in so that nothing is forgotten; None does without."""
    skip_damaged_photos: bool = False
    """Train without photos that cannot be read; otherwise the run is refused and names them."""
    learn_disputed: bool = False
    """Learn from faces on which people contradict each other, too, by what the reliability of each makes likely;
    otherwise they wait for a reviewer."""
    validation_share: float = 0.2
    """Share of people for early stopping and calibration."""
    test_share: float = 0.25
    """Share of people for the report and the gate; nothing is chosen by them."""
    train_what: TrainWhat = "fusion"
    """`fusion`: no weights, only how branches are fused, calibration and thresholds, which the others settle at the
    end; `head`: heads and language; `lora`: these and low-rank changes of the stem's linear layers; `all`: all."""
    lora_rank: int = 8
    lora_alpha: int = 16
    """A low-rank change counts alpha / rank times."""
    epochs: int = 12
    """Rounds over the corrections, at most; early stopping may end before."""
    batch: int = 32
    """Faces per step, over all processes."""
    micro_batch: int = 16
    """Faces per forward pass; a step is cut into these, which are handed out to the processes."""
    replay_share: float = 0.5
    """Share of a step's faces that comes from the replay pack, 0-0.95."""
    kept_share: float = 0.7
    """What the replay's faces count, of 1, when fusion, calibration and thresholds are settled, 0-0.95."""
    learning_rate: float = 3e-4
    stem_learning_rate: float = 5e-5
    """For the stem and the encoders, with `all`; low-rank changes take `learning_rate`."""
    pull: float = 0.05
    """L2-SP (Li et al. 2018), decoupled: a step draws weights back to the start by this share of the learning rate."""
    warmup_share: float = 0.1
    """Share of all steps in which the learning rate rises; then it falls along a cosine to 2 %."""
    gradient_clip: float = 1.0
    """Largest norm of the gradient."""
    patience: int = 4
    """Epochs without a better validation loss after which the run stops."""
    sentences_per_face: int = 4
    """Local sentences per face and step."""
    landmark_noise: float = 0.0012
    """Standard deviation of the noise on each landmark, chip units."""
    precision: str | None = None
    """`bf16` or `no`; None takes bf16 where the device supports it."""
    compile: bool | None = None
    """Compile stem and refinement; None does on CUDA."""
    loader_workers: int = 0
    """Processes per training process that read chips; 0 reads in the process itself."""
    save_every: int = 50
    """Steps between two states from which a killed run goes on; the end of an epoch always saves."""
    tracker: Tracker = "tensorboard"
    version: str | None = None
    """Name of the new version; None takes the run folder's."""
    seed: int = 1

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                raise DataError(
                    f"The configuration's {name} is out of range. Found {value!r}. Give {low:g} to {high:g}."
                )
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise DataError(
                    f"The configuration's {name} is unknown. Found {getattr(self, name)!r}. "
                    f"Use one of {', '.join(map(str, allowed))}."
                )

    @classmethod
    def load(cls, file: str | Path) -> "TrainConfig":
        """Read a JSON file; raises `DataError` for one that is missing, malformed or names an unknown field."""
        return read_config(cls, file, "finetune/configs/finetune-fusion.json")

    def changed(self, **values: Any) -> "TrainConfig":
        """The same with some other values; those that are None stay."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    def plain(self) -> dict[str, Any]:
        """As plain JSON types."""
        return asdict(self)


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("validation_share", 0.05, 0.6),
    ("test_share", 0.0, 0.6),
    ("lora_rank", 1, 256),
    ("lora_alpha", 0.1, 1024),
    ("epochs", 1, 10_000),
    ("batch", 1, 65_536),
    ("micro_batch", 1, 65_536),
    ("replay_share", 0.0, 0.95),
    ("kept_share", 0.0, 0.95),
    ("learning_rate", 1e-8, 1.0),
    ("stem_learning_rate", 1e-9, 1.0),
    ("pull", 0.0, 1e3),
    ("warmup_share", 0.0, 0.9),
    ("gradient_clip", 1e-6, 1e6),
    ("patience", 1, 10_000),
    ("sentences_per_face", 1, 22),
    ("landmark_noise", 0.0, 0.1),
    ("loader_workers", 0, 256),
    ("save_every", 1, 10_000_000),
)
_CHOICES: dict[str, tuple[object, ...]] = {
    "train_what": get_args(TrainWhat),
    "tracker": get_args(Tracker),
    "precision": (None, "no", "bf16"),
    "compile": (None, True, False),
}
