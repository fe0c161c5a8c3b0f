"""Alignment turns the landmarks of a face into a chip: the small square picture that the network sees.

Frames, used everywhere in the project:

    photo px    (x, y), origin at the outer corner of the top left pixel, x to the right, y down.
                The centre of the pixel image[row, column] is at (column + 0.5, row + 0.5).
    chip px     the same convention on a chip of S x S pixels, so a chip spans 0..S.
    chip units  chip px divided by S, so a chip spans 0..1 whatever its size.

A chip is cut by a similarity (turn, one scale, shift; never a mirror image) that is fitted to landmarks
which no action unit moves: the corners of the eyes and the bridge of the nose. Brows and mouth are left out,
otherwise a raised brow would shift the very picture in which it is to be seen.
"""

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from vlfau.errors import NoFaceError

CHIP_SIZE_PX = 128
"""Side of a chip in pixels, unless a function is told another."""

EYE_MIDPOINT = (0.5, 0.36)
"""Where the template has the midpoint between the eyes, in chip units."""

EYE_DISTANCE = 0.30
"""Distance of the two eye centres (each the middle of its two corners) in the template, in chip units."""

# Face Mesh index -> place relative to the eye midpoint, in eye distances, x to the right and y down.
# Symmetrised mean over 119 frontal photos of resting faces (London and Young Adult sets), measured here.
_STABLE_PLACES = {
    33: (-0.7253, -0.0149),  # right eye, outer corner
    133: (-0.2747, 0.0149),  # right eye, inner corner
    362: (0.2747, 0.0149),  # left eye, inner corner
    263: (0.7253, -0.0149),  # left eye, outer corner
    168: (0.0, -0.0897),  # bridge of the nose, from between the eyes downwards
    6: (0.0, 0.0310),
    197: (0.0, 0.1453),
    195: (0.0, 0.2550),
}
STABLE_LANDMARKS = tuple(_STABLE_PLACES)
"""Indices of the landmarks that the chip is fitted to."""

_TEMPLATE = np.array(list(_STABLE_PLACES.values())) * EYE_DISTANCE + np.array(EYE_MIDPOINT)


def chip_transform(landmarks_px: ArrayLike, size_px: int = CHIP_SIZE_PX) -> NDArray[np.float64]:
    """The similarity (2, 3) from photo px to chip px for one face.

    `landmarks_px` is (478, 2) or (478, 3) in photo px; only x and y of the stable landmarks are used.
    Raises NoFaceError when these landmarks are not finite or lie in one point.
    """
    points = _as_landmarks(landmarks_px)[list(STABLE_LANDMARKS), :2]
    return _fit_similarity(points, _TEMPLATE * size_px)


def chip_landmarks(landmarks_px: ArrayLike) -> NDArray[np.float32]:
    """Landmarks (478, 3) in photo px -> (478, 3) float32 in chip units; z is scaled like x and y."""
    landmarks = _as_landmarks(landmarks_px)
    if landmarks.shape[1] != 3:
        raise ValueError(
            f"chip_landmarks needs x, y and z. Landmarks of shape {landmarks.shape} were given. "
            "Pass all three columns, or use apply(chip_transform(...), points) for x and y alone."
        )
    transform = chip_transform(landmarks, size_px=1)
    depth = landmarks[:, 2:] * scale_of(transform)
    return np.hstack([apply(transform, landmarks[:, :2]), depth]).astype(np.float32)


def square_transform(
    centre_px: ArrayLike, side_px: float, roll_deg: float, size_px: int
) -> NDArray[np.float64]:
    """The similarity (2, 3) from photo px to a view of size_px that shows one square of the photo.

    The square has its middle at `centre_px` (x, y) and leans by `roll_deg`, clockwise in the picture; in the
    view it stands upright.
    """
    roll = math.radians(roll_deg)
    across = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    linear = across * (size_px / side_px)
    return np.hstack([linear, size_px / 2 - linear @ np.asarray(centre_px, np.float64)[:, None]])


def apply(transform: NDArray[np.float64], points: ArrayLike) -> NDArray[np.float64]:
    """Points (..., 2) through a (2, 3) transform -> (..., 2)."""
    return np.asarray(points, np.float64) @ transform[:, :2].T + transform[:, 2]


def invert(transform: NDArray[np.float64]) -> NDArray[np.float64]:
    """The (2, 3) transform that undoes `transform`, for example chip px -> photo px."""
    (a, b, x), (c, d, y) = (
        transform.tolist()
    )  # by hand: it runs often, and numpy takes longer to begin than this
    area = a * d - b * c
    return np.array([[d, -b, b * y - d * x], [-c, a, c * x - a * y]]) / area


def scale_of(transform: NDArray[np.float64]) -> float:
    """How many target pixels one source pixel becomes along a line, above 0."""
    (a, b, _), (c, d, _) = transform.tolist()
    return math.sqrt(abs(a * d - b * c))


def make_chip(
    image: NDArray[np.uint8], transform: NDArray[np.float64], size_px: int = CHIP_SIZE_PX
) -> NDArray[np.uint8]:
    """Cut a chip (size_px, size_px, 3) uint8 out of an image (H, W, 3) uint8.

    `transform` is a (2, 3) similarity from photo px to chip px of that same size. Shrinking averages over the
    pixels that fall together, so fine stripes become grey and not other stripes; what lies outside the image
    repeats its edge.
    """
    region, to_chip = _crop(image, transform, size_px)
    factor = int(1.0 / max(scale_of(to_chip), 1e-9))
    if factor >= 2:
        region, to_chip = _shrink(region, to_chip, factor)
    # Up to here at most two pixels share a chip pixel along a line: one finer warp and one average remain.
    finer = 2 if scale_of(to_chip) < 1.0 else 1
    warped = _warp(region, to_chip * finer, size_px * finer)
    if finer == 1:
        return warped
    return _average(warped, (size_px, size_px))


def _as_landmarks(landmarks: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(landmarks, np.float64)
    if array.ndim != 2 or array.shape[0] <= max(STABLE_LANDMARKS) or array.shape[1] not in (2, 3):
        raise ValueError(
            f"Landmarks must be (478, 2) or (478, 3). Shape {array.shape} was given. "
            "Pass the landmarks of one face as the finder returns them."
        )
    return array


def _fit_similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares similarity (2, 3); as complex numbers it is one multiplication, which cannot mirror."""
    extent = float(np.ptp(source, axis=0).max()) if np.isfinite(source).all() else math.nan
    if not extent > 1e-6:
        raise NoFaceError(
            f"These landmarks are not a face. Eyes and nose together are {extent:g} px large. "
            "Leave this face out, or find it again in a larger picture."
        )
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a = (source - source_mean) @ (1, 1j)
    b = (target - target_mean) @ (1, 1j)
    turn = complex(np.vdot(a, b) / np.vdot(a, a).real)
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.hstack([linear, (target_mean - linear @ source_mean)[:, None]])


def _crop(
    image: NDArray[np.uint8], transform: NDArray[np.float64], size_px: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of the image that the chip looks at, with a margin, and the transform from that part.

    Where the part is cut off it is at the image's own edge, so repeating the part's edge repeats the image's.
    """
    height, width = image.shape[:2]
    corners = apply(invert(transform), [(0, 0), (size_px, 0), (size_px, size_px), (0, size_px)])
    margin = 2 + 2 / scale_of(transform)
    low = np.floor(corners.min(axis=0) - margin)
    high = np.ceil(corners.max(axis=0) + margin)
    x0, y0 = np.clip(low, 0, (width - 1, height - 1)).astype(int)
    x1, y1 = np.clip(high, (x0 + 1, y0 + 1), (width, height)).astype(int)
    return image[y0:y1, x0:x1], _after_shift(transform, float(x0), float(y0))


def _after_shift(transform: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    """The same transform for points that are counted from (x, y) instead of (0, 0)."""
    return np.hstack([transform[:, :2], transform[:, 2:] + transform[:, :2] @ np.array([[x], [y]])])


def _shrink(
    region: NDArray[np.uint8], transform: NDArray[np.float64], factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Average blocks of factor x factor pixels; the transform then starts from the averaged pixels.

    One block of repeated edge is added all around, so that it is the edge alone that goes on outside.
    """
    below, right = (factor + -length % factor for length in region.shape[:2])
    padded = cv2.copyMakeBorder(region, factor, below, factor, right, cv2.BORDER_REPLICATE)
    size = (padded.shape[1] // factor, padded.shape[0] // factor)
    from_padded = _after_shift(transform, -float(factor), -float(factor))
    return _average(np.asarray(padded, np.uint8), size), from_padded * (factor, factor, 1)


def _warp(image: NDArray[np.uint8], transform: NDArray[np.float64], size_px: int) -> NDArray[np.uint8]:
    """OpenCV counts from pixel centres, this project from pixel corners: half a pixel on both sides."""
    centred = _after_shift(transform, 0.5, 0.5)
    centred[:, 2] -= 0.5
    warped = cv2.warpAffine(
        image, centred, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(warped, np.uint8)


def _average(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Shrink to (width, height) px by the mean of the pixels that fall together."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
