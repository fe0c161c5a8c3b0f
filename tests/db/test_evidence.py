"""Evidence maps come back as a page paints them, stay small, and nothing else is taken for maps."""

import numpy as np
import pytest

from db.errors import StoreError
from db.evidence import MAX_BYTES, PEAK, pack, unpack

NUMBERS = (1, 2, 4)


@pytest.fixture
def maps():
    """Three maps that sum to 1, with peaks of very different height."""
    raw = np.random.default_rng(0).random((3, 16, 16)) ** np.array([1, 8, 60])[:, None, None]
    return (raw / raw.sum((1, 2), keepdims=True)).astype(np.float32)


def test_each_comes_back_in_steps_of_its_own_peak(maps):
    levels = unpack(pack(maps, NUMBERS), 3)
    assert (levels.dtype, levels.shape) == (np.uint8, maps.shape)
    assert levels.max((1, 2)).tolist() == [PEAK] * 3
    share = maps / maps.max((1, 2), keepdims=True)
    assert np.abs(levels / PEAK - share).max() <= 0.5 / PEAK + 1e-6


def test_they_are_in_the_order_of_the_numbers(maps):
    shuffled = unpack(pack(maps[[2, 0, 1]], (4, 1, 2)), 3)
    assert (shuffled == unpack(pack(maps, NUMBERS), 3)).all()


def test_what_a_network_gives_is_a_few_kilobytes():
    cells = np.mgrid[:16, :16].transpose(1, 2, 0)
    middles = np.random.default_rng(1).uniform(3, 12, (22, 1, 1, 2))
    bumps = np.exp(-((cells - middles) ** 2).sum(-1) / 8).astype(np.float32)
    assert len(pack(bumps, tuple(range(22)))) < 4000


def test_none_stays_none_and_a_map_of_nothing_stays_one():
    assert pack(None, NUMBERS) is None
    assert (unpack(pack(np.zeros((1, 4, 4)), (1,)), 1) == 0).all()


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        (np.zeros((2, 4, 4)), r"shape \(2, 4, 4\) for 3"),
        (np.zeros((3, 4, 5)), r"shape \(3, 4, 5\)"),
        (np.zeros((3, 0, 0)), r"shape \(3, 0, 0\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.full((3, 4, 4), -1), "below 0"),
        (np.full((3, 4, 4), np.nan), "no number"),
        (np.random.default_rng(0).random((3, 200, 200)), f"{MAX_BYTES} are allowed"),
    ],
)
def test_what_are_no_maps_is_refused(evidence, found):
    with pytest.raises(StoreError, match=found):
        pack(evidence, NUMBERS)


@pytest.mark.parametrize(
    ("cut", "count"), [(slice(4), 3), (slice(2, None), 3), (slice(-5), 3), (slice(None), 2)]
)
def test_what_is_damaged_is_refused(maps, cut, count):
    with pytest.raises(StoreError, match="These are no evidence maps"):
        unpack(pack(maps, NUMBERS)[cut], count)
