"""Example photos for the product's page and its tests: renders of synthetic persons that may be published."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from finetune.synthetic.actions import intensities, rig_weights
from finetune.synthetic.creases import CREASE_STYLES, Creases
from finetune.synthetic.persons import (
    RIG_FILE,
    FittedPhotos,
    fit_persons,
    make_person,
    read_photos,
    skin_style,
)
from finetune.synthetic.render import WINDOW_EYE_DISTANCES, Scene, render
from finetune.synthetic.rig import Rig
from finetune.synthetic.texture import stack
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder

SIZE_PX = 640
LARGE_PX = 1280
QUALITY = 92
CREASE_DEPTH = 0.65
_SEED = 0

LICENCE = """The photos in this folder show no real person. They were rendered by this project from

- Synthetic Faces High Quality (SFHQ) dataset, Copyright (c) 2022 David Beniaguev,
  https://github.com/SelfishGene/SFHQ-dataset, MIT licence
- ICT-FaceKit, Copyright (c) 2020 USC Institute for Creative Technologies,
  https://github.com/ICT-VGL/ICT-FaceKit, MIT licence

and are under the same MIT licence:

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


@dataclass(frozen=True)
class Example:
    """One picture: the file's name, the person of the data, the intensity 0-5 of each action unit, and the framing."""

    name: str
    person: str
    units: dict[int | str, float]
    zoom: float = 1.12
    lowered: float = 0.16
    """How far the face is moved down, in eye distances, so that the photo's lower edge stays out of the picture."""


EXAMPLES = (
    Example("neutral", "sfhq_258", {}),
    Example("au06-au12-au25", "sfhq_007", {6: 4, 12: 4, 25: 3.5}),
    Example("au01-au02-au05", "sfhq_126", {1: 5, 2: 5, 5: 4.5}),
    Example("au04-au07", "sfhq_407", {4: 4.5, 7: 4}),
    Example("au15-au17", "sfhq_152", {15: 4.5, 17: 4}),
    Example("au43", "sfhq_395", {43: 5}),
)
_FACE = EXAMPLES[1]
_GROUP_PLACES = ((0, 40, 300), (290, 150, 230), (505, 20, 340), (830, 180, 200), (1010, 90, 270))
"""Left, top and side in pixels of the faces of the group picture; each is pasted over the one before."""


def write_examples(data: Path, out: Path) -> list[Path]:
    """Write one JPEG per example and LICENSE.txt to `out`; return the JPEGs. Raises `DataError` on other data."""
    gallery = Gallery(data, EXAMPLES)
    out.mkdir(parents=True, exist_ok=True)
    (out / "LICENSE.txt").write_text(LICENCE, encoding="utf-8")
    return [save(gallery.render(example, SIZE_PX), out / f"{example.name}.jpg") for example in EXAMPLES]


def write_test_photos(data: Path, out: Path) -> list[Path]:
    """Write `face.jpg` (one large face) and `group.jpg` (five faces of different size) for the tests to `out`."""
    gallery = Gallery(data, EXAMPLES)
    out.mkdir(parents=True, exist_ok=True)
    (out / "LICENSE.txt").write_text(LICENCE, encoding="utf-8")
    group = Image.new("RGB", (LARGE_PX, 400), (128, 132, 138))
    for example, (left, top, side) in zip(EXAMPLES[:5], _GROUP_PLACES, strict=True):
        group.paste(Image.fromarray(gallery.render(example, SIZE_PX)).resize((side, side)), (left, top))
    face = gallery.render(_FACE, LARGE_PX)
    return [save(face, out / "face.jpg"), save(np.asarray(group), out / "group.jpg")]


class Gallery:
    """The persons of some examples, fitted; raises `DataError` when they are not in the data."""

    def __init__(self, data: Path, examples: Sequence[Example]) -> None:
        wanted = {example.person for example in examples}
        photos = [photo for photo in read_photos(data, "train") if photo.person in wanted]
        self._data = data
        self._rig = Rig.load(data / RIG_FILE)
        self._fitted: FittedPhotos = fit_persons(self._rig, data, photos, MediaPipeFinder())
        missing = wanted - {photo.person for photo in self._fitted.photos}
        if missing:
            raise DataError(
                f"The persons of the examples are not all there. Missing in {data}: {', '.join(sorted(missing))}. "
                "Use the shared data or name other persons for the examples."
            )

    def render(self, example: Example, size_px: int) -> NDArray[np.uint8]:
        """One picture (size_px, size_px, 3) RGB."""
        names = [photo.person for photo in self._fitted.photos]
        person = make_person(self._rig, self._data, self._fitted, names.index(example.person))
        intensity = intensities(example.units)[None]
        style = skin_style(example.person, _SEED, CREASE_STYLES)[None]
        style[:, 0] = CREASE_DEPTH
        plain = Scene.plain(rig_weights(self._rig, intensity))
        scene = Scene(
            plain.expression,
            plain.turn,
            torch.tensor([[0.0, example.lowered]]),
            torch.tensor([example.zoom]),
            creases=Creases.sample(np.random.default_rng(_SEED), style, intensity, self._rig.device),
        )
        batch = stack([person.for_scale(size_px / WINDOW_EYE_DISTANCES)])
        return render(self._rig, batch, scene, size_px).picture(0)


def save(picture: NDArray[np.uint8], path: Path) -> Path:
    """Write a picture as JPEG; returns the path."""
    Image.fromarray(picture).save(path, quality=QUALITY, optimize=True)
    return path
