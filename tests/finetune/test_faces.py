"""Labelled faces are read as they were written, and people never change sides."""

import csv

import numpy as np
import pytest

from finetune.faces import ShardedChips, load_renders, read_catalogue, row_codes
from finetune.people import person_split
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError


def test_several_shards_read_as_one():
    parts = [np.full((n, 2, 2, 3), n, np.uint8) for n in (2, 3)]
    chips = ShardedChips(parts)
    assert len(chips) == 5
    assert [int(chips[i][0, 0, 0]) for i in range(5)] == [2, 2, 3, 3, 3]
    assert chips[np.array([4, 0])][:, 0, 0, 0].tolist() == [3, 2]
    assert chips[np.array([False, True, True, False, False])].shape == (2, 2, 2, 3)


def test_a_folder_without_renders_is_named(tmp_path):
    with pytest.raises(DataError, match="no renders in"):
        load_renders(tmp_path)


def test_photos_without_codes_are_named(tmp_path):
    with pytest.raises(DataError, match=r"codes\.csv was not found"):
        read_catalogue(tmp_path)


def test_codes_join_with_the_catalogue(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    units = [f"AU{n}" for n in AU_NUMBERS]
    with (folder / "faces.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "person"], ["a.jpg", "p1"]])
    with (folder / "codes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "split", *units], ["a.jpg", "dev", "2.5", "", *["0"] * 20]])
    (row,) = read_catalogue(tmp_path)
    assert (row["person"], row["split"]) == ("p1", "dev")
    codes = row_codes(row)
    assert codes[0] == 2.5
    assert np.isnan(codes[1])
    assert (codes[2:] == 0).all()


def test_a_person_is_on_one_side_only_and_a_quarter_is_held_back():
    splits = [person_split(f"person-{i}", "tune") for i in range(2000)]
    assert splits == [person_split(f"person-{i}", "tune") for i in range(2000)]
    assert 0.2 < splits.count("val") / 2000 < 0.3
    assert person_split("anyone", "dev") == "dev"
    with pytest.raises(DataError, match="not known"):
        person_split("anyone", "test")
