"""How fast the network is beside a bare Swin, by size, threads, batch and device.

`make bench` measures on the CPU. On a GPU, where only PyTorch and transformers need to be installed:
`python tests/benchmarks/network.py --device cuda`. All variants of a row run in turn, round after round, and the median
over rounds counts: whatever slows the machine for a moment then slows every variant.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that the folder of this file is where Python looks

from transformers import SwinBackbone  # noqa: E402

from vlfau.action_units import BP4D_NUMBERS  # noqa: E402
from vlfau.checkpoint import EMBEDDED  # noqa: E402
from vlfau.config import VLFAUConfig  # noqa: E402
from vlfau.model import VLFAUModel  # noqa: E402

Calls = dict[str, tuple[int, Callable[[], object]]]
"""Key of the result -> how many things one call does, and the call."""

TOKENS = 26
"""To which random weights write: no description of BP4D's action units is longer, whichever of them are seen."""
BATCHES = {"cpu": {"small": (1, 8, 32), "base": (2,)}, "cuda": {"small": (8, 64, 512), "base": (8, 64, 256)}}


@dataclass(frozen=True)
class Setting:
    """One row: which network, on what, how many chips at once."""

    size: str
    device: str
    threads: int
    batch: int


def rates(calls: Calls, rounds: int, device: str = "cpu") -> dict[str, float]:
    """Things per second of each call: median over rounds, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    with torch.inference_mode():
        for _ in range(rounds + 1):
            for name, (_, call) in calls.items():
                start = time.perf_counter()
                call()
                if device == "cuda":
                    torch.cuda.synchronize()
                seconds[name].append(time.perf_counter() - start)
    return {name: calls[name][0] / statistics.median(times[1:]) for name, times in seconds.items()}


def pixel_stem(config: VLFAUConfig) -> SwinBackbone:
    """The bare Swin that everything is compared with: the network's own sizes, fed pixels as in the paper."""
    fields = config.to_dict() | {"gradient_grid": 0, "texture_tokens": 0, "texture_weight": 0.0}
    return SwinBackbone(VLFAUConfig(**fields).swin).eval()


def of_size(size: str) -> VLFAUModel:
    """`small` as it is shipped, or the paper's `base` with 12 action units and random weights.

    Random weights take as long as learnt ones, but their sentences have no end. So `base` writes every sentence to the
    length of the longest description, which is more than real ones take: four tokens for a unit, ten for a face.
    """
    if size == "small":
        return VLFAUModel.from_pretrained(EMBEDDED).eval()
    torch.manual_seed(0)
    config = VLFAUConfig.base(au_numbers=BP4D_NUMBERS, max_text_tokens=TOKENS)
    return VLFAUModel(config).eval()


def variants(model: VLFAUModel, pixels: Tensor, landmarks: Tensor) -> Calls:
    """The bare Swin on pixels, the network's own Swin, the network without and with words."""
    plain = pixel_stem(model.config).to(pixels.device)
    batch, seen = len(pixels), model.look(pixels)
    own = model.stem.placed(seen) if model.stem.placed else seen
    normal = (pixels - model.image_mean) / model.image_std
    return {
        "stem_chips_per_s": (batch, lambda: plain(normal)),
        "own_stem_chips_per_s": (batch, lambda: model.stem.backbone(own)),
        "network_chips_per_s": (batch, lambda: model.probabilities(model(pixels, landmarks))),
        "network_words_chips_per_s": (batch, lambda: model.write(model(pixels, landmarks))),
    }


def measure(setting: Setting, model: VLFAUModel, rounds: int) -> dict[str, Any]:
    """A row of figures; on a GPU in bf16."""
    if setting.device == "cpu":
        torch.set_num_threads(setting.threads)
    model = model.to(setting.device)
    generator, side = torch.Generator().manual_seed(1), model.config.chip_size_px
    pixels = torch.rand(setting.batch, 3, side, side, generator=generator).to(setting.device)
    landmarks = torch.rand(setting.batch, 478, 3, generator=generator).to(setting.device)
    with torch.autocast("cuda", torch.bfloat16, enabled=setting.device == "cuda"), torch.inference_mode():
        calls = variants(model, pixels, landmarks)
        figures = rates(calls, rounds, setting.device)
    plain = figures["stem_chips_per_s"]
    return {
        **vars(setting),
        **{name: round(value, 1) for name, value in figures.items()},
        "times_stem": round(plain / figures["network_chips_per_s"], 2),
        "times_stem_with_words": round(plain / figures["network_words_chips_per_s"], 2),
    }


def settings(device: str, threads: int) -> list[Setting]:
    """All rows of a device; on a CPU by one thread and by `threads`."""
    by_threads = sorted({1, threads}) if device == "cpu" else [0]
    return [
        Setting(size, device, count, batch)
        for size, batches in BATCHES[device].items()
        for count in by_threads
        for batch in batches
    ]


def by_batch(device: str, threads: int, rounds: int) -> list[dict[str, Any]]:
    """Every row."""
    models = {size: of_size(size) for size in BATCHES[device]}
    return [measure(each, models[each.size], rounds) for each in settings(device, threads)]


def table(rows: list[dict[str, Any]]) -> str:
    """For people."""
    head = ("size", "device", "threads", "batch", "Swin", "network", "with words", "x Swin", "words x Swin")
    keys = ("size", "device", "threads", "batch", "stem_chips_per_s", "network_chips_per_s")
    keys += ("network_words_chips_per_s", "times_stem", "times_stem_with_words")
    lines = [head, *(tuple(str(row[key]) for key in keys) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    return "\n".join("  ".join(c.rjust(w) for c, w in zip(line, widths, strict=True)) for line in lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=sorted(BATCHES), default="cpu")
    parser.add_argument("--threads", type=int, default=2, help="of the processor, beside one")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of which the median counts")
    options = parser.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write("There is no GPU. PyTorch sees no CUDA device. Measure with --device cpu.\n")
        return 2
    rows = by_batch(options.device, options.threads, options.rounds)
    print("Chips per second\n" + table(rows) + "\n" + json.dumps(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
