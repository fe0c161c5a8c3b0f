"""Every quality warning appears when it should, says what was found, and stays away otherwise."""

import cv2
import numpy as np
import pytest

from vlfau.faces import WARNING_CODES, Face, HeadPose, QualityWarning
from vlfau.finder import MediaPipeFinder
from vlfau.quality import quality_warnings, sharpness

FRONTAL = HeadPose(0.0, 0.0, 0.0)
PHOTO = "tests/data/face.jpg"


@pytest.fixture(scope="module")
def photo(request) -> np.ndarray:
    from vlfau.images import read_image

    return read_image(request.config.rootpath / PHOTO)


@pytest.fixture(scope="module")
def face(photo) -> Face:
    return MediaPipeFinder().find(photo)[0]


def warn(photo, face, **changes) -> dict[str, str]:
    arguments = {"box_xyxy_px": face.box_xyxy_px, "pose": FRONTAL, "score": 0.95, "presence": 1.0} | changes
    return {w.code: w.message for w in quality_warnings(photo, face.landmarks_px, **arguments)}


def test_a_good_photo_has_no_warning(photo, face):
    assert face.warnings == ()
    assert warn(photo, face) == {}


@pytest.mark.parametrize(
    ("pose", "code", "words"),
    [
        (HeadPose(41.0, 0.0, 0.0), "yaw", "41 degrees to the person's left"),
        (HeadPose(-36.0, 0.0, 0.0), "yaw", "36 degrees to the person's right"),
        (HeadPose(0.0, 33.0, 0.0), "pitch", "33 degrees up"),
        (HeadPose(0.0, -31.0, 0.0), "pitch", "31 degrees down"),
    ],
)
def test_a_turned_head_is_named(photo, face, pose, code, words):
    found = warn(photo, face, pose=pose)
    assert list(found) == [code]
    assert words in found[code]


def test_turns_within_the_limits_and_any_roll_are_fine(photo, face):
    assert warn(photo, face, pose=HeadPose(35.0, -30.0, 170.0)) == {}


def test_a_small_face_is_named_with_its_size(photo, face):
    assert "50 px" in warn(photo, face, box_xyxy_px=(10, 10, 50, 60))["size"]
    assert "size" not in warn(photo, face, box_xyxy_px=(10, 10, 60, 74))


def test_an_unsure_face_is_named(photo, face):
    assert "55% sure" in warn(photo, face, score=0.55)["confidence"]
    assert "confidence" in warn(photo, face, presence=0.98)


def test_a_face_cut_by_the_edge_is_named(photo, face):
    height, width = photo.shape[:2]
    for box in [
        (-20, 10, 300, 300),
        (10, -20, 300, 300),
        (width - 300, 10, width + 20, 300),
        (10, height - 300, 300, height + 20),
    ]:
        assert "20 px" in warn(photo, face, box_xyxy_px=box)["edge"]
    assert "edge" not in warn(photo, face, box_xyxy_px=(-5, 10, 300, 300))


@pytest.mark.parametrize("share", [0.04, 0.06])
def test_a_blurred_face_is_named(photo, face, share):
    blurred = cv2.GaussianBlur(photo, (0, 0), share * face.width_px)
    assert "sharper photo" in warn(blurred, face)["blur"]


def test_sharpness_asks_for_detail_and_not_for_light(photo, face):
    dark = (photo * 0.4).astype(np.uint8)
    assert sharpness(dark, face.landmarks_px) == pytest.approx(sharpness(photo, face.landmarks_px), rel=0.1)
    assert sharpness(np.full_like(photo, 90), face.landmarks_px) == 0.0


def test_several_warnings_come_in_the_order_of_the_codes(photo, face):
    blurred = cv2.GaussianBlur(photo, (0, 0), 40)
    found = warn(blurred, face, pose=HeadPose(60.0, 50.0, 0.0), score=0.5, box_xyxy_px=(-9, 0, 40, 40))
    assert tuple(found) == tuple(code for code in WARNING_CODES if code != "occlusion")


def test_an_unknown_code_is_refused():
    with pytest.raises(ValueError, match="yaw, pitch"):
        QualityWarning("mood", "no such thing")
