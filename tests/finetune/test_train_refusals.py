"""What cannot be trained on is refused: a message that says what to do, exit code 2, store and base as before."""

import hashlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from db.projects import change_project, list_projects
from db.roles import OPERATOR
from db.store import Store
from db.values import Answer, UnitAnswer
from finetune.corrections import read_corrections
from finetune.single_flight import FILE as LOCK
from finetune.single_flight import holder_of, single_flight
from finetune.status import read_status
from finetune.train import main, train
from tests.finetune import training_lab
from tests.finetune.training_lab import answer_all, fill, keep, new_store, picture, smile, tiny
from vlfau.action_units import AU_NUMBERS
from vlfau.model import VLFAUModel

ROOT = Path(__file__).resolve().parents[2]


def digest(*folders: Path) -> dict[str, str]:
    """Content of every file, but for the lock."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != LOCK and path.suffix not in (".db-shm", ".db-wal", ".turn")
    }


@pytest.fixture
def refused(tmp_path, capsys):
    """Run the command with a configuration; returns what it said when it refused, having checked all else."""

    def run(config) -> str:
        file, out = tmp_path / "config.json", tmp_path / "run"
        file.write_text(json.dumps(config.plain()))
        places = [Path(config.store_folder), *([Path(config.base)] if Path(config.base).is_dir() else [])]
        before = digest(*places)
        capsys.readouterr()
        assert main(["--config", str(file), "--out", str(out)]) == 2
        assert digest(*places) == before
        assert not out.exists()
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert ". " in said, "what is wrong, what was found, what to do"
        return said

    return run


@pytest.fixture
def empty(tmp_path, bench):
    """An empty store with a project, and the configuration of a run on it."""
    store, project = new_store(tmp_path / "empty")
    yield store, project, tiny(tmp_path / "empty", bench / "base", None)
    store.close()


def test_without_corrections(empty, refused):
    store, project, config = empty
    keep(store, project, picture(0, True, 0), "anna")
    assert "There are no corrections" in refused(config)


def test_with_disputed_faces_only(empty, refused):
    store, project, config = empty
    change_project(store, OPERATOR, project, answers_wanted=2)
    for person in range(3):
        keep(store, project, picture(person, True, person), f"code-{person}")
    for name, says in (("ann", True), ("ben", False)):
        answer_all(store, project, lambda item, says=says: smile(says), name)
    assert "3 disputed that wait" in refused(config)


def test_disputed_faces_are_learnt_from_when_told(empty, tmp_path):
    store, project, config = empty
    change_project(store, OPERATOR, project, answers_wanted=3)
    smiles = {}
    for person in range(8):
        image = picture(person, person % 2 == 0, person)
        smiles[keep(store, project, image, f"code-{person}")] = person % 2 == 0
    for name, errs in (("ann", False), ("ben", False), ("eve", True)):
        answer_all(store, project, lambda item, errs=errs: smile(smiles[item] != errs), name)
    read = read_corrections(store, disputed=True)
    twelve = read.column("occurrence")[:, AU_NUMBERS.index(12)]
    assert [bool(label > 0.5) for label in twelve] == [person % 2 == 0 for person in range(8)]
    out = train(config.changed(learn_disputed=True, train_what="fusion"), tmp_path / "run")
    assert json.loads((out / "training.json").read_text())["data"]["waiting"] == {}


def test_of_one_person_only(empty, refused):
    store, project, config = empty
    items = {keep(store, project, picture(0, bool(k), k), "anna"): bool(k) for k in range(2)}
    answer_all(store, project, lambda item: smile(items[item]))
    assert "too few people" in refused(config)


def test_of_two_names_with_one_photo(empty, refused):
    store, project, config = empty
    image = picture(0, True, 0)
    keep(store, project, image, "name-1")
    keep(store, project, image ^ 1, "name-2")
    answer_all(store, project, lambda item: smile(True))
    assert "2 subject codes" in refused(config)


def test_with_one_class_only(empty, refused):
    store, project, config = empty
    for person in range(4):
        keep(store, project, picture(person, True, person), f"code-{person}")
    answer_all(store, project, lambda item: smile(True))
    said = refused(config)
    assert "one class only" in said
    assert "AU12 present" in said


def test_that_contradict_each_other(empty, refused):
    store, project, config = empty
    says = {}
    for person in range(6):
        image = picture(person, True, person)
        copy = image.copy()
        copy[0, 0] ^= 1
        says[keep(store, project, image, f"code-{person}")] = True
        says[keep(store, project, copy, f"code-{person}")] = False
    answer_all(store, project, lambda item: smile(says[item]))
    assert "contradict each other" in refused(config)


def test_where_nobody_was_sure(empty, refused):
    store, project, config = empty
    for person in range(4):
        keep(store, project, picture(person, True, person), f"code-{person}")
    answer_all(store, project, lambda item: Answer((UnitAnswer(12, "unsure"),), seconds=1.0))
    assert "no corrections" in refused(config)


def damage(folder: Path) -> Path:
    path = sorted((folder / "images").rglob("*.png"))[0]
    path.write_bytes(path.read_bytes()[:200])
    return path


def test_a_damaged_photo_is_named(config, store_folder, tmp_path, refused):
    path = damage(store_folder)
    said = refused(config)
    assert not list((tmp_path / "run.work").glob("*.np?"))
    assert path.name in said
    assert "skip_damaged_photos" in said


def test_a_damaged_photo_can_be_left_out(config, store_folder, tmp_path):
    path = damage(store_folder)
    from finetune.train import train

    out = train(config.changed(skip_damaged_photos=True, epochs=1), tmp_path / "run")
    data = json.loads((out / "training.json").read_text())["data"]
    assert data["damaged_photos"] == [path.stem]
    assert sum(data["corrected_faces"].values()) == 19


def test_a_missing_base(config, tmp_path, refused):
    (tmp_path / "nothing").mkdir()
    assert "no checkpoint" in refused(config.changed(base=str(tmp_path / "nothing")))


def test_a_base_of_other_action_units(config, tmp_path, refused):
    base = training_lab.write_base(tmp_path / "old", au_numbers=(1, 2, 4, 12))
    assert "Name a newer base" in refused(config.changed(base=str(base)))


def test_a_base_without_all_weights(config, bench, tmp_path, refused):
    from safetensors.torch import load_file, save_file

    base = training_lab.write_base(tmp_path / "old")
    kept = load_file(base / "model.safetensors")
    del kept["cut_steps"]
    save_file(kept, base / "model.safetensors", metadata={"format": "pt"})
    assert "missing keys" in refused(config.changed(base=str(base)))


def test_a_second_run_on_the_same_store(config, store_folder, refused, tmp_path):
    with single_flight(store_folder, tmp_path / "first"):
        said = refused(config)
        assert holder_of(store_folder) == os.getpid()
    assert f"process {os.getpid()}" in said
    assert holder_of(store_folder) is None


def test_the_lock_of_a_dead_run_is_taken_over(store_folder, tmp_path):
    code = "import os, sys; from pathlib import Path; from finetune.single_flight import single_flight\n"
    code += "with single_flight(Path(sys.argv[1]), Path('x')): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(store_folder)], cwd=ROOT).returncode == -9
    assert '"pid"' in (store_folder / LOCK).read_text()
    with single_flight(store_folder, tmp_path / "next"):
        assert json.loads((store_folder / LOCK).read_text())["pid"] == os.getpid()


def test_a_disk_without_room(config, tmp_path, bench):
    """The limit makes the kernel refuse to let a file grow, as a full disk does."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.plain()))
    before = digest(Path(config.store_folder), Path(config.base))
    command = [sys.executable, "-m", "finetune.train", "--config", str(file), "--out", str(tmp_path / "run")]
    limit = 200_000  # bytes: room for chips and status, none for a state

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, preexec_fn=small_disk, timeout=300
    )
    assert done.returncode == 2, done.stderr
    assert "The disk is full" in done.stderr.splitlines()[-1]
    assert digest(Path(config.store_folder), Path(config.base)) == before
    assert not (tmp_path / "run").exists()
    assert read_status(tmp_path / "run.work").state == "failed"


def forward_of_a_small_device(most: int):
    """A network's forward pass on a device that holds at most so many faces."""
    real = VLFAUModel.forward

    def forward(self, pixel_values, *rest):
        if torch.is_grad_enabled() and len(pixel_values) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(self, pixel_values, *rest)

    return forward


def test_memory_for_less_than_one_face(config, refused, monkeypatch):
    monkeypatch.setattr(VLFAUModel, "forward", forward_of_a_small_device(0))
    assert "memory does not suffice" in refused(config)


def test_memory_for_two_faces_makes_smaller_pieces(config, tmp_path, monkeypatch):
    from finetune.train import train

    monkeypatch.setattr(VLFAUModel, "forward", forward_of_a_small_device(2))
    out = train(config.changed(epochs=1), tmp_path / "run")
    training = json.loads((out / "training.json").read_text())
    assert training["micro_batches"] == 4  # of a step of 8 faces


def test_a_run_folder_that_exists(config, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.plain()))
    assert main(["--config", str(file), "--out", str(tmp_path / "run")]) == 2
    assert "never written over" in capsys.readouterr().err


def test_going_on_after_the_corrections_changed(config, store_folder, tmp_path, monkeypatch, capsys):
    from finetune.fit import Fit

    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.plain()))
    command = ["--config", str(file), "--out", str(tmp_path / "run")]

    def cancelled(self, epoch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Fit, "epoch", cancelled)
        assert main(command) == 130
    store = Store(folder=store_folder)
    project = next(iter(list_projects(store, OPERATOR)))
    keep(store, project, picture(77, True, 77), "late")
    answer_all(store, project, lambda item: smile(True))
    store.close()
    assert main([*command, "--resume"]) == 2
    assert "have changed" in capsys.readouterr().err


def test_nobody_is_on_two_sides_and_known_or_blind_faces_are_never_learnt(tmp_path, bench):
    from finetune.division import Part
    from finetune.preparation import load_prepared, prepare
    from vlfau.config import VLFAUConfig

    fill(tmp_path / "store", people=12)
    store = Store(folder=tmp_path / "store")
    with store._engine.begin() as connection:
        from sqlalchemy import text

        connection.execute(text("UPDATE item SET blind = 1 WHERE id % 3 = 0"))
    store.close()
    config = tiny(tmp_path / "store", bench / "base", bench / "replay.parquet")
    (tmp_path / "work").mkdir()
    prepare(config, VLFAUConfig.test(), tmp_path / "work")
    ready = load_prepared(tmp_path / "work")
    people = {}
    for part in Part:
        corrected, replayed = ready.part(part)
        assert len(corrected)
        people[part] = set(corrected.faces.person.tolist()) | set(replayed.faces.person.tolist())
        blind = corrected.faces.groups["blind"]
        assert blind.any() == (part == Part.TEST)
    assert not people[Part.TRAIN] & (people[Part.VALIDATION] | people[Part.TEST])
    assert not people[Part.VALIDATION] & people[Part.TEST]
