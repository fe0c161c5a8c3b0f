"""Evidence pictures show a map's peak where it is, in colours that rise evenly; pictures stay small."""

import io

import cv2
import numpy as np
from PIL import Image

from db.evidence import pack, unpack
from ui.overlay import (
    FACE_SIDE_PX,
    HEAT_SIDE_PX,
    PHOTO_SIDE_PX,
    face_jpeg,
    heat_levels,
    heat_png,
    heat_sheet_png,
    photo_jpeg,
)


def picture(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def peaked(row, column):
    evidence = np.full((8, 8), 0.001, np.float32)
    evidence[row, column] = 1
    return evidence / evidence.sum()


def test_the_peak_is_where_the_evidence_is():
    alpha = picture(heat_png(peaked(2, 5)))[..., 3]
    row, column = np.unravel_index(alpha.argmax(), alpha.shape)
    assert (row * 8 // HEAT_SIDE_PX, column * 8 // HEAT_SIDE_PX) == (2, 5)


def test_where_there_is_little_the_face_stays_visible():
    alpha = picture(heat_png(peaked(2, 5)))[..., 3]
    assert alpha[-10:].max() == 0
    assert 0 < alpha.max() < 255


def test_more_evidence_is_lighter():
    ramp = np.tile(np.linspace(0, 1, 16, dtype=np.float32), (16, 1))
    rgb = np.ascontiguousarray(picture(heat_png(ramp))[24:25, 6:42, :3])
    lightness = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0, :, 0].astype(int)
    assert (np.diff(lightness) >= 0).all()
    assert lightness[-1] - lightness[0] > 100


def test_a_map_without_evidence_is_no_error():
    assert picture(heat_png(np.zeros((4, 4), np.float32)))[..., 3].max() == 0


def test_a_sheet_has_the_maps_as_they_look_alone(faces):
    evidence = faces[0].evidence
    kept = unpack(pack(evidence, range(len(evidence))), len(evidence))
    sheet = picture(heat_sheet_png(kept))
    assert sheet.shape == (len(evidence) * HEAT_SIDE_PX, HEAT_SIDE_PX, 4)
    for row, one in enumerate(evidence):
        alone = picture(heat_png(one)).astype(int)
        tile = sheet[row * HEAT_SIDE_PX : (row + 1) * HEAT_SIDE_PX]
        # 255 steps instead of all: one of the 64 colours to the side, which nobody sees
        assert np.abs(heat_levels(one).astype(int) - heat_levels(kept[row].astype(np.float32))).max() <= 1
        assert np.abs(alone - tile).mean() < 1


def test_a_large_photo_is_shrunk_and_a_small_one_is_not():
    large = Image.open(io.BytesIO(photo_jpeg(np.zeros((3000, 2000, 3), np.uint8))))
    small = Image.open(io.BytesIO(photo_jpeg(np.zeros((30, 20, 3), np.uint8))))
    assert (large.size, small.size) == ((853, PHOTO_SIDE_PX), (20, 30))


def test_the_face_is_the_chip_only_larger(image, faces):
    face = faces[0]
    shown = picture(face_jpeg(image, face.chip_transform, face.chip.shape[0]))[..., :3]
    assert shown.shape == (FACE_SIDE_PX, FACE_SIDE_PX, 3)
    smaller = cv2.resize(np.ascontiguousarray(shown), face.chip.shape[:2], interpolation=cv2.INTER_AREA)
    assert np.abs(smaller.astype(int) - face.chip).mean() < 6
