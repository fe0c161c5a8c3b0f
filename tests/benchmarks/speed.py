"""How fast and how large VL-FAU is: the bare Swin stem, the network, whole photos and peak memory, in one run.

All variants run in turn, round after round, on the same cores with the same number of threads, and the median over
rounds counts: whatever slows the machine for a moment then slows every variant. `make bench` runs this.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # run as a script, so that the folder of this file is where Python looks

from tests.benchmarks import network  # noqa: E402
from tests.benchmarks.network import Calls, rates  # noqa: E402
from tests.benchmarks.pipeline import pipeline_figures  # noqa: E402
from vlfau.alignment import chip_landmarks, chip_transform, make_chip  # noqa: E402
from vlfau.images import read_image  # noqa: E402
from vlfau.predictor import Predictor  # noqa: E402

PHOTO_LONG_SIDE_PX = 1280
PEAK_MEMORY_PROGRAM = """
import sys, torch
torch.set_num_threads(int(sys.argv[1]))
from pathlib import Path
from tests.benchmarks.memory import peak_rss_mb
from vlfau.images import read_image
from vlfau.predictor import Predictor
Predictor.load(sys.argv[2] or None).predict(read_image(Path(sys.argv[3]).read_bytes()))
print(peak_rss_mb())
"""
"""Peak resident memory in MB of a process of its own that loads everything and predicts one photo, with words."""


@dataclass(frozen=True)
class Goal:
    """A figure that must not exceed a limit, on two cores with batches of eight."""

    name: str
    limit: float
    measured: float

    @property
    def met(self) -> bool:
        return self.measured <= self.limit


def batch_of_chips(predictor: Predictor, photo: np.ndarray, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, 3, S, S) RGB 0-1 and (B, 478, 3): the photo's face, turned a little differently in each chip."""
    (face, *_) = predictor.finder.find(photo)
    side = predictor.checkpoint.config.chip_size_px
    rng = np.random.default_rng(0)
    moved = [face.landmarks_px + rng.normal(0, 0.01 * face.width_px, (1, 3)) for _ in range(size)]
    chips = np.stack([make_chip(photo, chip_transform(points, side), side) for points in moved])
    landmarks = np.stack([chip_landmarks(points) for points in moved])
    return torch.from_numpy(chips).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(landmarks)


def renders_per_s(data: Path, folder: Path, pictures: int = 8) -> float:
    """Labelled faces that one core renders and detects in a second, after their persons were fitted and built."""
    from finetune.synthetic.generate import GenerateSettings, Studio, generate

    settings = GenerateSettings(data, folder, pictures, "train", seed=1)
    generate(settings)  # fits all persons and builds those of the first pictures
    studio = Studio(data, folder, settings.split, settings.size_px)
    subjects, rng = np.load(folder / "shard-00000" / "person.npy"), np.random.default_rng(2)
    call = (len(subjects), lambda: studio.shoot(rng, subjects, settings.seed))
    return rates({"renders": call}, rounds=3)["renders"]


def variants(predictor: Predictor, photo_bytes: bytes, batch: int) -> Calls:
    """The network's variants on chips of the photo, their words decoded, and the whole way from its bytes."""
    words = predictor.checkpoint.words
    pixels, landmarks = batch_of_chips(predictor, read_image(photo_bytes), batch)
    calls = network.variants(predictor.model, pixels, landmarks)
    _, write = calls["network_words_chips_per_s"]

    def decoded() -> list[str]:
        return [words.decode(ids) for face in write().tolist() for ids in face]

    return calls | {
        "network_words_chips_per_s": (batch, decoded),
        "photos_per_s": (1, lambda: predictor.predict(read_image(photo_bytes))),
    }


def peak_rss_mb(model: str, photo: Path, threads: int) -> float:
    """Peak memory of a fresh process; measured apart, since this one holds a batch and its results."""
    command = [sys.executable, "-c", PEAK_MEMORY_PROGRAM, str(threads), model, str(photo)]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return float(result.stdout)


def goals(figures: dict[str, float]) -> list[Goal]:
    """What was asked for on two cores: times against a bare Swin stem, a photo, memory.

    Both stems are held against the goal: a Swin of this size on pixels, and the network's own, which is lighter since
    it sees few cells and so makes the rest of the network weigh more.
    """
    rest = {"without": figures["network_chips_per_s"], "with": figures["network_words_chips_per_s"]}
    limits = {"without": 1.25, "with": 2.0}
    return [
        Goal(f"network {words} words, in times of {stem}", limits[words], figures[key] / rest[words])
        for stem, key in (
            ("a Swin on pixels", "stem_chips_per_s"),
            ("its own Swin", "own_stem_chips_per_s"),
        )
        for words in ("without", "with")
    ] + [
        Goal("a photo of one face with words, ms", 250, 1000 / figures["photos_per_s"]),
        Goal("peak memory, MB", 1500, figures["peak_rss_mb"]),
    ]


def paper_goal(rows: list[dict[str, Any]]) -> Goal:
    """What was asked for of the paper's size, from the rows of `tests/benchmarks/network.py`."""
    row = max((row for row in rows if row["size"] == "base"), key=lambda row: row["threads"])
    return Goal("12 action units with words, in times of its Swin-B", 1.5, row["times_stem_with_words"])


def pipeline_goals(figures: dict[str, float]) -> list[Goal]:
    """What was asked for from video file to records on two cores, and that memory does not grow with a video."""
    growth = figures["longer_video_peak_rss_mb"] / figures["video_peak_rss_mb"]
    return [
        Goal("a face of a video without words, ms", 100, 1000 / figures["video_2_threads_faces_per_s"]),
        Goal("a face of a video with words, ms", 200, 1000 / figures["video_2_threads_words_faces_per_s"]),
        Goal("peak memory at six times the length, in times", 1.05, growth),
    ]


def machine(threads: int) -> dict[str, str | int]:
    """What the figures were measured on."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count() or 0,
        "threads": threads,
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def bind_to_cores(count: int) -> None:
    """Keep this process and its children on `count` cores where the system allows it, and their pools as small."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    torch.set_num_threads(count)
    cv2.setNumThreads(count)


def as_jpeg(photo: Path) -> bytes:
    """The photo with its long side at 1280 px, as a camera would have written it."""
    image = Image.fromarray(read_image(photo))
    scale = PHOTO_LONG_SIDE_PX / max(image.size)
    jpeg = BytesIO()
    image.resize((round(image.width * scale), round(image.height * scale))).save(jpeg, "JPEG", quality=90)
    return jpeg.getvalue()


def table(report: dict) -> str:
    keys = [key for key in report if key.endswith(("_per_s", "_mb", "_ms"))]
    lines = [f"{key:<{max(map(len, keys)) + 2}}{report[key]:>8.1f}" for key in keys]
    for goal in report["goals"]:
        verdict = "met" if goal["met"] else "MISSED"
        lines.append(f"{goal['name']:<52}{goal['measured']:>8.2f}  goal {goal['limit']:<8g}{verdict}")
    described = ", ".join(f"{key} {value}" for key, value in report["machine"].items())
    by_batch = [network.table(report["by_batch"])] if report["by_batch"] else []
    title = f"model {report['model']}, batch {report['batch']}, rounds {report['rounds']}"
    return "\n".join([title, described, *lines, *by_batch])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", default="", help="folder or Hub repository; the embedded checkpoint if left out"
    )
    parser.add_argument(
        "--photo", type=Path, default=ROOT / "tests" / "data" / "face.jpg", help="photo with one face"
    )
    parser.add_argument(
        "--data", type=Path, help="folder with face_rig/ and faces/: measures rendering too, on one core"
    )
    parser.add_argument("--threads", type=int, default=2, help="cores and threads to use")
    parser.add_argument("--batch", type=int, default=8, help="chips per batch")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of which the median counts")
    parser.add_argument(
        "--quick", action="store_true", help="leaves out videos, other batches and the paper's size"
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build" / "bench.json", help="where the figures go"
    )
    options = parser.parse_args(arguments)

    bind_to_cores(options.threads)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    photo = options.out.parent / "bench-photo.jpg"
    photo.write_bytes(as_jpeg(options.photo))
    predictor = Predictor.load(options.model or None)
    figures = rates(variants(predictor, photo.read_bytes(), options.batch), options.rounds)
    if options.data:
        torch.set_num_threads(1)
        figures["renders_per_s"] = renders_per_s(options.data, options.out.parent / "bench-renders")
        torch.set_num_threads(options.threads)
    figures["peak_rss_mb"] = peak_rss_mb(options.model, photo, options.threads)
    found, rows = goals(figures), []
    if not options.quick:
        rows = network.by_batch("cpu", options.threads, rounds=5)
        figures |= pipeline_figures(options.out.parent, options.photo, options.model)
        found += [paper_goal(rows), *pipeline_goals(figures)]
    report = {
        **figures,
        "by_batch": rows,
        "goals": [{**asdict(goal), "met": goal.met} for goal in found],
        "model": predictor.checkpoint.config.model_version,
        "batch": options.batch,
        "rounds": options.rounds,
        "machine": machine(options.threads),
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(table(report))


if __name__ == "__main__":
    main()
