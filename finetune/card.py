"""Write a checkpoint's card from its configuration and its report: `python -m finetune.card --checkpoint DIR --data
DIR`.

No figure in a card is typed by hand: the command runs the evaluation and puts what it prints into the card.
"""

import argparse
import json
from pathlib import Path

from finetune.evaluate_real import read_photos, report
from finetune.scores import MEASURED_ON_PHOTOS
from vlfau.action_units import ACTION_UNITS
from vlfau.config import VLFAUConfig
from vlfau.predictor import Predictor

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
photos of people of the training split; no person of the report below was rendered or shown in training, selection or
calibration.

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
- AU6 is learnt together with AU12 and may follow the smile; see `cheeks_apart_from_smile` below.
- AU23 and AU24, and AU26 and AU27, look alike on the rig that made the training faces; expect them to be mixed up.
- The photos of the report come from three sources, mostly frontal and well lit. Nothing was measured in the wild,
  on video, on children, or on faces under 60 px.
- A still picture cannot tell closed eyes (AU43) from a blink (AU45).
"""


def thresholds_table(config: VLFAUConfig) -> str:
    """One row per action unit: name and decision threshold."""
    rows = [
        f"| {unit.label} | {threshold:.2f} |"
        for unit, threshold in zip(ACTION_UNITS, config.thresholds, strict=True)
        if unit.number in config.au_numbers
    ]
    return "\n".join(["| action unit | threshold |", "|---|---|", *rows])


def results_table(result: dict) -> str:
    """AUROC and F1 on photos, one row per action unit that photos can measure."""
    rows = [
        f"| {name} | {int(result['positives'][name])} | {result['auroc'][name]:.3f} | {result['f1'][name]:.3f} |"
        for name in result["auroc"]
    ]
    low, high = result["auroc_macro_95"]
    macro = (
        f"| macro | | **{result['auroc_macro']:.3f}** [{low:.3f}, {high:.3f}] | {result['f1_macro']:.3f} |"
    )
    return "\n".join(
        [
            "| action unit | positives | AUROC [95 %] | F1 at the threshold |",
            "|---|---|---|---|",
            *rows,
            macro,
        ]
    )


def false_alarms(result: dict) -> str:
    """The false positive rates above 3 %, or a sentence that there are none."""
    high = {
        name: rate for name, rate in result["false_positive_rate"].items() if rate is not None and rate > 0.03
    }
    worst = ", ".join(f"{name} {rate:.1%}" for name, rate in sorted(high.items(), key=lambda item: -item[1]))
    return (
        f"Above 3 % false positives: {worst}."
        if high
        else "No action unit has more than 3 % false positives."
    )


def model_card(config: VLFAUConfig, result: dict, note: str = "") -> str:
    """The whole card as Markdown; `note` says what is particular to this checkpoint."""
    measured = ", ".join(f"AU{n}" for n in MEASURED_ON_PHOTOS)
    details = {key: result[key] for key in ("ece_macro", "cheeks_apart_from_smile", "intensity_icc", "words")}
    details |= {key: result[key] for key in ("neutral_with_any", "worst_group_false_positive_rate")}
    return "\n".join(
        [
            HEADER,
            f"# VL-FAU {config.model_version}",
            PURPOSE,
            DATA,
            f"## Results on {result['photos']} photos of {result['people']} people it never saw",
            "",
            "`python -m finetune.evaluate_real --data DIR`; intervals by bootstrap over people.",
            "",
            results_table(result),
            "",
            false_alarms(result),
            "",
            "```json",
            json.dumps(details, indent=1),
            "```",
            LIMITS.format(measured=measured) + (f"- {note}\n" if note else ""),
            "## Thresholds",
            "",
            thresholds_table(config),
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m finetune.card", description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="folder of the checkpoint; its README.md is written"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with faces/ (photos, faces.csv, codes.csv)"
    )
    parser.add_argument(
        "--note", default="", help="a sentence on what is particular to this checkpoint, for its limits"
    )
    args = parser.parse_args()
    predictor = Predictor.load(args.checkpoint)
    card = model_card(
        predictor.checkpoint.config, report(read_photos(predictor, args.data, "dev")), args.note
    )
    (args.checkpoint / "README.md").write_text(card, "utf-8")


if __name__ == "__main__":
    main()
