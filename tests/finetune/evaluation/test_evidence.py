"""What is erased, where, and what is made of the falls."""

import numpy as np
import pytest
import torch

from finetune.evaluation.evidence import (
    Erasure,
    erase,
    erasures,
    evidence_scores,
    face_cells,
    joined,
    medians,
    positives,
    random_cells,
    ratio,
    top_cells,
)
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.config import VLFAUConfig
from vlfau.model import VLFAUModel


def some_faces(count: int = 6) -> LabelledFaces:
    rng = np.random.default_rng(0)
    intensity = np.zeros((count, 2, len(AU_NUMBERS)), np.float32)
    intensity[:4, :, 8], intensity[4:, :, 3], intensity[0, :, 5] = 3.0, 1.0, np.nan
    return LabelledFaces(
        rng.integers(0, 255, (count, 40, 40, 3), dtype=np.uint8),
        rng.uniform(0.2, 0.8, (count, 478, 3)).astype(np.float32),
        intensity,
        np.arange(count).astype(str),
    )


def test_positives_are_clear_and_not_more_than_asked_for():
    peak = some_faces().peak
    assert sorted(positives(peak, 9)) == [(0, 8), (1, 8), (2, 8), (3, 8)]
    assert len(positives(peak, 2)) == 2
    assert positives(peak, 2) == positives(peak, 2)


def test_the_top_cells_have_the_most_evidence():
    maps = torch.arange(16.0).view(1, 4, 4)
    assert top_cells(maps, 3).flatten().nonzero()[:, 0].tolist() == [13, 14, 15]


def test_random_cells_lie_on_the_face_and_differ():
    face = torch.zeros(2, 8, 8, dtype=torch.bool)
    face[:, 2:7, 2:7] = True
    generator = torch.Generator().manual_seed(0)
    one, other = random_cells(face, 6, generator), random_cells(face, 6, generator)
    assert one.sum((1, 2)).tolist() == [6, 6]
    assert not (one & ~face).any()
    assert (one != other).any()


def test_the_face_is_where_the_landmarks_are():
    landmarks = torch.tensor([[[0.25, 0.25, 0.0], [0.75, 0.75, 0.0], [0.25, 0.75, 0.0]]])
    cells = face_cells(landmarks, 8)[0]
    assert cells[3:5, 3:5].all()
    assert not cells[:2].any()
    assert not cells[2, 2]  # a corner of the box is outside the ellipse


def test_erasing_changes_the_cells_and_nothing_far_from_them():
    pixels = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    cells = torch.zeros(1, 8, 8, dtype=torch.bool)
    cells[0, :3, :3] = True
    erased = erase(pixels, cells)
    assert torch.equal(erased[..., 16:, 16:], pixels[..., 16:, 16:])
    corner = (slice(None), slice(None), slice(0, 6), slice(0, 6))
    assert erased[corner].std() < 0.5 * pixels[corner].std()
    assert torch.equal(erase(pixels, torch.zeros_like(cells)), pixels)


def test_landmarks_keep_their_share_of_the_fused_logit():
    torch.manual_seed(0)
    model, faces = VLFAUModel(VLFAUConfig.test()), some_faces()
    found = erasures(model, faces, positives(faces.peak, 4), batch=3)
    share = 1 - model.config.geometry_weight
    np.testing.assert_allclose(found.fused_top, share * found.pixels_top, atol=1e-5)
    np.testing.assert_allclose(found.fused_random, share * found.pixels_random, atol=1e-5)
    assert np.abs(found.pixels_top).max() > 1e-4
    assert ((found.mass > 0) & (found.mass < 1)).all()


def test_a_map_that_decides_has_a_high_ratio():
    top, random = np.array([2.0, 1.0, -1.0, 0.5]), np.array([0.5, 1.0, 0.2, -0.3])
    np.testing.assert_allclose(ratio(top, random), [4, 1, -5, 50])
    erasure = Erasure(np.array([8, 8, 3, 3]), top, random, top / 2, random, np.array([0.9, 0.8, 0.1, 0.2]))
    assert medians(erasure)["pixels_ratio"] == 2.5
    assert medians(erasure.take(erasure.unit == 8))["mass_in_region"] == pytest.approx(0.85)
    assert len(joined([erasure, erasure]).unit) == 8


def test_scores_name_the_units_that_are_shown():
    torch.manual_seed(0)
    model, faces = VLFAUModel(VLFAUConfig.test()), some_faces()
    found = evidence_scores(model, faces, faces, per_unit=2)
    assert list(found["by_unit"]) == [f"AU{AU_NUMBERS[8]}"]
    assert found["positives"] == 4
    nothing = evidence_scores(model, faces.subset(np.array([4, 5])))
    assert (nothing["positives"], nothing["by_unit"]) == (0, {})
    assert np.isnan(nothing["pixels_ratio"])
