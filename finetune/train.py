"""Corrections become a version: `accelerate launch -m finetune.train --config FILE --out RUN` (or `python -m`).

One process or several, one machine or several, CPU or GPU are the same command. The version appears as the folder RUN
when all went well; RUN.work beside it holds `status.json`, the log for TensorBoard, and states from which a killed run
goes on with `--resume`. The store and the base are only read. Exit codes: 0 done, 2 refused (the message says why and
what to do), 130 cancelled.
"""

import argparse
import copy
import json
import logging
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.utils import find_executable_batch_size, gather_object
from accelerate.utils.memory import should_reduce_batch_size

from db.store import Store
from finetune.errors import OutOfMemory, TrainingError, disk_border
from finetune.fit import Fit, Progress
from finetune.fuse import Fuse
from finetune.preparation import (
    forget_faces,
    lies_ready,
    load_prepared,
    prepare,
    refuse_changed,
    refuse_full_disk,
)
from finetune.recalibrate import Fusion, Said, recalibrated
from finetune.run_folder import (
    publish,
    refuse_existing,
    surroundings,
    weights_digest,
    working_folder,
    write_weights,
)
from finetune.single_flight import single_flight
from finetune.status import StatusFile
from finetune.train_config import TrainConfig
from finetune.version_card import version_card
from finetune.version_report import compare
from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import Checkpoint, load_checkpoint
from vlfau.errors import ModelError, VLFAUError

log = logging.getLogger(__name__)

DEFAULT = Path(__file__).parent / "configs" / "finetune-fusion.json"
"""What is best for a few hundred corrections; docs/experiments/loop.md says how that was found."""
CONFIG = "config.json"
LOGS = "vl-fau"
"""Folder of TensorBoard's files, and name of the project for other trackers."""
BYTES_PER_WEIGHT = 40
"""Two states (weight, two moments, best) and the version, at most."""


class Cancelled(KeyboardInterrupt):
    """The run was told to end."""


class Elsewhere(TrainingError):
    """Another process of this run was refused; it says why."""


class Run:
    """One run: where it lies, what it works with, and how it tells."""

    def __init__(self, config: TrainConfig, out: Path, resume: bool, prepared: bool = False) -> None:
        self.config, self.out, self.resume, self.prepared = config, out, resume, prepared
        self.folder = working_folder(out)
        self.accelerator = make_accelerator(config, self.folder)
        self.version = config.version or out.name
        self.status = StatusFile(self.folder, write=False, version=self.version, out=str(out))
        self.began = time.monotonic()

    @cached_property
    def base(self) -> Checkpoint:
        """What the run begins with; it is copied before it is trained."""
        return base_checkpoint(self.config)

    # ---- before

    def everywhere(self, do: Callable[[], None], here: bool) -> None:
        """Do something on some processes; when it is refused on one, all end, and that one says why."""
        refused: VLFAUError | None = None
        if here:
            try:
                with disk_border(self.folder):
                    do()
            except VLFAUError as error:
                refused = error
        others = gather_object([None if refused is None else str(refused)])
        if refused is not None:
            raise refused
        if any(others):
            raise Elsewhere(f"Another process of this run was refused. It said: {next(filter(None, others))}")

    def make_ready(self) -> None:
        """Data on the disk of this machine, checked; on resuming, what lies there from the first time."""
        network = self.base.model
        size = sum(parameter.numel() for parameter in network.parameters())
        if self.resume or self.prepared:
            self._refuse_other_run()
            if not self.prepared:
                refuse_changed(self.config, self.folder)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        forget_faces(self.folder)
        shutil.rmtree(self.folder / LOGS, ignore_errors=True)
        refuse_full_disk(self.folder, size * BYTES_PER_WEIGHT)
        try:
            prepare(self.config, network.config, self.folder)
        except BaseException:
            forget_faces(self.folder)  # a refused run is not gone on with
            raise
        self._config_file.write_text(json.dumps(self.config.plain(), indent=1) + "\n", "utf-8")

    @property
    def _config_file(self) -> Path:
        return self.folder / CONFIG

    def _refuse_other_run(self) -> None:
        if not self._config_file.is_file() or not lies_ready(self.folder):
            raise TrainingError(
                f"There is no run to go on with. {self.folder} does not hold one. Start it without --resume."
            )
        before = TrainConfig.load(self._config_file)
        if before != self.config:
            names = [name for name, value in before.plain().items() if value != self.config.plain()[name]]
            raise TrainingError(
                f"This run cannot go on with another configuration. Since it began, these changed: {', '.join(names)}. "
                "Give the same configuration, or start anew without --resume."
            )

    # ---- training

    def fit(self) -> Fit | Fuse:
        """Train; on one process, with smaller micro-batches when the device's memory does not suffice."""
        prepared, progress = load_prepared(self.folder), Progress()
        self.accelerator.register_for_checkpointing(progress)

        def attempt(micro_batch: int) -> Fit | Fuse:
            self.accelerator.free_memory()
            vars(progress).update(vars(Progress()))
            checkpoint = replace(self.base, model=copy.deepcopy(self.base.model))
            if self.config.train_what == "fusion":
                checkpoint.model.to(self.accelerator.device)
                fuse = Fuse(self.config, checkpoint, prepared, self.status, progress, micro_batch)
                fuse.run()
                return fuse
            fit = Fit(
                self.config,
                self.accelerator,
                checkpoint,
                prepared,
                self.folder,
                self.status,
                progress,
                micro_batch,
            )
            fit.run()
            return fit

        try:
            if self.accelerator.num_processes > 1:  # one process alone cannot take smaller pieces
                return attempt(self.config.micro_batch)
            return largest_that_fits(attempt, min(self.config.micro_batch, self.config.batch))
        except Exception as error:
            if isinstance(error, VLFAUError) or not should_reduce_batch_size(error):
                raise
            raise out_of_memory(self.config.micro_batch) from error

    def finish(self, fit: Fit | Fuse) -> None:
        """Calibrate, save, measure and publish the version."""
        self.status.update(
            state="saving", message="Calibrating and measuring on people who were not trained on."
        )
        said = fit.said()
        if self.accelerator.is_main_process:
            self._publish(fit, *said)
            forget_faces(self.folder)
        self.accelerator.wait_for_everyone()

    def _publish(self, fit: Fit | Fuse, corrected: Said, kept: Said) -> None:
        prepared, base = load_prepared(self.folder), self.base
        model = fit.trained().cpu()
        recalibrated(Fusion.of(base.config), corrected, kept, self.config.kept_share).install(model)
        model.config.model_version = self.version
        data = prepared.summary
        model.config.training_data = (
            *base.config.training_data,
            f"corrections of {data['corrected_faces']['train']} faces of {data['people']['train']} people, "
            f"{data['digest'][:12]}",
        )
        partial = write_weights(self.out, model, base.words)
        saved = load_checkpoint(partial).model  # measured are the weights as they are stored
        metrics = {"version": self.version, "base": base.config.model_version}
        metrics |= compare(base.model, saved, prepared)
        training = self.training(fit, base) | {"data": data}
        publish(partial, self.out, training, metrics, version_card(saved.config, training, metrics))

    def training(self, fit: Fit | Fuse, base: Checkpoint) -> dict[str, Any]:
        """What made the version, as plain JSON types."""
        a = self.accelerator
        device = torch.cuda.get_device_name(a.device) if a.device.type == "cuda" else a.device.type
        return {
            "version": self.version,
            "config": self.config.plain(),
            "base": {
                "version": base.config.model_version,
                "weights_sha256": weights_digest(self.config.base),
            },
            "best_epoch": fit.progress.best_epoch,
            "steps": fit.progress.step,
            "history": fit.progress.history,
            "processes": a.num_processes,
            "micro_batches": fit.pieces,
            "precision": a.mixed_precision,
            "device": device,
            "seconds": round(time.monotonic() - self.began, 1),
            **surroundings(),
        }


def train(config: TrainConfig, out: str | Path, resume: bool = False, prepared: bool = False) -> Path:
    """Run it all, or with `resume` what is left of it; returns the run folder.

    With `prepared` the faces were laid ready elsewhere (`finetune.hub_job`), and there is no store here.
    Raises `VLFAUError` when the run is refused or cannot go on; the store and the base are then as before.
    """
    out = Path(out)
    run = Run(config, out, resume, prepared)
    try:
        with disk_border(run.folder), _alone(run):
            run.everywhere(run.make_ready, run.accelerator.is_local_main_process)
            _start_trackers(run)
            fit = run.fit()
            run.finish(fit)
            run.accelerator.end_training()
    except Cancelled:
        run.status.end("cancelled", "Cancelled. Go on with --resume.")
        raise
    except VLFAUError as error:
        run.status.end("failed", str(error))
        raise
    except BaseException as error:
        run.status.end("failed", f"The run broke off: {error!r}. The log says where.")
        raise
    run.status.end("finished", f"Done: {out}")
    return out


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """The lock on the store, if there is one, held by the main process; only its holder may tell how the run goes."""
    main = run.accelerator.is_main_process
    with ExitStack() as held:

        def take() -> None:
            refuse_existing(run.out)
            folder = run.folder
            if not run.prepared:
                store = Store(run.config.store_url, run.config.store_folder)
                store.close()
                folder = store.folder
            held.enter_context(single_flight(folder, run.out))

        run.everywhere(take, main)
        run.status.writes = main
        run.status.update(message="Reading corrections.")
        yield


def _start_trackers(run: Run) -> None:
    run.status.update(message="Training.")
    if run.config.tracker != "none":
        run.accelerator.init_trackers(LOGS, init_kwargs={"trackio": {"name": run.version}})


def make_accelerator(config: TrainConfig, folder: Path) -> Accelerator:
    """bf16 where the device supports it, unless the configuration says; the tracker's files go into `folder`."""
    if config.tracker != "none" and find_spec(config.tracker) is None:
        raise TrainingError(
            f"The tracker is not installed. The configuration asks for {config.tracker!r}. "
            f'Run: pip install {config.tracker}; or set "tracker": "none".'
        )
    supported = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return Accelerator(
        cpu=not torch.accelerator.is_available(),  # or several processes without a GPU would not know of each other
        mixed_precision=config.precision or ("bf16" if supported else "no"),
        log_with=None if config.tracker == "none" else config.tracker,
        project_dir=str(folder),
        dataloader_config=DataLoaderConfiguration(non_blocking=torch.cuda.is_available()),
    )


def base_checkpoint(config: TrainConfig) -> Checkpoint:
    """The checkpoint to begin with. Raises `ModelError` when it is missing or too old."""
    checkpoint = load_checkpoint(config.base)
    if tuple(checkpoint.config.au_numbers) != AU_NUMBERS:
        raise ModelError(
            f"The base cannot be trained by this version. {config.base} knows the action units "
            f"{list(checkpoint.config.au_numbers)}, corrections have {list(AU_NUMBERS)}. Name a newer base."
        )
    return checkpoint


def largest_that_fits(attempt: Callable[[int], Fit | Fuse], most: int) -> Fit | Fuse:
    """`attempt` with half the faces per pass again and again, until they fit. Raises `OutOfMemory`."""
    size = most

    def half() -> int:
        nonlocal size
        log.warning("%d faces at once do not fit into the device's memory; trying %d", size, size // 2)
        size //= 2
        return size

    try:
        fit: Fit | Fuse = find_executable_batch_size(attempt, most, half)()
    except RuntimeError as error:
        if size > 0:
            raise
        raise out_of_memory(1) from error
    return fit


def out_of_memory(tried: int) -> OutOfMemory:
    return OutOfMemory(
        f"The device's memory does not suffice. {tried} face(s) per pass were too many. Free memory on the device, set "
        'a smaller micro_batch, train "head" instead of "all", or take a smaller base.'
    )


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, default=DEFAULT, help="JSON file; fields: docs/fine-tuning.md")
    parser.add_argument(
        "--out", type=Path, required=True, help="run folder that is to appear; must not exist"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run that RUN.work holds")
    parser.add_argument(
        "--prepared",
        action="store_true",
        help="train on what RUN.work holds, laid ready elsewhere; without a store",
    )
    parser.add_argument("--store", help="folder of the store, in place of the configuration's")
    parser.add_argument("--project", help="name of the project, in place of the configuration's")
    parser.add_argument("--base", help="checkpoint to begin with, in place of the configuration's")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Train and return the exit code."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("finetune").setLevel(logging.INFO)

    def cancel(number: int, frame: FrameType | None) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, cancel)
    try:
        config = TrainConfig.load(options.config)
        config = config.changed(store_folder=options.store, project=options.project, base=options.base)
        train(config, options.out, options.resume, options.prepared)
    except Elsewhere:
        return 2
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        with suppress(OSError):
            sys.stderr.write("Cancelled.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
