"""How fast training is, beside what the hardware can do: `python -m finetune.bench --device cpu|cuda`.

The full training step (augmentation, joint loss, backward, clipping, optimiser, pull) is measured beside the bare Swin
stem's forward and backward pass, with the same batch and precision, turn and turn about in the same run; and beside the
rate of bf16 matrix products that the device reaches. Needs torch, transformers, accelerate, numpy and safetensors only.
The last line of the output is one JSON object.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DataLoaderConfiguration
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.data import DataLoader
from torch.utils.flop_counter import FlopCounterMode
from transformers import SwinBackbone

from finetune.annotated_faces import AnnotatedFaces
from finetune.faces import LabelledFaces
from finetune.lessons import Lessons, Mixture, StepPlan, as_given, shares, shown, targets_of
from finetune.synthetic.correspondence import Correspondence
from finetune.train_config import TrainConfig
from finetune.trained_parts import StartingPoint, choose_parameters
from vlfau.action_units import AU_NUMBERS
from vlfau.config import PRESETS
from vlfau.model import VLFAUModel
from vlfau.words import rule_words

FACES = 256
"""Different made-up faces; what they show does not change the time."""
REPORTS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"


def made_up_faces(side: int, seed: int = 0) -> AnnotatedFaces:
    """Noise with labels, as chips of `side` px."""
    rng = np.random.default_rng(seed)
    units = len(AU_NUMBERS)
    intensity = rng.uniform(0, 5, (FACES, 2, units)) * (rng.random((FACES, 1, units)) < 0.25)
    faces = LabelledFaces(
        rng.integers(0, 255, (FACES, side, side, 3), dtype=np.uint8),
        rng.random((FACES, 478, 3)).astype(np.float32),
        intensity.astype(np.float32),
        np.array([f"P{number}" for number in range(FACES)]),
    )
    return AnnotatedFaces.of(faces)


class FullStep:
    """The training step as `finetune.fit` takes it, without validation and states."""

    def __init__(self, options: argparse.Namespace, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.config = TrainConfig(train_what=options.train_what, replay=None)
        words = rule_words()
        self.network = PRESETS[options.preset](vocab_size=len(words))
        model = VLFAUModel(self.network).to(accelerator.device).train()
        groups = choose_parameters(model, self.config)
        self.start = StartingPoint(groups, self.config.pull)
        if options.compile:
            model.stem.compile()
            model.refine.compile()
        self.plain = model
        faces = made_up_faces(round(self.network.chip_size_px * 9 / 8))
        self.mixture = Mixture([faces], self.config.sentences_per_face)
        self.plan = StepPlan(self.mixture.rows(0), range(0), options.batch, 1, 0.0, seed=1)
        self.plan.last_step = 1_000_000
        mirror = torch.from_numpy(Correspondence.load().mirror)
        lessons = Lessons(self.mixture, words, mirror, self.config.sentences_per_face, seed=1)
        loader = DataLoader(
            lessons,
            batch_sampler=self.plan,
            collate_fn=as_given,
            num_workers=options.workers,
            pin_memory=accelerator.device.type == "cuda",
            prefetch_factor=4 if options.workers else None,
        )
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99))
        self.model, self.optimizer, self.loader = accelerator.prepare(model, optimizer, loader)
        self.batches = self._endless()
        self.step = 0

    def _endless(self) -> Iterator[dict[str, Tensor]]:
        yield from self.loader

    def __call__(self) -> None:
        batch = next(self.batches)
        noise, side = self.config.landmark_noise, self.network.chip_size_px
        pixels, landmarks = shown(batch, side, noise, 1, self.step, 0)
        output = self.model(pixels, landmarks, targets_of(batch))
        share = shares(self.mixture, self.plan.step(self.step), 0)
        loss = self.plain.total({name: part * share[name] for name, part in output.losses.items()})
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.start.draw(self.optimizer.param_groups)
        self.step += 1


class BareStem:
    """Forward and backward through a Swin of the same sizes: nothing else, its input lies on the device."""

    def __init__(self, options: argparse.Namespace, accelerator: Accelerator) -> None:
        self.config = config = PRESETS[options.preset]().swin
        backbone = SwinBackbone(config).to(accelerator.device).train()
        if options.compile:
            backbone.compile()
        self.accelerator, self.model = accelerator, accelerator.prepare(backbone)
        shape = (options.batch, config.num_channels, config.image_size, config.image_size)
        self.seen = torch.randn(shape, device=accelerator.device)

    def __call__(self) -> None:
        maps = self.model(self.seen).feature_maps
        loss = torch.stack([each.float().square().mean() for each in maps]).sum()
        self.accelerator.backward(loss)
        self.model.zero_grad(set_to_none=True)

    def flops(self) -> int:
        """Of one call, counted by PyTorch on a pass that is not compiled."""
        counter = FlopCounterMode(display=False)
        with counter:
            maps = SwinBackbone(self.config).to(self.seen.device).train()(self.seen).feature_maps
            torch.stack([each.square().mean() for each in maps]).sum().backward()
        return int(counter.get_total_flops())


# ---- measuring


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(call: Callable[[], None], device: torch.device, repeats: int) -> float:
    """Of one call, mean over `repeats` in a row."""
    wait(device)
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    wait(device)
    return (time.perf_counter() - began) / repeats


def side_by_side(
    first: Callable[[], None], second: Callable[[], None], device: torch.device, options: argparse.Namespace
) -> tuple[float, float]:
    """Seconds of a call of each: medians over rounds in which they take turns, after warming up."""
    for call in (first, second):
        seconds(call, device, options.warm_up)
    rounds = [
        [seconds(call, device, options.repeats) for call in (first, second)] for _ in range(options.rounds)
    ]
    return statistics.median(r[0] for r in rounds), statistics.median(r[1] for r in rounds)


def matrix_rate(device: torch.device, precision: str) -> float:
    """Multiplications and additions per second of large square matrix products, at the precision trained with."""
    size = 8192 if device.type == "cuda" else 1024
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=device, dtype=kind) for _ in range(2))
    out = torch.empty_like(a)

    def product() -> None:
        torch.mm(a, b, out=out)

    seconds(product, device, 3)
    return 2 * size**3 / min(seconds(product, device, 10 if device.type == "cuda" else 3) for _ in range(3))


def time_table(step: FullStep, device: torch.device, rows: int = 15) -> list[dict[str, Any]]:
    """Where the time of a step goes: operations by their own time, largest first, with their share of all."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    steps = 3 if device.type == "cuda" else 1
    with profile(activities=kinds) as recorded:
        for _ in range(steps):
            step()
        wait(device)
    averages = recorded.key_averages()
    on_gpu = device.type == "cuda"

    def own(event: Any) -> float:
        return float(event.self_device_time_total if on_gpu else event.self_cpu_time_total)

    whole = sum(own(event) for event in averages) or 1.0
    largest = sorted(averages, key=own, reverse=True)[:rows]
    return [
        {
            "operation": event.key[:80],
            "ms_per_step": round(own(event) / 1000 / steps, 3),
            "share": round(own(event) / whole, 3),
        }
        for event in largest
    ]


def data_seconds(step: FullStep) -> float:
    """What the loader alone takes for a batch; with workers it goes on beside the device."""
    began = time.perf_counter()
    for _ in range(5):
        next(step.batches)
    return (time.perf_counter() - began) / 5


def bench(options: argparse.Namespace) -> dict[str, Any]:
    """Everything, as plain JSON types."""
    device = torch.device(options.device)
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=options.precision,
        dataloader_config=DataLoaderConfiguration(non_blocking=device.type == "cuda"),
    )
    torch.manual_seed(0)
    stem, step = BareStem(options, accelerator), FullStep(options, accelerator)
    rate = matrix_rate(device, options.precision)
    flops = stem.flops()
    full_s, stem_s = side_by_side(step, stem, device, options)
    result: dict[str, Any] = {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "preset": options.preset,
        "train_what": options.train_what,
        "batch": options.batch,
        "precision": options.precision,
        "compiled": options.compile,
        "workers": options.workers,
        "examples_per_s": round(options.batch / full_s, 1),
        "stem_examples_per_s": round(options.batch / stem_s, 1),
        "ratio": round(stem_s / full_s, 3),
        "matrix_tflops": round(rate / 1e12, 3),
        "stem_share_of_matrix_rate": float(f"{flops / stem_s / rate:.3g}"),
        "step_share_of_matrix_rate": float(f"{flops / full_s / rate:.3g}"),
        "data_ms_per_batch": round(1000 * data_seconds(step), 2),
    }
    if device.type == "cuda":
        result["peak_memory_mib"] = round(torch.cuda.max_memory_allocated(device) / 2**20)
    result["time"] = time_table(step, device)
    return result


def _processor() -> str:
    return f"{platform.machine()} CPU"


# ---- telling


def report(result: dict[str, Any]) -> str:
    """Markdown for people."""
    facts = {name: value for name, value in result.items() if name != "time"}
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
    lines += ["| operation | ms per step | share of the time |", "|---|---|---|"]
    lines += [
        f"| `{row['operation']}` | {row['ms_per_step']} | {row['share']:.1%} |" for row in result["time"]
    ]
    return "\n".join(lines) + "\n"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cuda = torch.cuda.is_available()
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if cuda else "cpu")
    parser.add_argument(
        "--preset", choices=sorted(PRESETS), help="size of the network; base on CUDA, else small"
    )
    parser.add_argument("--train-what", choices=("head", "lora", "all"), default="all")
    parser.add_argument("--batch", type=int, help="faces per step; 128 on CUDA, else 16")
    parser.add_argument("--precision", choices=("no", "bf16"), help="bf16 on CUDA, else no")
    parser.add_argument(
        "--compile", action=argparse.BooleanOptionalAction, help="compile stem and refinement"
    )
    parser.add_argument("--workers", type=int, help="processes that make batches; 8 on CUDA, else 0")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, help="calls in a round; 10 on CUDA, else 2")
    parser.add_argument("--warm-up", type=int, help="calls before; 10 on CUDA, else 1")
    parser.add_argument("--write", metavar="NAME", help="keep the report as docs/benchmarks/NAME.md")
    return parser


def settled(options: argparse.Namespace) -> argparse.Namespace:
    """What was left out, by device."""
    cuda = options.device == "cuda"
    defaults = {
        "preset": ("base", "small"),
        "batch": (128, 16),
        "precision": ("bf16", "no"),
        "compile": (True, False),
        "workers": (8, 0),
        "repeats": (10, 2),
        "warm_up": (10, 1),
    }
    for name, (on_cuda, on_cpu) in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, on_cuda if cuda else on_cpu)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the tables and one line of JSON."""
    options = settled(build_parser().parse_args(arguments))
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write("There is no GPU. PyTorch sees no CUDA device. Measure with --device cpu.\n")
        return 2
    result = bench(options)
    text = report(result)
    if options.write:
        REPORTS.mkdir(parents=True, exist_ok=True)
        (REPORTS / f"{options.write}.md").write_text(f"# {options.write}\n\n{text}", "utf-8")
    sys.stdout.write(text + json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
