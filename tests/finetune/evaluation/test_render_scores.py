"""Renders count from B upwards, and what is in between is left out."""

import numpy as np
import torch

from finetune.evaluation.render_scores import clear_labels, render_scores
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel


def test_traces_are_neither_present_nor_absent():
    labels = clear_labels(np.array([0.0, 0.39, 0.4, 1.99, 2.0, 5.0, np.nan]))
    np.testing.assert_array_equal(labels, [0, 0, np.nan, np.nan, 1, 1, np.nan])


def test_each_unit_has_its_figure():
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    intensity = np.repeat([0.0, 1.0, 4.0], 4)[:, None, None] * np.ones((1, 2, len(AU_NUMBERS)))
    intensity[:, :, 0] = 1.0
    faces = LabelledFaces(
        rng.integers(0, 255, (12, 32, 32, 3), dtype=np.uint8),
        rng.random((12, 478, 3)).astype(np.float32),
        intensity,
        np.repeat(["a", "b", "c"], 4),
    )
    found = render_scores(VLFAUModel(VLFAUConfig.test()), faces, repeats=5)
    assert np.isnan(found["auroc"]["AU1"])
    assert 0 <= found["auroc"]["AU12"] <= 1
    assert (found["positives"]["AU1"], found["positives"]["AU12"]) == (0, 4)
    assert set(found["auroc_macro_by_branch"]) == {"image", "geometry", "texture"}
