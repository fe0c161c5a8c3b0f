"""Train a VL-FAU network from nothing on rendered faces and coded photos: `python -m finetune.pretrain --config FILE`.

First folds of people (`finetune.cross_fit`), which give calibration and thresholds. Then the geometry branch, the
texture branch and the words alone (`finetune.alone`), then everything jointly: states, intensities, evidence, local
and global sentences. It is one `accelerate` program for any number of processes, on CPU or GPU, resumed after the
last finished epoch. People of `dev` are never seen.
"""

import argparse
import json
import logging
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.utils.data import DataLoader, Sampler
from tqdm.auto import tqdm

from finetune import kept_state
from finetune.alone import TextureViews, train_geometry, train_texture, train_words
from finetune.augment import augment, chance, generator_for, jitter_landmarks, mirror
from finetune.calibrate import calibrate
from finetune.cross_fit import BRANCHES, RENDERS_PER_FOLD, CrossFit, HeldOut, people_of_fold, rows_of
from finetune.faces import LabelledFaces, load_coded_photos, load_renders
from finetune.people import LEARNT_FROM
from finetune.pretrain_config import PretrainConfig
from finetune.scores import photo_scores, run_faces
from finetune.synthetic.correspondence import Correspondence
from finetune.targets import SentenceWriter
from finetune.training_faces import Part, TrainingFaces
from finetune.views import load_views
from vlfau.checkpoint import save_checkpoint
from vlfau.config import PRESETS
from vlfau.errors import ModelError
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


LEARNT_ALONE = ("landmark_encoder", "geometry_", "texture_", "cut_steps", "decoder", "words_memory")
"""How the names of parameters begin that learn before the joint stage."""


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
            photos = [load_coded_photos(data, cache, split) for split in LEARNT_FROM]
        self.photos = photos
        self.renders = [load_renders(renders / split) for split in LEARNT_FROM]
        parts = [Part.all_of(faces) for faces in self.renders]
        parts += [Part.all_of(faces, config.photo_copies) for faces in photos]
        if config.view_copies:
            parts.append(Part.all_of(load_views(renders / "views.npz"), config.view_copies))
        self.faces = TrainingFaces(parts)
        self.words = rule_words()
        self.mirror_index = torch.from_numpy(Correspondence.load().mirror)
        self.model = self.new_model()

    def new_model(self) -> VLFAUModel:
        """The network with the weights that the seed gives it."""
        set_seed(self.config.seed)
        fields = {"vocab_size": len(self.words), "training_data": TRAINING_DATA} | self.config.overrides
        network = PRESETS[self.config.preset](**fields)
        if not (network.geometry_tokens and network.texture_tokens):
            raise ModelError(
                f"This recipe does not fit the preset {self.config.preset!r}: a geometry or texture branch is missing. "
                "Choose small, or set geometry_tokens and texture_tokens in the overrides."
            )
        return VLFAUModel(network).to(self.accelerator.device).train()

    # ---- first stages

    def learn_alone(self) -> None:
        """Cross-fit on folds of people, then everything that needs no long way through the picture; kept on disk."""
        kept = self.out / "alone.pt"
        if kept.is_file():
            self.model.load_state_dict(torch.load(kept, map_location=self.accelerator.device))
            return
        looks = self.looks()
        path = self.out / "cross_fit.npz"
        if not path.is_file():
            self.cross_fit(looks).save(path)
        self.learn_branches(self.model, self.faces, looks)
        if self.model.speaks:
            self.note({"words": round(train_words(self.model, self.faces, self.writer, self.config), 4)})
        if self.accelerator.is_main_process:
            torch.save(self.model.state_dict(), kept.with_suffix(".part"))
            kept.with_suffix(".part").rename(kept)

    def looks(self) -> TextureViews:
        """What the texture branch learns from; takes minutes, so it is kept on disk until the run ends."""
        kept = self.out / "looks.pt"
        if kept.is_file():
            return TextureViews(torch.load(kept, mmap=True))
        looks = TextureViews.of(self.model, self.faces, self.mirror_index, self.config)
        if self.accelerator.is_main_process:
            torch.save(looks.inner, kept.with_suffix(".part"))
            kept.with_suffix(".part").rename(kept)
        return looks

    def learn_branches(self, model: VLFAUModel, faces: TrainingFaces, looks: TextureViews) -> None:
        model.train()
        train_geometry(model, faces, self.mirror_index, self.config)
        train_texture(model, faces, looks, faces.numbers_within(self.faces), self.config)

    def cross_fit(self, looks: TextureViews) -> CrossFit:
        """Read every person of the training splits by branches that were trained without them."""
        photos, renders = [], []
        for fold in range(self.config.folds):
            people = people_of_fold([*self.photos, *self.renders], fold, self.config.folds)
            model = self.new_model()
            self.learn_branches(model, self.faces.without(people), looks)
            photos += self.read(model, self.photos, people, len(self.faces), fold)
            renders += self.read(model, self.renders, people, RENDERS_PER_FOLD, fold)
            self.note({"fold": fold, "photos": photo_scores(photos)})
        told = CrossFit(HeldOut.joined(photos), HeldOut.joined(renders))
        self.note({"cross_fit": photo_scores([told.photos])})
        return told

    def read(
        self, model: VLFAUModel, sets: list[LabelledFaces], people: set[str], most: int, seed: int
    ) -> list[HeldOut]:
        """What a network's branches say about faces of some people, at most `most` of each set."""
        held = []
        for faces in sets:
            rows = rows_of(faces, people, most, seed)
            if len(rows):
                said = run_faces(model, faces.subset(rows))
                held.append(HeldOut(faces.peak[rows], {name: said[name] for name in BRANCHES}))
        return held

    def writer(self, generator: torch.Generator) -> SentenceWriter:
        seed = int(torch.randint(2**31, (1,), generator=generator))
        return SentenceWriter(self.words, self.config.sentences_per_face, seed)

    # ---- jointly

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
        pixels, landmarks = augment(chips, landmarks, self.model.config.chip_size_px, generator)
        landmarks = jitter_landmarks(landmarks, generator, c.landmark_noise).to(device)
        targets = self.writer(generator).targets(intensity)
        return pixels, landmarks, targets.to(device)

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
        kept_state.resume(accelerator, self.out)
        for epoch in range(schedule.last_epoch // len(loader), c.epochs):
            order.epoch = epoch
            model.train()
            set_seed(c.seed * 1000 + epoch)
            self.epoch(epoch, model, loader, optimizer, schedule)
            kept_state.keep(accelerator, self.out)
            self.save(f"epoch {epoch + 1} of {c.epochs}")

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
        c, before = self.config, LEARNT_ALONE
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

    # ---- reports

    def note(self, entry: dict) -> None:
        if self.accelerator.is_main_process:
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def save(self, version: str) -> None:
        """Write the checkpoint as it is now, by one process."""
        if not self.accelerator.is_main_process:
            return
        model = self.accelerator.unwrap_model(self.model)
        model.config.model_version = version
        save_checkpoint(self.out / "checkpoint", model, self.words, f"# VL-FAU, {version}\n")

    def finish(self, version: str) -> None:
        """Set shares, calibration and thresholds, and save the checkpoint."""
        if self.accelerator.is_main_process:
            model = self.accelerator.unwrap_model(self.model)
            calibrate(model, CrossFit.load(self.out / "cross_fit.npz"))
            self.save(version)
            (self.out / "looks.pt").unlink(missing_ok=True)
            (self.out / "recipe.json").write_text(json.dumps(asdict(self.config), indent=2) + "\n", "utf-8")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.pretrain", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs" / "small-3.json")
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces/ (photos, faces.csv, codes.csv)"
    )
    parser.add_argument(
        "--renders", type=Path, default=Path("build/renders"), help="folder with train/ and val/ renders"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/pretrain"), help="run folder; an unfinished run goes on"
    )
    parser.add_argument("--version", default="small-3", help="model version written into the checkpoint")
    return parser


def pretrain(config: PretrainConfig, data: Path, renders: Path, out: Path, version: str) -> None:
    """Run the whole recipe, or what is left of it, in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
    recipe = Recipe(config, data, renders, out, accelerator)
    if not kept_state.last(out):
        recipe.learn_alone()
    recipe.train_jointly()
    recipe.finish(version)


def main() -> None:
    args = build_parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    pretrain(PretrainConfig.load(args.config), args.data, args.renders, args.out, args.version)


if __name__ == "__main__":
    main()
