"""Renders chosen with a dataset's base rates and subjects."""

import numpy as np
import pytest

from finetune.datasets import lookalike
from finetune.datasets.protocol import DISFA
from finetune.datasets.shards import load_prepared
from finetune.faces import LabelledFaces
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

COLUMNS = [AU_NUMBERS.index(unit) for unit in DISFA.units]


@pytest.fixture(scope="module")
def faces():
    """Thirty persons, each with 40 faces of which every action unit is seen on a fifth; some labels unknown."""
    rng = np.random.default_rng(0)
    count = 30 * 40
    shown = rng.random((count, 1, len(AU_NUMBERS))) < 0.2
    intensity = np.repeat(np.where(shown, rng.integers(2, 6, shown.shape), 0), 2, axis=1).astype(np.float32)
    intensity[rng.random(count) < 0.1, :, 3] = np.nan
    chips = rng.integers(0, 255, (count, 16, 16, 3), np.uint8)
    return LabelledFaces(
        chips, rng.random((count, 478, 3)), intensity, np.repeat(np.arange(30), 40).astype(str)
    )


def test_raking_reaches_rates_that_the_faces_allow():
    rng = np.random.default_rng(1)
    labels = (rng.random((4000, 3)) < 0.3).astype(float)
    labels[rng.random(labels.shape) < 0.1] = np.nan
    weights = lookalike.raked(labels, np.array([0.05, 0.3, 0.6]))
    known = ~np.isnan(labels)
    rates = [np.average(labels[known[:, a], a], weights=weights[known[:, a]]) for a in range(3)]
    assert rates == pytest.approx([0.05, 0.3, 0.6], abs=0.01)


def test_noise_keeps_the_rates_and_the_unknown():
    rng = np.random.default_rng(2)
    labels = (rng.random((20_000, 2)) < [0.1, 0.5]).astype(float)
    labels[:100] = np.nan
    noisy = lookalike.with_noise(labels, np.array([0.1, 0.5]), 0.4, rng)
    assert np.nanmean(noisy, axis=0) == pytest.approx([0.1, 0.5], abs=0.01)
    assert np.isnan(noisy[:100]).all()
    assert np.mean(noisy[100:] != labels[100:], axis=0) == pytest.approx([0.4 * 0.18, 0.4 * 0.5], abs=0.01)


def test_shards_hold_every_subject_with_rates_near_the_datasets(faces, tmp_path):
    rates = lookalike.imitate(faces, DISFA, tmp_path, frames=15)
    prepared = load_prepared(tmp_path)
    assert set(prepared.subject) == set(DISFA.subjects)
    assert len(prepared) == 27 * 15
    wanted = dict(zip((f"AU{unit}" for unit in DISFA.units), DISFA.base_rates, strict=True))
    assert rates == pytest.approx(wanted, abs=0.06)
    found = np.nanmean(prepared.occurrence[:, COLUMNS], axis=0)
    assert found == pytest.approx(list(rates.values()), abs=1e-6)
    known = ~np.isnan(prepared.intensity)
    assert ((prepared.intensity[known] >= 2) == (prepared.occurrence[known] == 1)).all()


def test_a_folder_in_use_and_too_few_persons_are_refused(faces, tmp_path):
    (tmp_path / "SN001.parquet").touch()
    with pytest.raises(DataError, match="in use"):
        lookalike.imitate(faces, DISFA, tmp_path, frames=5)
    with pytest.raises(DataError, match=r"Found 1, needed 27"):
        lookalike.imitate(faces.subset(np.arange(40)), DISFA, tmp_path / "other", frames=5)
