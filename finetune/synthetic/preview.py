"""Contact sheets to look at: action units one by one, combinations, poses, gaze and light on several persons."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

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
from finetune.synthetic.shading import LIGHT_TERMS
from finetune.synthetic.texture import stack
from vlfau.action_units import AU_NUMBERS
from vlfau.finder import MediaPipeFinder

TILE_PX = 176
CAPTION_PX = 16
PERSONS = 6
_SEED = 0


@dataclass(frozen=True)
class Tile:
    """One column of a sheet: units with intensity 0-5 (`12` both sides, `"12L"` one), pose, gaze and light."""

    units: dict[int | str, float] = field(default_factory=dict)
    turn_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    gaze_rad: tuple[float, float, float] = (0.0, 0.0, 0.0)
    light: tuple[float, float, float] = (0.0, 0.0, 0.0)
    note: str = ""

    @property
    def caption(self) -> str:
        """What is written above the column."""
        return " ".join(filter(None, ["+".join(map(str, self.units)), self.note])) or "neutral"


def _all(*units: int | str, **scene: Any) -> Tile:
    return Tile(dict.fromkeys(units, 4.5), **scene)


SINGLES = (Tile(), *(Tile({number: 5.0}) for number in AU_NUMBERS))
COMBINATIONS = (
    *(
        _all(6, 12, 25),
        _all(1, 2, 5, 26),
        _all(4, 7, 23),
        _all(9, 10, 17),
        _all(1, 4, 15, 17),
        _all("12L", "14L"),
    ),
    *(
        _all(18, 25),
        _all(12, 25, turn_rad=(0, 0.3, 0), note="yaw"),
        _all(1, 2, turn_rad=(-0.2, -0.25, 0.1), note="up"),
    ),
    *(_all(15, turn_rad=(0.2, 0, -0.2), note="down"), Tile(gaze_rad=(0, 0.3, 0), note="gaze")),
    *(Tile(light=(0.6, 0.2, 0), note="light left"), Tile(light=(-0.6, 0.1, 0), note="light right")),
    *(_all(6, 12, light=(0, 0.5, 0), note="light above"), Tile({12: 1.0}), Tile({12: 2.0}), Tile({12: 3.0})),
)


def write_preview(data: Path, out: Path, split: str = "train") -> list[Path]:
    """Write a sheet of single units to `out` (a .png) and one of combinations beside it; return both."""
    rig = Rig.load(data / RIG_FILE)
    photos = read_photos(data, split)
    every = np.linspace(0, len(photos) - 1, PERSONS).round().astype(int)
    fitted = fit_persons(rig, data, [photos[index] for index in every], MediaPipeFinder())
    half = len(SINGLES) // 2 + 1
    sheets = {"": SINGLES[:half], "-more": SINGLES[half:], "-combinations": COMBINATIONS}
    out.parent.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix, tiles in sheets.items():
        path = out.with_name(f"{out.stem}{suffix}.png")
        Image.fromarray(_sheet(rig, data, fitted, tiles)).save(path)
        paths.append(path)
    return paths


def _sheet(rig: Rig, data: Path, fitted: FittedPhotos, tiles: tuple[Tile, ...]) -> NDArray[np.uint8]:
    rows = [_captions(tiles)]
    for index, photo in enumerate(fitted.photos):
        person = make_person(rig, data, fitted, index).for_scale(TILE_PX / WINDOW_EYE_DISTANCES)
        rendering = render(rig, stack([person] * len(tiles)), _scene(rig, photo.person, tiles), TILE_PX)
        rows.append(np.hstack([rendering.picture(row) for row in range(len(tiles))]))
    return np.vstack(rows)


def _scene(rig: Rig, person: str, tiles: tuple[Tile, ...]) -> Scene:
    intensity = np.stack([intensities(tile.units) for tile in tiles])
    style = np.repeat(skin_style(person, _SEED, CREASE_STYLES)[None], len(tiles), 0)
    light = torch.zeros(len(tiles), LIGHT_TERMS)
    light[:, 1:4] = torch.tensor([tile.light for tile in tiles])
    return Scene(
        rig_weights(rig, intensity),
        _tensor([tile.turn_rad for tile in tiles]),
        torch.zeros(len(tiles), 2),
        torch.ones(len(tiles)),
        _tensor([tile.gaze_rad for tile in tiles]),
        light,
        Creases.sample(np.random.default_rng(_SEED), style, intensity, rig.device),
    )


def _tensor(rows: list[tuple[float, float, float]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def _captions(tiles: tuple[Tile, ...]) -> NDArray[np.uint8]:
    strip = Image.new("RGB", (TILE_PX * len(tiles), CAPTION_PX), "white")
    for column, tile in enumerate(tiles):
        ImageDraw.Draw(strip).text((column * TILE_PX + 3, 2), tile.caption, fill="black")
    return np.asarray(strip)
