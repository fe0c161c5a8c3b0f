"""Quality: what makes a found face hard to read, said in plain words with what to do about it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vlfau.alignment import chip_transform, make_chip
from vlfau.faces import HeadPose, QualityWarning
from vlfau.occlusion import PARTS, covered_parts

LARGEST_YAW_DEG = 35.0
LARGEST_PITCH_DEG = 30.0
SMALLEST_FACE_PX = 64.0
"""Longer side of a face's box in the photo."""

LEAST_SHARPNESS = 8.0
"""See `sharpness`: 60 sharp photos had 14 to 71; blurred by 3 % of the face's width, 95 % of them had below 8.2."""

LEAST_SCORE = 0.6
LEAST_PRESENCE = 0.99
"""Faces nearly always reach these in the detector and in the mesh; false ones nearly always miss one of them."""

_EDGE_TOLERANCE = 0.02
_SHARPNESS_CHIP_PX = 64
_INNER_FACE = slice(_SHARPNESS_CHIP_PX // 5, -(_SHARPNESS_CHIP_PX // 5))

Box = tuple[float, float, float, float]


def quality_warnings(
    image: NDArray[np.uint8],
    landmarks_px: NDArray[np.float32],
    box_xyxy_px: Box,
    pose: HeadPose,
    score: float,
    presence: float,
) -> tuple[QualityWarning, ...]:
    """Warnings for one face, in the order of WARNING_CODES; `score` and `presence` are 0 to 1."""
    side = max(box_xyxy_px[2] - box_xyxy_px[0], box_xyxy_px[3] - box_xyxy_px[1])
    found = (
        _yaw(pose),
        _pitch(pose),
        _size(side),
        _blur(sharpness(image, landmarks_px)),
        _confidence(score, presence),
        _edge(image, box_xyxy_px, side),
        _occlusion(covered_parts(image, landmarks_px)),
    )
    return tuple(warning for warning in found if warning is not None)


def sharpness(image: NDArray[np.uint8], landmarks_px: NDArray[np.float32]) -> float:
    """How much of the contrast inside a face is fine detail, 0 (flat) upwards; brightness does not change it.

    Variance of the Laplacian by the variance of the grey values, in percent, on the inner face of a 64 px chip;
    so it asks whether the detail that the network needs is there, and not how large the photo is.
    """
    chip = make_chip(image, chip_transform(landmarks_px, _SHARPNESS_CHIP_PX), _SHARPNESS_CHIP_PX)
    grey = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = np.asarray(cv2.Laplacian(grey, cv2.CV_32F))[_INNER_FACE, _INNER_FACE]
    contrast = float(grey[_INNER_FACE, _INNER_FACE].var())
    return 100.0 * float(detail.var()) / contrast if contrast > 0 else 0.0


def _yaw(pose: HeadPose) -> QualityWarning | None:
    if abs(pose.yaw_deg) <= LARGEST_YAW_DEG:
        return None
    side = "left" if pose.yaw_deg > 0 else "right"
    return QualityWarning(
        "yaw",
        f"The head is turned {abs(pose.yaw_deg):.0f} degrees to the person's {side}, which hides a part of the "
        f"face; up to {LARGEST_YAW_DEG:.0f} can be read well. Use a photo taken more from the front.",
    )


def _pitch(pose: HeadPose) -> QualityWarning | None:
    if abs(pose.pitch_deg) <= LARGEST_PITCH_DEG:
        return None
    way = "up" if pose.pitch_deg > 0 else "down"
    return QualityWarning(
        "pitch",
        f"The head is tilted {abs(pose.pitch_deg):.0f} degrees {way}, which foreshortens the face; up to "
        f"{LARGEST_PITCH_DEG:.0f} can be read well. Use a photo taken at eye level.",
    )


def _size(side_px: float) -> QualityWarning | None:
    if side_px >= SMALLEST_FACE_PX:
        return None
    return QualityWarning(
        "size",
        f"The face is only {side_px:.0f} px large; fine movements need at least {SMALLEST_FACE_PX:.0f} px. "
        "Use the photo in its full size, or one taken closer.",
    )


def _blur(sharp: float) -> QualityWarning | None:
    if sharp >= LEAST_SHARPNESS:
        return None
    return QualityWarning(
        "blur",
        "The face is blurred, so wrinkles and lip edges cannot be seen. Use a sharper photo: more light, a steady "
        "camera, the focus on the face.",
    )


def _confidence(score: float, presence: float) -> QualityWarning | None:
    if score >= LEAST_SCORE and presence >= LEAST_PRESENCE:
        return None
    return QualityWarning(
        "confidence",
        f"It is not certain that this is a face, or that its points lie well ({min(score, presence):.0%} sure). "
        "Look whether the outline fits; use a photo in which nothing covers the face.",
    )


def _edge(image: NDArray[np.uint8], box: Box, side_px: float) -> QualityWarning | None:
    height, width = image.shape[:2]
    beyond = max(-box[0], -box[1], box[2] - width, box[3] - height)
    if beyond <= side_px * _EDGE_TOLERANCE:
        return None
    return QualityWarning(
        "edge",
        f"The edge of the photo cuts off the face: {beyond:.0f} px of it lie outside, and what is there is "
        "guessed. Use a photo that shows the whole face.",
    )


def _occlusion(covered: list[str]) -> QualityWarning | None:
    if not covered:
        return None
    parts = " and the ".join(PARTS[part] for part in covered)
    return QualityWarning(
        "occlusion",
        f"Something seems to cover the {parts}, as a mask or dark glasses do; what is said of the parts behind it is "
        "guessed. Use a photo in which nothing covers the face.",
    )
