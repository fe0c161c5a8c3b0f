"""The head's turn in degrees, and its signs as seen from the person."""

import math

import numpy as np
import pytest

from vlfau.head_pose import _UPRIGHT_FACE, head_pose, shape_misfit


def face(yaw: float = 0, pitch: float = 0, roll: float = 0) -> np.ndarray:
    """(478, 3) of an upright face in px, turned; each turn is written out by what it does to the nose or the eyes."""
    points = np.zeros((478, 3))
    points[list(_UPRIGHT_FACE)] = np.array(list(_UPRIGHT_FACE.values())) * 90
    points = points @ _plane(1, 2, -pitch).T  # chin up: what points at the camera (-z) goes up (-y)
    points = points @ _plane(0, 2, yaw).T  # to the own left: what points at the camera goes right (+x)
    points = points @ _plane(0, 1, roll).T  # to the own left shoulder: right (+x) goes down (+y)
    return points + np.array([300, 200, 0])


def _plane(first: int, second: int, degrees: float) -> np.ndarray:
    """Turn in the plane of two axes, from the first towards the second."""
    turn, angle = np.eye(3), math.radians(degrees)
    turn[[first, second], [first, second]] = math.cos(angle)
    turn[second, first], turn[first, second] = math.sin(angle), -math.sin(angle)
    return turn


def angles(points: np.ndarray) -> tuple[float, float, float]:
    pose = head_pose(points)
    return pose.yaw_deg, pose.pitch_deg, pose.roll_deg


def test_an_upright_face_has_no_turn():
    assert angles(face()) == pytest.approx((0, 0, 0), abs=1e-6)


def test_the_signs_are_the_persons():
    nose, between_eyes = 1, 168
    left, up, leaning = face(yaw=20), face(pitch=20), face(roll=20)
    assert left[nose, 0] > left[between_eyes, 0] + 10  # the nose points to the right of the picture
    assert head_pose(left).yaw_deg > 0
    assert up[nose, 1] < face()[nose, 1] - 10  # the nose goes up
    assert head_pose(up).pitch_deg > 0
    assert leaning[10, 0] > leaning[1, 0] + 10  # the forehead goes to the right of the picture
    assert head_pose(leaning).roll_deg > 0


@pytest.mark.parametrize("yaw", [-70, -20, 0, 45])
@pytest.mark.parametrize("pitch", [-40, 0, 25])
@pytest.mark.parametrize("roll", [-170, -30, 0, 90])
def test_the_turns_are_found(yaw, pitch, roll):
    assert angles(face(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_scale_and_place_do_not_matter():
    assert angles(face(20, 10, 5) * 7 - 1000) == pytest.approx((20, 10, 5), abs=1e-6)


def test_the_shape_of_a_face_fits_in_any_pose_and_another_does_not():
    assert shape_misfit(face(30, -20, 100)) == pytest.approx(0, abs=1e-6)
    assert shape_misfit(face() * (-1, 1, 1)) > 0.5  # left and right exchanged
    assert shape_misfit(face() * (1, 0.5, 1)) > 0.1
    assert shape_misfit(np.random.default_rng(0).normal(size=(478, 3))) > 0.3
