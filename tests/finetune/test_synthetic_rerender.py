"""Re-rendering a real photo: straight it is the photo again, and only what is asked for changes."""

import numpy as np
import pytest
import torch

from finetune.faces import read_catalogue
from finetune.synthetic.persons import RIG_FILE
from finetune.synthetic.rerender import SIZE_PX, View, fit_photos, rerender, usable
from finetune.synthetic.rig import Rig
from finetune.synthetic.surroundings import Outline, with_surroundings
from vlfau.alignment import chip_landmarks, chip_transform, make_chip
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image

VIEWS = (View(), View(yaw_deg=-30), View(yaw_deg=30), View(side_light=0.8))


SQUARE = np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 40.0], [0.0, 40.0]])


def test_an_outline_is_as_far_as_it_is():
    outline = Outline.around(SQUARE)
    assert outline.middle.tolist() == [20, 20]
    np.testing.assert_allclose(
        outline.radius(np.array([[1.0, 0.0], [0.5**0.5, 0.5**0.5]])), [20, 20 * 2**0.5]
    )


def test_surroundings_are_pulled_up_to_a_narrower_face():
    photo = torch.zeros(3, 640, 640)
    photo[0], photo[1, 280:320, 280:320] = 1, 1  # red, with a yellow face
    face = SQUARE + 280
    picture = np.full((64, 64, 3), 128, np.uint8)
    narrow = SQUARE * (0.5, 1) + (22, 12)
    mixed = with_surroundings(picture, narrow, photo, face, scale=1.0)
    assert (mixed[30, 28:36] == 128).all()
    assert (mixed[30, 46:, 1] < 64).all()  # beyond the narrow face there is nothing of the photo's face
    assert (mixed[30, 46:, 0] > 250).all()


@pytest.fixture(scope="module")
def seen(shared_faces):
    """A smiling photo and its four views, each as a face of the finder."""
    rows = [row for row in read_catalogue(shared_faces.parent) if row["pose"] == "smiling"]
    image = read_image(shared_faces / rows[0]["file"])
    finder = MediaPipeFinder()
    face = finder.find(image)[0]
    rig = Rig.load(shared_faces.parent / RIG_FILE)
    fit = fit_photos(rig, face.landmarks_px[None])
    assert usable(fit).tolist() == [True]
    pictures = rerender(rig, image, face.landmarks_px, fit, VIEWS)
    return image, face, pictures, [finder.find(picture)[0] for picture in pictures]


@pytest.mark.shared_data
def test_without_a_change_it_is_the_photo(seen):
    image, face, pictures, faces = seen
    assert pictures[0].shape == (SIZE_PX, SIZE_PX, 3)
    chips = [
        make_chip(picture, chip_transform(one.landmarks_px, 64), 64).astype(float)
        for picture, one in ((image, face), (pictures[0], faces[0]))
    ]
    assert np.abs(chips[0] - chips[1])[10:58, 10:54].mean() < 6
    apart = chip_landmarks(face.landmarks_px) - chip_landmarks(faces[0].landmarks_px)
    assert np.linalg.norm(apart[:, :2], axis=1).mean() < 0.01  # of the chip's side: the smile is still there


@pytest.mark.shared_data
def test_the_head_turns_to_the_persons_own_left(seen):
    faces = seen[3]
    turned = [one.pose.yaw_deg - faces[0].pose.yaw_deg for one in faces]
    assert turned[1] == pytest.approx(-27, abs=8)  # the mesh sees a little less than the 30 degrees
    assert turned[2] == pytest.approx(27, abs=8)
    assert turned[3] == pytest.approx(0, abs=3)


@pytest.mark.shared_data
def test_light_from_the_left_brightens_the_persons_left(seen):
    def balance(picture: np.ndarray, face: object) -> float:
        chip = make_chip(picture, chip_transform(face.landmarks_px, 64), 64).astype(float)
        return (
            chip[24:44, 40:52].mean() / chip[24:44, 12:24].mean()
        )  # the person's left is right in the picture

    pictures, faces = seen[2:]
    assert balance(pictures[3], faces[3]) > 1.3 * balance(pictures[0], faces[0])
