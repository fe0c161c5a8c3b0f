"""Command line of the datasets: `python -m finetune.datasets prepare disfa|bp4d --source DIR --out DIR`.

`imitate` chooses renders with a dataset's subjects and base rates, for questions about the method without its data.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from finetune.datasets.layouts import Bp4dLayout, DisfaLayout, Layout
from finetune.datasets.lookalike import imitate
from finetune.datasets.preparation import CHIP_PX, Report, Settings, prepare
from finetune.datasets.protocol import PROTOCOLS
from finetune.faces import load_renders
from vlfau.errors import DataError, VLFAUError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.datasets", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser(
        "prepare", help="detect and align every coded frame; goes on where an earlier call stopped"
    )
    command.add_argument("dataset", choices=PROTOCOLS)
    command.add_argument("--source", type=Path, required=True, help="top folder of the dataset as unpacked")
    command.add_argument(
        "--out", type=Path, required=True, help="folder for the shards, one for each subject"
    )
    command.add_argument("--workers", type=int, default=1, help="processes, one core each")
    command.add_argument(
        "--chip-px", type=int, default=CHIP_PX, help=f"side of a stored chip (default {CHIP_PX})"
    )
    command.add_argument(
        "--camera", choices=("left", "right"), default="left", help="which of DISFA's two cameras"
    )
    command.set_defaults(run=_prepare)

    command = commands.add_parser(
        "imitate", help="choose renders with a dataset's number of subjects, base rates and label noise"
    )
    command.add_argument("dataset", choices=PROTOCOLS)
    command.add_argument(
        "--renders", type=Path, required=True, help="folder that `finetune.synthetic generate` wrote"
    )
    command.add_argument("--out", type=Path, required=True, help="empty folder for the shards")
    command.add_argument("--frames", type=int, default=100, help="renders for each subject, at most")
    command.add_argument(
        "--noise", type=float, default=0.1, help="share of labels that is drawn anew (default 0.1)"
    )
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=_imitate)
    return parser


def layout_of(dataset: str, source: Path, camera: str = "left") -> Layout:
    """The layout of a dataset by name."""
    return DisfaLayout(source, camera) if dataset == "disfa" else Bp4dLayout(source)


def _prepare(options: argparse.Namespace) -> int:
    if options.chip_px < 32 or options.workers < 1:
        raise DataError(
            f"The preparation cannot run so. Found --chip-px {options.chip_px} and --workers {options.workers}. "
            "Give chips of at least 32 px and at least one worker."
        )
    settings = Settings(options.out, options.chip_px, options.workers)
    report = prepare(layout_of(options.dataset, options.source, options.camera), settings)
    (options.out / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n", "utf-8")
    return _tell(report)


def _imitate(options: argparse.Namespace) -> int:
    protocol = PROTOCOLS[options.dataset]
    rates = imitate(
        load_renders(options.renders), protocol, options.out, options.frames, options.noise, options.seed
    )
    print("| action unit | rate wanted | rate that came out |\n| --- | --- | --- |")
    for wanted, (name, rate) in zip(protocol.base_rates, rates.items(), strict=True):
        print(f"| {name} | {wanted:.1%} | {rate:.1%} |")
    return 0


def _tell(report: Report) -> int:
    """Print the report and return the exit status: 1 when a subject failed."""
    print(report.table())
    if report.missing:
        print(f"\nNeither codes nor pictures, of the protocol's subjects: {', '.join(report.missing)}.")
    for subject, error in report.failed.items():
        print(f"\n{subject} was not prepared: {error}", file=sys.stderr)
    return 1 if report.failed else 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except VLFAUError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
