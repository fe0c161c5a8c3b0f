"""The fall of AUROC is taken on the photos that both sides have."""

import numpy as np
import pytest
import torch

from finetune.evaluation.robustness import fall, matching_rows, robustness
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel

TWELVE = AU_NUMBERS.index(12)


def some_faces(names: list[str], smiles: list[float]) -> LabelledFaces:
    rng = np.random.default_rng(0)
    intensity = np.full((len(names), 2, len(AU_NUMBERS)), np.nan, np.float32)
    intensity[:, :, TWELVE] = np.array(smiles)[:, None]
    return LabelledFaces(
        rng.integers(0, 255, (len(names), 32, 32, 3), dtype=np.uint8),
        rng.random((len(names), 478, 3)).astype(np.float32),
        intensity,
        np.array(names),
        {"photo": np.array(names)},
    )


def scores(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None] * np.ones((1, len(AU_NUMBERS)))


def test_rows_are_matched_by_name():
    here, there = matching_rows(np.array(["a", "b", "c"]), np.array(["c", "a"]))
    assert (here.tolist(), there.tolist()) == ([0, 2], [1, 0])
    assert [len(rows) for rows in matching_rows(np.array(["a"]), np.array(["b"]))] == [0, 0]


def test_the_fall_leaves_out_what_has_no_degraded_version():
    photos = some_faces(["a", "b", "c", "d", "e"], [3, 3, 0, 0, 3])
    degraded = some_faces(["d", "c", "b", "a"], [0, 0, 3, 3])
    found = fall(photos, scores([4, 3, 2, 1, 0]), degraded, scores([1, 4, 3, 5]), repeats=20)
    assert (found["photos"], found["left_out"]) == (4, 1)
    assert found["auroc_macro_photo"] == 1.0  # without e, which is scored lowest though it smiles
    assert found["auroc_macro"] == 0.75
    assert found["fall"] == pytest.approx(0.25)


def test_conditions_of_a_network_keep_their_order():
    torch.manual_seed(0)
    faces = some_faces(["a", "b"], [3, 0])
    given = {"side_light": faces, "photo": faces, "small_48px": faces}
    found = robustness(VLFAUModel(VLFAUConfig.test()), given, repeats=5)
    assert list(found) == ["small_48px", "side_light"]
    assert found["side_light"]["fall"] == 0.0
