"""Contact sheets to look at: every unit slightly and fully, combinations, and poses, light and things on faces.

Only synthetic persons are shown, so that a sheet may be published.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

from finetune.synthetic.actions import intensities, rig_weights
from finetune.synthetic.complexion import MELANIN
from finetune.synthetic.creases import CREASE_STYLES, Creases
from finetune.synthetic.occluders import place
from finetune.synthetic.persons import (
    RIG_FILE,
    fit_persons,
    make_person,
    read_photos,
    skin_style,
)
from finetune.synthetic.render import WINDOW_EYE_DISTANCES, Scene, render
from finetune.synthetic.rig import Rig
from finetune.synthetic.shading import LIGHT_TERMS
from finetune.synthetic.texture import Person, stack
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder

TILE_PX = 118
RENDER_PX = 236
CAPTION_PX = 14
COLUMNS = 12
SYNTHETIC = "sfhq/"
"""Folder of the photos that show no real person."""
SLIGHT, FULL = 2.0, 5.0
_SEED = 0
_ZOOM = 1.15


@dataclass(frozen=True)
class Tile:
    """One column: units with intensity 0-5 (`12` both sides, `"12L"` one), pose, gaze, light, skin, a thing in front.

    An intensity of NaN stands for that of the row.
    """

    units: dict[int | str, float] = field(default_factory=dict)
    turn_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    light: tuple[float, float, float] = (0.0, 0.0, 0.0)
    spot: tuple[float, float, float] = (0.0, 0.0, 0.0)
    melanin: float = 0.0
    thing: str = ""
    note: str = ""

    @property
    def caption(self) -> str:
        """What is written above the column."""
        return self.note or "+".join(map(str, self.units)) or "neutral"

    def at(self, level: float) -> dict[int | str, float]:
        """The units of a row whose intensity is `level`."""
        return {unit: level if np.isnan(value) else value for unit, value in self.units.items()}


def _all(*units: int | str) -> Tile:
    return Tile(dict.fromkeys(units, float("nan")))


UNITS = (Tile(), *(_all(number) for number in AU_NUMBERS), _all("12L"))
COMBINATIONS = (
    *(_all(6, 12), _all(6, 12, 25), _all(12, 25, 26), _all(6), _all(6, 7, 9), _all(12, 14)),
    *(_all(1, 2), _all(1, 2, 5, 26), _all(1, 4), _all(1, 4, 15, 17), _all(4, 7, 23), _all(4, 5, 7, 24)),
    *(_all(9, 10, 17), _all(9, 10, 25), _all(15, 17), _all(17, 24), _all(20, 25), _all(18, 25)),
    *(_all(22, 25), _all(25, 27), _all(12, 43), _all("12L", "14L"), _all("1R", "2R"), _all(4, 43)),
)
SCENES = (
    *(Tile(turn_rad=(0, 0.4, 0), note="yaw left"), Tile(turn_rad=(0, -0.4, 0), note="yaw right")),
    *(Tile(turn_rad=(-0.2, 0.1, 0.1), note="up"), Tile(gaze_rad=(0, 0.3, 0), note="gaze")),
    *(Tile(spot=(0.5, 0.1, 0.25), note="lamp left"), Tile(spot=(-0.5, 0.3, 0.2), note="lamp right")),
    *(Tile(melanin=0.6, note="more melanin"), Tile({12: 4, 25: 3}, thing="glasses", note="glasses 12+25")),
    *(Tile(thing="sunglasses", note="sunglasses"), Tile(thing="mask", note="mask")),
    *(Tile(thing="object", note="hand, object"), Tile({4: 4}, thing="hair", note="hair 4")),
)
_SHEETS: dict[str, tuple[tuple[Tile, ...], tuple[tuple[int, float], ...]]] = {
    "units": (UNITS, ((0, SLIGHT), (0, FULL), (1, SLIGHT), (1, FULL), (2, SLIGHT), (2, FULL))),
    "combinations": (COMBINATIONS, tuple((person, 3.5) for person in (3, 4, 5, 6))),
    "scenes": (SCENES, tuple((person, FULL) for person in (0, 2, 3, 4, 5, 6))),
}
"""Tiles of each sheet, and its rows: which person, at what intensity."""
_PERSONS = 7


def write_preview(data: Path, out: Path, split: str = "train") -> list[Path]:
    """Write `<out>-units`, `<out>-combinations` and `<out>-scenes`, in the format of out's ending; return the three."""
    rig = Rig.load(data / RIG_FILE)
    photos = [
        photo for photo in read_photos(data, split) if photo.file.startswith(SYNTHETIC) and photo.neutral
    ]
    if len(photos) < _PERSONS:
        raise DataError(
            f"There are too few synthetic persons to show. {data} has {len(photos)} in {split!r}. "
            f"Choose a split with at least {_PERSONS}."
        )
    every = np.linspace(0, len(photos) - 1, _PERSONS).round().astype(int)
    fitted = fit_persons(rig, data, [photos[index] for index in every], MediaPipeFinder())
    scale = RENDER_PX * _ZOOM / WINDOW_EYE_DISTANCES
    people = [
        (photo.person, make_person(rig, data, fitted, index).for_scale(scale))
        for index, photo in enumerate(fitted.photos)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, (tiles, rows) in _SHEETS.items():
        path = out.with_name(f"{out.stem}-{name}{out.suffix}")
        bands = [
            _band(rig, people, tiles[start : start + COLUMNS], rows)
            for start in range(0, len(tiles), COLUMNS)
        ]
        Image.fromarray(np.vstack(bands)).save(path, quality=76, optimize=True)
        paths.append(path)
    return paths


def _band(
    rig: Rig,
    people: Sequence[tuple[str, Person]],
    tiles: Sequence[Tile],
    rows: Sequence[tuple[int, float]],
) -> NDArray[np.uint8]:
    strips = [_captions(tiles)]
    for index, level in rows:
        name, person = people[index]
        drawn = render(rig, stack([person] * len(tiles)), _scene(rig, name, tiles, level), RENDER_PX)
        rng = np.random.default_rng([_SEED, index])
        resting = rig.landmarks(rig.neutral).numpy()
        pictures = [
            place(rng, tile.thing, drawn.picture(row), drawn.landmarks_px[row].numpy(), resting).picture
            for row, tile in enumerate(tiles)
        ]
        small = [
            Image.fromarray(picture).resize((TILE_PX, TILE_PX), Image.Resampling.BOX) for picture in pictures
        ]
        strips.append(np.hstack([np.asarray(picture) for picture in small]))
    return np.vstack(strips)


def _scene(rig: Rig, person: str, tiles: Sequence[Tile], level: float) -> Scene:
    intensity = np.stack([intensities(tile.at(level)) for tile in tiles])
    style = np.repeat(skin_style(person, _SEED, CREASE_STYLES)[None], len(tiles), 0)
    light = torch.zeros(len(tiles), LIGHT_TERMS)
    light[:, 1:4] = torch.tensor([tile.light for tile in tiles])
    melanin = torch.tensor([[tile.melanin] for tile in tiles])
    return Scene(
        rig_weights(rig, intensity),
        _tensor([tile.turn_rad for tile in tiles]),
        torch.zeros(len(tiles), 2),
        torch.full((len(tiles),), _ZOOM),
        _tensor([tile.gaze_rad for tile in tiles]),
        light,
        Creases.sample(np.random.default_rng(_SEED), style, intensity, rig.device),
        spot=_tensor([tile.spot for tile in tiles]),
        skin_tone=-melanin * torch.tensor(MELANIN),
    )


def _tensor(rows: list[tuple[float, float, float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def _captions(tiles: Sequence[Tile]) -> NDArray[np.uint8]:
    strip = Image.new("RGB", (TILE_PX * len(tiles), CAPTION_PX), "white")
    for column, tile in enumerate(tiles):
        ImageDraw.Draw(strip).text((column * TILE_PX + 3, 1), tile.caption, fill="black")
    return np.asarray(strip)
