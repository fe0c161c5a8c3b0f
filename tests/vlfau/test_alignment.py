"""The chip: where a face comes to lie in it, the way there and back, and what its pixels are."""

import math

import numpy as np
import pytest

from vlfau.alignment import (
    CHIP_SIZE_PX,
    STABLE_LANDMARKS,
    apply,
    chip_landmarks,
    chip_transform,
    invert,
    make_chip,
    scale_of,
    square_transform,
)
from vlfau.errors import NoFaceError

IDENTITY = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
PLACES = [
    (-72.53, -1.49), (-27.47, 1.49), (27.47, 1.49), (72.53, -1.49), (0, -8.97), (0, 3.1), (0, 14.53), (0, 25.5)
]  # fmt: skip


@pytest.fixture
def landmarks() -> np.ndarray:
    """(478, 3): the mean face with its eyes 100 px apart around (400, 300); all that moves is anywhere."""
    points = np.random.default_rng(0).uniform(250, 550, (478, 3))
    points[list(STABLE_LANDMARKS), :2] = np.array(PLACES) + np.array([400, 300])
    return points


def similarity(degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    a, b = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    return np.array([[a, -b, shift[0]], [b, a, shift[1]]])


def eye_centres(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (points[33, :2] + points[133, :2]) / 2, (points[362, :2] + points[263, :2]) / 2


def test_the_mean_face_has_level_eyes_at_their_place(landmarks):
    right, left = eye_centres(chip_landmarks(landmarks))
    assert (right + left) / 2 == pytest.approx([0.5, 0.36], abs=1e-6)
    assert left - right == pytest.approx([0.30, 0.0], abs=1e-6)


@pytest.mark.parametrize("size", [64, 128, 224])
def test_chip_pixels_and_chip_units_agree(landmarks, size):
    in_px = apply(chip_transform(landmarks, size), landmarks[:, :2])
    assert in_px / size == pytest.approx(chip_landmarks(landmarks)[:, :2], abs=1e-5)


def test_there_and_back_is_exact(landmarks):
    transform = chip_transform(landmarks)
    back = apply(invert(transform), apply(transform, landmarks[:, :2]))
    assert np.abs(back - landmarks[:, :2]).max() < 0.01


@pytest.mark.parametrize("degrees", [0, 30, 90, 180, -135])
@pytest.mark.parametrize("scale", [0.05, 1, 7])
def test_turning_and_scaling_the_photo_leaves_the_chip(landmarks, degrees, scale):
    move = similarity(degrees, scale, (123, -45))
    moved = np.hstack([apply(move, landmarks[:, :2]), landmarks[:, 2:] * scale])
    assert chip_landmarks(moved) == pytest.approx(chip_landmarks(landmarks), abs=1e-5)
    assert chip_transform(moved) @ np.vstack([move, [0, 0, 1]]) == pytest.approx(chip_transform(landmarks))


def test_a_mirrored_face_is_not_mirrored_back(landmarks):
    mirrored = landmarks * (-1, 1, 1)
    assert np.linalg.det(chip_transform(mirrored)[:, :2]) > 0
    assert np.linalg.det(chip_transform(np.random.default_rng(3).normal(size=(478, 2)))[:, :2]) > 0


def test_what_action_units_move_does_not_move_the_chip(landmarks):
    raised = landmarks.copy()
    moving = [i for i in range(478) if i not in STABLE_LANDMARKS]
    raised[moving] += (5, -40, 3)
    assert np.array_equal(chip_transform(raised), chip_transform(landmarks))


def test_depth_has_the_scale_of_the_chip(landmarks):
    chip = chip_landmarks(landmarks)
    assert chip.dtype == np.float32
    assert chip[:, 2] == pytest.approx(landmarks[:, 2] * 0.30 / 100, rel=1e-5)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_landmarks_in_one_point_or_nowhere_are_no_face(value):
    with pytest.raises(NoFaceError, match="are not a face"):
        chip_transform(np.full((478, 2), value))


def test_other_shapes_are_refused():
    for shape in [(68, 2), (478,), (478, 4), (2, 478, 3)]:
        with pytest.raises(ValueError, match="478"):
            chip_transform(np.ones(shape))
    with pytest.raises(ValueError, match="x, y and z"):
        chip_landmarks(np.ones((478, 2)))


# Pixels


def noise(height: int = 40, width: int = 40) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def test_without_a_change_the_chip_is_the_photo():
    assert np.array_equal(make_chip(noise(), IDENTITY, 40), noise())


def test_a_pixel_centre_is_half_a_pixel_from_the_corner():
    photo = np.zeros((32, 32, 3), np.uint8)
    photo[20, 10] = 255
    chip = make_chip(photo, similarity(0, 3, (0, 0)), 96)
    y, x = np.argwhere(chip[..., 0] == chip.max()).mean(axis=0) + 0.5
    assert (x, y) == pytest.approx((10.5 * 3, 20.5 * 3))


@pytest.mark.parametrize("factor", [2, 3, 4, 10])
def test_shrinking_by_a_whole_number_averages_blocks(factor):
    photo = noise(20 * factor, 20 * factor)
    blocks = photo.reshape(20, factor, 20, factor, 3).mean(axis=(1, 3))
    chip = make_chip(photo, similarity(0, 1 / factor, (0, 0)), 20)
    assert np.abs(chip - blocks).max() <= 2


@pytest.mark.parametrize("scale", [0.9, 0.6, 0.37, 0.11])
def test_shrunk_stripes_become_grey_and_not_other_stripes(scale):
    stripes = np.zeros((600, 600, 3), np.uint8)
    stripes[:, ::2] = 255
    chip = make_chip(stripes, similarity(7, scale, (-60 * scale, -40 * scale)), 50)
    assert np.abs(chip.mean() - 127.5) < 3
    assert chip.std() < (60 if scale > 0.5 else 12)


def test_a_turned_photo_gives_the_same_chip(landmarks):
    smooth = make_chip(noise(20, 20), similarity(0, 40, (0, 0)), 800)
    turned = np.rot90(smooth, -1)  # clockwise: (x, y) -> (height - y, x)
    there = np.column_stack([800 - landmarks[:, 1], landmarks[:, 0]])
    one = make_chip(smooth, chip_transform(landmarks))
    other = make_chip(np.ascontiguousarray(turned), chip_transform(there))
    assert one.shape == (CHIP_SIZE_PX, CHIP_SIZE_PX, 3)
    assert np.abs(one.astype(int) - other).max() <= 2


@pytest.mark.parametrize("scale", [2.0, 0.5, 0.1])
def test_outside_the_photo_its_edge_goes_on(scale):
    photo = np.full((30, 30, 3), 40, np.uint8)
    photo[:, -1] = 200
    chip = make_chip(photo, similarity(0, scale, (-29.9 * scale, 4)), 24)
    assert np.all(chip[:, 4:] == 200)
    far = make_chip(photo, similarity(0, scale, (-5000, 4)), 24)
    assert np.all(far == 200)


def test_a_view_shows_its_square_upright():
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[20:40, 50:70] = 255  # middle (60, 30)
    assert make_chip(photo, square_transform((60, 30), 18, 0, 32), 32).min() == 255
    view = square_transform((60, 30), 40, 90, 80)
    assert scale_of(view) == pytest.approx(2)
    assert apply(view, [60, 30]) == pytest.approx([40, 40])
    assert apply(view, [60, 50]) == pytest.approx([80, 40])  # leaning to the right: down becomes right
