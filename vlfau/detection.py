"""Detection looks over a whole photo for squares that may hold a face, small, large, leaning or upside down."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlfau.alignment import apply, invert, make_chip, scale_of, square_transform
from vlfau.mediapipe_graphs import DETECTOR_VIEW_PX, Detection, MediaPipeGraphs

LOWEST_SCORE = 0.5
"""What the detectors are less sure of is not looked at further."""

PORTRAIT_SCORE, PORTRAIT_SHARE = 0.8, 0.25
"""One face of at least this score and share of the photo's longer side ends the search for leaning heads."""

TILES_ABOVE_PX = 1000
"""Photos with a longer side than this are also searched in tiles."""

SMALLEST_TILE_PX, SMALLEST_TILE_SHARE = 800, 1 / 8
"""Tiles shrink down to this side, or to this share of the photo's longer side where that is more.

The full-range network sees faces of 8 % of what it is shown: 64 px, and 87 px in a photo of 50 megapixels.
"""

TILE_STEP = 0.6
"""Each round of tiles has at least this share of the side of the round before."""

TILE_OVERLAP = 1 / 3
"""Share of a tile that its neighbour shows too, so that no face is cut in all of them."""


@dataclass(frozen=True)
class Candidate:
    """A square in the photo that a detector takes for a face, brows to chin; photo px."""

    x: float
    y: float
    """Middle of the square."""
    side_px: float
    roll_deg: float
    """How far the head leans by its eyes, clockwise in the picture, -180 to 180."""
    score: float
    """0 to 1."""


class Pyramid:
    """A photo with its halves, so that no view has to shrink the whole photo again; origin and frame are shared."""

    def __init__(self, image: NDArray[np.uint8]) -> None:
        self.height, self.width = image.shape[:2]
        self._levels = [image]

    def view(self, transform: NDArray[np.float64], size_px: int) -> NDArray[np.uint8]:
        """The chip that `make_chip` would cut, taken from the smallest level that is sharp enough for it."""
        level = max(0, math.floor(-math.log2(max(scale_of(transform), 1e-6))))
        level = min(level, max(0, math.floor(math.log2(max(self.height, self.width) / size_px))))
        to_view = transform * np.array([[2.0**level, 2.0**level, 1.0]])
        return make_chip(self._level(level), to_view, size_px)

    def _level(self, number: int) -> NDArray[np.uint8]:
        while len(self._levels) <= number:
            self._levels.append(_halve(self._levels[-1]))
        return self._levels[number]


def _halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mean of blocks of 2 x 2; an odd last row or column is repeated, which keeps the frame exact."""
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.asarray(cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE))
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def find_candidates(photo: Pyramid, graphs: MediaPipeGraphs) -> list[Candidate]:
    """Squares that may hold a face, each face once, surest first; empty when there is none.

    The photo is shown upright, large photos also in tiles. Unless that is plainly a portrait of one person, it is
    then shown turned, for leaning heads. Only when all this finds nothing are the tiles turned too, and the photo
    is shown smaller with its edges drawn out, for a face that fills it.
    """
    found = merge(_look_upright(photo, graphs))
    if not _is_portrait(found, photo):
        found = merge([*found, *_look_turned(photo, graphs)])
    return found or merge(_look_harder(photo, graphs))


def _is_portrait(found: list[Candidate], photo: Pyramid) -> bool:
    if len(found) != 1:
        return False
    share = found[0].side_px / max(photo.width, photo.height)
    return found[0].score >= PORTRAIT_SCORE and share >= PORTRAIT_SHARE


def _look_upright(photo: Pyramid, graphs: MediaPipeGraphs) -> Iterator[Candidate]:
    yield from _look(photo, graphs, _whole(photo), "short", 0)
    yield from _look(photo, graphs, _whole(photo), "full", 0)
    for tile in tiles(photo.width, photo.height):
        yield from _look(photo, graphs, tile, "full", 0)


def _look_turned(photo: Pyramid, graphs: MediaPipeGraphs) -> Iterator[Candidate]:
    """The short-range network sees heads that lean by up to 90 degrees, the full-range network up to about 45."""
    yield from _look(photo, graphs, _whole(photo), "short", 180)
    for roll in (90, 180, 270):
        yield from _look(photo, graphs, _whole(photo), "full", roll)


def _look_harder(photo: Pyramid, graphs: MediaPipeGraphs) -> Iterator[Candidate]:
    x, y, side = _whole(photo)
    for roll in (0, 180):
        yield from _look(photo, graphs, (x, y, side * 1.6), "short", roll)
    for roll in (45, 135, 225, 315):
        yield from _look(photo, graphs, (x, y, side), "full", roll)
    for tile in tiles(photo.width, photo.height):
        for roll in (90, 180, 270):
            yield from _look(photo, graphs, tile, "full", roll)


Square = tuple[float, float, float]
"""Middle x, middle y and side of a part of the photo, in photo px."""


def _whole(photo: Pyramid) -> Square:
    return photo.width / 2, photo.height / 2, float(max(photo.width, photo.height))


def tiles(width: int, height: int) -> list[Square]:
    """Overlapping squares over a photo of width x height px, large ones first; none for a small photo."""
    longest = max(width, height)
    if longest <= TILES_ABOVE_PX:
        return []
    smallest = max(SMALLEST_TILE_PX, longest * SMALLEST_TILE_SHARE)
    rounds = math.ceil(math.log(smallest / longest, TILE_STEP))
    sides = [longest * (smallest / longest) ** (number / rounds) for number in range(1, rounds + 1)]
    return [(x, y, side) for side in sides for y in _middles(height, side) for x in _middles(width, side)]


def _middles(length: int, side: float) -> list[float]:
    """Middles of the tiles along one side of the photo, evenly spread from edge to edge."""
    if side >= length:
        return [length / 2]
    count = 1 + math.ceil((length - side) / (side * (1 - TILE_OVERLAP)))
    return [float(middle) for middle in np.linspace(side / 2, length - side / 2, count)]


def _look(
    photo: Pyramid, graphs: MediaPipeGraphs, square: Square, reach: str, roll_deg: float
) -> Iterator[Candidate]:
    """Show one square of the photo to one detector, turned so that a head leaning by roll_deg stands upright."""
    size = DETECTOR_VIEW_PX[reach]
    transform = square_transform(square[:2], square[2], roll_deg, size)
    to_photo = invert(transform)
    for detection in graphs.detect(photo.view(transform, size), reach):
        candidate = _candidate(detection, to_photo)
        if candidate.score >= LOWEST_SCORE and not _cut_by_tile(candidate, square, photo):
            yield candidate


def _candidate(detection: Detection, to_photo: NDArray[np.float64]) -> Candidate:
    x0, y0, x1, y1 = detection.box_xyxy_px
    middle = apply(to_photo, [(x0 + x1) / 2, (y0 + y1) / 2])
    right, left = apply(to_photo, [detection.right_eye_px, detection.left_eye_px])
    roll = math.degrees(math.atan2(left[1] - right[1], left[0] - right[0]))
    side = max(x1 - x0, y1 - y0) * scale_of(to_photo)
    return Candidate(float(middle[0]), float(middle[1]), side, roll, detection.score)


def _cut_by_tile(candidate: Candidate, square: Square, photo: Pyramid) -> bool:
    """Whether the candidate crosses an edge of the tile behind which the photo goes on."""
    places = ((candidate.x, square[0], photo.width), (candidate.y, square[1], photo.height))
    for middle, centre, length in places:
        low, high = centre - square[2] / 2, centre + square[2] / 2
        if low > 0.5 and middle - candidate.side_px / 2 < low:
            return True
        if high < length - 0.5 and middle + candidate.side_px / 2 > high:
            return True
    return False


def merge(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Keep the surest of those that show the same face; order of the input does not matter."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (-c.score, c.x, c.y, c.side_px, c.roll_deg)):
        if not any(_same_face(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _same_face(one: Candidate, other: Candidate) -> bool:
    """Squares that share a third of their union, or of which one lies mostly inside the other."""
    across = _shared(one.x, other.x, one.side_px, other.side_px)
    down = _shared(one.y, other.y, one.side_px, other.side_px)
    shared, areas = across * down, (one.side_px**2, other.side_px**2)
    return shared > sum(areas) * 0.25 or shared > min(areas) * 0.6


def _shared(middle: float, other_middle: float, side: float, other_side: float) -> float:
    """Length that two intervals share."""
    low = max(middle - side / 2, other_middle - other_side / 2)
    return max(0.0, min(middle + side / 2, other_middle + other_side / 2) - low)
