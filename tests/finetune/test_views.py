"""Random views of coded photos: how they are drawn."""

import numpy as np
import pytest

from finetune.views import LARGEST_SIDE_LIGHT, LARGEST_YAW_DEG, load_views, sample_views
from vlfau.errors import DataError


def test_turns_are_spread_over_the_whole_range():
    views = sample_views(np.random.default_rng(0), 6)
    yaw = [view.yaw_deg for view in views]
    assert yaw == sorted(yaw)
    assert min(yaw) < -LARGEST_YAW_DEG / 2 < LARGEST_YAW_DEG / 2 < max(yaw)
    assert max(map(abs, yaw)) <= LARGEST_YAW_DEG
    light = [view.side_light for view in sample_views(np.random.default_rng(1), 200)]
    assert 0.3 < np.mean(np.array(light) != 0) < 0.7
    assert max(map(abs, light)) <= LARGEST_SIDE_LIGHT


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"views\.npz"):
        load_views(tmp_path / "views.npz")
