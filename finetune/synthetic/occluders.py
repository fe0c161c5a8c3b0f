"""Things in front of a face: glasses, dark glasses, a mask, a hand or object, hair; and what can no longer be seen.

They are painted over a finished render. Glasses are curves in space, carried along by the head's pose; the others
are shapes in the picture. Letters: H, W picture, A 22 action units, N points.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from finetune.synthetic import correspondence as mesh
from vlfau.action_units import AU_NUMBERS
from vlfau.alignment import chip_transform
from vlfau.regions import region_prior

Picture = NDArray[np.float32]
"""RGB (H, W, 3) in 0-255."""
Points = NDArray[np.floating]

SHARES = {"glasses": 0.08, "sunglasses": 0.02, "mask": 0.02, "object": 0.04, "hair": 0.03}
"""How often each thing is drawn; most faces have none."""
BEHIND_SUNGLASSES = (5, 6, 7, 43)
BEHIND_MASK = (10, 12, 14, 15, 17, 18, 20, 22, 23, 24, 25, 26, 27, 28)
HIDDEN_SHARE = 0.5
"""A unit is not visible when more than this part of its region is covered."""

# fmt: off
_RIGID = (33, 133, 362, 263, 168, 6, 197, 195, 4, 10, 109, 338, 127, 356, 234, 454, 162, 389)
_MASK_OUTLINE = (195, 198, 100, 117, 123, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397,
                 288, 361, 352, 346, 329, 420)
_CHEEKS = (50, 280, 4, 205, 425)
# fmt: on
_GRID = 36
_SUBPIXEL = 4


@dataclass(frozen=True)
class Occluded:
    """A picture (H, W, 3) uint8 with something in front of the face, `covered` (H, W) 0-1 by it, and its kind."""

    picture: NDArray[np.uint8]
    covered: NDArray[np.float32]
    kind: str


def occlude(
    rng: np.random.Generator, picture: NDArray[np.uint8], landmarks_px: Points, rig_landmarks: Points
) -> Occluded:
    """Paint a thing over a render (H, W, 3), or nothing.

    `landmarks_px` (478, 2) are the rig's own in the render, `rig_landmarks` (478, 3) cm those of the mean face.
    """
    kinds = [*SHARES, ""]
    chances = [*SHARES.values(), 1 - sum(SHARES.values())]
    return place(rng, str(rng.choice(kinds, p=chances)), picture, landmarks_px, rig_landmarks)


def place(
    rng: np.random.Generator,
    kind: str,
    picture: NDArray[np.uint8],
    landmarks_px: Points,
    rig_landmarks: Points,
) -> Occluded:
    """Paint a thing of a kind of `SHARES` over a render; "" leaves it as it is."""
    if not kind:
        return Occluded(picture, np.zeros(picture.shape[:2], np.float32), kind)
    canvas = _Canvas(picture.astype(np.float32))
    _PAINTERS[kind](rng, canvas, landmarks_px, rig_landmarks)
    return Occluded(canvas.pixels.round().clip(0, 255).astype(np.uint8), canvas.covered, kind)


def seen(occluded: Occluded, landmarks_px: Points) -> NDArray[np.bool_]:
    """Which action units (A,) are still visible, by the part of their region of the chip that is covered."""
    visible = np.ones(len(AU_NUMBERS), bool)
    if not occluded.kind:
        return visible
    transform = chip_transform(landmarks_px, _GRID)
    chip = cv2.warpAffine(occluded.covered, transform, (_GRID, _GRID), flags=cv2.INTER_AREA)
    visible = (_regions() * chip).sum((1, 2)) <= HIDDEN_SHARE
    if occluded.kind == "sunglasses":
        visible &= ~np.isin(AU_NUMBERS, BEHIND_SUNGLASSES)
    if occluded.kind == "mask":
        visible &= ~np.isin(AU_NUMBERS, BEHIND_MASK)
    return visible


@lru_cache(maxsize=1)
def _regions() -> NDArray[np.float32]:
    """Where each unit is seen on the chip (A, 36, 36), summing to 1."""
    regions = region_prior(tuple(AU_NUMBERS), _GRID).numpy()
    return (regions / regions.sum((1, 2), keepdims=True)).astype(np.float32)


class _Canvas:
    """The picture being painted, and how far each pixel of the face is covered."""

    def __init__(self, pixels: Picture) -> None:
        self.pixels = pixels
        self.covered = np.zeros(pixels.shape[:2], np.float32)

    def blend(self, colour: Points, alpha: NDArray[np.float32]) -> None:
        """Lay a colour (3,) or a picture (H, W, 3) over it with opacity alpha (H, W)."""
        self.pixels += (np.asarray(colour, np.float32) - self.pixels) * alpha[..., None]
        self.covered = np.maximum(self.covered, alpha)

    def area(self, outline_px: Points) -> NDArray[np.float32]:
        """Coverage (H, W) 0-1 of a closed outline (N, 2)."""
        mask = np.zeros(self.covered.shape, np.uint8)
        cv2.fillPoly(mask, [_fixed(outline_px)], (255,), cv2.LINE_AA, _SUBPIXEL)
        return mask.astype(np.float32) / 255

    def stroke(self, points_px: Points, width_px: float, closed: bool = False) -> NDArray[np.float32]:
        """Coverage (H, W) 0-1 of a line (N, 2); lines thinner than a pixel are faint."""
        mask = np.zeros(self.covered.shape, np.uint8)
        cv2.polylines(
            mask, [_fixed(points_px)], closed, (255,), max(round(width_px), 1), cv2.LINE_AA, _SUBPIXEL
        )
        return mask.astype(np.float32) / 255 * min(width_px, 1.0)

    def softened(self, sigma_px: float) -> Picture:
        """The picture without detail: the light that falls on things in front of it."""
        grey = _soft(self.pixels.mean(2), sigma_px)
        return (grey / max(float(grey.mean()), 1.0))[..., None]


def _soft(values: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    return cv2.GaussianBlur(values, (0, 0), sigma_px).astype(np.float32, copy=False)


def _fixed(points_px: Points) -> NDArray[np.int32]:
    # OpenCV counts from pixel centres, this project from pixel corners.
    return np.round((np.asarray(points_px) - 0.5) * 2**_SUBPIXEL).astype(np.int32)


def _eye_distance(landmarks_px: Points) -> float:
    right, left = (
        landmarks_px[list(pair)].mean(0) for pair in (mesh.RIGHT_EYE_CORNERS, mesh.LEFT_EYE_CORNERS)
    )
    return float(np.linalg.norm(left - right))


def _projector(landmarks_px: Points, rig_landmarks: Points) -> Callable[[Points], NDArray[np.float64]]:
    """The head's pose as an affine map from rig cm (N, 3) to pixels (N, 2), from landmarks that no movement shifts."""
    chosen = list(_RIGID)
    known = np.c_[rig_landmarks[chosen], np.ones(len(chosen))]
    affine = np.linalg.lstsq(known, landmarks_px[chosen], rcond=None)[0]
    return lambda points: np.c_[points, np.ones(len(points))] @ affine


def _lens(rng: np.random.Generator) -> tuple[Points, float, float]:
    """Outline (N, 2) cm of a lens about its middle, from round to nearly square, and its half width and height."""
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    power = rng.uniform(0.45, 1.0)
    wide, high = rng.uniform(2.25, 2.75), rng.uniform(1.45, 2.25)
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * wide
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * high
    return np.stack([x * (1 - 0.05 * np.sign(-y)), y], 1), wide, high


def _glasses(
    rng: np.random.Generator, canvas: _Canvas, landmarks_px: Points, rig_landmarks: Points, dark: bool
) -> None:
    project = _projector(landmarks_px, rig_landmarks)
    outline, wide, _ = _lens(rng)
    lift, front = rng.uniform(-0.35, 0.25), 10.9
    unit = _eye_distance(landmarks_px)
    width = unit * rng.uniform(0.015, 0.075)
    colour = (
        rng.uniform(0, 70) + rng.normal(0, 18, 3)
        if rng.random() < 0.75
        else rng.uniform(70, 200) + rng.normal(0, 28, 3)
    )
    lens_colour = rng.uniform(5, 45) + rng.normal(0, 10, 3) if dark else np.full(3, 235.0)
    opacity = rng.uniform(0.8, 0.98) if dark else rng.uniform(0.02, 0.10)
    middle = 3.30 + 0.12 * (wide - 2.4)
    rims = []
    for sign in (-1.0, 1.0):
        x = sign * (middle + outline[:, 0])
        bent = front - 0.035 * x**2
        rims.append(project(np.c_[x, outline[:, 1] + 3.15 + lift, bent]))
    for rim in rims:
        area = canvas.area(rim)
        canvas.blend(lens_colour, area * opacity)
        if not dark or rng.random() < 0.5:
            _reflection(rng, canvas, rim, area)
    if not dark:
        canvas.covered[:] = 0
    inner = middle - wide
    bridge = np.linspace(-inner, inner, 9)
    high = 3.75 + lift + 0.35 * (1 - (bridge / inner) ** 2)
    lines = [project(np.c_[bridge, high, np.full(9, front)])]
    for sign in (-1.0, 1.0):
        hinge = sign * (middle + wide)
        lines.append(
            project(np.array([[hinge, 3.7 + lift, front - 0.035 * hinge**2], [sign * 7.6, 3.3, 3.5]]))
        )
    shaded = np.asarray(colour) * canvas.softened(unit * 0.3).clip(0.4, 1.6)
    for rim in rims:
        canvas.blend(shaded, canvas.stroke(rim, width, closed=True))
    for line in lines:
        canvas.blend(shaded, canvas.stroke(line, width * 0.9))


def _reflection(rng: np.random.Generator, canvas: _Canvas, rim: Points, area: NDArray[np.float32]) -> None:
    """A bright band across a lens, faint on most."""
    low, high = rim.min(0), rim.max(0)
    start = low[0] + (high[0] - low[0]) * rng.uniform(-0.1, 0.8)
    wide, lean = (high - low)[0] * rng.uniform(0.1, 0.35), (high - low)[1] * rng.uniform(0.1, 0.5)
    band = np.array(
        [[start + lean, low[1]], [start + lean + wide, low[1]], [start + wide, high[1]], [start, high[1]]]
    )
    canvas.blend(np.full(3, 250.0), canvas.area(band) * area * rng.uniform(0.0, 0.30))


def _clear_glasses(
    rng: np.random.Generator, canvas: _Canvas, landmarks_px: Points, rig_landmarks: Points
) -> None:
    _glasses(rng, canvas, landmarks_px, rig_landmarks, dark=False)


def _sunglasses(
    rng: np.random.Generator, canvas: _Canvas, landmarks_px: Points, rig_landmarks: Points
) -> None:
    _glasses(rng, canvas, landmarks_px, rig_landmarks, dark=True)


def _mask(rng: np.random.Generator, canvas: _Canvas, landmarks_px: Points, rig_landmarks: Points) -> None:
    unit = _eye_distance(landmarks_px)
    outline = landmarks_px[list(_MASK_OUTLINE)].astype(np.float64)
    outline = outline.mean(0) + (outline - outline.mean(0)) * rng.uniform(1.0, 1.06)
    outline[:5, 1] += unit * rng.uniform(-0.12, 0.12)
    outline[-4:, 1] += unit * rng.uniform(-0.12, 0.12)
    colours = ((205, 208, 210), (150, 185, 210), (35, 36, 40), (180, 190, 175), (190, 150, 155))
    colour = np.array(colours[rng.integers(len(colours))]) + rng.normal(0, 10, 3)
    area = canvas.area(outline)
    height = np.arange(len(area), dtype=np.float32)[:, None, None] + 0.5
    pleats = 1 + rng.uniform(0, 0.10) * np.sin(height / unit * rng.uniform(18, 34))
    round_off = _soft(area, unit * 0.18)[..., None]
    light = canvas.softened(unit * 0.35).clip(0.5, 1.15)
    for side, oval in ((outline[5], 127), (outline[-5], 356)):
        strap = canvas.stroke(np.array([side, landmarks_px[oval]]), unit * 0.03)
        canvas.blend(colour * 0.9, strap)
    canvas.blend(colour * pleats * (0.55 + 0.45 * round_off) * light, area)


def _object(rng: np.random.Generator, canvas: _Canvas, landmarks_px: Points, rig_landmarks: Points) -> None:
    """Fingers or a hand of the face's own colour, or something flat, held before a part of the face."""
    unit = _eye_distance(landmarks_px)
    target = landmarks_px[int(rng.choice([13, 152, 61, 291, 50, 280, 33, 263, 4]))] + rng.normal(
        0, 0.1 * unit, 2
    )
    angle = rng.uniform(0.1, np.pi - 0.1) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi)
    away = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-away[1], away[0]])
    if rng.random() < 0.6:
        colour = _skin(canvas, landmarks_px) * rng.uniform(0.75, 1.1)
        _fingers(rng, canvas, target, away, across, unit, colour)
    else:
        wide, long = unit * rng.uniform(0.35, 0.9), unit * rng.uniform(0.8, 2.5)
        corners = [-across * wide, across * wide, across * wide + away * long, -across * wide + away * long]
        area = _soft(canvas.area(target + np.array(corners)), 0.7)
        canvas.blend(
            (rng.uniform(20, 225) + rng.normal(0, 35, 3)) * canvas.softened(unit * 0.5).clip(0.5, 1.5), area
        )


def _fingers(
    rng: np.random.Generator,
    canvas: _Canvas,
    tip: Points,
    away: Points,
    across: Points,
    unit: float,
    colour: Points,
) -> None:
    thick = unit * rng.uniform(0.24, 0.36)
    count = int(rng.integers(1, 5))
    for finger in range(count):
        offset = (finger - (count - 1) / 2) * thick * 1.02
        start = tip + across * offset + away * unit * rng.uniform(0, 0.25)
        bent = start + away * unit * 1.2 + across * unit * rng.normal(0, 0.05)
        line = np.array([start, bent, bent + away * unit * 4])
        area = _soft(canvas.stroke(line, thick), 0.6)
        # Round: bright along the middle, dark at the edges.
        depth = cv2.distanceTransform((area > 0.5).astype(np.uint8), cv2.DIST_L2, 3) / (thick / 2)
        canvas.blend(colour * (0.55 + 0.5 * np.sqrt(depth.clip(0, 1)))[..., None], area)


def _skin(canvas: _Canvas, landmarks_px: Points) -> NDArray[np.float64]:
    """The median colour (3,) of the cheeks and the nose."""
    height, width = canvas.covered.shape
    places = np.clip(landmarks_px[list(_CHEEKS)].astype(int), 0, [width - 1, height - 1])
    return np.median(canvas.pixels[places[:, 1], places[:, 0]], axis=0).astype(np.float64)


def _hair(rng: np.random.Generator, canvas: _Canvas, landmarks_px: Points, rig_landmarks: Points) -> None:
    """A fringe of strands from above the forehead to the brows or over them, over the whole width or one side."""
    unit = _eye_distance(landmarks_px)
    across = landmarks_px[389] - landmarks_px[162]
    across = across / np.linalg.norm(across)
    down = np.array([-across[1], across[0]])
    root = landmarks_px[10] - down * unit * rng.uniform(0.55, 0.85)
    span = np.sort(rng.uniform(-1.0, 1.0, 2)) if rng.random() < 0.4 else np.array([-1.0, 1.0])
    length, lean = unit * rng.uniform(0.9, 1.9), rng.normal(0, 0.25)
    colour = _hair_colour(rng, canvas, landmarks_px[10] - down * unit * 0.4)
    painted, mask = np.zeros_like(canvas.pixels), np.zeros(canvas.covered.shape, np.uint8)
    along = np.linspace(0, 1, 7)[:, None]
    for _ in range(int(130 * max(span[1] - span[0], 0.5))):
        place = rng.uniform(*span)
        reach = length * rng.uniform(0.75, 1.1) * (1 - 0.25 * place**2)
        bent = lean + 0.35 * place + rng.normal(0, 0.05)
        strand = root + across * place * unit * 1.1 + (down * along + across * bent * along**2) * reach
        width = max(round(unit * rng.uniform(0.015, 0.05)), 1)
        shade = tuple(map(float, colour * rng.uniform(0.65, 1.3)))
        cv2.polylines(painted, [_fixed(strand)], False, shade, width, cv2.LINE_8, _SUBPIXEL)
        cv2.polylines(mask, [_fixed(strand)], False, (255,), width, cv2.LINE_8, _SUBPIXEL)
    weight = _soft(mask.astype(np.float32) / 255, 0.6)
    painted = _soft(painted, 0.6) / np.maximum(weight, 1e-3)[..., None]
    canvas.blend(painted, weight * 0.95)
    # Gaps of a few pixels between strands do not let a brow be seen.
    canvas.covered = _soft(canvas.covered, unit * 0.06)


def _hair_colour(rng: np.random.Generator, canvas: _Canvas, place: Points) -> NDArray[np.float64]:
    """The colour (3,) found above the forehead unless it is bright as a wall, then brown."""
    height, width = canvas.covered.shape
    column, row = np.clip(place.astype(int), 3, [width - 4, height - 4])
    found = np.median(canvas.pixels[row - 3 : row + 4, column - 3 : column + 4], axis=(0, 1))
    usable = found.mean() < 130
    return (found if usable else np.array([62.0, 45.0, 36.0])) * rng.uniform(0.5, 1.1)


_PAINTERS = {
    "glasses": _clear_glasses,
    "sunglasses": _sunglasses,
    "mask": _mask,
    "object": _object,
    "hair": _hair,
}
