"""Records hold what was predicted, under the names that are documented, in every form that can be written."""

import csv
import json
import math
from io import StringIO

import numpy as np
import pytest

from vlfau.action_units import AU_NUMBERS
from vlfau.faces import Face, HeadPose, QualityWarning
from vlfau.predictor import ActionUnitPrediction, FacePrediction
from vlfau.records import Moment, RecordWriter, columns, failed_record, photo_records, to_text


def prediction(probability=0.75, description="All at rest.", intensity=3.14159):
    """A face turned 10 degrees to its own left, chin 20 up, leaning 30; AU12 alone is present."""
    warnings = (QualityWarning("yaw", "Turned."), QualityWarning("blur", "Blurred."))
    face = Face(
        (10.04, 20, 110, 220), 0.98765, np.zeros((478, 3), np.float32), HeadPose(10, 20, 30), warnings
    )
    units = tuple(
        ActionUnitPrediction(n, probability if n == 12 else 0.25, 0.5, n == 12, intensity, f"About {n}.")
        for n in AU_NUMBERS
    )
    nothing = np.zeros((1, 1))
    return FacePrediction(face, units, description, nothing, nothing, nothing, "v1")


def rows(form, records):
    return list(csv.DictReader(StringIO(to_text(records, form))))


@pytest.fixture
def records():
    return photo_records("a.jpg", [prediction(), prediction()])


def test_a_record_has_the_documented_columns_in_order(records):
    assert tuple(records[0]) == columns()
    assert columns([12])[:16] == (
        *(
            "file",
            "frame",
            "time_s",
            "face",
            "track",
            "success",
            "box_x0",
            "box_y0",
            "box_x1",
            "box_y1",
            "score",
        ),
        *("pose_yaw", "pose_pitch", "pose_roll", "model_version", "AU12_p"),
    )
    assert columns([12])[15:] == (
        "AU12_p",
        "AU12_i",
        "AU12_c",
        "AU12_letter",
        "AU12_text",
        "description",
        "warnings",
        "error",
    )


def test_without_words_there_are_none():
    (record,) = photo_records("a.jpg", [prediction()], words=False)
    assert tuple(record) == columns(words=False)
    assert not [name for name in record if name.endswith("_text") or name == "description"]


def test_values_are_those_of_the_prediction(records):
    record = records[1]
    assert (record["file"], record["face"], record["success"], record["model_version"]) == (
        "a.jpg",
        1,
        1,
        "v1",
    )
    assert [record[f"box_{name}"] for name in ("x0", "y0", "x1", "y1")] == [10.0, 20.0, 110.0, 220.0]
    assert (record["AU12_p"], record["AU12_i"], record["AU12_c"], record["AU01_c"]) == (0.75, 3.1416, 1, 0)
    assert (record["AU12_text"], record["description"]) == ("About 12.", "All at rest.")
    assert (record["warnings"], record["error"]) == ("yaw blur", None)


@pytest.mark.parametrize(
    ("intensity", "letter"), [(0.2, "A"), (1.4, "A"), (1.6, "B"), (5.0, "E"), (math.nan, None)]
)
def test_a_unit_that_is_present_has_a_letter(intensity, letter):
    (record,) = photo_records("a.jpg", [prediction(intensity=intensity)])
    assert (record["AU12_letter"], record["AU01_letter"]) == (letter, None)


def test_a_picture_of_a_video_has_its_place_and_tracks():
    moment = Moment(frame=7, time_s=0.23333333, tracks=[4, 2])
    found = photo_records("a.mp4", [prediction(), prediction()], moment=moment)
    names = ("frame", "time_s", "face", "track")
    assert [tuple(record[name] for name in names) for record in found] == [
        (7, 0.233333, 0, 4),
        (7, 0.233333, 1, 2),
    ]
    failed = failed_record("a.mp4", "No face.", "v1", moment=Moment(8, 0.25))
    assert [failed[name] for name in (*names, "success")] == [8, 0.25, None, None, 0]


def test_a_photo_has_no_place_in_time(records):
    assert [records[0][name] for name in ("frame", "time_s", "track")] == [None] * 3


def test_a_failed_photo_has_an_error_and_nothing_measured():
    record = failed_record("b.jpg", "Broken.", "v1")
    assert tuple(record) == columns()
    known = {name: value for name, value in record.items() if value is not None}
    assert known == {"file": "b.jpg", "success": 0, "model_version": "v1", "error": "Broken."}


def test_json_lines_come_back_as_they_were(records):
    assert [json.loads(line) for line in to_text(records).splitlines()] == records


def test_what_is_not_a_number_is_null():
    (record,) = photo_records("a.jpg", [prediction(probability=math.nan)])
    assert record["AU12_p"] is None
    assert '"AU12_p": null' in to_text([record])


def test_csv_keeps_commas_quotes_and_line_breaks():
    (record,) = photo_records("a,b.jpg", [prediction(description='Up, "clearly",\nand wide.')])
    (row,) = rows("csv", [record])
    assert (row["file"], row["description"], row["error"]) == ("a,b.jpg", 'Up, "clearly",\nand wide.', "")


def test_openface_has_its_names_frames_and_angles(records):
    first, second, other = rows("openface", [*records, failed_record("b.jpg", "Broken.", "v1")])
    assert list(first)[:8] == [
        "frame",
        "face_id",
        "timestamp",
        "confidence",
        "success",
        "pose_Rx",
        "pose_Ry",
        "pose_Rz",
    ]
    assert (first["AU12_r"], first["AU12_c"], first["AU01_c"]) == ("3.1416", "1", "0")
    assert [(row["frame"], row["face_id"], row["success"]) for row in (first, second, other)] == [
        ("1", "0", "1"),
        ("1", "1", "1"),
        ("2", "", "0"),
    ]
    # chin up and a turn to the own left are negative there, radians
    assert [float(first[f"pose_R{axis}"]) for axis in "xyz"] == [-0.3491, -0.1745, 0.5236]
    assert not [name for name in first if name.endswith("_text")]


def test_videos_have_the_frames_and_times_of_openface_and_pyfeat():
    found = photo_records("a.mp4", [prediction()], moment=Moment(frame=61 * 30, time_s=61.0, tracks=[3]))
    found += [failed_record("a.mp4", "No face.", "v1", moment=Moment(61 * 30 + 1, 61.0333))]
    first, second = rows("openface", found)
    assert [first[name] for name in ("frame", "timestamp", "face_id")] == ["1831", "61.0", "3"]
    assert [second[name] for name in ("frame", "timestamp", "success", "AU12_r")] == [
        "1832",
        "61.0333",
        "0",
        "",
    ]
    first, second = rows("pyfeat", found)
    assert [first[name] for name in ("frame", "approx_time", "track", "input")] == [
        "1830",
        "01:01",
        "3",
        "a.mp4",
    ]
    assert (second["frame"], second["FaceScore"]) == ("1831", "")


def test_pyfeat_has_its_names_and_probabilities(records):
    first, _, other = rows("pyfeat", [*records, failed_record("b.jpg", "Broken.", "v1")])
    rect = [float(first[f"FaceRect{name}"]) for name in ("X", "Y", "Width", "Height")]
    assert rect == [10.0, 20.0, 100.0, 200.0]
    assert (first["AU12"], first["Yaw"], first["input"], first["frame"]) == ("0.75", "10.0", "a.jpg", "0")
    assert (other["AU12"], other["frame"]) == ("", "1")
    # py-feat takes every column with AU in its name for an action unit
    assert len([name for name in first if "AU" in name]) == len(AU_NUMBERS)


@pytest.mark.parametrize("form", ["csv", "openface", "pyfeat"])
def test_a_csv_without_records_has_its_header(form):
    assert len(to_text([], form).splitlines()) == 1


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="no text format 'xlsx'"):
        RecordWriter(StringIO(), "xlsx", columns())
