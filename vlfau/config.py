"""The network's configuration: everything a checkpoint needs beside its weights, as one flat JSON file."""

from typing import Any, Literal

from transformers import PreTrainedConfig, SwinConfig

from vlfau.action_units import AU_NUMBERS
from vlfau.errors import ModelError

LANDMARKS = 478
"""Points of the face mesh with irises."""

OccurrenceLoss = Literal["weighted_asymmetric", "bce"]


class VLFAUConfig(PreTrainedConfig):
    """Sizes, ablations and calibration of a VL-FAU network; saved as `config.json` beside the weights.

    Stem (Swin Transformer, Liu et al. 2021)
        chip_size_px        side of the square aligned face that goes in, px
        image_mean, image_std   RGB statistics for pixel values in 0-1
        embed_dim, depths, num_heads, window_size, patch_size, drop_path_rate   as in `SwinConfig`
        grid_stride         chip px per cell of the grid on which the stages are combined
        width               channels of the combined stem feature and of everything after it
        geometry_tokens     tokens made from the landmarks; 0 leaves them out (the paper's network)
        geometry_hidden     width of the landmark encoder
        geometry_weight     share of the geometry branch in a fused logit, 0-1, one for all action units or one for each
        gradient_grid       cells along one side on which oriented gradients are taken; the stem then sees these instead
                            of pixels, with patches of one cell; 0 shows it pixels (the paper's network)
        texture_tokens      tokens made from patches around landmarks; 0 leaves them out (the paper's network)
        texture_cells       cells along one side of a patch, of 4 px each
        texture_hidden, texture_dropout     width and dropout of their encoder
        texture_weight      share of the texture branch, like geometry_weight; the image branch has the rest
    Ablations of the paper
        multi_scale, channel_attention, spatial_attention, local_language, global_language
    Language
        vocab_size, decoder_width, decoder_layers, decoder_heads, max_text_tokens (tokens of one sentence)
    Objective (used in training only)
        occurrence_loss, occurrence_rates (share of active examples per AU; empty = equal weights),
        label_smoothing, intensity_loss_weight, local_loss_weight, global_loss_weight, region_loss_weight,
        branch_loss_weight
    After training, per AU in the order of `au_numbers`
        calibration_scale, calibration_bias   p = sigmoid(scale * logit + bias) (Platt 1999)
        thresholds          decision thresholds on the calibrated probability, 0-1
    Card
        model_version, licence, training_data
    """

    model_type = "vlfau"

    au_numbers: list[int] | tuple[int, ...] = AU_NUMBERS
    chip_size_px: int = 224
    image_mean: list[float] | tuple[float, ...] = (0.485, 0.456, 0.406)
    image_std: list[float] | tuple[float, ...] = (0.229, 0.224, 0.225)
    embed_dim: int = 128
    depths: list[int] | tuple[int, ...] = (2, 2, 18, 2)
    num_heads: list[int] | tuple[int, ...] = (4, 8, 16, 32)
    window_size: int = 7
    patch_size: int = 4
    drop_path_rate: float = 0.1
    grid_stride: int = 16
    width: int = 256
    geometry_tokens: int = 0
    geometry_hidden: int = 256
    geometry_weight: float | list[float] = 0.0
    gradient_grid: int = 0
    texture_tokens: int = 0
    texture_cells: int = 7
    texture_hidden: int = 256
    texture_dropout: float = 0.3
    texture_weight: float | list[float] = 0.0
    multi_scale: bool = True
    channel_attention: bool = True
    spatial_attention: bool = True
    local_language: bool = True
    global_language: bool = True
    vocab_size: int = 2000
    decoder_width: int = 256
    decoder_layers: int = 2
    decoder_heads: int = 4
    max_text_tokens: int = 96
    occurrence_loss: OccurrenceLoss = "weighted_asymmetric"
    occurrence_rates: list[float] | tuple[float, ...] = ()
    label_smoothing: float = 0.0
    intensity_loss_weight: float = 0.5
    local_loss_weight: float = 0.3
    global_loss_weight: float = 0.3
    region_loss_weight: float = 0.0
    branch_loss_weight: float = 0.5
    calibration_scale: list[float] | tuple[float, ...] = ()
    calibration_bias: list[float] | tuple[float, ...] = ()
    thresholds: list[float] | tuple[float, ...] = ()
    model_version: str = "untrained"
    licence: str = "Apache-2.0"
    training_data: list[str] | tuple[str, ...] = ()

    def __post_init__(self, **kwargs: Any) -> None:
        count = len(self.au_numbers)
        self.calibration_scale = self.calibration_scale or [1.0] * count
        self.calibration_bias = self.calibration_bias or [0.0] * count
        self.thresholds = self.thresholds or [0.5] * count
        super().__post_init__(**kwargs)
        self._refuse_bad_values()

    def _refuse_bad_values(self) -> None:
        count = len(self.au_numbers)
        for name in ("calibration_scale", "calibration_bias", "thresholds", "occurrence_rates"):
            values = getattr(self, name)
            if values and len(values) != count:
                raise ModelError(
                    f"{name} has {len(values)} values for {count} action units. Give one for each."
                )
        if any(not 0 < t < 1 for t in self.thresholds):
            raise ModelError(
                f"thresholds must lie between 0 and 1, found {list(self.thresholds)}. Correct config.json."
            )
        for g, t in zip(self.shares("geometry"), self.shares("texture"), strict=True):
            if g < 0 or t < 0 or g + t > 1:
                raise ModelError(
                    "geometry_weight and texture_weight must be 0 or more and at most 1 together for each action "
                    f"unit, found {self.geometry_weight} and {self.texture_weight}. Correct config.json."
                )
        unit = self.gradient_grid * 2 if self.gradient_grid else self.patch_size * 8
        if self.chip_size_px % unit or self.chip_size_px % self.grid_stride or self.stem_cells % 8:
            raise ModelError(
                f"chip_size_px {self.chip_size_px} does not divide into patches of "
                f"{self.chip_size_px / self.stem_cells:g} px over four stages and a grid of {self.grid_stride} px. "
                f"Choose a multiple of {unit}."
            )

    def shares(self, branch: str) -> list[float]:
        """Share of `geometry` or `texture` in each action unit's fused logit."""
        value = self.geometry_weight if branch == "geometry" else self.texture_weight
        return [float(value)] * len(self.au_numbers) if isinstance(value, (int, float)) else list(value)

    @property
    def stem_cells(self) -> int:
        """Cells along one side of the finest Swin stage."""
        return self.gradient_grid or self.chip_size_px // self.patch_size

    @property
    def grid(self) -> int:
        """Cells along one side of the combined stem feature and of an evidence map."""
        return self.chip_size_px // self.grid_stride

    @property
    def swin(self) -> SwinConfig:
        """Configuration of the Swin Transformer inside."""
        gradients = self.gradient_grid > 0
        return SwinConfig(
            image_size=self.gradient_grid if gradients else self.chip_size_px,
            patch_size=1 if gradients else self.patch_size,
            num_channels=self.embed_dim if gradients else 3,
            embed_dim=self.embed_dim,
            depths=list(self.depths),
            num_heads=list(self.num_heads),
            window_size=self.window_size,
            drop_path_rate=self.drop_path_rate,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )

    @classmethod
    def base(cls, **overrides: Any) -> "VLFAUConfig":
        """Swin-B at 224 px: the size the field reports."""
        return cls(**overrides)

    @classmethod
    def tiny(cls, **overrides: Any) -> "VLFAUConfig":
        """Swin-T at 224 px."""
        sizes = dict(
            embed_dim=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24), width=192, decoder_width=192
        )
        return cls(**(sizes | overrides))

    @classmethod
    def small(cls, **overrides: Any) -> "VLFAUConfig":
        """The embedded network: 128 px chips, a small Swin on oriented gradients, landmarks and texture fused late."""
        sizes = dict(
            chip_size_px=128,
            embed_dim=64,
            depths=(1, 1, 2, 1),
            num_heads=(2, 4, 8, 16),
            window_size=8,
            grid_stride=8,
            width=128,
            geometry_tokens=8,
            geometry_weight=0.3,
            gradient_grid=16,
            texture_tokens=8,
            texture_hidden=512,
            texture_weight=0.6,
            decoder_width=128,
            occurrence_loss="bce",
            label_smoothing=0.05,
            region_loss_weight=0.1,
        )
        return cls(**(sizes | overrides))

    @classmethod
    def test(cls, **overrides: Any) -> "VLFAUConfig":
        """A few thousand parameters: real in every part, for tests."""
        sizes = dict(
            chip_size_px=32,
            patch_size=2,
            embed_dim=4,
            depths=(1, 1, 1, 1),
            num_heads=(1, 1, 2, 2),
            window_size=4,
            grid_stride=4,
            width=8,
            geometry_tokens=2,
            geometry_hidden=4,
            geometry_weight=0.4,
            gradient_grid=8,
            texture_tokens=2,
            texture_cells=2,
            texture_hidden=4,
            texture_weight=0.4,
            vocab_size=300,
            decoder_width=8,
            decoder_layers=1,
            decoder_heads=2,
            max_text_tokens=64,
            drop_path_rate=0.0,
        )
        return cls(**(sizes | overrides))


PRESETS = {
    "base": VLFAUConfig.base,
    "tiny": VLFAUConfig.tiny,
    "small": VLFAUConfig.small,
    "test": VLFAUConfig.test,
}
"""The named sizes; a recipe names one of them and overrides fields."""
