"""Injects every fault, counts what was lost, and writes the table of docs/reliability.md: `python -m tests.faults`."""

import argparse
import logging
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults import kills, places
from tests.faults.scene import Crowd, Outcome, crowd

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: written by `python -m tests.faults` -->\n", "<!-- end of faults -->"


def all_faults(scene: Crowd, folder: Path, seed: int) -> Iterator[Outcome]:
    chance = random.Random(seed)
    yield from kills.amid_submissions(scene, folder, 10, chance)
    yield kills.amid_backup(scene, folder / "b", 1)
    yield kills.amid_backup(scene, folder / "f", 1, forgets=True)
    yield kills.amid_restore(scene, folder / "r", 1)
    yield places.full_disk_amid_submissions(scene, folder)
    yield places.full_disk_of_the_backup(scene, folder)
    yield from places.amid_hub_faults(scene, folder, places.hub_faults())
    yield kills.without_sync(scene, folder, chance)


def table(outcomes: list[Outcome]) -> str:
    """As Markdown."""
    lines = ["| fault | injected | acknowledged | lost | doubled | |", "|---|---:|---:|---:|---:|---|"]
    lines += [
        f"| {one.fault} | {one.injected} | {one.acknowledged} | {one.lost} | {one.doubled} | {one.note} |"
        for one in outcomes
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """0 when nothing was lost or doubled, besides what the last line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="chance of when to kill")
    parser.add_argument("--dry", action="store_true", help="leave the page as it is")
    words = parser.parse_args()
    logging.disable(logging.CRITICAL)  # each fault would be told several times
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="vlfau-faults-") as made:
        folder, begin = Path(made), time.monotonic()
        scene = crowd(folder / "crowd")
        for outcome in all_faults(scene, folder, words.seed):
            outcomes.append(outcome)
            print(f"{time.monotonic() - begin:5.0f} s  {outcome}", flush=True)
    if not words.dry:
        text = PAGE.read_text("utf-8")
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        PAGE.write_text(f"{head}{BEGIN}{table(outcomes)}{END}{tail}", "utf-8")
    return int(not all(outcome.is_good for outcome in outcomes[:-1]))


if __name__ == "__main__":
    sys.exit(main())
