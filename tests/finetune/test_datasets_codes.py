"""The coders' files: 9 is unknown, DISFA is active from 2, and a damaged line is named."""

import numpy as np
import pytest

from finetune.datasets.codes import from_intensities, from_occurrences, read_pairs, read_table
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError

AU1, AU12 = AU_NUMBERS.index(1), AU_NUMBERS.index(12)


def written(folder, text):
    file = folder / "codes.txt"
    file.write_text(text)
    return file


def test_pairs_are_read_by_frame(tmp_path):
    assert read_pairs(written(tmp_path, "1,0\r\n2, 5\n\n10,9\n")) == {1: 0, 2: 5, 10: 9}


@pytest.mark.parametrize(
    ("text", "found"),
    [("1,0\n2,7\n", "Line 2 .* 7"), ("1,0\nx,1\n", "Line 2 .* 'x,1'"), ("1\n", "Line 1"), ("", "empty")],
)
def test_a_damaged_line_is_named(tmp_path, text, found):
    with pytest.raises(DataError, match=found):
        read_pairs(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.txt"):
        read_pairs(tmp_path / "nowhere.txt")


def test_disfa_is_active_from_intensity_two_and_nine_is_unknown():
    codes = from_intensities({1: {1: 0, 2: 1, 3: 2, 4: 9}, 12: {1: 5, 2: 5, 3: 5}})
    assert codes.frames.tolist() == [1, 2, 3, 4]
    assert np.array_equal(codes.intensity[:, AU1], [0, 1, 2, np.nan], equal_nan=True)
    assert np.array_equal(codes.occurrence[:, AU1], [0, 0, 1, np.nan], equal_nan=True)
    assert np.isnan(codes.occurrence[3, AU12]), "a code that is missing at the end is unknown"
    assert codes.coded.tolist() == [True, True, True, False]


def test_a_table_needs_its_header_and_equal_lines(tmp_path):
    units, table = read_table(written(tmp_path, ",1,12,99\n95,0,1,9\n96,9,0,9\n"))
    assert units == [1, 12, 99]
    assert table == {95: [0, 1, 9], 96: [9, 0, 9]}
    for text in ("0,1,12\n95,0\n", "0,1,12\n95,0,3\n", "0,1,12\n"):
        with pytest.raises(DataError, match=r"Copy (the file|it) from the original again"):
            read_table(written(tmp_path, text))


def test_bp4d_keeps_occurrence_and_the_few_intensities():
    codes = from_occurrences([1, 12, 99], {95: [1, 9, 0], 96: [0, 1, 0]}, {12: {95: 3, 96: 4}})
    assert np.array_equal(codes.occurrence[:, AU1], [1, 0])
    assert np.array_equal(codes.occurrence[:, AU12], [np.nan, 1], equal_nan=True)
    assert np.array_equal(codes.intensity[:, AU12], [np.nan, 4], equal_nan=True), (
        "no intensity without occurrence"
    )
    assert np.isnan(codes.intensity[:, AU1]).all()
