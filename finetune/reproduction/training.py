"""One training on one division: learn from the training subjects, choose the epoch on others, test on the rest.

One `accelerate` program for any number of processes, on CPU or GPU; a finished training is not repeated, a killed one
goes on after its last epoch. Letters: B batch, n faces, A action units.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from finetune import kept_state
from finetune.augment import generator_for
from finetune.reproduction import looks
from finetune.reproduction.config import VARIANTS, ReproduceConfig
from finetune.reproduction.division import Division, EpochOrder, FaceRows
from finetune.reproduction.measures import Verdicts, average_f1
from finetune.reproduction.results import Result, finished
from finetune.reproduction.words import Constant, words_measures
from finetune.synthetic.correspondence import Correspondence
from finetune.targets import SentenceWriter
from vlfau.config import PRESETS, VLFAUConfig
from vlfau.model import Targets, VLFAUModel, VLFAUOutput
from vlfau.words import rule_words

SENTENCES_AT_ONCE = 32
"""Faces whose sentences are written in one batch."""


class Training:
    """One variant, one seed, one division, in the folder `out`."""

    def __init__(
        self,
        config: ReproduceConfig,
        variant: str,
        seed: int,
        division: Division,
        out: Path,
        accelerator: Accelerator,
        select_on_test: bool = False,
    ) -> None:
        self.config, self.variant, self.seed, self.division = config, variant, seed, division
        self.out, self.accelerator, self.select_on_test = out, accelerator, select_on_test
        self.words = rule_words()
        self.mirror = torch.from_numpy(Correspondence.load().mirror)
        self.log: list[dict[str, Any]] = []
        self.best: dict[str, Any] = {"epoch": 0, "f1": -math.inf}
        self.best_on_test: dict[str, Any] = {"epoch": 0, "f1": -math.inf, "probabilities": None}

    @property
    def recipe(self) -> dict[str, Any]:
        """What the result depends on."""
        free = ("loader_workers",)
        config = {name: value for name, value in self.config.plain().items() if name not in free}
        return {
            "config": config,
            "variant": self.variant,
            "seed": self.seed,
            "division": self.division.name,
            "tested": self.division.tested,
            "people": self.division.people(),
            "faces": [
                len(rows) for rows in (self.division.train, self.division.validation, self.division.test)
            ],
            "select_on_test": self.select_on_test,
        }

    def run(self) -> Result:
        """Train what is left to train and return the result."""
        before = finished(self.out, self.recipe)
        if before is not None:
            return before
        self.out.mkdir(parents=True, exist_ok=True)
        self.accelerator.free_memory()  # of the training before
        model = self.new_model()
        self.learn_words(model)
        self.learn(model)
        result = self.test(model)
        if self.accelerator.is_main_process:
            result.save(self.out)
            kept_state.drop(self.out)
        self.accelerator.wait_for_everyone()
        return result

    # ---- the network

    def network(self) -> VLFAUConfig:
        """The configuration of this variant for this division."""
        c, units = self.config, self.division.units
        fields = {"au_numbers": units, "vocab_size": len(self.words)}
        fields |= {"occurrence_rates": self.division.train.rates.tolist()}
        return PRESETS[c.preset](**(fields | c.overrides | VARIANTS[self.variant]))

    def new_model(self) -> VLFAUModel:
        set_seed(self.seed)
        network, stem = self.network(), self.config.stem
        model = VLFAUModel.with_pretrained_stem(network, stem) if stem else VLFAUModel(network)
        self._take_statistics(model)
        return model.to(self.accelerator.device).train()

    @torch.no_grad()
    def _take_statistics(self, model: VLFAUModel, most: int = 2000) -> None:
        """Mean and spread for the branches on landmarks and on texture, where the configuration has them."""
        train, c = self.division.train, model.config
        points = torch.from_numpy(train.faces.landmarks[train.rows].astype(np.float32))
        if c.geometry_tokens:
            model.landmark_encoder.set_statistics(points)
        if c.texture_tokens:
            some = range(0, len(train), max(1, len(train) // most))
            chips = (train[i]["chips"][None] for i in some)
            seen = (looks.plain(chip, points[:1], c.chip_size_px)[0] for chip in chips)
            inner = [model.texture_encoder.inner(x, points[i][None]) for i, x in zip(some, seen, strict=True)]
            model.texture_encoder.set_statistics(torch.cat(inner), points)

    def groups(self, model: VLFAUModel) -> list[dict[str, Any]]:
        """Parameters by learning rate; weight decay for matrices only."""
        c = self.config
        groups: dict[tuple[bool, bool], list[Tensor]] = {}
        for name, parameter in model.named_parameters():
            key = name.startswith("stem.backbone") and c.stem is not None, parameter.ndim >= 2
            groups.setdefault(key, []).append(parameter)
        return [
            {
                "params": parameters,
                "lr": c.stem_learning_rate if before else c.learning_rate,
                "weight_decay": c.weight_decay if matrix else 0.0,
            }
            for (before, matrix), parameters in groups.items()
        ]

    # ---- learning

    def learn_words(self, model: VLFAUModel) -> None:
        """The decoder alone, from the decisions of the training labels; `words_steps` of the configuration."""
        c, train = self.config, self.division.train
        if not (model.writes and c.words_steps) or kept_state.last(self.out):
            return
        parameters = [*model.decoder.parameters(), *model.words_memory.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.01)
        schedule = OneCycleLR(optimizer, 2e-3, max(2, c.words_steps))
        for step in range(c.words_steps):
            drawn = torch.randint(len(train), (c.batch,), generator=generator_for(self.seed, 0, step)).numpy()
            occurrence, intensity = (
                torch.from_numpy(values[drawn]) for values in (train.occurrence, train.intensity)
            )
            loss = model.words_loss(self.targets(occurrence, intensity, 0, step))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def learn(self, model: VLFAUModel) -> None:
        """All epochs; after each the validation subjects are asked, and everything is kept to go on from."""
        c, accelerator, train = self.config, self.accelerator, self.division.train
        order = EpochOrder(len(train), c.frames_per_epoch, self.seed)
        loader = DataLoader(train, c.batch, sampler=order, drop_last=True, num_workers=c.loader_workers)
        optimizer = torch.optim.AdamW(self.groups(model), betas=(0.9, 0.999))
        prepared, optimizer, loader = accelerator.prepare(model, optimizer, loader)
        steps = len(loader) * c.epochs
        schedule = LambdaLR(optimizer, lambda step: self.rate(step, steps))
        self.resume(schedule)
        for epoch in range(len(self.log), c.epochs):
            order.epoch = epoch
            prepared.train()
            set_seed(self.seed * 1000 + epoch)
            for step, raw in enumerate(self._bar(loader, epoch)):
                output = prepared(*self.batch(raw, epoch, step))
                accelerator.backward(output.loss)
                accelerator.clip_grad_norm_(prepared.parameters(), c.gradient_clip)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            self.choose(model, epoch + 1, {k: float(v.detach()) for k, v in output.losses.items()})
            self.keep(schedule)

    def batch(self, raw: dict[str, Tensor], epoch: int, step: int) -> tuple[Tensor, Tensor, Targets]:
        """Stored faces -> varied pixels, landmarks and targets on the device."""
        device, rank = self.accelerator.device, self.accelerator.process_index
        generator = generator_for(self.seed, epoch + 1, step, rank)
        side = self.network_side
        pixels, landmarks = looks.varied(
            raw["chips"].to(device),
            raw["landmarks"].to(device),
            side,
            self.mirror.to(device),
            generator,
            self.config,
        )
        return (
            pixels,
            landmarks,
            self.targets(raw["occurrence"].cpu(), raw["intensity"].cpu(), epoch + 1, step),
        )

    @property
    def network_side(self) -> int:
        return int(self.network().chip_size_px)

    def targets(self, occurrence: Tensor, intensity: Tensor, epoch: int, step: int) -> Targets:
        """(B, A) codes -> targets of a step on the device, with sentences in a wording drawn for it."""
        generator = generator_for(self.seed, epoch, step, self.accelerator.process_index, 1)
        seed = int(torch.randint(2**31, (1,), generator=generator))
        writer = SentenceWriter(self.words, self.config.sentences_per_face, seed, self.division.units)
        both = intensity[:, None].expand(-1, 2, -1)
        return writer.targets(both, occurrence).to(self.accelerator.device)

    def rate(self, step: int, steps: int) -> float:
        """Factor of the learning rates: linear warm-up, then a cosine to 1 %."""
        warm = max(1, int(steps * self.config.warmup_share))
        if step < warm:
            return (step + 1) / warm
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    def _bar(self, loader: Any, epoch: int) -> tqdm:
        name = f"{self.variant} {self.division.name} seed {self.seed}, epoch {epoch + 1}/{self.config.epochs}"
        quiet = True if not self.accelerator.is_main_process else None
        return tqdm(loader, desc=name, disable=quiet, leave=False, mininterval=2)

    # ---- choosing

    def choose(self, model: VLFAUModel, epoch: int, losses: dict[str, float]) -> None:
        """Ask the validation subjects (and, if wanted, the test subjects) after an epoch; remember the best."""
        f1 = average_f1(self.ask(model, self.division.validation))
        entry: dict[str, Any] = {"epoch": epoch, "losses": losses, "validation_f1": f1}
        if f1 > self.best["f1"]:
            state = {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}
            self.best = {"epoch": epoch, "f1": f1, "state": state}
        if self.select_on_test:
            tested = self.ask(model, self.division.test)
            entry["test_f1"] = average_f1(tested)
            if entry["test_f1"] > self.best_on_test["f1"]:
                self.best_on_test = {
                    "epoch": epoch,
                    "f1": entry["test_f1"],
                    "probabilities": tested.probabilities,
                }
        self.log.append(entry)

    @torch.inference_mode()
    def ask(self, model: VLFAUModel, rows: FaceRows) -> Verdicts:
        """Probabilities of all faces of a part, shared over the processes."""
        c, accelerator = self.config, self.accelerator
        model.eval()
        loader = accelerator.prepare_data_loader(
            DataLoader(rows, c.batch * 2, num_workers=c.loader_workers), device_placement=True
        )
        said = np.zeros(rows.occurrence.shape, np.float32)
        for raw in loader:
            output = self.see(model, raw)
            both = (raw["position"], model.probabilities(output).float())
            positions, probabilities = accelerator.gather_for_metrics(both)
            said[positions.cpu().numpy()] = probabilities.cpu().numpy()
        return Verdicts(rows.occurrence, said, rows.subject)

    def see(self, model: VLFAUModel, raw: dict[str, Tensor]) -> VLFAUOutput:
        """Stored faces as tests see them -> what the network says."""
        device = self.accelerator.device
        pixels, landmarks = looks.plain(raw["chips"], raw["landmarks"], model.config.chip_size_px)
        with self.accelerator.autocast():
            return model(pixels.to(device), landmarks.to(device))

    # ---- going on

    def keep(self, schedule: LambdaLR) -> None:
        """Everything needed to go on after this epoch; a run killed while it saves keeps the epoch before."""
        chosen = {"log": self.log, "best": self.best, "best_on_test": self.best_on_test}
        kept_state.keep(self.accelerator, self.out, chosen | {"schedule": schedule.state_dict()})

    def resume(self, schedule: LambdaLR) -> None:
        """Load the last finished epoch if there is one.

        The schedule is kept by hand: what is registered with an accelerator stays registered for the next training.
        """
        chosen = kept_state.resume(self.accelerator, self.out)
        if chosen is not None:
            schedule.load_state_dict(chosen.pop("schedule"))
            vars(self).update(chosen)

    # ---- testing

    def test(self, model: VLFAUModel) -> Result:
        """The test faces, once, with the weights that were best on the validation subjects."""
        model.load_state_dict(self.best["state"])
        tested = self.ask(model, self.division.test)
        on_test = self.best_on_test["probabilities"]
        return Result(
            recipe=self.recipe,
            units=self.division.units,
            train_rates=self.division.train.rates.tolist(),
            epoch=self.best["epoch"],
            validation_f1=self.best["f1"],
            tested=tested,
            words=self.measure_words(model) if model.writes and self.accelerator.is_main_process else None,
            on_test=None if on_test is None else Verdicts(tested.labels, on_test, tested.subject),
            epoch_on_test=self.best_on_test["epoch"] or None,
            log=self.log,
        )

    @torch.inference_mode()
    def measure_words(self, model: VLFAUModel) -> dict[str, float]:
        """Sentences of evenly spaced test faces against labels and decisions."""
        test, most = self.division.test, self.config.words_measured_on
        positions = np.unique(np.linspace(0, len(test) - 1, min(most, len(test))).round().astype(int))
        texts, decisions = [], []
        for raw in _batches(test, positions, SENTENCES_AT_ONCE):
            output = self.unrated_hushed(self.see(model, raw))
            texts += [[self.words.decode(row) for row in face] for face in model.write(output).tolist()]
            decisions.append(model.decisions(output).cpu().numpy())
        return words_measures(
            texts,
            test.units,
            test.occurrence[positions],
            test.intensity[positions],
            np.concatenate(decisions),
            Constant.of(self.division.train),
        )

    def unrated_hushed(self, output: VLFAUOutput) -> VLFAUOutput:
        """The same with intensity 0 for action units that no training face rates: their levels were never learnt, and
        the words have only ever read a 0 there."""
        rated = torch.from_numpy(~np.isnan(self.division.train.intensity).all(axis=0)).to(
            output.logits.device
        )
        return replace(output, level_logits=output.level_logits.masked_fill(~rated[:, None], -30.0))


def _batches(rows: FaceRows, positions: np.ndarray, size: int) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(positions), size):
        faces = [rows[int(i)] for i in positions[start : start + size]]
        yield {name: torch.stack([face[name] for face in faces]) for name in faces[0]}
