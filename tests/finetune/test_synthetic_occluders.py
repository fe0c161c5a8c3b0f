"""Things in front of a face: what they cover is no longer labelled, and chance is repeatable."""

import numpy as np
import pytest

from finetune.synthetic import correspondence as mesh
from finetune.synthetic.occluders import (
    BEHIND_MASK,
    BEHIND_SUNGLASSES,
    SHARES,
    Occluded,
    occlude,
    place,
    seen,
)
from vlfau.action_units import AU_NUMBERS

SIZE = 160
PICTURE = np.full((SIZE, SIZE, 3), 150, np.uint8)


def _rig_landmarks():
    """A made-up head (478, 3) cm: the landmarks that are used lie where a face has them, the others on a bowl."""
    angle = np.linspace(0, 2 * np.pi, 478, endpoint=False)
    points = np.stack([4 * np.cos(angle), 6 * np.sin(angle), 8 + np.cos(3 * angle)], 1)
    oval = np.linspace(0, 2 * np.pi, len(mesh.FACE_OVAL), endpoint=False)
    points[list(mesh.FACE_OVAL)] = np.stack(
        [7.2 * np.sin(oval), 0.9 + 8.6 * np.cos(oval), 5 + 4 * np.abs(np.cos(oval))], 1
    )
    eyes = {33: (-4.46, 3.43, 8.6), 133: (-1.84, 3.25, 9.2), 362: (1.84, 3.25, 9.2), 263: (4.46, 3.43, 8.6)}
    nose = {168: (0, 4.2, 10.6), 6: (0, 3.4, 10.9), 197: (0, 2.7, 11.4), 195: (0, 2.1, 11.9), 4: (0, 0.5, 13)}
    cheeks = {50: (-4.7, 0, 9.2), 280: (4.7, 0, 9.2), 205: (-3.5, -1.5, 9.5), 425: (3.5, -1.5, 9.5)}
    rim = {117: (-4.5, 1.2, 9), 346: (4.5, 1.2, 9), 123: (-6, 0.5, 8), 352: (6, 0.5, 8)}
    middle = {198: (-1.2, 1.8, 11), 420: (1.2, 1.8, 11), 100: (-2.4, 1.5, 10), 329: (2.4, 1.5, 10)}
    for index, place_cm in {**eyes, **nose, **cheeks, **rim, **middle}.items():
        points[index] = place_cm
    return points


RIG = _rig_landmarks()
FRONTAL = np.stack([SIZE / 2 + 8 * RIG[:, 0], 90 - 8 * RIG[:, 1]], 1)


def _hidden(occluded: Occluded) -> set[int]:
    return {number for number, shown in zip(AU_NUMBERS, seen(occluded, FRONTAL), strict=True) if not shown}


def test_nothing_in_front_leaves_the_picture_and_all_units():
    plain = place(np.random.default_rng(0), "", PICTURE, FRONTAL, RIG)
    assert np.array_equal(plain.picture, PICTURE)
    assert seen(plain, FRONTAL).all()


@pytest.mark.parametrize("kind", SHARES)
def test_a_thing_is_painted_and_the_same_seed_paints_it_again(kind):
    first, again = (place(np.random.default_rng(5), kind, PICTURE, FRONTAL, RIG).picture for _ in range(2))
    assert np.array_equal(first, again)
    assert (first != PICTURE).any(2).mean() > 0.01


def test_clear_glasses_hide_nothing_and_dark_ones_the_eyes():
    rng = np.random.default_rng(1)
    assert _hidden(place(rng, "glasses", PICTURE, FRONTAL, RIG)) == set()
    assert set(BEHIND_SUNGLASSES) <= _hidden(place(rng, "sunglasses", PICTURE, FRONTAL, RIG))


def test_a_mask_hides_the_mouth_but_not_the_brows():
    hidden = _hidden(place(np.random.default_rng(2), "mask", PICTURE, FRONTAL, RIG))
    assert set(BEHIND_MASK) <= hidden
    assert not hidden & {1, 2, 4, 5, 43}


def test_a_unit_is_hidden_when_more_than_half_of_its_region_is():
    covered = np.zeros((SIZE, SIZE), np.float32)
    covered[: int(90 - 8 * 4.4)] = 1  # down to just above the eyes
    hidden = _hidden(Occluded(PICTURE, covered, "hair"))
    assert {1, 2} <= hidden
    assert not hidden & {6, 12, 17, 25}


def test_glasses_follow_the_head():
    moved = FRONTAL + np.array([20.0, 0.0])
    here, there = (
        place(np.random.default_rng(3), "sunglasses", PICTURE, points, RIG).covered
        for points in (FRONTAL, moved)
    )
    assert np.abs(here[:, 20:120] - there[:, 40:140]).mean() < 0.02
    assert here[:, 20:120].mean() > 0.05


def test_things_come_as_often_as_stated():
    rng = np.random.default_rng(4)
    small = np.full((40, 40, 3), 120, np.uint8)
    kinds = [occlude(rng, small, FRONTAL / 4, RIG).kind for _ in range(1500)]
    for kind, share in SHARES.items():
        assert abs(kinds.count(kind) / 1500 - share) < 0.02
