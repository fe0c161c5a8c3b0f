"""Each action unit has one picture in the guidelines, framed by its part of the face."""

import numpy as np
import torch

from finetune.synthetic import guidelines
from finetune.synthetic.guidelines import FRAMINGS, HEIGHT_PX, RENDER_PX, SHOWN_BY, SHOWN_WITH, WIDTH_PX
from finetune.synthetic.render import WINDOW_EYE_DISTANCES
from vlfau.action_units import AU_NUMBERS, Region


def test_each_action_unit_is_shown_once_and_moves():
    assert sorted(number for numbers in SHOWN_BY.values() for number in numbers) == list(AU_NUMBERS)
    assert all(number in units for number, units in SHOWN_WITH.items())
    assert set(FRAMINGS) == set(Region)


def test_a_picture_is_cut_around_its_part_of_the_face():
    rows = np.broadcast_to(np.arange(RENDER_PX)[:, None, None] * 255 // RENDER_PX, (RENDER_PX, RENDER_PX, 3))
    framing = guidelines.Framing(2.0, 0.25)
    cut = guidelines._cut(rows.astype(np.uint8), torch.tensor([320.0, 240.0]), framing)
    assert cut.shape == (HEIGHT_PX, WIDTH_PX, 3)
    middle_px = 240 + 0.25 * RENDER_PX * 2.0 / WINDOW_EYE_DISTANCES
    assert abs(float(cut.mean()) - middle_px * 255 / RENDER_PX) < 2
