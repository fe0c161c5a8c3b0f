"""Copies, positions, and leaving people out."""

import numpy as np
import torch

from finetune.faces import LabelledFaces
from finetune.training_faces import Part, TrainingFaces


def some(people: list[str], first: int) -> LabelledFaces:
    """Faces whose chips are flat in a colour that tells them apart: `first`, `first` + 1, ..."""
    count = len(people)
    shade = np.arange(first, first + count, dtype=np.uint8)
    chips = np.broadcast_to(shade[:, None, None, None], (count, 4, 4, 3))
    return LabelledFaces(chips, np.zeros((count, 478, 3)), np.zeros((count, 2, 22)), np.array(people))


FACES = TrainingFaces([Part.all_of(some(["a", "b", "a"], 0)), Part.all_of(some(["b", "c"], 10), copies=3)])


def shades(faces: TrainingFaces) -> list[int]:
    return [int(faces[i]["chips"][0, 0, 0]) for i in range(len(faces))]


def test_each_part_appears_as_often_as_it_says():
    assert shades(FACES) == [0, 1, 2] + [10] * 3 + [11] * 3
    assert len(FACES.faces) == 5


def test_left_out_people_are_in_no_position():
    rest = FACES.without({"b"})
    assert shades(rest) == [0, 2, 11, 11, 11]
    assert rest.numbers_within(FACES).tolist() == [0, 2, 4]


def test_labels_stand_in_the_order_of_the_different_faces():
    part = FACES.parts[0]
    part.faces.intensity[2] = 4.0
    points, intensity = FACES.landmarks_and_intensity()
    assert points.shape == (5, 478, 3)
    assert torch.equal(intensity.amax(dim=(1, 2)), torch.tensor([0.0, 0, 4, 0, 0]))
    part.faces.intensity[2] = 0.0
