"""Where the detectors look, and how what they see becomes one candidate per face."""

import itertools

import numpy as np
import pytest

from vlfau.alignment import make_chip, square_transform
from vlfau.detection import (
    SMALLEST_TILE_PX,
    SMALLEST_TILE_SHARE,
    TILES_ABOVE_PX,
    Candidate,
    Pyramid,
    _cut_by_tile,
    merge,
    tiles,
)


def candidate(x: float, y: float, side: float, score: float = 0.9) -> Candidate:
    return Candidate(x, y, side, 0.0, score)


def test_a_small_photo_has_no_tiles():
    assert tiles(TILES_ABOVE_PX, 700) == []
    assert tiles(TILES_ABOVE_PX + 1, 700) != []


@pytest.mark.parametrize("size", [(1280, 1280), (3000, 2000), (900, 4000), (8660, 5774)])
def test_the_smallest_tiles_show_every_small_face_whole(size):
    squares = tiles(*size)
    side = squares[-1][2]
    assert side == pytest.approx(max(SMALLEST_TILE_PX, max(size) * SMALLEST_TILE_SHARE))
    smallest = [square for square in squares if square[2] == side]
    face = side * 0.3
    for x, y in itertools.product(*(np.linspace(face / 2, length - face / 2, 40) for length in size)):
        reach = (side - face) / 2 + 1e-6
        assert any(abs(x - tx) <= reach and abs(y - ty) <= reach for tx, ty, _ in smallest)


def test_one_face_seen_many_times_is_one_candidate():
    seen = [candidate(100, 100, 50, 0.7), candidate(104, 98, 55, 0.9), candidate(95, 100, 40, 0.8)]
    assert merge(seen) == [seen[1]]
    assert merge(reversed(seen)) == [seen[1]]


def test_an_eye_taken_for_a_face_goes_into_the_face():
    assert len(merge([candidate(100, 100, 200), candidate(130, 80, 40, 0.6)])) == 1


def test_neighbours_stay_apart():
    assert len(merge([candidate(100, 100, 50), candidate(140, 100, 50), candidate(100, 145, 50)])) == 3


def test_a_face_cut_by_a_tile_is_left_to_its_neighbour():
    photo = Pyramid(np.zeros((1000, 2000, 3), np.uint8))
    tile = (400.0, 400.0, 800.0)
    assert not _cut_by_tile(candidate(400, 400, 100), tile, photo)
    assert _cut_by_tile(candidate(780, 400, 100), tile, photo)
    assert _cut_by_tile(candidate(400, 780, 100), tile, photo)
    assert not _cut_by_tile(candidate(20, 20, 100), tile, photo), "the photo itself ends there"


@pytest.mark.parametrize("side", [64, 150, 401, 1500])
def test_a_view_from_the_pyramid_is_the_view_from_the_photo(side):
    rough = np.random.default_rng(0).integers(0, 256, (15, 21, 3), np.uint8)
    photo = make_chip(rough, square_transform((10, 7), 21, 0, 1501), 1501)[:1101]
    view = square_transform((500, 600), side, 20, 128)
    difference = Pyramid(photo).view(view, 128).astype(int) - make_chip(photo, view, 128)
    assert np.abs(difference).mean() < 1
