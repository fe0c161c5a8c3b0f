"""Write a checkpoint's card from its configuration and its report: `python -m finetune.card --checkpoint DIR --data
DIR`.

No figure in a card is typed by hand: the command runs the evaluation, puts the tables into the card (README.md) and
the report beside it (metrics.json). A report that exists already is taken with `--report FILE`.
"""

import argparse
import json
import sys
from pathlib import Path

from finetune.evaluate_real import add_options, evaluate, settings_of
from finetune.evaluation import tables
from finetune.scores import MEASURED_ON_PHOTOS
from vlfau.action_units import ACTION_UNITS
from vlfau.config import VLFAUConfig
from vlfau.errors import DataError, VLFAUError
from vlfau.predictor import Predictor

METRICS = "metrics.json"
"""Name of the report beside the card."""

HEADER = """---
license: apache-2.0
library_name: transformers
tags: [facial-action-units, facs, vision-language]
---
"""

PURPOSE = """
A VL-FAU network (after arXiv 2408.00644; our reconstruction) that reads 22 facial action units from one photo: for
each a calibrated probability, an intensity 0-5, an evidence map and a sentence, and one description of the whole face.

**For**: seeing which facial muscles move in a photo; teaching; a start for labelling, with a person who checks.
**Not for**: saying what somebody feels, wants or is; identifying people; deciding anything about a person.
"""

DATA = """
## Data and people

Trained from nothing, without any research-only data set and without pre-trained weights, on renders and on coded
photos of the people of the splits `train` and `val` (calibrated by folds of them). {measured_on}

- Face Research Lab London Set, DeBruine and Jones 2017, figshare 10.6084/m9.figshare.5047666, CC BY 4.0
- Young Adult White Faces with Manipulated Versions, DeBruine and Jones 2017, figshare
  10.6084/m9.figshare.4220517, CC BY 4.0
- Synthetic Faces High Quality, (c) 2022 David Beniaguev, MIT
- ICT-FaceKit, (c) 2020 USC Institute for Creative Technologies, MIT (the rig that moves the faces)

The photos were coded by eye by two coders who are not FACS-certified.
"""

LIMITS = """
## What it cannot do

- Only {measured} could be measured on photos. The other action units occur too seldom in the coded
  photos: for them only false alarms were measured on people; how often they are found is known from renders alone.
- AU6 is learnt together with AU12 and may follow the smile: see "AUROC of AU6 where AU12 is coded" above.
- AU23 and AU24, and AU26 and AU27, look alike on the rig that made the training faces; expect them to be mixed up.
- The photos of the report come from three sources, mostly frontal and well lit; small, compressed, turned and relit
  faces were made from them. Nothing was measured in the wild or on video, and on children hardly anything.
- A still picture cannot tell closed eyes (AU43) from a blink (AU45).
- The goals that are not met are limits too: the table of goals names them.
"""


def thresholds_table(config: VLFAUConfig) -> str:
    """One row per action unit: name and decision threshold."""
    rows = [
        f"| {unit.label} | {threshold:.2f} |"
        for unit, threshold in zip(ACTION_UNITS, config.thresholds, strict=True)
        if unit.number in config.au_numbers
    ]
    return "\n".join(["| action unit | threshold |", "|---|---|", *rows])


def measured_on(config: VLFAUConfig, report: dict) -> str:
    """Which weights the figures belong to, in one or two sentences."""
    unseen = "No person of the report below was rendered or shown in training, selection or calibration"
    if report["model_version"] == config.model_version:
        return unseen + "."
    return (
        f"The figures below were measured with `{report['model_version']}`, made by the same recipe. {unseen} of that "
        "one. These weights were then trained on everyone, people of the report included, so no figure of their own "
        "can be given."
    )


def results(report: dict) -> str:
    """The tables of the report, each under its own heading."""
    photos = report["photos"]
    parts = [
        f"## Results on {photos['photos']} photos of {photos['people']} people it never saw",
        "`python -m finetune.evaluate_real --data DIR`; intervals (95 %) by bootstrap over people. "
        f"The whole report: `{METRICS}`.",
        "### Goals",
        tables.goals_table(report),
        "### Action units on photos",
        tables.photo_table(photos),
        "### Every action unit",
        "A render counts as present from intensity B and as absent below 0.4; what lies between is left out. False "
        "positives: share of the photos coded absent. Erasing: how many times further the logit from pixels alone "
        "falls by erasing the top tenth of its evidence map than by erasing a random equal area of the face, with the "
        "landmarks kept; in region: share of the map's mass in the action unit's region; medians over positives.",
        tables.unit_table(report),
        "### Groups of people",
        "Groups with at least 15 photos, action units that at least 15 of them are coded absent for; most photos of "
        "synthetic persons have no group.",
        tables.group_table(photos),
    ]
    if report.get("robustness"):
        parts += [
            "### Harder pictures",
            "The same photos degraded and read anew; turned and relit ones are re-rendered in three dimensions.",
            tables.robustness_table(report["robustness"]),
        ]
    return "\n\n".join([*parts, "### Words", tables.words_table(photos)])


def model_card(config: VLFAUConfig, report: dict, note: str = "") -> str:
    """The whole card as Markdown; `note` says what is particular to this checkpoint."""
    measured = ", ".join(f"AU{n}" for n in MEASURED_ON_PHOTOS)
    parts = [
        f"{HEADER}\n# VL-FAU {config.model_version}",
        PURPOSE,
        DATA.format(measured_on=measured_on(config, report)),
        results(report),
        LIMITS.format(measured=measured) + (f"- {note}\n" if note else ""),
        "## Thresholds",
        thresholds_table(config),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def read_report(path: Path) -> dict:
    """A report that `python -m finetune.evaluate_real --json` printed. Raises `DataError` when it is none."""
    try:
        report = json.loads(path.read_text("utf-8"))
        report["goals"], report["photos"]["auroc"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"The report cannot be used. {path} gave: {error!r}. Make one: "
            "python -m finetune.evaluate_real --json > FILE."
        ) from error
    return report


def main(arguments: list[str] | None = None) -> int:
    """Write card and report into the checkpoint's folder; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.card", description=__doc__)
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        help="folder of the checkpoint; README.md and metrics.json go in",
    )
    parser.add_argument(
        "--report", type=Path, help="JSON of an evaluation that was made before, instead of making one now"
    )
    parser.add_argument(
        "--note", default="", help="a sentence on what is particular to this checkpoint, for its limits"
    )
    add_options(parser, data_required=False)
    options = parser.parse_args(arguments)
    if options.data is None and options.report is None:
        parser.error("--data or --report is needed")
    try:
        predictor = Predictor.load(options.checkpoint)
        report = read_report(options.report) if options.report else evaluate(predictor, settings_of(options))
    except VLFAUError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    card = model_card(predictor.checkpoint.config, report, options.note)
    (options.checkpoint / "README.md").write_text(card, "utf-8")
    (options.checkpoint / METRICS).write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
