"""The training loop of a fine-tuning run: steps, validation, early stopping, and states to go on from.

Letters: B faces of a micro-batch, n validation faces, A action units.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from finetune import kept_state
from finetune.annotated_faces import AnnotatedFaces
from finetune.division import Part
from finetune.lessons import Lessons, Mixture, StepPlan, as_given, micro_batches, shares, shown, targets_of
from finetune.preparation import Prepared
from finetune.recalibrate import Fusion, Said, misfit
from finetune.status import StatusFile
from finetune.synthetic.correspondence import Correspondence
from finetune.train_config import TrainConfig
from finetune.trained_parts import StartingPoint, choose_parameters, merge_low_rank
from vlfau.action_units import AU_NUMBERS, by_number
from vlfau.checkpoint import Checkpoint
from vlfau.metrics import f1_per_au, macro
from vlfau.model import VLFAUModel

log = logging.getLogger(__name__)

FALLS_TO = 0.02
"""Share of the learning rate that is left at the last step."""
READ_AT_ONCE = 64
"""Validation faces per forward pass."""


@dataclass
class Progress:
    """What a run knows of itself; saved with its state."""

    step: int = 0
    best_loss: float = math.inf
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    """Trained weights of the best epoch; empty while the base is the best."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """One entry per epoch; the first is the base."""
    stopped: bool = False

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


class HeldOut(Dataset):
    """Validation faces as the network sees them, each with its row."""

    def __init__(self, sets: tuple[AnnotatedFaces, ...]) -> None:
        self.mixture = Mixture(sets, sentences_per_face=1)

    def __len__(self) -> int:
        return len(self.mixture)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        chips, landmarks = self.mixture.pictures([row])
        return {"chips": chips[0].permute(2, 0, 1), "landmarks": landmarks[0], "row": torch.tensor(row)}


class Fit:
    """One attempt at training with at most `micro_batch` faces per forward pass."""

    def __init__(
        self,
        config: TrainConfig,
        accelerator: Accelerator,
        checkpoint: Checkpoint,
        prepared: Prepared,
        folder: Path,
        status: StatusFile,
        progress: Progress,
        micro_batch: int,
    ) -> None:
        self.config, self.accelerator, self.folder = config, accelerator, folder
        self.status, self.progress = status, progress
        self.fusion = Fusion.of(checkpoint.config)
        self.mixture = Mixture(prepared.part(Part.TRAIN), config.sentences_per_face)
        self.held_out = HeldOut(prepared.part(Part.VALIDATION))
        torch.manual_seed(config.seed)  # low-rank changes begin at random
        network = checkpoint.model.to(accelerator.device).train()
        self.side = network.config.chip_size_px
        groups = choose_parameters(network, config)
        self.start = StartingPoint(groups, config.pull)
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
        self._compile(network)
        self.pieces = micro_batches(config.batch, micro_batch, accelerator.num_processes)
        self.plan = StepPlan(
            self.mixture.rows(0),
            self.mixture.rows(1),
            config.batch,
            self.pieces,
            config.replay_share,
            config.seed,
        )
        self.steps = self.plan.epoch_steps * config.epochs
        accelerator.gradient_accumulation_steps = self.pieces // accelerator.num_processes
        self.network = network
        self.model, self.optimizer, self.loader, self.reader = accelerator.prepare(
            network, optimizer, self._lessons(checkpoint), DataLoader(self.held_out, READ_AT_ONCE)
        )
        self.seconds_per_step = 0.0

    def _compile(self, network: VLFAUModel) -> None:
        """Stem and refinement: their shapes never change, and they take most of the time."""
        wanted = self.config.compile
        if self.accelerator.device.type == "cuda" if wanted is None else wanted:
            network.stem.compile()
            network.refine.compile()

    def _lessons(self, checkpoint: Checkpoint) -> DataLoader:
        c = self.config
        mirror = torch.from_numpy(Correspondence.load().mirror)
        lessons = Lessons(self.mixture, checkpoint.words, mirror, c.sentences_per_face, c.seed)
        return DataLoader(
            lessons,
            batch_sampler=self.plan,
            collate_fn=as_given,
            num_workers=c.loader_workers,
            persistent_workers=c.loader_workers > 0,
            pin_memory=self.accelerator.device.type == "cuda",
        )

    # ---- training

    def run(self) -> None:
        """From the start or the last state to the end or until nothing gets better; the best weights are then in."""
        self.resume()
        if not self.progress.history:
            self.close_epoch(0, None)
        while self.progress.step < self.steps and not self.progress.stopped:
            epoch = self.progress.step // self.plan.epoch_steps + 1
            self.close_epoch(epoch, self.epoch(epoch))
        self.restore_best()

    def epoch(self, epoch: int) -> float:
        """The steps of an epoch that are left; returns their mean loss over all processes."""
        p, plan, accelerator = self.progress, self.plan, self.accelerator
        plan.first_step, plan.last_step = p.step, epoch * plan.epoch_steps
        total = torch.zeros((), device=accelerator.device)
        first, began = p.step, time.monotonic()
        self.model.train()
        bar = tqdm(
            total=plan.last_step - first,
            desc=f"epoch {epoch}/{self.config.epochs}",
            disable=not accelerator.is_main_process,
        )
        for turn, batch in enumerate(self.loader):
            number = turn * accelerator.num_processes + accelerator.process_index
            with accelerator.accumulate(self.model):
                loss = self.loss(batch, first + number // self.pieces, number % self.pieces)
                accelerator.backward(loss)
                self.optimise()
            total += loss.detach()
            if accelerator.sync_gradients:
                self.start.draw(self.optimizer.param_groups)
                p.step += 1
                bar.update()
                self.seconds_per_step = (time.monotonic() - began) / (p.step - first)
                self.tell(epoch, total / (turn + 1))
                if p.step % self.config.save_every == 0 and p.step < plan.last_step:
                    self.save()
        bar.close()
        turns = max(1, (p.step - first) * accelerator.gradient_accumulation_steps)
        return float(accelerator.reduce(total / turns, "mean"))

    def loss(self, batch: dict[str, Tensor], step: int, number: int) -> Tensor:
        """A micro-batch's part of its step's joint loss, times the number of micro-batches."""
        c = self.config
        pixels, landmarks = shown(batch, self.side, c.landmark_noise, c.seed, step, number)
        output = self.model(pixels, landmarks, targets_of(batch))
        share = shares(self.mixture, self.plan.step(step), number)
        total: Tensor = self.network.total({name: part * share[name] for name, part in output.losses.items()})
        return total

    def optimise(self) -> None:
        """One step of the optimiser, when this micro-batch is the step's last."""
        if self.accelerator.sync_gradients:
            rate = learning_rate_factor(self.progress.step, self.steps, self.config.warmup_share)
            for group in self.optimizer.param_groups:
                group["lr"] = group["full_rate"] * rate
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def tell(self, epoch: int, loss: Tensor) -> None:
        """Step and time left; the loss is looked at seldom, because reading it makes a GPU wait."""
        p = self.progress
        values: dict[str, Any] = {"step": p.step, "of": self.steps, "epoch": epoch, "state": "training"}
        values["eta_s"] = round(self.seconds_per_step * (self.steps - p.step), 1)
        if p.step % 10 == 0 or self.accelerator.device.type == "cpu":
            values["loss"] = float(loss)
            self.accelerator.log({"loss/step": values["loss"]}, step=p.step)
        self.status.update(now=False, **values)

    # ---- validation

    def close_epoch(self, epoch: int, loss: float | None) -> None:
        """Validate, remember the best, decide whether to stop, and save a state."""
        self.status.update(state="validating", epoch=epoch, of=self.steps, loss=loss)
        measured = self.validate()
        p = self.progress
        p.history.append({"epoch": epoch, "step": p.step, "loss": loss, **measured})
        if measured["validation_loss"] < p.best_loss:
            p.best_loss, p.best_epoch = measured["validation_loss"], epoch
            trained = (item for item in self.network.named_parameters() if item[1].requires_grad)
            p.best = {name: value.detach().cpu().clone() for name, value in trained} if epoch else {}
        p.stopped = epoch - p.best_epoch >= self.config.patience
        self.accelerator.log(_scalars(measured) | ({} if loss is None else {"loss/epoch": loss}), step=p.step)
        self.status.update(**{name: measured[name] for name in ("validation_loss", "f1")})
        self.save()

    def validate(self) -> dict[str, Any]:
        """Loss and F1 on validation people, at the base's fusion and thresholds; see `measured`."""
        return measured(self.read(), self.held_out.mixture.sets, self.fusion, self.config.replay_share)

    @torch.no_grad()
    def read(self) -> NDArray[np.float64]:
        """(n, A, K) logits of every branch for all validation faces in their order, the same on every process."""
        self.model.eval()
        logits: list[NDArray] = []
        rows: list[NDArray] = []
        for batch in self.reader:
            chips = batch["chips"].float() / 255
            pixels = torch.nn.functional.interpolate(
                chips, (self.side, self.side), mode="bilinear", antialias=True
            )
            branches = self.model(pixels, batch["landmarks"]).branches
            said = torch.stack([branches[name].logits.float() for name in self.fusion.branches], dim=-1)
            said, row = self.accelerator.gather_for_metrics((said, batch["row"]))
            logits.append(said.cpu().numpy())
            rows.append(row.cpu().numpy())
        order = np.argsort(np.concatenate(rows), kind="stable")
        return np.concatenate(logits)[order].astype(np.float64)

    # ---- states

    def save(self) -> None:
        """Everything needed to go on; a run that is killed while it saves keeps the state before."""
        kept_state.keep(self.accelerator, self.folder)

    def resume(self) -> None:
        """Load the last whole state, if there is one."""
        if kept_state.resume(self.accelerator, self.folder) is not None:
            log.info("goes on after step %d", self.progress.step)

    def restore_best(self) -> None:
        """Put the best epoch's weights in; the base's when nothing was better."""
        p = self.progress
        with torch.no_grad():
            if not p.best:
                self.start.restore(self.optimizer.param_groups)
            for name, parameter in self.network.named_parameters():
                if name in p.best:
                    parameter.copy_(p.best[name])

    def said(self) -> tuple[Said, Said]:
        """What is said of validation people, corrected and replayed: they settle fusion and thresholds."""
        corrected, replayed = self.held_out.mixture.sets
        new, old = np.split(self.read(), [len(corrected)])
        return said_of(corrected, new), said_of(replayed, old)

    def trained(self) -> VLFAUModel:
        """The network with plain weights, after `run`."""
        merge_low_rank(self.network)
        return self.network.eval()


def learning_rate_factor(step: int, steps: int, warmup_share: float) -> float:
    """0-1: linear warm-up, then a cosine to `FALLS_TO`."""
    warm = max(1, int(steps * warmup_share))
    if step < warm:
        return (step + 1) / warm
    return FALLS_TO + (1 - FALLS_TO) * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def said_of(faces: AnnotatedFaces, logits: NDArray[np.float64]) -> Said:
    """Branch logits (n, A, K) of faces with their labels and whose they are."""
    return Said(logits, faces.occurrence.astype(np.float64), faces.faces.groups["group"])


def measured(
    logits: NDArray[np.float64], sets: Sequence[AnnotatedFaces], fusion: Fusion, replay_share: float
) -> dict[str, Any]:
    """Loss and F1 of (n, A, K) branch logits on the corrected and the replayed faces of validation people.

    The loss is the cross-entropy of soft labels, mean over action units; that of the replay's faces counts with the
    replay's share, so that the best epoch is not one that has forgotten. F1 is that of the corrected faces.
    """
    labels = np.concatenate([some.occurrence for some in sets])
    loss = np.where(np.isnan(labels), np.nan, misfit(fusion.logits(logits), np.nan_to_num(labels)))
    corrected, replayed = np.split(loss, [len(sets[0])])
    weight = replay_share if len(replayed) else 0.0
    both = (1 - weight) * _macro_loss(corrected) + (weight * _macro_loss(replayed) if weight else 0.0)
    said = fusion.probabilities(logits[: len(sets[0])])
    f1 = f1_per_au(sets[0].labels, said, fusion.thresholds)
    return {
        "validation_loss": round(float(both), 6),
        "f1_macro": none_for_nan(macro(f1)),
        "f1": {by_number(n).code: none_for_nan(v) for n, v in zip(AU_NUMBERS, f1.tolist(), strict=True)},
    }


def none_for_nan(value: float) -> float | None:
    """For JSON: a figure that is not defined is null."""
    return None if math.isnan(value) else round(float(value), 4)


def _macro_loss(loss: NDArray[np.float64]) -> float:
    """Mean over action units of the mean over known labels."""
    known = ~np.isnan(loss)
    each = np.where(known, loss, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return float(each[known.any(axis=0)].mean()) if known.any() else 0.0


def _scalars(measured: dict[str, Any]) -> dict[str, float]:
    flat = {f"validation/{name}": measured[name] for name in ("validation_loss", "f1_macro")}
    flat |= {f"f1/{code}": value for code, value in measured["f1"].items()}
    return {name: value for name, value in flat.items() if value is not None}
