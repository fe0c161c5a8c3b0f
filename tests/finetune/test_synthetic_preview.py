"""The contact sheets: which tiles they hold, and that they are written."""

import os
from pathlib import Path

import pytest
from PIL import Image

from finetune.synthetic import preview
from finetune.synthetic.persons import RIG_FILE
from vlfau.action_units import AU_NUMBERS

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("VLFAU_SHARED_DATA", ROOT.parent / "shared" / "data"))


def test_every_unit_has_a_tile_at_the_level_of_its_row():
    slight = [tile.at(preview.SLIGHT) for tile in preview.UNITS]
    assert [units[number] for units, number in zip(slight[1:], AU_NUMBERS, strict=False)] == [2.0] * 22
    assert slight[0] == {}


def test_a_tile_keeps_its_own_intensity():
    assert preview.Tile({12: 4.0}).at(1.0) == {12: 4.0}
    assert preview.Tile({12: 4.0}).caption == "12"


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / RIG_FILE).exists(),
    reason="needs the face rig and photos: set VLFAU_SHARED_DATA to their folder",
)
def test_three_sheets_are_written(tmp_path, monkeypatch):
    few = {
        name: (tiles[:2], tuple((0, level) for _, level in rows[:1]))
        for name, (tiles, rows) in preview._SHEETS.items()
    }
    monkeypatch.setattr(preview, "_SHEETS", few)
    monkeypatch.setattr(preview, "_PERSONS", 1)
    paths = preview.write_preview(DATA, tmp_path / "render.jpg")
    assert [path.name for path in paths] == [
        "render-units.jpg",
        "render-combinations.jpg",
        "render-scenes.jpg",
    ]
    for path in paths:
        with Image.open(path) as sheet:
            assert sheet.size == (2 * preview.TILE_PX, preview.TILE_PX + preview.CAPTION_PX)
