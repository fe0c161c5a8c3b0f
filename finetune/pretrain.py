"""Train a VL-FAU network from nothing on rendered faces and coded photos: `python -m finetune.pretrain --config FILE`.

Three stages. The geometry branch alone and the words alone come first: each needs many steps, and a step without a
picture costs little. Then everything is learnt jointly: states, intensities, evidence, local and global sentences.
It is one `accelerate` program for any number of processes, on CPU or GPU, resumed after the last finished epoch.
People of `val` choose and calibrate; people of `dev` are never seen.
"""

import argparse
import json
import logging
import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm.auto import tqdm

from finetune.augment import augment, chance, jitter_landmarks, mirror
from finetune.calibrate import calibrate
from finetune.faces import LabelledFaces, load_coded_photos, load_renders
from finetune.scores import photo_scores, run_faces
from finetune.synthetic.correspondence import Correspondence
from finetune.targets import SentenceWriter, soft_occurrence
from vlfau.checkpoint import save_checkpoint
from vlfau.config import PRESETS, VLFAUConfig
from vlfau.loss import bce_loss, ordinal_loss
from vlfau.model import Targets, VLFAUModel
from vlfau.words import rule_words

log = logging.getLogger(__name__)

TRAINING_DATA = (
    "Face Research Lab London Set, DeBruine and Jones 2017 (CC BY 4.0)",
    "Young Adult White Faces with Manipulated Versions, DeBruine and Jones 2017 (CC BY 4.0)",
    "Synthetic Faces High Quality, David Beniaguev 2022 (MIT)",
    "renders of these persons with ICT-FaceKit, USC Institute for Creative Technologies 2020 (MIT)",
)
"""Written into every checkpoint of this recipe."""


@dataclass(frozen=True)
class PretrainConfig:
    """A recipe; one JSON file per published checkpoint."""

    preset: str = "small"
    """Name of a size in `vlfau.config.PRESETS`."""
    overrides: dict = field(default_factory=dict)
    """Fields of `VLFAUConfig` that differ from the preset."""
    photo_copies: int = 12
    """How often each coded photo appears in an epoch; a render appears once."""
    geometry_steps: int = 2500
    """Steps of the first stage (geometry branch alone)."""
    geometry_batch: int = 512
    geometry_learning_rate: float = 2e-3
    words_steps: int = 1500
    """Steps of the second stage (words from decisions alone)."""
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
        return cls(**json.loads(Path(file).read_text("utf-8")))


class FaceIndex(Dataset):
    """Renders once and photos several times, read by position."""

    def __init__(self, renders: LabelledFaces, photos: LabelledFaces, copies: int) -> None:
        self.parts = (renders, photos)
        self.rows = [(0, i) for i in range(len(renders))] + [(1, i) for i in range(len(photos))] * copies

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        part, i = self.rows[position]
        faces = self.parts[part]
        return {
            "chips": torch.from_numpy(np.array(faces.chips[i])),
            "landmarks": torch.from_numpy(np.asarray(faces.landmarks[i], np.float32)),
            "intensity": torch.from_numpy(np.asarray(faces.intensity[i], np.float32)),
        }

    def landmarks_and_intensity(self) -> tuple[Tensor, Tensor]:
        """All rows at once, without pictures: (n, 478, 3), (n, 2, A)."""
        pick = [np.array([i for p, i in self.rows if p == part], dtype=int) for part in (0, 1)]
        both = [(f.landmarks[i], f.intensity[i]) for f, i in zip(self.parts, pick, strict=True)]
        points, labels = (np.concatenate([b[k] for b in both]).astype(np.float32) for k in (0, 1))
        return torch.from_numpy(points), torch.from_numpy(labels)


def generator_for(*numbers: int) -> torch.Generator:
    """A random stream of its own for a seed, an epoch, a step: a resumed run draws what a straight run draws."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number + 1) % (2**31)
    return torch.Generator().manual_seed(mixed)


class EpochOrder(Sampler[int]):
    """Rows in an order that depends on seed and epoch alone, so that a resumed epoch sees what a straight run sees."""

    def __init__(self, rows: int, drawn: int, seed: int) -> None:
        self.rows, self.drawn, self.seed, self.epoch = rows, min(drawn, rows), seed, 0

    def __len__(self) -> int:
        return self.drawn

    def __iter__(self) -> Iterator[int]:
        drawn = torch.randperm(self.rows, generator=generator_for(self.seed, self.epoch))[: self.drawn]
        return iter(drawn.tolist())


class Recipe:
    """One run: data, network and folder, with a method per stage."""

    def __init__(
        self, config: PretrainConfig, data: Path, renders: Path, out: Path, accelerator: Accelerator
    ) -> None:
        self.config, self.out, self.accelerator = config, out, accelerator
        cache = renders / "coded_photos.npz"
        with accelerator.main_process_first():
            self.photos = load_coded_photos(data, cache, "train")
        self.val_photos = load_coded_photos(data, cache, "val")
        self.renders = renders
        self.faces = FaceIndex(load_renders(renders / "train"), self.photos, config.photo_copies)
        self.words = rule_words()
        self.mirror_index = torch.from_numpy(Correspondence.load().mirror)
        set_seed(config.seed)
        self.model = VLFAUModel(self.network_config())

    def network_config(self) -> VLFAUConfig:
        fields = {"vocab_size": len(self.words), "training_data": TRAINING_DATA} | self.config.overrides
        return PRESETS[self.config.preset](**fields)

    def train_branches_alone(self) -> None:
        """The two stages that need no picture, each where the configuration has that part."""
        self.model.to(self.accelerator.device).train()
        if self.model.config.geometry_tokens:
            self.train_geometry()
            self.report(-1)
        if self.model.speaks:
            self.train_words()

    # ---- first stage

    def train_geometry(self) -> None:
        """The landmark branch alone: occurrence and intensity from 478 points, large batches."""
        points, intensity = self.faces.landmarks_and_intensity()
        model, c = self.model, self.config
        model.landmark_encoder.set_statistics(points)
        modules = (model.landmark_encoder, model.geometry_refine, model.geometry_head)
        parameters = [p for m in modules for p in m.parameters()] + [model.cut_steps]
        optimizer = torch.optim.AdamW(parameters, lr=c.geometry_learning_rate, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, c.geometry_learning_rate, max(c.geometry_steps, 2)
        )
        for step in self.progress(c.geometry_steps, "geometry"):
            generator = generator_for(c.seed, 0, step)
            rows = torch.randint(len(points), (c.geometry_batch,), generator=generator)
            p, y = self.geometry_batch(points[rows], intensity[rows], generator)
            branch = model.geometry_head(model.geometry_refine(model.see_geometry(p)))
            loss = bce_loss(
                branch.logits, soft_occurrence(y), model.rate_weights, model.config.label_smoothing
            )
            loss = loss + model.config.intensity_loss_weight * ordinal_loss(model.levels(branch.score), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def geometry_batch(
        self, points: Tensor, intensity: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        flip = chance(generator, len(points), 0.5)
        blank = torch.zeros(len(points), 3, 1, 1)
        _, points, intensity = mirror(blank, points, intensity, flip, self.mirror_index)
        points = jitter_landmarks(points, generator, self.config.landmark_noise)
        return points.to(self.accelerator.device), intensity.amax(dim=1).to(self.accelerator.device)

    # ---- second stage

    def train_words(self) -> None:
        """The decoder alone: the sentences of the training labels, from the decisions that they make."""
        _, intensity = self.faces.landmarks_and_intensity()
        c = self.config
        modules = (self.model.decoder, self.model.words_memory)
        optimizer = torch.optim.AdamW([p for m in modules for p in m.parameters()], lr=c.words_learning_rate)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, c.words_learning_rate, max(c.words_steps, 2)
        )
        loss = torch.zeros(())
        for step in self.progress(c.words_steps, "words"):
            generator = generator_for(c.seed, 0, step, 1)
            rows = torch.randint(len(intensity), (c.words_batch,), generator=generator)
            loss = self.model.words_loss(self.on_device(self.writer(generator).targets(intensity[rows])))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        self.note({"words": round(float(loss.detach()), 4)})

    def progress(self, steps: int, name: str) -> tqdm:
        return tqdm(range(steps), desc=name, disable=not self.accelerator.is_main_process)

    def writer(self, generator: torch.Generator) -> SentenceWriter:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        return SentenceWriter(self.words, self.config.sentences_per_face, seed)

    def on_device(self, targets: Targets) -> Targets:
        device = self.accelerator.device
        return Targets(*(getattr(targets, name).to(device) for name in targets.__dataclass_fields__))

    # ---- third stage

    def batch(self, raw: dict[str, Tensor], epoch: int, step: int) -> tuple[Tensor, Tensor, Targets]:
        """Stored faces -> augmented pixels, landmarks and targets on the device."""
        c, device = self.config, self.accelerator.device
        rank = self.accelerator.process_index
        generator = generator_for(c.seed, epoch + 1, step, rank)
        flip = chance(generator, len(raw["chips"]), 0.5)
        chips = raw["chips"].permute(0, 3, 1, 2).to(device).float() / 255
        chips, landmarks, intensity = mirror(
            chips, raw["landmarks"].cpu(), raw["intensity"].cpu(), flip, self.mirror_index
        )
        pixels = augment(chips, self.model.config.chip_size_px, generator)
        landmarks = jitter_landmarks(landmarks, generator, c.landmark_noise).to(device)
        targets = self.writer(generator).targets(intensity)
        return pixels, landmarks, self.on_device(targets)

    def train_jointly(self) -> None:
        """Everything at once; a finished epoch is saved and a later call goes on after it."""
        c, accelerator = self.config, self.accelerator
        order = EpochOrder(len(self.faces), c.faces_per_epoch or len(self.faces), c.seed)
        loader = DataLoader(self.faces, c.batch, sampler=order, drop_last=True)
        optimizer = torch.optim.AdamW(self.parameter_groups(), lr=c.learning_rate, betas=(0.9, 0.99))
        model, optimizer, loader = accelerator.prepare(self.model, optimizer, loader)
        steps = len(loader) * c.epochs
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: self.rate(s, steps))
        accelerator.register_for_checkpointing(schedule)
        self.resume()
        for epoch in range(schedule.last_epoch // len(loader), c.epochs):
            order.epoch = epoch
            model.train()
            set_seed(c.seed * 1000 + epoch)
            self.epoch(epoch, model, loader, optimizer, schedule)
            self.save_state()
            self.report(epoch)

    def epoch(self, epoch: int, model: Any, loader: Any, optimizer: Any, schedule: Any) -> None:
        meter: dict[str, float] = {}
        bar = tqdm(
            loader,
            desc=f"epoch {epoch + 1}/{self.config.epochs}",
            disable=not self.accelerator.is_main_process,
        )
        for step, raw in enumerate(bar):
            pixels, landmarks, targets = self.batch(raw, epoch, step)
            output = model(pixels, landmarks, targets)
            self.accelerator.backward(output.loss)
            self.accelerator.clip_grad_norm_(model.parameters(), self.config.gradient_clip)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            for name, value in output.losses.items():
                meter[name] = 0.98 * meter.get(name, float(value.detach())) + 0.02 * float(value.detach())
            if step % 10 == 0:
                bar.set_postfix({name: f"{value:.3f}" for name, value in meter.items()})
        self.note({"epoch": epoch + 1, "losses": meter})

    def parameter_groups(self) -> list[dict]:
        """Weight decay for matrices only; small steps for what was learnt before, or the picture would undo it."""
        c, before = self.config, ("landmark_encoder", "geometry_", "cut_steps", "decoder", "words_memory")
        groups: dict[tuple[bool, bool], dict] = {}
        for name, parameter in self.model.named_parameters():
            key = name.startswith(before), parameter.ndim >= 2
            rate = c.learning_rate * (c.learnt_before if key[0] else 1.0)
            decay = c.weight_decay if key[1] else 0.0
            group = groups.setdefault(key, {"params": [], "lr": rate, "weight_decay": decay})
            group["params"].append(parameter)
        return list(groups.values())

    def rate(self, step: int, steps: int) -> float:
        """Factor of the learning rate: linear warm-up, then a cosine to 2 %."""
        warm = max(1, int(steps * self.config.warmup_share))
        if step < warm:
            return (step + 1) / warm
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    def resume(self) -> None:
        """Load the last finished epoch if there is one."""
        if (self.out / "state").is_dir():
            self.accelerator.load_state(str(self.out / "state"))

    def save_state(self) -> None:
        """Everything needed to go on; a run killed while it saves keeps the state before."""
        new, old = self.out / "state.part", self.out / "state"
        self.accelerator.save_state(str(new))
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shutil.rmtree(old, ignore_errors=True)
            new.rename(old)
        self.accelerator.wait_for_everyone()

    # ---- reports

    def note(self, entry: dict) -> None:
        if self.accelerator.is_main_process:
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def report(self, epoch: int) -> None:
        """AUROC on photos of `val` persons, whole and by branch."""
        if self.accelerator.is_main_process:
            model = self.accelerator.unwrap_model(self.model)
            scores = photo_scores(run_faces(model, self.val_photos), self.val_photos)
            self.note({"epoch": epoch + 1, "val_photos": scores})
            log.info("epoch %d, photos of val persons: %s", epoch + 1, scores)
            self.save(f"epoch {epoch + 1} of {self.config.epochs}")

    def save(self, version: str) -> None:
        model = self.accelerator.unwrap_model(self.model)
        model.config.model_version = version
        save_checkpoint(self.out / "checkpoint", model, self.words, f"# VL-FAU, {version}\n")

    def finish(self, version: str) -> None:
        """Fit calibration and thresholds on `val` people and save the checkpoint."""
        if self.accelerator.is_main_process:
            model = self.accelerator.unwrap_model(self.model)
            calibrate(model, self.val_photos, load_renders(self.renders / "val"))
            self.save(version)
            (self.out / "recipe.json").write_text(json.dumps(asdict(self.config), indent=2) + "\n", "utf-8")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.pretrain", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "small-1.json")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces/ (photos, faces.csv, codes.csv)"
    )
    parser.add_argument(
        "--renders", type=Path, default=Path("build/renders"), help="folder with train/ and val/ renders"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/pretrain"), help="run folder; an unfinished run goes on"
    )
    parser.add_argument("--version", default="small-1", help="model version written into the checkpoint")
    return parser


def pretrain(config: PretrainConfig, data: Path, renders: Path, out: Path, version: str) -> None:
    """Run the whole recipe, or what is left of it, in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
    recipe = Recipe(config, data, renders, out, accelerator)
    if not (out / "state").is_dir():
        recipe.train_branches_alone()
    recipe.train_jointly()
    recipe.finish(version)


def main() -> None:
    args = build_parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pretrain(PretrainConfig.load(args.config), args.data, args.renders, args.out, args.version)


if __name__ == "__main__":
    main()
