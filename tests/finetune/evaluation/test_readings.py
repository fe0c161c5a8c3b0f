"""The figures of coded photos, by hand for made-up readings."""

from types import SimpleNamespace

import numpy as np
import pytest

from finetune.evaluation.readings import (
    Readings,
    age_band,
    cheeks_among_smiles,
    false_positives,
    group_false_positives,
    intensity_agreement,
    neutral_with_any,
    photo_report,
    words_agreement,
)
from vlfau.action_units import AU_NUMBERS
from vlfau.predictor import ActionUnitPrediction
from vlfau.sentences import UnitLabel, describe_face, describe_unit


def reading(active: set[int], said: set[int] | None = None, intensity: float = 3.0) -> SimpleNamespace:
    """A face on which `active` was decided and `said` was worded."""
    said = active if said is None else said
    units = tuple(
        ActionUnitPrediction(
            n,
            0.9 if n in active else 0.1,
            0.5,
            n in active,
            intensity,
            describe_unit(n, UnitLabel() if n in said else None),
        )
        for n in AU_NUMBERS
    )
    return SimpleNamespace(action_units=units, description=describe_face({n: UnitLabel() for n in said}))


def row(person: str, present: dict[int, str], **group: str) -> dict[str, str]:
    codes = {f"AU{n}": present.get(n, "0") for n in AU_NUMBERS}
    return {"person": person, "gender": "", "age": "30", "ethnicity": ""} | group | codes


def test_false_positives_count_absent_codes_only():
    labels = np.array([[0, 1, np.nan], [0, 0, 1]])
    active = np.array([[True, True, True], [False, True, True]])
    rates = false_positives(labels, active)
    assert rates[:2].tolist() == [0.5, 1.0]
    assert np.isnan(rates[2])
    assert np.isnan(false_positives(labels, active, least=2)[1])
    assert np.isnan(neutral_with_any(labels, active))  # there is no neutral face


def test_a_neutral_photo_counts_once_however_much_it_shows():
    labels = np.zeros((4, 3))
    active = np.array(
        [[True, True, False], [False, False, False], [False, False, True], [False, False, False]]
    )
    assert neutral_with_any(labels, active) == 0.5


def test_groups_need_fifteen_photos_and_fifteen_absent_codes():
    women = [row(f"w{i}", {12: ""} if i == 0 else {}, gender="female") for i in range(15)]
    men = [row(f"m{i}", {}, gender="male") for i in range(14)]
    said = [reading({1, 12})] + [reading(set()) for _ in range(28)]
    found = group_false_positives(Readings(women + men, said, []))
    assert set(found) == {"gender=female", "age_band=30s"}
    assert found["gender=female"]["photos"] == 15
    assert found["gender=female"]["rate"]["AU1"] == pytest.approx(1 / 15)
    assert np.isnan(found["gender=female"]["rate"]["AU12"])  # coded absent on 14 photos only


def test_words_are_compared_with_decision_and_truth():
    rows = [row("a", {12: "3"}), row("b", {12: ""})]
    agreement = words_agreement(Readings(rows, [reading({12}), reading({4}, said=set())], []))
    assert agreement["sentence_says_decision"] == pytest.approx(43 / 44)
    assert agreement["sentence_says_truth"] == 1.0
    assert agreement["always_absent_says_truth"] == pytest.approx(42 / 43)
    assert agreement["description_names_decisions"] == 0.5


def test_cheeks_are_told_among_smiles_only():
    rows = [row("a", {12: "3", 6: "2"}), row("b", {12: "3"}), row("c", {6: "2"})]
    found = cheeks_among_smiles(Readings(rows, [reading({6, 12}), reading({12}), reading(set())], []))
    assert found == {"photos": 2, "by_AU6": 1.0, "by_AU12": 0.5}


def test_intensity_is_compared_from_twenty_positives_on():
    rows = [row(str(i), {12: str(i % 5 + 1), 25: "3" if i < 19 else "0"}) for i in range(20)]
    said = [reading(set(), intensity=i % 5 + 1) for i in range(20)]
    assert intensity_agreement(Readings(rows, said, [])) == {"AU12": pytest.approx(1.0)}


def test_the_report_has_an_interval_around_each_auroc():
    rows = [row(str(i), {12: "3"} if i % 2 else {}) for i in range(12)]
    said = [reading({12} if i % 2 and i != 3 else set()) for i in range(12)]
    found = photo_report(Readings(rows, said, ["gone.jpg"]), repeats=50)
    assert found["auroc"]["AU12"] == pytest.approx(11 / 12)
    low, high = found["auroc_95"]["AU12"]
    assert low < 11 / 12 <= high
    assert np.isnan(found["auroc"]["AU1"])
    assert (found["positives"]["AU12"], found["no_face"]) == (6, ["gone.jpg"])


@pytest.mark.parametrize(("age", "band"), [("24", "20s"), ("31.5", "30s"), ("", ""), ("unknown", "")])
def test_age_bands(age, band):
    assert age_band(age) == band
