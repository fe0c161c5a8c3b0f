"""The evaluation from end to end with a tiny network, and what the embedded checkpoint must reach."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from finetune.evaluate_real import (
    Evaluation,
    data_folder,
    evaluate,
    held_out_renders,
    main,
    plain,
)
from finetune.evaluation.readings import photo_report, read_photos
from finetune.evaluation.tables import report_text
from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import EMBEDDED, Checkpoint
from vlfau.config import VLFAUConfig
from vlfau.errors import DataError
from vlfau.finder import MediaPipeFinder
from vlfau.model import VLFAUModel
from vlfau.predictor import Predictor
from vlfau.words import Words

PHOTO = Path(__file__).parents[1] / "data" / "face.jpg"


@pytest.fixture
def data(tmp_path) -> Path:
    """A data folder with two people of `dev`, one smiling and one not, and one of `tune`."""
    folder = tmp_path / "data" / "faces"
    folder.mkdir(parents=True)
    people = (("b", "dev", "0"), ("c", "dev", "3"), ("a", "tune", "0"))
    with (
        (folder / "faces.csv").open("w", newline="") as faces,
        (folder / "codes.csv").open("w", newline="") as codes,
    ):
        one, other = csv.writer(faces), csv.writer(codes)
        one.writerow(["file", "person", "gender", "age", "ethnicity"])
        other.writerow(["file", "split", *(f"AU{n}" for n in AU_NUMBERS)])
        for person, split, smile in people:
            (folder / f"{person}.jpg").write_bytes(PHOTO.read_bytes())
            one.writerow([f"{person}.jpg", person, "", "", ""])
            other.writerow([f"{person}.jpg", split, *(smile if n == 12 else "0" for n in AU_NUMBERS)])
    return folder.parent


@pytest.fixture
def renders(tmp_path) -> Path:
    """Six renders of person `b`, half of which show everything."""
    shard = tmp_path / "renders" / "shard-00000"
    shard.mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.save(shard / "chips.npy", rng.integers(0, 255, (6, 144, 144, 3), dtype=np.uint8))
    np.save(shard / "landmarks.npy", rng.random((6, 478, 3)).astype(np.float16))
    np.save(shard / "intensity.npy", np.repeat([0.0, 4.0], 3)[:, None, None] * np.ones((1, 2, 22)))
    np.save(shard / "visible.npy", np.ones((6, 22), np.uint8))
    np.save(shard / "person.npy", np.zeros(6, np.int16))
    (shard.parent / "persons.json").write_text('["b"]')
    return shard.parent


def tiny_predictor() -> Predictor:
    torch.manual_seed(0)
    words = Words.load(EMBEDDED)
    model = VLFAUModel(VLFAUConfig.test(vocab_size=len(words)))
    return Predictor(Checkpoint(model.eval(), words, ""), MediaPipeFinder())


def test_a_quick_report_has_every_goal_and_is_plain_json(data, renders):
    report = evaluate(tiny_predictor(), Evaluation(data, renders=renders, quick=True, repeats=10))
    assert json.loads(json.dumps(report)) == report
    assert report["photos"]["people"] == 2
    assert report["photos"]["auroc"]["AU12"] == 0.5  # the two photos are the same
    assert set(report["renders"]["auroc"]) == {f"AU{n}" for n in AU_NUMBERS}
    assert (report["robustness"], report["evidence"]) == (None, None)
    met = {goal["name"]: goal["met"] for goal in report["goals"]}
    assert len(met) == 24
    assert met["AUROC of AU12 on photos"] is False
    assert met["AUROC of AU1 on photos"] is None
    assert "| fall of AUROC, JPEG quality 20 | - | <= 0.04 | not measured |" in report_text(report)


def test_renders_of_people_who_are_trained_on_are_refused(data, renders):
    assert len(held_out_renders(renders, data)) == 6
    (renders / "persons.json").write_text('["a"]')
    with pytest.raises(DataError, match="such as a"):
        held_out_renders(renders, data)


def test_the_photo_folder_itself_may_be_named(data):
    assert data_folder(data / "faces") == data.resolve()
    assert data_folder(data) == data


def test_a_wrong_folder_is_named_without_a_traceback(tmp_path, capsys):
    assert main(["--data", str(tmp_path), "--quick"]) == 2
    assert "codes.csv was not found" in capsys.readouterr().err


def test_plain_json_has_no_nan():
    assert plain({"a": np.float32("nan"), "b": [np.int64(3), 0.123456]}) == {"a": None, "b": [3, 0.1235]}


@pytest.mark.shared_data
@pytest.mark.slow
def test_the_embedded_checkpoint_keeps_its_promise_on_strangers(shared_faces: Path):
    """Macro AUROC over AU 1, 4, 6, 12, 25 on photos of people it never saw."""
    report = photo_report(read_photos(Predictor.load(device="cpu"), shared_faces.parent, "dev"), repeats=20)
    assert report["no_face"] == []
    assert report["auroc_macro"] >= 0.92
