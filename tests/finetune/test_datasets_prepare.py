"""From a tree in the official layout to shards: what is kept, what is dropped and why, and going on after a stop."""

import json

import numpy as np
import pytest

from finetune.datasets import preparation
from finetune.datasets.__main__ import main
from finetune.datasets.generated import write_bp4d, write_disfa
from finetune.datasets.layouts import Bp4dLayout, DisfaLayout
from finetune.datasets.preparation import Settings, prepare
from finetune.datasets.shards import ShardWriter, load_prepared
from tests.finetune.generated_trees import casts, some
from vlfau.action_units import AU_NUMBERS
from vlfau.alignment import EYE_DISTANCE
from vlfau.errors import DataError

CHIP = 64


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trees")
    write_disfa(folder / "disfa", some(casts()[0], ["SN001", "SN002"]), frames=4)
    write_bp4d(folder / "bp4d", some(casts()[1], ["F001", "F002", "F003", "F004"]), frames=4, tasks=["T1"])
    return folder


@pytest.fixture(scope="module")
def prepared(trees, tmp_path_factory):
    """BP4D prepared, and its report."""
    out = tmp_path_factory.mktemp("prepared")
    return out, prepare(Bp4dLayout(trees / "bp4d"), Settings(out, CHIP))


def test_the_report_says_why_frames_are_dropped(prepared):
    _, report = prepared
    assert report.kept == {"F001": 4, "F002": 3, "F003": 3, "F004": 3}
    reasons = {subject: [k for k, v in dropped.items() if v] for subject, dropped in report.dropped.items()}
    assert reasons == {"F001": [], "F002": ["no_picture"], "F003": ["unreadable"], "F004": ["not_coded"]}
    assert len(report.missing) == 37
    assert "| all | 13 | 1 | 1 | 1 | 0 |" in report.table()


def test_shards_hold_aligned_faces_with_their_own_codes(prepared, trees):
    faces = load_prepared(prepared[0])
    assert (faces.dataset, len(faces), faces.chip(0).shape) == ("bp4d", 13, (CHIP, CHIP, 3))
    eyes = faces.landmarks[:, [33, 133, 362, 263], :2].astype(float)
    distance = np.linalg.norm(eyes[:, 2:].mean(1) - eyes[:, :2].mean(1), axis=1)
    assert np.allclose(distance, EYE_DISTANCE, atol=0.03)
    row = int(np.flatnonzero((faces.subject == "F001") & (faces.frame == 96))[0])
    line = (trees / "bp4d/AUCoding/AU_OCC/F001_T1.csv").read_text().splitlines()[2].split(",")
    said = [float(line[unit]) if line[unit] != "9" else np.nan for unit in AU_NUMBERS]
    assert np.array_equal(faces.occurrence[row], said, equal_nan=True)


def test_a_frame_without_a_face_is_dropped(trees, tmp_path):
    report = prepare(DisfaLayout(trees / "disfa"), Settings(tmp_path, CHIP))
    assert report.kept == {"SN001": 2, "SN002": 3}, (
        "of four frames one has no face, and SN001's last has no code"
    )
    assert report.dropped["SN001"]["no_face"] == 1


def test_a_second_call_does_not_begin_again(prepared, trees, monkeypatch):
    out, report = prepared
    monkeypatch.setattr(preparation, "prepare_subject", lambda *_: pytest.fail("it is finished"))
    assert prepare(Bp4dLayout(trees / "bp4d"), Settings(out, CHIP)) == report


def test_a_stop_keeps_finished_subjects_and_leaves_no_part(trees, tmp_path, monkeypatch):
    real = preparation.aligned_faces

    def stopped(recording, *rest):
        if recording.subject == "SN002":
            raise KeyboardInterrupt
        return real(recording, *rest)

    monkeypatch.setattr(preparation, "aligned_faces", stopped)
    with pytest.raises(KeyboardInterrupt):
        prepare(DisfaLayout(trees / "disfa"), Settings(tmp_path, CHIP))
    assert [file.name for file in tmp_path.iterdir()] == ["SN001.parquet"]


def test_a_subject_that_fails_stops_nobody_else(tmp_path, capsys):
    write_disfa(tmp_path / "disfa", some(casts()[0], ["SN001", "SN002"]), frames=6)
    (tmp_path / "disfa/ActionUnit_Labels/SN001/SN001_au1.txt").write_text("1,0\n")
    command = ["prepare", "disfa", "--source", str(tmp_path / "disfa"), "--out", str(tmp_path / "out")]
    assert main([*command, "--chip-px", str(CHIP)]) == 1
    said = capsys.readouterr()
    assert "SN001 was not prepared" in said.err
    assert "| SN002 | 5 |" in said.out
    assert json.loads((tmp_path / "out/report.json").read_text())["kept"] == {"SN002": 5}


def test_codes_without_pictures_and_pictures_without_codes_are_named(tmp_path, capsys):
    write_disfa(tmp_path / "disfa", some(casts()[0], ["SN001", "SN002", "SN003"]), frames=4)
    (tmp_path / "disfa/ActionUnit_Label").mkdir()
    (tmp_path / "disfa/ActionUnit_Labels/SN001").rename(tmp_path / "disfa/ActionUnit_Label/SN001")
    next((tmp_path / "disfa/Videos_LeftCamera").glob("*SN003*")).unlink()
    command = ["prepare", "disfa", "--source", str(tmp_path / "disfa"), "--out", str(tmp_path / "out")]
    assert main([*command, "--chip-px", str(CHIP)]) == 1
    said = capsys.readouterr()
    assert "SN001 was not prepared: There are pictures of SN001 and no codes" in said.err
    assert "SN003 was not prepared: There are no pictures of SN003" in said.err
    assert "| SN002 | 3 |" in said.out
    listed = said.out.split("Neither codes nor pictures")[1]
    assert "SN004" in listed
    assert "SN001" not in listed


def test_several_processes_write_the_same(trees, prepared, tmp_path):
    report = prepare(Bp4dLayout(trees / "bp4d"), Settings(tmp_path, CHIP, workers=2))
    assert report == prepared[1]
    one, two = load_prepared(prepared[0]), load_prepared(tmp_path)
    assert np.array_equal(one.landmarks, two.landmarks)
    assert all(np.array_equal(one.chip(i), two.chip(i)) for i in range(len(one)))


def test_shards_of_another_recipe_are_refused(prepared, trees):
    with pytest.raises(DataError, match=r"'chip_px': \(64, 96\)"):
        prepare(Bp4dLayout(trees / "bp4d"), Settings(prepared[0], 96))


def test_a_full_disk_is_told_and_finished_shards_stay(trees, tmp_path, monkeypatch):
    def full(self, notes):
        raise OSError(28, "No space left on device")

    prepare(DisfaLayout(trees / "disfa"), Settings(tmp_path, CHIP))
    (tmp_path / "SN002.parquet").unlink()
    monkeypatch.setattr(ShardWriter, "finish", full)
    report = prepare(DisfaLayout(trees / "disfa"), Settings(tmp_path, CHIP))
    assert "No space left on device" in report.failed["SN002"]
    assert [file.name for file in tmp_path.iterdir()] == ["SN001.parquet"]


def test_without_shards_the_command_is_named(tmp_path):
    with pytest.raises(DataError, match=r"finetune\.datasets prepare"):
        load_prepared(tmp_path)


def test_a_damaged_shard_is_named(prepared, tmp_path):
    whole = (prepared[0] / "F001.parquet").read_bytes()
    (tmp_path / "F001.parquet").write_bytes(whole[:-200])
    with pytest.raises(DataError, match=r"F001\.parquet gave"):
        load_prepared(tmp_path)


def test_the_command_says_what_is_wrong_with_a_folder(tmp_path, capsys):
    assert main(["prepare", "bp4d", "--source", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "expected AUCoding/AU_OCC/F001_T1.csv" in capsys.readouterr().err
