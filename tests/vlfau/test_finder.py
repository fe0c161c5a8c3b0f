"""Faces are found where they are, large, small, leaning and many, and not where none is."""

import csv
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from vlfau.alignment import apply, invert, make_chip, scale_of, square_transform
from vlfau.faces import LANDMARK_COUNT, Face
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def finder() -> MediaPipeFinder:
    return MediaPipeFinder()


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return read_image(ROOT / "tests/data/face.jpg")


@pytest.fixture(scope="module")
def face(finder, photo) -> Face:
    (found,) = finder.find(photo)
    return found


def landscape(height: int, width: int) -> np.ndarray:
    """Sky over ground with soft clouds and hills, without a face."""
    small = np.random.default_rng(4).normal(0, 18, (8, 12, 3)) + np.linspace(190, 70, 8)[:, None, None]
    longest = max(height, width)
    rough = np.clip(small, 0, 255).astype(np.uint8)
    return make_chip(rough, square_transform((6, 4), 12, 0, longest), longest)[:height, :width].copy()


def paste(
    canvas: np.ndarray, photo: np.ndarray, face: Face, x: float, y: float, size: float, roll: float
) -> np.ndarray:
    """Put the face with its middle at (x, y), `size` px long, leaning by roll degrees -> its landmarks there."""
    box = face.box_xyxy_px
    middle, side = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), max(face.width_px, face.height_px)
    patch_px = round(size * 1.5)
    view = square_transform(middle, side * 1.5, -roll, patch_px)
    patch = make_chip(photo, view, patch_px)
    left, top = round(x - patch_px / 2), round(y - patch_px / 2)
    rows, columns = np.mgrid[:patch_px, :patch_px] + 0.5 - patch_px / 2
    inside = np.hypot(rows, columns) < patch_px / 2
    canvas[top : top + patch_px, left : left + patch_px][inside] = patch[inside]
    return apply(view, face.landmarks_px[:, :2]) + np.array([left, top])


def error(found: Face, landmarks: np.ndarray) -> float:
    """Mean distance of the landmarks in shares of the eyes' outer distance."""
    across = np.linalg.norm(landmarks[33] - landmarks[263])
    return float(np.linalg.norm(found.landmarks_px[:, :2] - landmarks, axis=1).mean() / across)


def test_a_face_is_found_with_all_that_is_known_of_it(face, photo):
    assert face.landmarks_px.shape == (LANDMARK_COUNT, 3)
    assert face.landmarks_px.dtype == np.float32
    x0, y0, x1, y1 = face.box_xyxy_px
    assert 0 < x0 < x1 < photo.shape[1]
    assert 0 < y0 < y1 < photo.shape[0]
    assert face.score > 0.8
    assert abs(face.pose.yaw_deg) < 10
    assert abs(face.pose.roll_deg) < 5
    right_eye, left_eye, chin = face.landmarks_px[[33, 263, 152]]
    assert right_eye[0] < left_eye[0], "the person's right eye is on the left of the picture"
    assert chin[1] > right_eye[1]


def test_five_people_are_found_largest_first(finder):
    faces = finder.find(read_image(ROOT / "tests/data/group.jpg"))
    areas = [face.width_px * face.height_px for face in faces]
    assert len(faces) == 5
    assert areas == sorted(areas, reverse=True)


def test_five_people_in_a_thousand_pixels_are_found(finder, photo, face):
    canvas = landscape(700, 1000)
    places = [(150, 200, 130), (400, 180, 110), (650, 220, 140), (880, 200, 100), (500, 500, 120)]
    truth = [paste(canvas, photo, face, x, y, size, 0) for x, y, size in places]
    faces = finder.find(canvas)
    assert len(faces) == 5
    assert all(min(error(found, landmarks) for found in faces) < 0.04 for landmarks in truth)


def test_a_small_face_in_a_large_photo_is_found(finder, photo, face):
    canvas = landscape(2000, 3000)
    landmarks = paste(canvas, photo, face, 2104, 611, 70, 0)
    (found,) = finder.find(canvas)
    assert error(found, landmarks) < 0.04


@pytest.mark.parametrize("roll", [-135, -90, -45, 30, 45, 90, 180])
@pytest.mark.parametrize("size", [90, 300])
def test_a_leaning_head_is_found_beside_an_upright_one(finder, photo, face, roll, size):
    canvas = landscape(900, 1000)
    upright = paste(canvas, photo, face, 800, 700, 160, 0)
    leaning = paste(canvas, photo, face, 300, 350, size, roll)
    faces = finder.find(canvas)
    assert len(faces) == 2
    for landmarks in (upright, leaning):
        assert min(error(found, landmarks) for found in faces) < 0.04
    found = min(faces, key=lambda one: error(one, leaning))
    turn = (found.pose.roll_deg - face.pose.roll_deg - roll + 180) % 360 - 180
    assert abs(turn) < 4
    assert found.pose.yaw_deg == pytest.approx(face.pose.yaw_deg, abs=6)


@pytest.mark.parametrize("share", [0.8, 1.15])
def test_a_face_that_fills_the_photo_is_found(finder, photo, face, share):
    side = max(face.width_px, face.height_px)
    middle = np.array(face.box_xyxy_px).reshape(2, 2).mean(axis=0)
    view = square_transform(middle, side / share, 0, 300)
    (found,) = finder.find(make_chip(photo, view, 300))
    assert error(found, apply(view, face.landmarks_px[:, :2])) < 0.05
    assert ("edge" in {warning.code for warning in found.warnings}) == (share > 1)


@pytest.mark.parametrize(("height", "width"), [(600, 800), (1100, 1600), (1, 1), (3, 2000)])
def test_where_no_face_is_none_is_found(finder, height, width):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for empty in (noise, landscape(height, width), np.zeros_like(noise), np.full_like(noise, 255)):
        assert finder.find(empty) == []


@pytest.mark.slow
def test_a_fifty_megapixel_photo_is_searched(finder, photo, face):
    canvas = np.full((5774, 8660, 3), 120, np.uint8)
    landmarks = paste(canvas, photo, face, 6000, 3000, 700, 0)
    (found,) = finder.find(canvas)
    assert error(found, landmarks) < 0.03


def test_the_same_photo_gives_the_same_faces_alone_or_among_threads(finder, photo, face):
    small = np.ascontiguousarray(photo[::3, ::3])
    alone = finder.find(small)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(finder.find, [small, photo, small, photo[:, ::-1].copy(), small]))
    for again in (results[0], results[2], results[4]):
        assert np.array_equal(again[0].landmarks_px, alone[0].landmarks_px)
        assert again[0].box_xyxy_px == alone[0].box_xyxy_px
    assert np.array_equal(results[1][0].landmarks_px, face.landmarks_px)


# Mesh


def test_the_mesh_in_a_box_is_the_mesh_that_find_gives(finder, photo, face):
    x0, y0, x1, y1 = face.box_xyxy_px
    for box in [(x0, y0, x1, y1), (x0 - 80, y0 + 60, x1, y1), (x0, y0 - 100, x1 + 150, y1 + 90)]:
        landmarks = finder.mesh(photo, box)
        assert error(face, landmarks[:, :2]) < 0.006


def test_the_mesh_of_a_leaning_head_needs_no_more_than_its_roll(finder, photo, face):
    canvas = landscape(600, 600)
    truth = paste(canvas, photo, face, 300, 300, 200, 120)
    landmarks = finder.mesh(canvas, (200, 200, 400, 400), roll_deg=115)
    assert error(face, face.landmarks_px[:, :2]) == 0
    assert np.linalg.norm(landmarks[:, :2] - truth, axis=1).mean() < 4


def test_depth_grows_with_the_face(finder, photo, face):
    view = square_transform((640, 640), 1280, 0, 320)
    small = finder.mesh(
        make_chip(photo, view, 320), apply(view, np.reshape(face.box_xyxy_px, (2, 2))).ravel()
    )
    assert small[:, 2] / scale_of(view) == pytest.approx(face.landmarks_px[:, 2], abs=face.width_px * 0.02)
    assert apply(invert(view), small[:, :2]) == pytest.approx(
        face.landmarks_px[:, :2], abs=face.width_px * 0.02
    )


def test_the_mesh_sees_no_face_where_none_is(finder):
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    for empty in (landscape(400, 400), noise, np.full_like(noise, 200)):
        assert finder.mesh(empty, (100, 100, 300, 300)) is None


def test_nothing_is_written_to_the_terminal():
    script = (
        "import numpy as np, sys\n"
        "from vlfau.finder import MediaPipeFinder\n"
        "finder = MediaPipeFinder()\n"
        "finder.find(np.zeros((300, 300, 3), np.uint8))\n"
        "finder.mesh(np.zeros((300, 300, 3), np.uint8), (50, 50, 200, 200))\n"
        "print('mine', file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    assert done.stderr == "mine\n"


# Photos of real people


def _photos(folder: Path, count: int) -> list[np.ndarray]:
    with (folder / "faces.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file)]
    return [read_image(folder / name) for name in names[:: len(names) // count][:count]]


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.parametrize(("size", "least"), [(64, 0.8), (100, 0.9), (200, 1.0)])
def test_real_people_are_found_at_every_lean(finder, shared_faces, size, least):
    hits = []
    for number, photo in enumerate(_photos(shared_faces, 12)):
        (face,) = finder.find(photo)
        for roll in (0, 60, 180):
            canvas = landscape(1000, 1000)
            truth = paste(canvas, photo, face, 200 + 50 * number, 700 - 40 * number, size, roll)
            hits.append(any(error(found, truth) < 0.08 for found in finder.find(canvas)))
    assert np.mean(hits) >= least
