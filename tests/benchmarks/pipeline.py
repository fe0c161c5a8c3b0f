"""How fast the whole way from a video file to records is, by threads and words, and how much memory it takes.

Each measurement is a process of its own, so that threads are set from the start and peak memory is its own.
`tests/benchmarks/speed.py` runs this.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from vlfau.decoders import quiet_ffmpeg
from vlfau.images import read_image

ROOT = Path(__file__).resolve().parents[2]
WIDTH_PX, HEIGHT_PX, RATE = 640, 480, 30
SECONDS, MANY_SECONDS = 8, 48
"""Length of the video that is timed, and of the one whose memory is compared with it."""

PROGRAM = """
import json, os, sys, time
threads = int(sys.argv[1])
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
import cv2, torch
torch.set_num_threads(threads)
cv2.setNumThreads(threads)
from tests.benchmarks.memory import peak_rss_mb
from vlfau.lookahead import ahead
from vlfau.pipeline import Pipeline, Read, Settings
from vlfau.predictor import Predictor
from vlfau.sources import Source
settings = Settings(words=sys.argv[2] == "words", detect_every=int(sys.argv[3]), every=int(sys.argv[4]))
pipeline = Pipeline(Predictor.load(sys.argv[5] or None, device="cpu"), settings)
for _ in pipeline.read(pipeline.look(Source(sys.argv[6]))):
    break  # everything is loaded and has run once
start, cpu, faces, frames = time.perf_counter(), time.process_time(), 0, 0
for item in pipeline.read(ahead(pipeline.look(Source(sys.argv[7])))):
    if isinstance(item, Read):
        frames += 1
        faces += sum(record["success"] for record in item.records)
seconds = time.perf_counter() - start
print(json.dumps(dict(frames=frames, faces_per_s=faces / seconds, cpu_ms=1000 * (time.process_time() - cpu) / faces,
                      peak_rss_mb=peak_rss_mb())))
"""
"""Threads, words or not, pictures between detections, step, checkpoint, a video to warm up with, the video."""


def write_video(path: Path, photo: Path, seconds: float) -> Path:
    """A face that moves, turns and grows a little before a mirrored background, with the noise of a camera."""
    quiet_ffmpeg()
    image, rng = read_image(photo), np.random.default_rng(0)
    middle = image.shape[1] / 2, image.shape[0] / 2
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, (WIDTH_PX, HEIGHT_PX))
    noise = rng.normal(0, 3, (8, HEIGHT_PX, WIDTH_PX, 3))
    for index in range(round(seconds * RATE)):
        t = index / RATE
        scale = HEIGHT_PX / image.shape[0] * (1.1 + 0.15 * math.sin(0.7 * t))
        move = cv2.getRotationMatrix2D(middle, 12 * math.sin(1.3 * t), scale)
        move[:, 2] += (
            WIDTH_PX / 2 + 60 * math.sin(1.1 * t) - middle[0],
            HEIGHT_PX / 2 + 30 * math.sin(1.7 * t) - middle[1],
        )
        shown = cv2.warpAffine(
            image, move, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
        )
        noisy = np.clip(shown + noise[index % len(noise)], 0, 255).astype(np.uint8)
        writer.write(cv2.cvtColor(noisy, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def measure(
    video: Path, warm_up: Path, model: str, threads: int, words: bool, detect_every: int = 10, every: int = 1
) -> dict[str, float]:
    """What PROGRAM prints: frames, faces_per_s, cpu_ms (of a face, all threads) and peak_rss_mb."""
    options = [threads, "words" if words else "none", detect_every, every, model, warm_up, video]
    command = [sys.executable, "-c", PROGRAM, *map(str, options)]
    result = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, float] = json.loads(result.stdout)
    return figures


def pipeline_figures(folder: Path, photo: Path, model: str, seconds: float = SECONDS) -> dict[str, float]:
    """Faces per second end to end, processor time of a face, and what a video six times as long adds to memory."""
    warm_up = write_video(folder / "bench-warm-up.mp4", photo, 0.6)
    video = write_video(folder / "bench-video.mp4", photo, seconds)
    figures: dict[str, float] = {}
    for threads in (1, 2):
        for words in (False, True):
            found = measure(video, warm_up, model, threads, words)
            name = f"video_{threads}_thread{'s' * (threads > 1)}{'_words' * words}"
            figures |= {f"{name}_faces_per_s": found["faces_per_s"], f"{name}_cpu_ms": found["cpu_ms"]}
    every_frame = measure(video, warm_up, model, 2, False, detect_every=1)
    figures["video_2_threads_detected_in_every_frame_faces_per_s"] = every_frame["faces_per_s"]
    longer = write_video(folder / "bench-longer.mp4", photo, seconds * MANY_SECONDS / SECONDS)
    step = round(MANY_SECONDS / SECONDS)
    short, long = (measure(path, warm_up, model, 2, False, 10, step) for path in (video, longer))
    return figures | {
        "video_peak_rss_mb": short["peak_rss_mb"],
        "longer_video_peak_rss_mb": long["peak_rss_mb"],
    }
