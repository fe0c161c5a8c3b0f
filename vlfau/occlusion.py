"""Occlusion: whether something lies over the mouth or the eyes of a face, as a mask, a scarf or dark glasses do.

Around points of the mesh the colour of the skin and how much detail there is are compared with the rest of the same
face; two linear rules, fitted by `finetune.occlusion`, say whether the mouth or the eyes look unlike a face. What has
the colour of skin or hair (a hand, a fringe) is not noticed: see docs/predict.md for what was measured.
Letters: P points, F = 7 P features.
"""

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vlfau.alignment import chip_landmarks, chip_transform, make_chip

CHIP_PX = 128

POINTS: tuple[tuple[int, ...], ...] = (
    *((61,), (291,), (0,), (17,), (13, 14), (164, 167, 393)),  # mouth and above it
    *((199, 200, 175), (192, 214), (416, 434), (129,), (358,)),  # chin, jaws, wings of the nose
    *((50, 205, 117, 101), (280, 425, 346, 330), (205,), (425,)),  # cheeks
    *((168,), (9,), (4, 5, 195, 197), (151, 9, 108, 337), (151,)),  # nose, forehead
    *((55,), (285,), (105,), (334,), (46,), (276,)),  # brows
    *((33, 133), (263, 362), (145,), (374,), (33,), (263,), (119,), (348,)),  # eyes and below them
)
"""Points of the 478-point mesh that are looked at; of several the middle."""

PARTS = {"mouth": "mouth and chin", "eyes": "eyes"}
"""What may be covered."""

_RULES = Path(__file__).with_name("occlusion.json")
_BLUR_PX, _DETAIL_PX = 2.5, 4.0


def covered_parts(image: NDArray[np.uint8], landmarks_px: NDArray[np.float32]) -> list[str]:
    """Which of PARTS are covered on a face: upright RGB (H, W, 3), landmarks (478, 3) in photo px."""
    features = face_features(image, landmarks_px)
    return [part for part, (weights, bias) in rules().items() if float(features @ weights) + bias > 0]


def face_features(image: NDArray[np.uint8], landmarks_px: NDArray[np.float32]) -> NDArray[np.float32]:
    """(F,): how the colour (CIELAB) and the detail around each point differ from the median of all points."""
    chip = make_chip(image, chip_transform(landmarks_px, CHIP_PX), CHIP_PX)
    return chip_features(chip, chip_landmarks(landmarks_px))


def chip_features(chip: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same for a chip (CHIP_PX, CHIP_PX, 3) RGB with its landmarks (478, >= 2) in chip units."""
    places = np.array([landmarks[list(point), :2].mean(axis=0) for point in POINTS]) * CHIP_PX
    column, row = np.clip(places, 0, CHIP_PX - 1).astype(int).T
    smooth = cv2.GaussianBlur(chip, (0, 0), _BLUR_PX)
    colour = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB).astype(np.float32)[row, column]
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    detail = np.log1p(cv2.GaussianBlur(edges, (0, 0), _DETAIL_PX))[row, column]
    colour -= np.median(colour, axis=0)
    features = np.concatenate([colour.ravel(), np.abs(colour).ravel(), detail - np.median(detail)])
    return features.astype(np.float32)


@cache
def rules() -> dict[str, tuple[NDArray[np.float32], float]]:
    """Part -> weights (F,) and bias; above 0 the part is covered."""
    known = json.loads(_RULES.read_text("utf-8"))
    return {
        part: (np.array(known[part]["weights"], np.float32), float(known[part]["bias"])) for part in PARTS
    }
