"""The report on real photos, by hand for made-up readings, and what the embedded checkpoint must reach."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from finetune.evaluate_real import (
    Readings,
    age_band,
    false_positives,
    neutral_with_any,
    plain,
    read_photos,
    report,
    words_agreement,
)
from vlfau.action_units import AU_NUMBERS
from vlfau.predictor import ActionUnitPrediction, Predictor
from vlfau.sentences import UnitLabel, describe_face, describe_unit


def reading(active: set[int], said: set[int] | None = None) -> SimpleNamespace:
    """A face on which `active` was decided and `said` was worded."""
    said = active if said is None else said
    units = tuple(
        ActionUnitPrediction(
            n,
            0.9 if n in active else 0.1,
            0.5,
            n in active,
            3.0,
            describe_unit(n, UnitLabel() if n in said else None),
        )
        for n in AU_NUMBERS
    )
    return SimpleNamespace(action_units=units, description=describe_face({n: UnitLabel() for n in said}))


def row(person: str, present: dict[int, str]) -> dict[str, str]:
    codes = {f"AU{n}": present.get(n, "0") for n in AU_NUMBERS}
    return {"person": person, "gender": "", "age": "30", "ethnicity": ""} | codes


def test_false_positives_count_absent_codes_only():
    labels = np.array([[0, 1, np.nan], [0, 0, 1]])
    active = np.array([[True, True, True], [False, True, True]])
    rates = false_positives(labels, active)
    assert rates[:2].tolist() == [0.5, 1.0]
    assert np.isnan(rates[2])
    assert neutral_with_any(labels, active) != neutral_with_any(labels, active)  # no neutral face: NaN


def test_words_are_compared_with_decision_and_truth():
    rows = [row("a", {12: "3"}), row("b", {12: ""})]
    agreement = words_agreement(Readings(rows, [reading({12}), reading({4}, said=set())], []))
    assert agreement["sentence_says_decision"] == pytest.approx(43 / 44)
    assert agreement["sentence_says_truth"] == 1.0
    assert agreement["always_absent_says_truth"] == pytest.approx(42 / 43)
    assert agreement["description_names_decisions"] == 0.5


@pytest.mark.parametrize(("age", "band"), [("24", "20s"), ("31.5", "30s"), ("", ""), ("unknown", "")])
def test_age_bands(age, band):
    assert age_band(age) == band


def test_plain_json_has_no_nan():
    assert plain({"a": np.float32("nan"), "b": [np.int64(3), 0.123456]}) == {"a": None, "b": [3, 0.1235]}


@pytest.mark.shared_data
@pytest.mark.slow
def test_the_embedded_checkpoint_keeps_its_promise_on_strangers(shared_faces: Path):
    """Macro AUROC over AU 1, 4, 6, 12, 25 on photos of people it never saw."""
    result = report(read_photos(Predictor.load(device="cpu"), shared_faces.parent, "dev"), repeats=20)
    assert result["no_face"] == []
    assert result["auroc_macro"] >= 0.92
