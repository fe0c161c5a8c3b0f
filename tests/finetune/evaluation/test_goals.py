"""Goals are read out of a report, and a figure that is missing is never taken for one that is met."""

import math

import pytest

from finetune.evaluation.goals import AUROC_WANTED, Goal, goals
from vlfau.action_units import AU_NUMBERS

UNITS = [f"AU{n}" for n in AU_NUMBERS]


def perfect() -> dict:
    """A report in which everything is as good as can be."""
    five = dict.fromkeys(AUROC_WANTED, 1.0)
    condition = {"fall": 0.0, "fall_95": [0.0, 0.01], "photos": 9, "left_out": 0}
    return {
        "photos": {
            "auroc": five,
            "auroc_95": {name: [0.9, 1.0] for name in AUROC_WANTED},
            "positives": dict.fromkeys(AUROC_WANTED, 8),
            "auroc_macro": 1.0,
            "auroc_macro_95": [0.9, 1.0],
            "cheeks_apart_from_smile": {"photos": 9, "by_AU6": 1.0, "by_AU12": 0.8},
            "f1_macro": 1.0,
            "false_positive_rate": dict.fromkeys(UNITS, 0.0),
            "group_false_positive_rate": {"gender=female": {"photos": 15, "rate": dict.fromkeys(UNITS, 0.0)}},
            "neutral_with_any": 0.0,
            "ece_macro": 0.0,
            "intensity_icc": {"AU12": 0.9},
            "words": {"sentence_says_decision": 1.0, "description_names_decisions": 1.0},
        },
        "renders": {"auroc": dict.fromkeys(UNITS, 1.0)},
        "robustness": {
            name: dict(condition)
            for name in ("small_48px", "jpeg_20", "yaw_right_30", "yaw_left_30", "side_light")
        },
        "evidence": {
            "positives": 9,
            "pixels_ratio": 5.0,
            "mass_in_region": 0.9,
            "by_unit": {"AU12": {"mass_in_region": 0.85}},
        },
    }


def find(report: dict, part: str) -> Goal:
    (goal,) = [goal for goal in goals(report) if part in goal.name]
    return goal


def test_a_perfect_report_meets_all():
    assert all(goal.met for goal in goals(perfect()))
    assert len({goal.name for goal in goals(perfect())}) == 24


@pytest.mark.parametrize("part", ["renders", "robustness", "evidence"])
def test_what_was_not_measured_is_not_met(part):
    report = perfect() | {part: None}
    missing = [goal for goal in goals(report) if goal.met is None]
    assert missing
    assert len(goals(report)) == 24
    assert all(goal.measured is None for goal in missing)


def test_the_worst_unit_decides():
    report = perfect()
    report["renders"]["auroc"] |= {"AU9": 0.8}
    report["photos"]["false_positive_rate"] |= {"AU2": 0.05, "AU4": math.nan}
    assert find(report, "on renders").measured == 0.8
    assert find(report, "on renders").detail == "below: AU9 0.800"
    assert find(report, "highest of 22").detail == "above: AU2 5.0%"
    assert find(report, "highest of 22").met is False


def test_a_unit_that_renders_do_not_show_leaves_the_goal_open():
    report = perfect()
    report["renders"]["auroc"] |= {"AU9": math.nan}
    assert find(report, "on renders").met is None


def test_as_good_as_the_smile_is_not_above_it():
    report = perfect()
    report["photos"]["cheeks_apart_from_smile"]["by_AU12"] = 1.0
    assert find(report, "above AU12's own").met is False


def test_a_group_is_named():
    report = perfect()
    report["photos"]["group_false_positive_rate"]["gender=female"]["rate"] |= {"AU26": 0.2}
    goal = find(report, "in a group")
    assert (goal.met, goal.detail) == (False, "above: AU26 gender=female 20.0%")


def test_a_goal_as_plain_json():
    assert Goal("a", 0.5, "<=", 0.5).plain() == {
        "name": "a",
        "measured": 0.5,
        "sign": "<=",
        "wanted": 0.5,
        "detail": "",
        "met": True,
    }
