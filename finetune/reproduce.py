"""Reproduce the experiment on DISFA or BP4D: `accelerate launch -m finetune.reproduce --dataset disfa --data DIR`.

Three folds of subjects, each trained from an ImageNet Swin, its epoch chosen on validation subjects, its test subjects
asked once; F1, accuracy, AUPRC and words beside trivial answers and the published table, as Markdown, CSV and JSON.
`--demo` runs all of it on generated faces with a tiny network. Finished trainings are kept and not repeated.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator

from finetune.datasets.protocol import PROTOCOLS
from finetune.datasets.shards import PreparedFaces, load_prepared
from finetune.reproduction.config import VARIANTS, ReproduceConfig
from finetune.reproduction.demo import NOTE, demo_faces, render
from finetune.reproduction.division import Division, across, of_folds
from finetune.reproduction.measures import average_f1
from finetune.reproduction.report import as_csv, as_json, as_markdown, build
from finetune.reproduction.results import Result
from finetune.reproduction.training import Training
from vlfau.errors import DataError, VLFAUError

log = logging.getLogger(__name__)

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.reproduce", description=__doc__)
    add = parser.add_argument
    add("--dataset", choices=PROTOCOLS, help="what was prepared in --data")
    add("--data", type=Path, help="folder that `python -m finetune.datasets prepare` wrote")
    add(
        "--other",
        type=Path,
        help="the other dataset, prepared: each whole to learn from, the other to test (leave one dataset out)",
    )
    add("--config", type=Path, help="recipe, such as configs/vlfau_swin_base.json")
    add("--stem", help="Swin to start from, in place of the recipe's: a folder or a Hub repository")
    add(
        "--variants",
        nargs="+",
        default=["full"],
        choices=[*VARIANTS, "all"],
        help="rows of the ablation (default: full)",
    )
    add("--seeds", nargs="+", type=int, default=[1], help="each trains everything once (default: 1)")
    add("--folds", nargs="+", type=int, default=[1, 2, 3], choices=(1, 2, 3), help="default: all three")
    add(
        "--select-on-test",
        action="store_true",
        help="also choose the epoch on the test fold, as much published work does; printed beside the honest row",
    )
    add("--out", type=Path, help="folder for results and tables (default: build/reproduce)")
    add("--note", default="", help="printed above the tables: what the faces are")
    add(
        "--demo",
        action="store_true",
        help="generated faces in the official layouts, a tiny network, some minutes",
    )
    add(
        "--shared",
        type=Path,
        help="with --demo: folder with face_rig/ and faces/, to render new persons from",
    )
    add(
        "--renders", type=Path, help="with --demo: folder of renders that `finetune.synthetic generate` wrote"
    )
    add("--workers", type=int, default=2, help="with --demo: processes that prepare faces")
    add("--json", action="store_true", help="print the report as JSON in place of Markdown")
    return parser


def reproduce(
    config: ReproduceConfig,
    divisions: Sequence[Division],
    variants: Sequence[str],
    seeds: Sequence[int],
    out: Path,
    accelerator: Accelerator,
    select_on_test: bool = False,
) -> list[Result]:
    """Train every variant with every seed on every division, or load what was trained before."""
    results = []
    for seed in seeds:
        for division in divisions:
            for variant in variants:
                name = (
                    f"{division.tested}-{division.name}"
                    if division.name.startswith("fold")
                    else division.name
                )
                folder = out / "trainings" / f"{name}-{variant}-seed-{seed}"
                training = Training(config, variant, seed, division, folder, accelerator, select_on_test)
                results.append(training.run())
                if accelerator.is_main_process:
                    log.info(told(results[-1]))
    return results


def told(result: Result) -> str:
    """One line on a finished training."""
    f1 = average_f1(result.tested)
    return (
        f"{result.dataset} {result.division}, {result.variant}, seed {result.seed}: epoch {result.epoch}, "
        f"average F1 {result.validation_f1:.3f} on validation subjects, {f1:.3f} on test subjects"
    )


def write(out: Path, results: Sequence[Result], note: str) -> dict[str, str]:
    """Write `report.md`, `report.csv` and `report.json` and return their texts by ending."""
    report = build(results, note)
    texts = {"md": as_markdown(report), "csv": as_csv(report), "json": as_json(report)}
    for ending, text in texts.items():
        (out / f"report.{ending}").write_text(text, "utf-8")
    return texts


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return the exit status."""
    options = build_parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    try:
        return _run(options)
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(options: argparse.Namespace) -> int:
    accelerator = Accelerator(mixed_precision="bf16" if torch.cuda.is_available() else "no")
    out = options.out or Path("build") / ("reproduce-demo" if options.demo else "reproduce")
    out.mkdir(parents=True, exist_ok=True)
    config = _config(options)
    divisions = _divisions(options, config, out, accelerator)
    variants = list(VARIANTS) if "all" in options.variants else options.variants
    results = reproduce(
        config, divisions, variants, options.seeds, out, accelerator, options.select_on_test or options.demo
    )
    if accelerator.is_main_process:
        texts = write(out, results, NOTE if options.demo else options.note)
        sys.stdout.write(texts["json" if options.json else "md"])
    accelerator.end_training()
    return 0


def _config(options: argparse.Namespace) -> ReproduceConfig:
    default = CONFIGS / ("vlfau_tiny_demo.json" if options.demo else "vlfau_swin_base.json")
    config = ReproduceConfig.load(options.config or default)
    return replace(config, stem=options.stem) if options.stem else config


def _divisions(
    options: argparse.Namespace, config: ReproduceConfig, out: Path, accelerator: Accelerator
) -> list[Division]:
    if options.demo:
        renders = render(options.shared, out, options.workers) if options.shared else options.renders
        sets = demo_faces(out, accelerator, renders, options.workers)
        folds = [fold for faces in sets for fold in _folds(faces, options, config)]
        return [*folds, across(sets[0], sets[1], config.validation_share)]
    faces = _loaded(options)
    divisions = _folds(faces, options, config)
    if options.other:
        other = load_prepared(options.other)
        if other.dataset == faces.dataset:
            raise DataError(
                f"Leaving one dataset out needs two. Both --data and --other hold {faces.dataset}. Give the other one."
            )
        divisions += [across(a, b, config.validation_share) for a, b in ((faces, other), (other, faces))]
    return divisions


def _folds(faces: PreparedFaces, options: argparse.Namespace, config: ReproduceConfig) -> list[Division]:
    folds = of_folds(faces, config.validation_share)
    return [fold for number, fold in enumerate(folds, start=1) if number in options.folds]


def _loaded(options: argparse.Namespace) -> PreparedFaces:
    if options.data is None:
        raise DataError(
            "There is nothing to learn from. Neither --data nor --demo was given. Prepare a dataset first (python -m "
            "finetune.datasets prepare), or try --demo."
        )
    faces = load_prepared(options.data)
    if options.dataset and faces.dataset != options.dataset:
        raise DataError(
            f"The folder holds another dataset. {options.data} has {faces.dataset}, --dataset says {options.dataset}. "
            "Correct one of them."
        )
    return faces


if __name__ == "__main__":
    raise SystemExit(main())
