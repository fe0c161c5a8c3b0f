"""The experiment that proves the loop, end to end: `python -m finetune.simulate --quick --json`.

Photos of people whom the base never saw, taken by a camera it never saw, go into a real store. Simulated annotators
(careful ones who err, one who accepts everything, one who clicks at random) correct them through the real queue, the
real job trains, the real gate judges, and macro F1 is measured on other people of that domain and on the base's own.
Without --quick all conditions are run; a run that was cut goes on where it was. docs/experiments/loop.md explains it.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
from contextlib import ExitStack, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune.simulation.experiment import Experiment, Plan, as_simulated
from finetune.simulation.report import summary, write_report
from finetune.train_config import TrainConfig
from vlfau.errors import VLFAUError

QUICK = Plan(corrections=(200,), seeds=(1,), orders=("uncertainty",), replays=(True,), pool_people=50)
"""One store, one run: whether the loop pays at all."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.simulate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="one seed, 200 corrections; minutes")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 1 to N; default: 3")
    parser.add_argument("--first-seed", type=int, default=1, metavar="S", help="begin with another seed")
    parser.add_argument("--corrections", type=int, nargs="+", metavar="N", help="counts of corrected faces")
    parser.add_argument("--out", type=Path, help="folder to keep everything in and to go on from")
    parser.add_argument("--config", type=Path, help="how to train; default: that of finetune.train")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON, on the last line")
    return parser


def plan_of(options: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    seeds = tuple(range(options.first_seed, options.first_seed + options.seeds))
    plan = replace(QUICK, seeds=(options.first_seed,)) if options.quick else Plan(seeds=seeds)
    if options.corrections:
        plan = replace(plan, corrections=tuple(sorted(set(options.corrections))))
    if options.config:
        plan = replace(plan, train=as_simulated(TrainConfig.load(options.config)))
    return plan


def simulate(plan: Plan, folder: Path) -> dict[str, Any]:
    """Run it all and write the report into `folder`; returns the summary."""
    began = time.monotonic()
    experiment = Experiment(plan, folder)
    lines = experiment.run()
    found = summary(lines) | {"daylight": experiment.daylight() if len(lines) > 1 else None}
    write_report(folder, lines, found)
    return found | {"seconds": round(time.monotonic() - began, 1)}


def main(arguments: list[str] | None = None) -> int:
    """Run it and return the exit code."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("finetune.simulation").setLevel(logging.INFO)
    with ExitStack() as held:
        folder = options.out or Path(
            held.enter_context(tempfile.TemporaryDirectory(prefix="vlfau-simulate-"))
        )
        try:
            with redirect_stdout(sys.stderr):  # stdout is for the result alone
                found = simulate(plan_of(options), folder)
        except VLFAUError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    sys.stdout.write(f"{json.dumps(found, allow_nan=False)}\n" if options.json else told(found))
    return 0


def told(found: dict[str, Any]) -> str:
    """The summary for people."""
    gain, drop = found["gain_f1_interval"], found["base_drop_f1_interval"]
    lines = [
        f"With {found['corrections']} corrected faces, over {found['seeds']} seed(s):",
        f"  macro F1 on held-out people of the domain {found['before_f1']:.3f} -> {found['after_f1']:.3f}, "
        f"gain {found['gain_f1']:+.3f} ({gain[0]:+.3f} to {gain[1]:+.3f})",
        f"  macro F1 lost on the base's own test people {found['base_drop_f1']:+.3f} "
        f"({drop[0]:+.3f} to {drop[1]:+.3f})",
        f"  an answer of the spammer counts {found['spammer_weight']:.2f}, of a careful one "
        f"{found['careful_weight']:.2f}",
        f"  the gate let {found['gate_passed']} of {found['gate_asked']} through",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
