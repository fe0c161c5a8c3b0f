"""Degraded photos: small and compressed ones from a real photo, and the cache."""

from pathlib import Path

import numpy as np
import pytest

from finetune.evaluation import degraded
from finetune.evaluation.degraded import (
    CONDITIONS,
    Cut,
    compressed,
    cut_faces,
    degraded_faces,
    make_degraded,
    photo_pictures,
    shrunk,
    side_of_light,
)
from finetune.faces import STORED_CHIP_PX, read_catalogue
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder
from vlfau.images import read_image

PHOTOS = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def finder() -> MediaPipeFinder:
    return MediaPipeFinder()


def test_a_small_face_is_48_px_wide_and_still_found(finder):
    image = read_image(PHOTOS / "face.jpg")
    width = finder.find(image)[0].width_px
    small = shrunk(image, width)
    assert finder.find(small)[0].width_px == pytest.approx(48, rel=0.1)
    assert shrunk(small, 40).shape == small.shape


def test_compression_keeps_size_and_loses_detail():
    image = read_image(PHOTOS / "face.jpg")
    once = compressed(image)
    assert once.shape == image.shape
    assert 0.5 < np.abs(once.astype(int) - image).mean() < 20


def test_a_photo_gives_three_pictures_that_are_cut_as_chips(finder):
    found: dict = {}
    cuts = list(cut_faces(finder, photo_pictures(finder, PHOTOS, ["face.jpg"], found)))
    assert [cut.condition for cut in cuts] == ["photo", "small_48px", "jpeg_20"]
    assert {cut.chip.shape for cut in cuts} == {(STORED_CHIP_PX, STORED_CHIP_PX, 3)}
    assert list(found) == ["face.jpg"]
    apart = np.linalg.norm(cuts[0].landmarks[:, :2] - cuts[1].landmarks[:, :2], axis=1)
    assert 0 < apart.mean() < 0.03
    nothing = np.zeros((90, 90, 3), np.uint8)
    assert list(cut_faces(finder, [("photo", "dark", nothing)])) == []


def test_light_comes_from_either_side_for_good():
    sides = [side_of_light(f"{number}.jpg") for number in range(200)]
    assert sides == [side_of_light(f"{number}.jpg") for number in range(200)]
    assert 70 < sides.count(1) < 130
    assert set(sides) == {-1, 1}


def test_photos_without_a_face_are_named(tmp_path):
    (tmp_path / "faces").mkdir()
    with pytest.raises(DataError, match="no face was found in 0 photos"):
        make_degraded(tmp_path, [])


def test_a_cache_is_read_while_the_photos_are_the_same(tmp_path, monkeypatch):
    folder = tmp_path / "data" / "faces"
    folder.mkdir(parents=True)
    (folder / "faces.csv").write_text("file,person\na.jpg,p\n")
    header = ",".join(f"AU{n}" for n in degraded_units())
    (folder / "codes.csv").write_text(f"file,split,{header}\na.jpg,dev{',2' * 22}\n")
    made = []

    def make(data: Path, files: list[str]) -> list[Cut]:
        made.append(files)
        chip, landmarks = np.full((4, 4, 3), 7, np.uint8), np.zeros((478, 3), np.float32)
        return [Cut(name, file, chip, landmarks) for file in files for name in ("jpeg_20", "photo")]

    monkeypatch.setattr(degraded, "make_degraded", make)
    first = degraded_faces(tmp_path / "data", "dev", tmp_path / "cache")
    again = degraded_faces(tmp_path / "data", "dev", tmp_path / "cache")
    assert made == [["a.jpg"]]
    assert list(first) == list(again) == ["photo", "jpeg_20"]
    np.testing.assert_array_equal(first["photo"].chips, again["photo"].chips)
    assert (again["photo"].intensity == 2).all()
    assert again["photo"].groups["photo"].tolist() == ["a.jpg"]
    degraded_faces(tmp_path / "data", "dev")
    assert len(made) == 2


def degraded_units() -> tuple[int, ...]:
    from vlfau.action_units import AU_NUMBERS

    return AU_NUMBERS


@pytest.mark.shared_data
def test_real_photos_come_in_all_conditions(shared_faces):
    rows = [row for row in read_catalogue(shared_faces.parent) if row["split"] == "val"][:1]
    cuts = make_degraded(shared_faces.parent, [row["file"] for row in rows])
    assert [cut.condition for cut in cuts] == list(CONDITIONS)
