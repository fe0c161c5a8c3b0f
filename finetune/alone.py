"""What is learnt before and apart from pictures' long way: the geometry branch, the texture branch and the words.

A step here costs a hundredth of a step of the whole network, so each gets the many steps it needs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from finetune.augment import augment, chance, generator_for, jitter_landmarks, mirror
from finetune.pretrain_config import PretrainConfig
from finetune.targets import SentenceWriter, soft_occurrence
from finetune.training_faces import TrainingFaces
from vlfau.loss import bce_loss, ordinal_loss
from vlfau.model import Branch, VLFAUModel

TEXTURE_NOISE = 0.5
"""Noise on normalised oriented gradients: evenly spread between minus this and this, which is cheaper than normal."""


def branch_loss(model: VLFAUModel, branch: Branch, intensity: Tensor) -> Tensor:
    """Occurrence and intensity loss of one branch, from the intensity (B, A) of the stronger side."""
    occurrence = bce_loss(
        branch.logits, soft_occurrence(intensity), model.rate_weights, model.config.label_smoothing
    )
    levels = ordinal_loss(model.levels(branch.score), intensity)
    return occurrence + model.config.intensity_loss_weight * levels


def optimise(
    parameters: Iterable[nn.Parameter], losses: Iterable[Tensor], steps: int, rate: float, decay: float
) -> float:
    """One AdamW step for each of `losses` (made one after the other), under a one-cycle schedule; returns the last."""
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, max(steps, 2))
    last = float("nan")
    for loss in losses:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        last = float(loss.detach())
    return last


def steps(count: int, name: str) -> tqdm:
    return tqdm(range(count), desc=name, mininterval=5)


def train_geometry(model: VLFAUModel, faces: TrainingFaces, mirror_index: Tensor, c: PretrainConfig) -> None:
    """The landmark branch alone: occurrence and intensity from 478 points, large batches."""
    points, intensity = faces.landmarks_and_intensity()
    model.landmark_encoder.set_statistics(points)
    modules = (model.landmark_encoder, model.geometry_refine, model.geometry_head)
    device = model.cut_steps.device

    def losses() -> Iterable[Tensor]:
        for step in steps(c.geometry_steps, "geometry"):
            generator = generator_for(c.seed, 0, step)
            drawn = torch.randint(len(faces), (c.alone_batch,), generator=generator)
            rows = torch.from_numpy(faces.positions)[drawn]
            p, y = points[rows], intensity[rows]
            blank = torch.zeros(len(rows), 3, 1, 1)
            _, p, y = mirror(blank, p, y, chance(generator, len(rows), 0.5), mirror_index)
            p = jitter_landmarks(p, generator, c.landmark_noise).to(device)
            tokens = model.see_geometry(p)
            assert tokens is not None
            yield branch_loss(model, model.geometry_head(model.geometry_refine(tokens)), y.amax(1).to(device))

    parameters = [q for m in modules for q in m.parameters()] + [model.cut_steps]
    optimise(parameters, losses(), c.geometry_steps, c.geometry_learning_rate, 1e-3)


@dataclass(frozen=True)
class TextureViews:
    """Augmented looks at every face as the texture branch reads them: (views, n, inputs) float16."""

    inner: Tensor

    @classmethod
    @torch.inference_mode()
    def of(
        cls, model: VLFAUModel, faces: TrainingFaces, mirror_index: Tensor, c: PretrainConfig
    ) -> "TextureViews":
        """`c.texture_views` looks; every other one is mirrored, which the labels of either side do not feel."""
        device, side, count = model.cut_steps.device, model.config.chip_size_px, len(faces.faces)
        views = []
        for view in range(c.texture_views):
            looks = []
            for start in tqdm(range(0, count, 64), desc=f"looks {view + 1}", mininterval=5):
                stored = [faces.face(i) for i in range(start, min(start + 64, count))]
                raw = {name: torch.stack([face[name] for face in stored]) for name in stored[0]}
                flip = torch.full((len(stored),), bool(view % 2))
                chips = raw["chips"].permute(0, 3, 1, 2).to(device).float() / 255
                chips, points, _ = mirror(
                    chips,
                    raw["landmarks"].to(device),
                    raw["intensity"].to(device),
                    flip.to(device),
                    mirror_index,
                )
                generator = generator_for(c.seed, 1, view, start)
                pixels, points = augment(chips, points, side, generator)
                points = jitter_landmarks(points, generator, c.landmark_noise)
                looks.append(model.texture_encoder.inner(pixels, points).half().cpu())
            views.append(torch.cat(looks))
        return cls(torch.stack(views))


def train_texture(
    model: VLFAUModel, faces: TrainingFaces, looks: TextureViews, numbers: Tensor, c: PretrainConfig
) -> None:
    """The texture branch alone; `numbers` (n,) says where each of `faces` stands in `looks`."""
    points, intensity = faces.landmarks_and_intensity()
    peak, device = intensity.amax(dim=1), model.cut_steps.device
    sample = numbers[torch.randperm(len(numbers), generator=generator_for(c.seed))[:4000]]
    model.texture_encoder.set_statistics(looks.inner[0, sample], points)
    modules = (model.texture_encoder, model.texture_refine, model.texture_head)

    def losses() -> Iterable[Tensor]:
        for step in steps(c.texture_steps, "texture"):
            generator = generator_for(c.seed, 2, step)
            drawn = torch.randint(len(faces), (c.alone_batch,), generator=generator)
            rows = torch.from_numpy(faces.positions)[drawn]
            view = torch.randint(len(looks.inner), (len(rows),), generator=generator)
            inner = looks.inner[view, numbers[rows]].float()
            noise = (torch.rand(inner.shape, generator=generator) * 2 - 1) * TEXTURE_NOISE
            tokens = model.texture_encoder.read(inner.to(device), noise.to(device))
            branch = model.texture_head(model.texture_refine(tokens))
            yield branch_loss(model, branch, peak[rows].to(device))

    parameters = [q for m in modules for q in m.parameters()]
    optimise(parameters, losses(), c.texture_steps, c.texture_learning_rate, 0.05)


def train_words(
    model: VLFAUModel,
    faces: TrainingFaces,
    writer_for: Callable[[torch.Generator], SentenceWriter],
    c: PretrainConfig,
) -> float:
    """The decoder alone: the sentences of the training labels, from the decisions that they make; the last loss."""
    _, intensity = faces.landmarks_and_intensity()
    device = model.cut_steps.device

    def losses() -> Iterable[Tensor]:
        for step in steps(c.words_steps, "words"):
            generator = generator_for(c.seed, 3, step)
            drawn = torch.randint(len(faces), (c.words_batch,), generator=generator)
            rows = torch.from_numpy(faces.positions)[drawn]
            yield model.words_loss(writer_for(generator).targets(intensity[rows]).to(device))

    modules = (model.decoder, model.words_memory)
    parameters = [q for m in modules for q in m.parameters()]
    return optimise(parameters, losses(), c.words_steps, c.words_learning_rate, 0.01)
