"""The card has tables for people, and the report lies beside it for machines."""

import json
import re

import pytest
import torch

from finetune import card
from finetune.card import main, measured_on, model_card, read_report
from finetune.evaluation.goals import goals
from finetune.evaluation.tables import (
    figure,
    goals_table,
    group_table,
    markdown,
    report_text,
    robustness_table,
    unit_table,
)
from ui.about import card_text
from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import EMBEDDED, load_checkpoint, save_checkpoint
from vlfau.config import VLFAUConfig
from vlfau.errors import DataError
from vlfau.model import VLFAUModel
from vlfau.words import Words

FIVE = ("AU1", "AU4", "AU6", "AU12", "AU25")
UNITS = [f"AU{n}" for n in AU_NUMBERS]


@pytest.fixture
def report() -> dict:
    """As `finetune.evaluate_real` makes it, with some figures missing."""
    condition = {"photos": 8, "left_out": 1, "auroc_macro_photo": 0.95, "auroc_macro": 0.9}
    made = {
        "model_version": "untrained",
        "photos": {
            "photos": 9,
            "people": 7,
            "positives": dict.fromkeys(FIVE, 4),
            "auroc": dict.fromkeys(FIVE, 0.9),
            "auroc_95": {name: [0.8, 1.0] for name in FIVE},
            "auroc_macro": 0.9,
            "auroc_macro_95": [0.8, 1.0],
            "f1": dict.fromkeys(FIVE, 0.7) | {"AU1": None},
            "f1_macro": 0.7,
            "ece_macro": 0.04,
            "false_positive_rate": dict.fromkeys(UNITS, 0.01) | {"AU9": 0.088, "AU43": None},
            "group_false_positive_rate": {
                "gender=female": {
                    "photos": 15,
                    "rate": dict.fromkeys(UNITS, 0.0) | {"AU26": 0.2, "AU2": None},
                }
            },
            "neutral_with_any": 0.3,
            "cheeks_apart_from_smile": {"photos": 5, "by_AU6": 0.92, "by_AU12": 0.89},
            "intensity_icc": {"AU12": 0.91},
            "words": {
                "sentence_says_decision": 1.0,
                "sentence_says_truth": 0.97,
                "always_absent_says_truth": 0.96,
                "description_names_decisions": 0.93,
            },
        },
        "renders": {"auroc": dict.fromkeys(UNITS, 0.94)},
        "robustness": {
            name: condition | {"fall": 0.05, "fall_95": [0.01, 0.1]} for name in ("rerendered", "jpeg_20")
        },
        "evidence": None,
    }
    return made | {"goals": [goal.plain() for goal in goals(made)]}


def test_a_table_has_as_many_cells_in_every_row(report):
    for text in (goals_table(report), unit_table(report), group_table(report["photos"])):
        assert len({line.count(" | ") for line in text.splitlines() if not line.startswith("| ---")}) == 1
    assert markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
    assert figure(None) == "-"


def test_tables_say_what_was_measured(report):
    assert "| AU9 | 0.940 | 8.8% | - | - |" in unit_table(report)
    assert "| gender: female | 15 | AU26 20.0% |" in group_table(report["photos"])
    assert "| JPEG quality 20 | 8 | 0.950 | 0.900 | 0.050 [0.010, 0.100] |" in robustness_table(
        report["robustness"]
    )
    assert "| F1 at the shipped thresholds, macro | 0.700 | >= 0.8 | **no** |" in goals_table(report)
    assert report_text(report).startswith("untrained on 9 photos of 7 people of `dev`")


def test_the_card_has_no_json_and_keeps_its_front_matter_apart(report):
    text = model_card(VLFAUConfig.test(), report, "A particular thing.")
    assert text.startswith("---\nlicense: apache-2.0\n")
    assert "```json" not in text
    assert "- A particular thing." in text
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings == ["Data and people", headings[1], "What it cannot do", "Thresholds"]
    assert headings[1] == "Results on 9 photos of 7 people it never saw"
    assert "CC BY 4.0" in text


def test_figures_of_another_checkpoint_are_said_to_be_so(report):
    config = VLFAUConfig.test()
    assert "measured with" not in measured_on(config, report)
    assert "measured with `protocol-1`" in measured_on(config, report | {"model_version": "protocol-1"})


def test_the_command_writes_card_and_report(report, tmp_path):
    torch.manual_seed(0)
    words = Words.load(EMBEDDED)
    folder = tmp_path / "checkpoint"
    save_checkpoint(folder, VLFAUModel(VLFAUConfig.test(vocab_size=len(words))), words, "# old\n")
    (tmp_path / "report.json").write_text(json.dumps(report))
    options = ["--checkpoint", str(folder), "--report", str(tmp_path / "report.json")]
    assert main(options) == 0
    assert read_report(folder / card.METRICS) == report
    checkpoint = load_checkpoint(folder)
    assert card_text(checkpoint).startswith("Version `untrained`\n\n# VL-FAU untrained")


def test_a_card_needs_figures(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--checkpoint", str(tmp_path)])
    assert "--data or --report is needed" in capsys.readouterr().err


def test_a_file_that_is_no_report_is_named(tmp_path):
    (tmp_path / "a.json").write_text('{"goals": []}')
    with pytest.raises(DataError, match=r"a\.json gave"):
        read_report(tmp_path / "a.json")
