"""How good a checkpoint is on people it never saw, goal by goal: `python -m finetune.evaluate_real --data DIR --json`.

Whole photos go in, as on the page: found, aligned, read, worded. People of `dev` are reported on and never used
otherwise. Renders of the same people measure what photos do not show; degraded photos measure what strangers' photos
bring; erased evidence tells whether the maps are to be believed.
"""

import argparse
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from finetune.evaluation.degraded import PHOTO, degraded_faces
from finetune.evaluation.evidence import evidence_scores
from finetune.evaluation.goals import goals
from finetune.evaluation.readings import photo_report, read_photos
from finetune.evaluation.render_scores import render_scores
from finetune.evaluation.robustness import robustness
from finetune.evaluation.tables import report_text
from finetune.faces import LabelledFaces, load_renders, read_catalogue
from finetune.people import LEARNT_FROM
from vlfau.errors import DataError, VLFAUError
from vlfau.predictor import Predictor

REPORTED = "dev"
"""The split of people whom no recipe learns from."""


@dataclass(frozen=True)
class Evaluation:
    """What to measure on: `data` holds faces/ and face_rig/; `renders` are of people of `dev`, None for none."""

    data: Path
    renders: Path | None = None
    cache: Path | None = None
    """Where degraded photos are kept."""
    quick: bool = False
    """Photos and renders only: no degraded photos, no erased evidence."""
    repeats: int = 1000
    """Draws of the bootstraps over people."""


def data_folder(path: Path) -> Path:
    """The folder with faces/, given that folder or faces/ itself."""
    return path.resolve().parent if (path / "codes.csv").is_file() else path


def evaluate(predictor: Predictor, settings: Evaluation) -> dict:
    """The whole report as plain JSON types: photos, renders, robustness, evidence (None if not measured), goals."""
    model = predictor.model
    renders = held_out_renders(settings.renders, settings.data) if settings.renders else None
    report: dict = {
        "model_version": predictor.checkpoint.config.model_version,
        "photos": photo_report(read_photos(predictor, settings.data, REPORTED), settings.repeats),
        "renders": render_scores(model, renders, settings.repeats // 10) if renders is not None else None,
        "robustness": None,
        "evidence": None,
    }
    if not settings.quick:
        faces = degraded_faces(settings.data, REPORTED, settings.cache)
        report["robustness"] = robustness(model, faces, settings.repeats // 5)
        report["evidence"] = evidence_scores(model, *shown_faces(faces[PHOTO], renders))
    report["goals"] = [goal.plain() for goal in goals(report)]
    return plain(report)


def held_out_renders(folder: Path, data: Path) -> LabelledFaces:
    """Renders of a folder. Raises `DataError` when they show people who are trained on."""
    renders = load_renders(folder)
    trained = {row["person"] for row in read_catalogue(data) if row["split"] in LEARNT_FROM}
    shown = sorted(trained & set(renders.person.tolist()))
    if shown:
        raise DataError(
            f"Nothing can be measured on these renders. {len(shown)} people in {folder} are trained on, such as "
            f"{shown[0]}. Give renders of dev: python -m finetune.synthetic generate --split dev."
        )
    return renders


def shown_faces(photos: LabelledFaces, renders: LabelledFaces | None) -> list[LabelledFaces]:
    """The faces whose evidence is tested: coded photos, and renders where there are some."""
    return [photos] if renders is None else [photos, renders]


def plain(value: Any) -> Any:
    """numpy scalars to Python's, rounded to four places; NaN to None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return None if math.isnan(value) else round(float(value), 4)
    return int(value) if isinstance(value, np.integer) else value


def add_options(parser: argparse.ArgumentParser, data_required: bool = True) -> None:
    """What to measure on; shared with `finetune.card`."""
    parser.add_argument(
        "--data", type=Path, required=data_required, help="folder with faces/ and face_rig/, or its faces/"
    )
    parser.add_argument(
        "--renders", type=Path, help="renders of people of dev (default: build/renders/dev if it holds some)"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build/robustness"),
        help="where degraded photos are kept (default: build/robustness)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out degraded photos and erased evidence, which take minutes",
    )


def settings_of(options: argparse.Namespace) -> Evaluation:
    """Settings from the options that `add_options` adds."""
    usual = Path("build/renders") / REPORTED
    renders = options.renders or (usual if any(usual.glob("shard-*[0-9]/intensity.npy")) else None)
    return Evaluation(data_folder(options.data), renders, options.cache, options.quick)


def main(arguments: list[str] | None = None) -> int:
    """Print the report and return the exit code: 2 when it could not be made."""
    parser = argparse.ArgumentParser(prog="python -m finetune.evaluate_real", description=__doc__)
    parser.add_argument(
        "--model", default=None, help="checkpoint folder or Hub repository; the embedded one if left out"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        report = evaluate(Predictor.load(options.model), settings_of(options))
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write((json.dumps(report, indent=1) if options.json else report_text(report)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
