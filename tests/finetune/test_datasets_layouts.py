"""Where pictures and codes are looked for, and what is said when they are elsewhere or do not fit together."""

import shutil

import numpy as np
import pytest

from finetune.datasets.frames import FrameFolder, Video
from finetune.datasets.generated import write_bp4d, write_disfa
from finetune.datasets.layouts import Bp4dLayout, DisfaLayout
from tests.finetune.generated_trees import casts, some
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError


@pytest.fixture
def disfa(tmp_path):
    write_disfa(tmp_path / "disfa", some(casts()[0], ["SN001", "SN002"]), frames=6)
    return tmp_path / "disfa"


@pytest.fixture
def bp4d(tmp_path):
    write_bp4d(tmp_path / "bp4d", some(casts()[1], ["F001", "F002", "F003"]), frames=6)
    return tmp_path / "bp4d"


def only(layout, subject):
    (recording,) = layout.recordings(subject)
    return recording


def test_disfa_codes_and_video_belong_together(disfa):
    layout = DisfaLayout(disfa)
    assert layout.subjects() == ["SN001", "SN002"]
    recording = only(layout, "SN001")
    assert isinstance(recording.frames, Video)
    rows = casts()[0].rows["SN001"]
    labelled = casts()[0].faces.peak[rows].round()[:, AU_NUMBERS.index(12)]
    coded = recording.codes.intensity[:, AU_NUMBERS.index(12)]
    assert set(coded[~np.isnan(coded)]) <= set(labelled[~np.isnan(labelled)])


def test_frames_in_folders_count_from_one_wherever_their_names_begin(tmp_path):
    write_disfa(tmp_path, some(casts()[0], ["SN001", "SN002"]), frames=4, videos=False)
    for subject, first in (("SN001", "00000"), ("SN002", "00001")):
        frames = only(DisfaLayout(tmp_path), subject).frames
        assert isinstance(frames, FrameFolder)
        assert (frames.folder / f"{subject}_{first}.jpg").is_file()
        assert list(frames.files()) == [1, 2, 3, 4]


def test_the_other_camera_is_not_taken(disfa):
    with pytest.raises(DataError, match=r"right camera.*RightVideoSN001_comp\.avi"):
        only(DisfaLayout(disfa, "right"), "SN001")


def test_bp4d_tasks_come_in_order_with_their_own_pictures(bp4d):
    layout = Bp4dLayout(bp4d)
    assert [r.task for r in layout.recordings("F002")] == ["T1", "T8"]
    assert [r.task for r in layout.recordings("F001")] == ["T1"], "a task without codes is none"
    recording = next(iter(layout.recordings("F002")))
    assert recording.codes.frames.tolist() == list(range(95, 101))
    assert [number for number, _ in recording.frames.pictures({95, 96, 100})] == [95, 100], (
        "96 has no picture"
    )


def test_a_picture_that_cannot_be_read_is_none(bp4d):
    recording = next(iter(Bp4dLayout(bp4d).recordings("F003")))
    read = dict(recording.frames.pictures({97, 98}))
    assert read[97] is None
    assert read[98].shape == (180, 240, 3)


def test_pictures_without_codes_are_named_with_where_something_of_that_name_lies(disfa, bp4d):
    assert (DisfaLayout(disfa).uncoded(), Bp4dLayout(bp4d).uncoded()) == ({}, {})
    (disfa / "ActionUnit_Label").mkdir()
    (disfa / "ActionUnit_Labels/SN002").rename(disfa / "ActionUnit_Label/SN002")
    (said,) = DisfaLayout(disfa).uncoded().values()
    assert (
        "pictures of SN002 and no codes. Found ActionUnit_Label/SN002, Videos_LeftCamera/LeftVideoSN002"
        in said
    )
    assert f"expected {disfa}/ActionUnit_Labels/SN002." in said
    for file in (bp4d / "AUCoding/AU_OCC").glob("F002_*"):
        file.rename(file.with_name(file.name.replace("F002", "F02")))
    (said,) = Bp4dLayout(bp4d).uncoded().values()
    assert (
        f"pictures of F002 and no codes. Found Sequences/F002; expected {bp4d}/AUCoding/AU_OCC/F002_T1.csv"
        in said
    )


@pytest.mark.parametrize("layout", [DisfaLayout, Bp4dLayout])
def test_another_layout_is_named_with_what_was_expected_and_found(layout, tmp_path):
    (tmp_path / "Holiday photos").mkdir()
    with pytest.raises(DataError, match=r"has Holiday photos/; expected (ActionUnit_Labels|AUCoding)"):
        layout(tmp_path).subjects()


def test_a_dataset_in_the_place_of_the_other_is_told(disfa, bp4d):
    with pytest.raises(DataError, match="another layout"):
        DisfaLayout(bp4d).subjects()
    (disfa / "AUCoding/AU_OCC").mkdir(parents=True)
    (disfa / "Sequences").mkdir()
    with pytest.raises(DataError, match="No subject of BP4D has codes"):
        Bp4dLayout(disfa).subjects()


def test_codes_that_are_shorter_than_the_video_are_refused(disfa):
    for file in (disfa / "ActionUnit_Labels/SN001").glob("*.txt"):
        file.write_text("1,0\n2,0\n")
    with pytest.raises(DataError, match=r"codes .* frame 2, the pictures to 6"):
        only(DisfaLayout(disfa), "SN001")


def test_one_file_of_codes_that_is_cut_short_is_named(disfa):
    (disfa / "ActionUnit_Labels/SN002/SN002_au4.txt").write_text("1,0\n")
    with pytest.raises(DataError, match=r"SN002_au4\.txt ends at frame 1"):
        only(DisfaLayout(disfa), "SN002")


def test_a_missing_file_of_codes_is_named(disfa):
    (disfa / "ActionUnit_Labels/SN002/SN002_au9.txt").unlink()
    with pytest.raises(DataError, match=r"expected SN002_au9\.txt"):
        only(DisfaLayout(disfa), "SN002")


def test_a_coded_task_without_pictures_is_refused(bp4d):
    shutil.rmtree(bp4d / "Sequences/F002/T8")
    with pytest.raises(DataError, match=r"F002, task T8.*has T1/"):
        list(Bp4dLayout(bp4d).recordings("F002"))


def test_a_damaged_video_is_refused(disfa):
    file = next((disfa / "Videos_LeftCamera").glob("*SN001*"))
    file.write_bytes(b"no video")
    with pytest.raises(DataError, match=r"cannot be opened.*8 bytes"):
        only(DisfaLayout(disfa), "SN001")
