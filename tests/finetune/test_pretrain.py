"""The training recipe end to end, in seconds: random faces, a network of a few thousand parameters, the real loop."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from finetune.pretrain import Recipe, pretrain
from finetune.pretrain_config import PretrainConfig
from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import load_checkpoint

TINY = PretrainConfig(
    preset="test",
    photo_copies=1,
    view_copies=0,
    alone_batch=8,
    geometry_steps=3,
    texture_steps=3,
    words_steps=3,
    words_batch=4,
    epochs=2,
    batch=8,
)
UNITS = len(AU_NUMBERS)


def write_faces(folder: Path, rng: np.random.Generator, count: int) -> None:
    """One shard as `python -m finetune.synthetic generate` writes it."""
    shard = folder / "shard-00000"
    shard.mkdir(parents=True)
    intensity = rng.uniform(0, 5, (count, 2, UNITS)) * (rng.random((count, 1, UNITS)) < 0.3)
    columns = {
        "chips": rng.integers(0, 255, (count, 144, 144, 3), dtype=np.uint8),
        "landmarks": rng.random((count, 478, 3)).astype(np.float16),
        "intensity": intensity.astype(np.float16),
        "visible": np.ones((count, UNITS), np.uint8),
        "person": rng.integers(0, 3, count).astype(np.int16),
    }
    for name, column in columns.items():
        np.save(shard / f"{name}.npy", column)
    (folder / "persons.json").write_text(json.dumps(["a", "b", "c"]))


@pytest.fixture(scope="module")
def renders(tmp_path_factory) -> Path:
    """Renders of two splits, and coded photos as the first run keeps them."""
    folder = tmp_path_factory.mktemp("renders")
    rng = np.random.default_rng(0)
    write_faces(folder / "train", rng, 40)
    write_faces(folder / "val", rng, 40)
    count = 48
    columns = {
        "chips": rng.integers(0, 255, (count, 144, 144, 3), dtype=np.uint8),
        "landmarks": rng.random((count, 478, 3)).astype(np.float32),
        "intensity": np.repeat((rng.random((count, 1, UNITS)) < 0.5) * 3.0, 2, axis=1).astype(np.float32),
        "person": np.arange(count).astype(str),
        "split": np.where(np.arange(count) < 16, "train", "val"),
    }
    np.savez(folder / "coded_photos.npz", **columns)
    return folder


def run(renders: Path, out: Path) -> dict[str, torch.Tensor]:
    pretrain(TINY, Path("unused"), renders, out, "test-1")
    return load_file(out / "checkpoint" / "model.safetensors")


@pytest.fixture(scope="module")
def straight(renders, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("straight")
    run(renders, out)
    return out


def test_the_run_folder_explains_itself(straight):
    files = {
        str(p.relative_to(straight)) for p in straight.rglob("*") if p.is_file() and "state" not in p.parts
    }
    checkpoint = {
        f"checkpoint/{n}" for n in ("README.md", "config.json", "model.safetensors", "tokenizer.json")
    }
    assert files == checkpoint | {"alone.pt", "cross_fit.npz", "log.jsonl", "recipe.json"}
    notes = [json.loads(line) for line in (straight / "log.jsonl").read_text().splitlines()]
    assert [note["epoch"] for note in notes if "epoch" in note] == [1, 2]
    assert [note["fold"] for note in notes if "fold" in note] == [0, 1, 2]


def test_the_checkpoint_is_calibrated_and_loads(straight):
    config = load_checkpoint(straight / "checkpoint").config
    assert config.model_version == "test-1"
    assert config.calibration_scale != [1.0] * UNITS
    assert all(0 < threshold < 1 for threshold in config.thresholds)


def test_a_killed_run_goes_on_and_ends_the_same(renders, straight, tmp_path, monkeypatch):
    real = Recipe.epoch

    def killed_in_the_second(self, epoch, *rest):
        if epoch == 1:
            raise KeyboardInterrupt
        real(self, epoch, *rest)

    monkeypatch.setattr(Recipe, "epoch", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(renders, tmp_path)
    monkeypatch.setattr(Recipe, "epoch", real)
    resumed = run(renders, tmp_path)
    for name, value in load_file(straight / "checkpoint" / "model.safetensors").items():
        assert torch.equal(value, resumed[name]), name
