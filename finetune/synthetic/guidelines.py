"""Pictures for the guidelines: each action unit on a synthetic person, the same face at rest beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from finetune.synthetic.actions import intensities, rig_weights
from finetune.synthetic.creases import CREASE_STYLES, Creases
from finetune.synthetic.examples import LICENCE
from finetune.synthetic.persons import RIG_FILE, fit_persons, make_person, read_photos, skin_style
from finetune.synthetic.render import WINDOW_EYE_DISTANCES, Scene, render
from finetune.synthetic.rig import Rig
from finetune.synthetic.texture import stack
from vlfau.action_units import Region, by_number
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder

WIDTH_PX, HEIGHT_PX = 320, 240
"""Of one face; two of them are side by side in a picture, with a line between them."""
LINE_PX = 4
RENDER_PX = 640
QUALITY = 58
CREASE_DEPTH = 0.6
_SEED = 0
_MIDDLE = 0.5
"""Middle of an unmoved render, in eye distances below the eyes."""

SHOWN_BY: dict[str, tuple[int, ...]] = {
    "sfhq_007": (1, 6, 9, 18, 24, 26),
    "sfhq_126": (2, 7, 10, 17, 20, 27),
    "sfhq_152": (4, 22, 25, 28),
    "sfhq_258": (5, 14, 23),
    "sfhq_395": (15, 43),
    "sfhq_407": (12,),
}
"""Synthetic person -> the action units that are shown on them; chosen by eye among the renders."""
INTENSITY = 4.0
SHOWN_WITH: dict[int, dict[int, float]] = {
    # the smallest movements at their most
    **{number: {number: 5.0} for number in (5, 7, 14, 18, 23, 24)},
    # a jaw that falls parts the lips
    26: {26: 4.5, 25: 2.0},
    27: {27: 5.0, 25: 3.0},
    22: {22: 5.0, 25: 2.0},
}
"""Intensities 0-5 of the action units whose picture is not the action unit alone at INTENSITY."""


@dataclass(frozen=True)
class Framing:
    """Part of the face that a picture shows."""

    zoom: float
    middle: float
    """Of the picture, in eye distances below the eyes."""


UPPER, MIDDLE, LOWER = Framing(1.8, 0.0), Framing(1.8, 0.42), Framing(1.8, 1.08)
FRAMINGS = {
    Region.BROW: UPPER,
    Region.EYE: UPPER,
    Region.CHEEK: MIDDLE,
    Region.NOSE: MIDDLE,
    Region.MOUTH: LOWER,
    Region.CHIN: LOWER,
}


def write_guideline_pictures(data: Path, out: Path) -> list[Path]:
    """Write `au01.jpg` to `au43.jpg` and LICENSE.txt to `out`: at rest on the left, with the action unit on the right.

    Raises `DataError` when the persons are not in `data`.
    """
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    (out / "LICENSE.txt").write_text(LICENCE, encoding="utf-8")
    studio = _Studio(data)
    paths = []
    for person, numbers in SHOWN_BY.items():
        for number in numbers:
            path = out / f"{by_number(number).code.lower()}.jpg"
            picture = Image.fromarray(studio.pair(number, person))
            picture.save(path, quality=QUALITY, optimize=True, progressive=True)
            paths.append(path)
    return sorted(paths)


class _Studio:
    """The persons, fitted."""

    def __init__(self, data: Path) -> None:
        photos = [photo for photo in read_photos(data, "train") if photo.person in SHOWN_BY]
        self._data = data
        self._rig = Rig.load(data / RIG_FILE)
        self._fitted = fit_persons(self._rig, data, photos, MediaPipeFinder())
        missing = set(SHOWN_BY) - {photo.person for photo in self._fitted.photos}
        if missing:
            raise DataError(
                f"The persons of the guidelines are not all there. Missing in {data}: {', '.join(sorted(missing))}. "
                "Use the shared data or name other persons in SHOWN_BY."
            )

    def pair(self, number: int, person: str) -> NDArray[np.uint8]:
        """(HEIGHT_PX, 2 * WIDTH_PX + LINE_PX, 3) RGB: at rest, a white line, with the action unit."""
        framing = FRAMINGS[by_number(number).region]
        rest, moved = self._render(person, framing, [{}, SHOWN_WITH.get(number, {number: INTENSITY})])
        line = np.full((HEIGHT_PX, LINE_PX, 3), 255, np.uint8)
        return np.hstack([rest, line, moved])

    def _render(self, name: str, framing: Framing, faces: list[dict[int, float]]) -> list[NDArray[np.uint8]]:
        names = [photo.person for photo in self._fitted.photos]
        person = make_person(self._rig, self._data, self._fitted, names.index(name))
        intensity = np.stack([intensities(units) for units in faces])
        style = np.repeat(skin_style(name, _SEED, CREASE_STYLES)[None], len(faces), 0)
        style[:, 0] = CREASE_DEPTH
        plain = Scene.plain(rig_weights(self._rig, intensity))
        scene = Scene(
            plain.expression,
            plain.turn,
            torch.tensor([[0.0, _MIDDLE - framing.middle]]).repeat(len(faces), 1),
            torch.full((len(faces),), framing.zoom),
            creases=Creases.sample(np.random.default_rng(_SEED), style, intensity, self._rig.device),
        )
        scale = RENDER_PX * framing.zoom / WINDOW_EYE_DISTANCES
        drawn = render(self._rig, stack([person.for_scale(scale)] * len(faces)), scene, RENDER_PX)
        eyes_px = drawn.landmarks_px[0, [33, 133, 263, 362]].mean(0)
        return [_cut(drawn.picture(row), eyes_px, framing) for row in range(len(faces))]


def _cut(picture: NDArray[np.uint8], eyes_px: torch.Tensor, framing: Framing) -> NDArray[np.uint8]:
    """The framed part of a render, (HEIGHT_PX, WIDTH_PX, 3); `eyes_px` is the point between the eyes."""
    eye_distance_px = RENDER_PX * framing.zoom / WINDOW_EYE_DISTANCES
    width, height = RENDER_PX, RENDER_PX * HEIGHT_PX // WIDTH_PX
    middle = float(eyes_px[1]) + framing.middle * eye_distance_px
    top = round(min(max(middle - height / 2, 0), RENDER_PX - height))
    part = Image.fromarray(picture[top : top + height, :width])
    return np.asarray(part.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS))
