"""VL-FAU: the network that recognises action units, shows where it sees them, and says so, learnt jointly.

After "Towards End-to-End Explainable Facial Action Unit Recognition via Vision-Language Joint Learning" (ACM MM 2024,
arXiv 2408.00644); docs/network.md says what the paper states and what is our reconstruction.
Letters: B batch, S chip side, A action units, G grid side, N = G * G cells, D width, E decoder width, T geometry
tokens, L tokens of a sentence, K sentences asked for per face.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel, SwinBackbone

from vlfau.config import VLFAUConfig
from vlfau.errors import ModelError
from vlfau.geometry import LandmarkEncoder
from vlfau.gradients import OrientedGradients
from vlfau.language import BEGIN, SentenceDecoder, WordsMemory
from vlfau.loss import (
    bce_loss,
    ordinal_loss,
    region_loss,
    sentence_loss,
    unit_weights,
    weighted_asymmetric_loss,
)
from vlfau.refinement import DualLevelRefinement, PerUnitLinear, Refined, TokenRefinement
from vlfau.regions import region_prior
from vlfau.stem import MultiScaleStem
from vlfau.texture import TextureEncoder


@dataclass
class Targets:
    """What is known of a batch; NaN (labels) and PAD (sentences) mean "nobody said"."""

    occurrence: Tensor
    """(B, A) soft label 0-1 or NaN."""
    intensity: Tensor
    """(B, A) 0-5 or NaN."""
    local_units: Tensor | None = None
    """(B, K) index of the action unit of each local sentence."""
    local_ids: Tensor | None = None
    """(B, K, L) token ids, END included, PAD after it."""
    global_ids: Tensor | None = None
    """(B, L) token ids of the description, END included, PAD after it; all PAD for none."""

    def to(self, device: torch.device) -> "Targets":
        """The same on a device."""

        def moved(values: Tensor | None) -> Tensor | None:
            return None if values is None else values.to(device)

        words = (moved(self.local_units), moved(self.local_ids), moved(self.global_ids))
        return Targets(self.occurrence.to(device), self.intensity.to(device), *words)


@dataclass
class Branch:
    """What one branch alone says: occurrence logits (B, A) and intensity scores (B, A)."""

    logits: Tensor
    score: Tensor


@dataclass
class VLFAUOutput:
    """Result of a forward pass."""

    logits: Tensor
    """(B, A) fused occurrence logits before calibration."""
    level_logits: Tensor
    """(B, A, 5) logits of an intensity of at least A..E."""
    map_logits: Tensor
    """(B, A, N) evidence before the softmax over cells."""
    stem: Tensor
    """(B, N, D)"""
    refined: Refined
    branches: dict[str, Branch]
    """What `image`, `geometry` and `texture` say alone."""
    geometry: Tensor | None = None
    """(B, T, D) geometry tokens, None without landmarks."""
    loss: Tensor | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)
    """The parts of the loss by name, unweighted."""

    @property
    def intensity(self) -> Tensor:
        """(B, A) expected intensity, 0-5: the sum of the level probabilities."""
        return torch.sigmoid(self.level_logits).sum(dim=-1)

    @property
    def evidence(self) -> Tensor:
        """(B, A, G, G) where each action unit is seen; every map sums to 1."""
        grid = int(self.map_logits.shape[-1] ** 0.5)
        return self.map_logits.softmax(dim=-1).unflatten(-1, (grid, grid))


class UnitHead(nn.Module):
    """Per action unit: one occurrence logit and one intensity score from a refined vector. (B, A, D) -> `Branch`."""

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__()
        self.linear = PerUnitLinear(len(config.au_numbers), config.width, 2)

    def forward(self, vector: Tensor) -> Branch:
        logits, score = self.linear(vector).unbind(dim=-1)
        return Branch(logits, score)


class VLFAUModel(PreTrainedModel):
    """The whole network. `from_pretrained`, `save_pretrained` and `push_to_hub` are those of transformers."""

    config_class = VLFAUConfig
    base_model_prefix = "vlfau"
    main_input_name = "pixel_values"

    def __init__(self, config: VLFAUConfig) -> None:
        super().__init__(config)
        units = len(config.au_numbers)
        self.stem = MultiScaleStem(config)
        self.refine = DualLevelRefinement(config)
        self.head = UnitHead(config)
        if config.geometry_tokens:
            self.landmark_encoder = LandmarkEncoder(config)
            self.geometry_refine = TokenRefinement(units, config.geometry_tokens, config.width)
            self.geometry_head = UnitHead(config)
        if config.gradient_grid:
            self.gradients = OrientedGradients(config.gradient_grid)
        if config.texture_tokens:
            self.texture_encoder = TextureEncoder(config)
            self.texture_refine = TokenRefinement(units, config.texture_tokens, config.width)
            self.texture_head = UnitHead(config)
        self.cut_steps = nn.Parameter(torch.zeros(units, 5))
        if config.local_language or config.global_language:
            self.words_memory = WordsMemory(config)
            self.decoder = SentenceDecoder(config)
        for name, value in self.constants().items():
            self.register_buffer(name, value, persistent=False)
        self.post_init()

    def constants(self) -> dict[str, Tensor]:
        """What follows from the configuration alone; not stored with the weights."""
        config, units = self.config, len(self.config.au_numbers)
        return {
            "image_mean": torch.tensor(config.image_mean)[:, None, None],
            "image_std": torch.tensor(config.image_std)[:, None, None],
            "prior": region_prior(tuple(config.au_numbers), config.grid).flatten(1),
            "rate_weights": unit_weights(torch.tensor(list(config.occurrence_rates) or [1.0] * units)),
            "scale": torch.tensor(config.calibration_scale),
            "bias": torch.tensor(config.calibration_bias),
            "thresholds": torch.tensor(config.thresholds),
            "geometry_share": torch.tensor(config.shares("geometry")),
            "texture_share": torch.tensor(config.shares("texture")),
        }

    def _init_weights(self, module: nn.Module) -> None:
        """Fill the constants again: transformers builds networks without memory and loads only what is stored.

        Weights keep the initialisation their own modules give them; the Swin backbone has a method like this of its
        own.
        """
        if isinstance(module, (VLFAUModel, DualLevelRefinement, OrientedGradients)):
            for name, value in module.constants().items():
                getattr(module, name).copy_(value)

    @classmethod
    def with_pretrained_stem(cls, config: VLFAUConfig, swin: str, **options: Any) -> "VLFAUModel":
        """A new network whose Swin comes from `swin`, a folder or Hub repository (for example an ImageNet Swin-B).

        `options` go to `from_pretrained` (revision, local_files_only, ...). Raises `ModelError` when it cannot be
        read or has other sizes than `config`.
        """
        model = cls(config)
        try:
            backbone = SwinBackbone.from_pretrained(swin, out_features=config.swin.out_features, **options)
        except (OSError, ValueError) as error:
            raise ModelError(
                f"The Swin at {swin!r} could not be loaded: {error}. Give a folder with its config.json and weights, "
                "or a repository on the Hub that this machine can reach."
            ) from error
        ours, theirs = config.swin, backbone.config
        for name in ("embed_dim", "depths", "num_heads", "window_size"):
            if getattr(ours, name) != getattr(theirs, name):
                raise ModelError(
                    f"The Swin at {swin!r} does not fit: its {name} is {getattr(theirs, name)}, the configuration has "
                    f"{getattr(ours, name)}. Choose the preset of that size."
                )
        model.stem.backbone = backbone
        return model

    # ---- seeing

    def forward(
        self, pixel_values: Tensor, landmarks: Tensor | None = None, targets: Targets | None = None
    ) -> VLFAUOutput:
        """See, and with `targets` learn.

        pixel_values (B, 3, S, S) RGB 0-1, landmarks (B, 478, >= 2) in chip units or None.
        """
        seen = self.look(pixel_values)
        stem = self.stem(seen)  # (B, N, D)
        refined = self.refine(stem)  # (B, A, D), (B, A, 2, D), (B, A, N)
        branches = {"image": self.head(refined.vector)}
        geometry = self.see_geometry(landmarks) if landmarks is not None else None  # (B, T, D)
        if geometry is not None:
            branches["geometry"] = self.geometry_head(self.geometry_refine(geometry))
        if self.config.texture_tokens:
            texture = self.texture_encoder(pixel_values, landmarks)
            branches["texture"] = self.texture_head(self.texture_refine(texture))
        fused = self.fuse(branches)
        output = VLFAUOutput(
            logits=fused.logits,
            level_logits=self.levels(fused.score),
            map_logits=refined.map_logits,
            stem=stem,
            refined=refined,
            geometry=geometry,
            branches=branches,
        )
        if targets is not None:
            output.losses = self.losses(output, targets)
            output.loss = self.total(output.losses)
        return output

    def look(self, pixel_values: Tensor) -> Tensor:
        """(B, 3, S, S) RGB 0-1 -> what the stem sees: oriented gradients or normalised pixels."""
        if self.config.gradient_grid:
            return self.gradients(pixel_values)
        return (pixel_values - self.image_mean) / self.image_std

    def see_geometry(self, landmarks: Tensor) -> Tensor | None:
        """(B, 478, >= 2) chip units -> (B, T, D) tokens; None when the configuration has no geometry branch."""
        return self.landmark_encoder(landmarks) if self.config.geometry_tokens else None

    def fuse(self, branches: dict[str, Branch]) -> Branch:
        """Late fusion: per action unit the weighted mean of what the branches say, so that each works alone.

        Without landmarks the other branches share the geometry branch's weight in proportion.
        """
        shares = {"image": 1 - self.geometry_share - self.texture_share}
        shares |= {"geometry": self.geometry_share, "texture": self.texture_share}
        given = torch.stack([shares[name] for name in branches])[:, None]  # (branches, 1, A)
        given = (given + 1e-6) / (given + 1e-6).sum(dim=0)
        logits, score = (torch.stack([getattr(b, k) for b in branches.values()]) for k in ("logits", "score"))
        return Branch((given * logits).sum(dim=0), (given * score).sum(dim=0))

    def levels(self, score: Tensor) -> Tensor:
        """(B, A) score -> (B, A, 5) logits of at least A..E; the cut points can only rise."""
        first, rest = self.cut_steps[:, :1], F.softplus(self.cut_steps[:, 1:])
        cuts = torch.cat([first, first + rest.cumsum(dim=1)], dim=1)
        return score[..., None] - cuts

    def calibrated_logits(self, logits: Tensor) -> Tensor:
        """(B, A) -> (B, A): scale * logit + bias per action unit (Platt 1999)."""
        return logits * self.scale + self.bias

    def probabilities(self, output: VLFAUOutput) -> Tensor:
        """(B, A) calibrated probability that each action unit is present, 0-1."""
        return torch.sigmoid(self.calibrated_logits(output.logits))

    def decisions(self, output: VLFAUOutput) -> Tensor:
        """(B, A) bool: the calibrated probability reaches the action unit's threshold."""
        return self.probabilities(output) >= self.thresholds

    def set_calibration(self, scale: list[float], bias: list[float], thresholds: list[float]) -> None:
        """Replace calibration and thresholds, in the config that is saved and in the running network."""
        for name, values in (
            ("calibration_scale", scale),
            ("calibration_bias", bias),
            ("thresholds", thresholds),
        ):
            setattr(self.config, name, [float(v) for v in values])
        self.scale.copy_(torch.tensor(scale))
        self.bias.copy_(torch.tensor(bias))
        self.thresholds.copy_(torch.tensor(thresholds))

    def set_shares(self, geometry: list[float], texture: list[float]) -> None:
        """Replace the branches' shares in fused logits, in the config that is saved and in the running network."""
        self.config.geometry_weight, self.config.texture_weight = list(geometry), list(texture)
        self.geometry_share.copy_(torch.tensor(geometry))
        self.texture_share.copy_(torch.tensor(texture))

    # ---- learning

    def losses(self, output: VLFAUOutput, targets: Targets) -> dict[str, Tensor]:
        """Every part of the objective, unweighted, by name."""
        parts = {"occurrence": self.occurrence_loss(output.logits, targets.occurrence)}
        parts["intensity"] = ordinal_loss(output.level_logits, targets.intensity)
        if len(output.branches) > 1:
            each = [self.branch_loss(branch, targets) for branch in output.branches.values()]
            parts["branches"] = torch.stack(each).sum()
        parts["region"] = region_loss(output.map_logits, self.prior, targets.occurrence)
        return parts | self.language_losses(output, targets)

    def branch_loss(self, branch: Branch, targets: Targets) -> Tensor:
        """Occurrence and intensity loss of one branch alone, so that neither leans on the other."""
        intensity = ordinal_loss(self.levels(branch.score), targets.intensity)
        return (
            self.occurrence_loss(branch.logits, targets.occurrence)
            + self.config.intensity_loss_weight * intensity
        )

    def occurrence_loss(self, logits: Tensor, occurrence: Tensor) -> Tensor:
        if self.config.occurrence_loss == "bce":
            return bce_loss(logits, occurrence, self.rate_weights, self.config.label_smoothing)
        return weighted_asymmetric_loss(logits, occurrence, self.rate_weights)

    def total(self, parts: dict[str, Tensor]) -> Tensor:
        """The weighted sum that is minimised."""
        c = self.config
        weights = {
            "occurrence": 1.0,
            "intensity": c.intensity_loss_weight,
            "branches": c.branch_loss_weight,
            "region": c.region_loss_weight,
            "local": c.local_loss_weight,
            "global": c.global_loss_weight,
        }
        return torch.stack([weights[name] * value for name, value in parts.items()]).sum()

    def language_losses(
        self, output: VLFAUOutput, targets: Targets, withhold: float = 0.5
    ) -> dict[str, Tensor]:
        """Cross-entropy of local and global sentences; true decisions are withheld from a share of the faces."""
        if not self.speaks:
            return {}
        parts: dict[str, Tensor] = {}
        present = (targets.occurrence.nan_to_num() >= 0.5).float()
        decided = self.words_memory.decision_tokens(present, targets.intensity.nan_to_num())
        known = ~targets.occurrence.isnan()
        told = known & (torch.rand(len(known), 1, device=known.device) >= withhold)
        if self.config.local_language and targets.local_ids is not None and targets.local_units is not None:
            memory = self.words_memory.local(output.refined, self.unit_geometry(output), decided)
            parts["local"] = self.local_loss(memory, told, targets.local_units, targets.local_ids)
        if self.config.global_language and targets.global_ids is not None:
            memory = self.words_memory.whole(output.stem, output.geometry, decided)
            parts["global"] = self.global_loss(memory, told, targets.global_ids)
        return parts

    def words_loss(self, targets: Targets) -> Tensor:
        """Loss of all sentences when nothing but the decisions may be read: words can be learnt without pictures."""
        assert targets.local_units is not None
        assert targets.local_ids is not None
        assert targets.global_ids is not None
        present = (targets.occurrence.nan_to_num() >= 0.5).float()
        decided = self.words_memory.decision_tokens(present, targets.intensity.nan_to_num())
        told = torch.ones_like(present, dtype=torch.bool)
        local = self.local_loss(decided[:, :, None], told, targets.local_units, targets.local_ids)
        return local + self.global_loss(decided, told, targets.global_ids)

    def local_loss(self, memory: Tensor, told: Tensor, units: Tensor, ids: Tensor) -> Tensor:
        """Loss over the K sentences of each face; told (B, A) says whose decision may be read in memory (B, A, M, E).

        units (B, K) is whose sentence, ids (B, K, L) the sentence.
        """
        chosen = memory.gather(1, units[..., None, None].expand(-1, -1, *memory.shape[2:])).flatten(0, 1)
        allowed = torch.ones(chosen.shape[:2], dtype=torch.bool, device=chosen.device)
        allowed[:, -1] = told.gather(1, units).flatten()
        return sentence_loss(
            self.teacher_forced(ids.flatten(0, 1), units.flatten(), chosen, allowed), ids.flatten(0, 1)
        )

    def global_loss(self, memory: Tensor, told: Tensor, ids: Tensor) -> Tensor:
        """Loss over the descriptions ids (B, L); told (B, A) says which decisions may be read in memory (B, M, E)."""
        batch, units = told.shape
        allowed = torch.ones(memory.shape[:2], dtype=torch.bool, device=memory.device)
        allowed[:, -units:] = told
        subjects = torch.full((batch,), units, device=memory.device)
        return sentence_loss(self.teacher_forced(ids, subjects, memory, allowed), ids)

    def teacher_forced(self, ids: Tensor, subjects: Tensor, memory: Tensor, allowed: Tensor) -> Tensor:
        """(R, L) ids -> (R, L, vocabulary) logits, each token predicted from the true ones before it."""
        begin = torch.full_like(ids[:, :1], BEGIN)
        return self.decoder(
            torch.cat([begin, ids[:, :-1]], dim=1), subjects, self.decoder.memories(memory, allowed)
        )

    # ---- speaking

    @property
    def writes(self) -> bool:
        """Whether it can write all sentences, of the action units and of the face."""
        return self.config.local_language and self.config.global_language

    @property
    def speaks(self) -> bool:
        """Whether this network has words at all."""
        return self.config.local_language or self.config.global_language

    def unit_geometry(self, output: VLFAUOutput) -> Tensor | None:
        """(B, A, D) what each action unit takes from the geometry tokens."""
        return self.geometry_refine(output.geometry) if output.geometry is not None else None

    @torch.no_grad()
    def write(self, output: VLFAUOutput) -> Tensor:
        """Token ids (B, A + 1, L) of all sentences of all faces, greedily; each face's last one is its description."""
        if not self.writes:
            raise ModelError(
                "This checkpoint cannot write. It was trained without local or without global language. "
                "Predict with words off, or load another one."
            )
        batch, units = output.logits.shape
        decided = self.words_memory.decision_tokens(self.decisions(output).float(), output.intensity)
        local = self.words_memory.local(output.refined, self.unit_geometry(output), decided).flatten(0, 1)
        whole = self.words_memory.whole(output.stem, output.geometry, decided)
        # apart, since a description is long and reads much: sentences would be dragged along
        each = torch.arange(units, device=local.device).repeat(batch)
        sentences = self.decoder.write(each, self.decoder.memories(local)).unflatten(0, (batch, units))
        face = torch.full((batch,), units, device=local.device)
        descriptions = self.decoder.write(face, self.decoder.memories(whole))
        return torch.cat([sentences, descriptions[:, None]], dim=1)
