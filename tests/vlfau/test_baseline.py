"""A baseline is subtracted from what is said, by a photo or by the calmest pictures of each face of a video."""

import csv
import json
import math

import pyarrow.parquet as pq
import pytest

from tests.vlfau.clips import DATA, face_at, nothing, write_clip
from vlfau.baseline import (
    LEAST_PICTURES,
    MOST_CALM,
    Baseline,
    CalmestPictures,
    difference_columns,
    video_baselines,
)
from vlfau.cli import main


def record(probability=0.5, intensity=1.0, file="a.mp4", track=0, **more):
    return {"file": file, "track": track, "success": 1, "AU12_p": probability, "AU12_i": intensity} | more


def test_the_columns_are_probability_and_intensity_of_each_unit():
    assert difference_columns([1, 12]) == ("AU01_p_diff", "AU01_i_diff", "AU12_p_diff", "AU12_i_diff")


def test_a_baseline_is_subtracted():
    baseline = Baseline.of_record(record(0.3, 1.25), [12])
    assert baseline.differences(record(0.9, 1.0)) == {"AU12_p_diff": 0.6, "AU12_i_diff": -0.25}
    assert baseline.differences(record(0.3, 1.25)) == {"AU12_p_diff": 0.0, "AU12_i_diff": 0.0}


@pytest.mark.parametrize("unknown", [None, math.nan])
def test_what_is_not_known_has_no_difference(unknown):
    assert Baseline.of_record(record(0.3, 1.0), [12]).differences(record(unknown, 1.0))["AU12_p_diff"] is None
    assert Baseline.of_record(record(unknown, 1.0), [12]).differences(record(0.3, 1.0))["AU12_p_diff"] is None


def test_the_calmest_tenth_gives_the_median():
    """Of 50 pictures the five with intensities 0.1 to 0.5, in whatever order they come."""
    calm = CalmestPictures([12])
    for place in range(50):
        number = (place * 7) % 50 + 1
        calm.add(record(number / 100, number / 10))
    assert calm.baseline().values == {12: (0.03, 0.3)}


def test_a_face_that_was_hardly_seen_has_none():
    calm = CalmestPictures([12])
    for _ in range(LEAST_PICTURES - 1):
        calm.add(record())
    assert calm.baseline() is None
    calm.add(record())
    assert calm.baseline().values == {12: (0.5, 1.0)}


def test_no_more_is_held_however_long_the_video_is():
    calm = CalmestPictures([12])
    for number in range(20 * MOST_CALM):
        calm.add(record(intensity=number))
    assert len(calm._calm) == MOST_CALM
    assert calm.baseline().values[12][1] == (MOST_CALM - 1) / 2


def test_each_face_of_each_video_has_its_own():
    records = (
        [record(0.2, file="a.mp4")] * 10 + [record(0.4, track=1)] * 10 + [record(0.7, file="b.mp4")] * 10
    )
    found = video_baselines(records, [12])
    given = [record(0.9, file="a.mp4"), record(0.9, track=1), record(0.9, file="b.mp4")]
    assert [found.added(each)["AU12_p_diff"] for each in given] == pytest.approx([0.7, 0.5, 0.2])


def test_photos_and_pictures_without_a_face_have_none():
    found = video_baselines([record()] * 10 + [record(track=None, success=0)], [12])
    assert found.added(record(track=None))["AU12_p_diff"] is None
    assert found.added(record(track=7))["AU12_p_diff"] is None


# ---- the command line


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A face in twelve pictures, with one in between that shows none."""
    pictures = [face_at(0.004 * index) for index in range(13)]
    pictures[5] = nothing()
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", pictures)


def predict(tiny_checkpoint, *arguments):
    return main(["predict", *map(str, arguments), "--no-words", "--model", str(tiny_checkpoint)])


def test_a_neutral_photo_is_subtracted(tiny_checkpoint, tmp_path, capsys):
    face = DATA / "face.jpg"
    assert predict(tiny_checkpoint, face, DATA / "group.jpg", "--baseline", face) == 0
    same, *others = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {same[name] for name in same if name.endswith("_diff")} == {0.0}
    for other in others:
        assert other["AU12_p_diff"] == pytest.approx(other["AU12_p"] - same["AU12_p"], abs=2e-4)
        assert tuple(other)[-44:] == difference_columns(
            [int(name[2:4]) for name in other if name.endswith("_p")]
        )


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_calmest_pictures_of_a_video_are_subtracted(tiny_checkpoint, tmp_path, clip, ending):
    out = tmp_path / f"out.{ending}"
    assert predict(tiny_checkpoint, clip, "--out", out, "--baseline", "auto") == 0
    rows = (
        pq.read_table(out).to_pylist()
        if ending == "parquet"
        else list(csv.DictReader(out.read_text().splitlines()))
    )
    seen = [row for row in rows if row["success"] in (1, "1")]
    assert len(seen) == 12
    rest = {round(float(row["AU12_p"]) - float(row["AU12_p_diff"]), 3) for row in seen}
    assert max(rest) - min(rest) <= 0.002, "one baseline for all pictures of the face"
    assert rows[5]["AU12_p_diff"] in (None, "")


def test_parts_of_several_processes_are_joined_with_a_baseline(tiny_checkpoint, tmp_path, clip):
    (tmp_path / "parts").mkdir()
    assert predict(tiny_checkpoint, clip, "--out", f"{tmp_path}/parts/") == 0
    out = tmp_path / "out.csv"
    assert main(["join", str(tmp_path / "parts"), "--out", str(out), "--baseline", "auto"]) == 0
    assert "AU12_i_diff" in out.read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--baseline", "auto"], "needs a file"),
        (["--baseline", "auto", "--format", "openface", "--out", "x.csv"], "does not have"),
        (["--baseline", str(DATA / "group.jpg")], "5 faces were"),
        (["--baseline", "nowhere.jpg"], "nowhere.jpg"),
    ],
)
def test_what_does_not_go_together_is_said(tiny_checkpoint, clip, capsys, arguments, words):
    assert predict(tiny_checkpoint, clip, *arguments) == 2
    assert words in capsys.readouterr().err
