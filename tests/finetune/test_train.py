"""Fine-tuning end to end, in seconds: a real store, a network of a few thousand parameters, the real loop."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from finetune.run_folder import working_folder
from finetune.status import read_status
from finetune.train import train
from tests.finetune import training_lab
from vlfau.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
FILES = {"config.json", "model.safetensors", "tokenizer.json", "training.json", "metrics.json", "README.md"}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert not [name for name in a if not torch.equal(a[name], b[name])]


@pytest.fixture(scope="module")
def plain(bench, tmp_path_factory):
    """A configuration on the shared store, and the run folder it made."""
    config = training_lab.tiny(
        bench / "store", bench / "base", bench / "replay.parquet", tracker="tensorboard"
    )
    return config, train(config, tmp_path_factory.mktemp("runs") / "v1")


def test_the_run_folder_holds_what_explains_it_and_nothing_else(plain):
    _, out = plain
    assert {path.name for path in out.iterdir()} == FILES
    training = json.loads((out / "training.json").read_text())
    assert training["config"]["seed"] == 1
    assert training["base"]["version"] == "base-0"
    assert len(training["data"]["digest"]) == len(training["base"]["weights_sha256"]) == 64
    assert training["packages"]["torch"] == torch.__version__
    assert [entry["epoch"] for entry in training["history"]] == [0, 1, 2]
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["test"]["version"]["action_units"]["AU12"]["known"] == metrics["test"]["faces"] > 0
    assert metrics["test"]["version"]["action_units"]["AU09"]["f1"] is None
    card = (out / "README.md").read_text()
    assert "Nobody is on two sides" in card
    assert "| AU12 |" in card


def test_what_is_left_beside_it_shows_no_face(plain):
    _, out = plain
    left = {path.name for path in working_folder(out).iterdir()}
    assert left == {"config.json", "data.json", "status.json", "vl-fau"}


def test_the_status_tells_how_it_went(plain):
    _, out = plain
    status = read_status(working_folder(out))
    assert (status.state, status.step, status.of, status.is_over) == ("finished", 6, 6, True)
    assert set(status.f1) >= {"AU12"}
    assert status.loss > 0


def test_the_version_loads_and_is_not_the_base(plain, bench):
    _, out = plain
    version, base = load_checkpoint(out), load_checkpoint(bench / "base")
    assert version.config.model_version == "v1"
    assert version.config.training_data[-1].startswith("corrections of 12 faces of 6 people")
    assert not torch.equal(version.model.head.linear.weight, base.model.head.linear.weight)


def test_heads_alone_leave_the_stem_as_it_was(plain, bench):
    _, out = plain
    before, after = weights(bench / "base"), weights(out)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert not [
        name for name in changed if name.startswith(("stem.", "landmark_encoder.", "texture_encoder."))
    ]


def test_the_same_seed_gives_the_same_weights_and_another_does_not(plain, tmp_path):
    config, out = plain
    assert_same(weights(train(config, tmp_path / "again")), weights(out))
    other = weights(train(config.changed(seed=2), tmp_path / "other"))
    assert not torch.equal(other["head.linear.weight"], weights(out)["head.linear.weight"])


@pytest.mark.parametrize("what", ["lora", "all"])
def test_the_stem_learns_when_told_and_the_version_has_plain_weights(config, bench, tmp_path, what):
    out = train(config.changed(train_what=what, lora_rank=2, stem_learning_rate=1e-3), tmp_path / what)
    before, after = (load_checkpoint(folder).model.state_dict() for folder in (bench / "base", out))
    assert before.keys() == after.keys()
    query = next(name for name in before if name.startswith("stem.") and name.endswith("q_proj.weight"))
    assert not torch.equal(before[query], after[query])


def test_fusion_trains_no_weight_and_settles_what_counts(config, bench, tmp_path):
    out = train(config.changed(train_what="fusion", kept_share=0.3), tmp_path / "fused")
    assert_same(weights(out), weights(bench / "base"))
    before, after = (load_checkpoint(folder).config for folder in (bench / "base", out))
    twelve = list(before.au_numbers).index(12)
    assert after.calibration_bias[twelve] != before.calibration_bias[twelve]
    assert after.shares("texture")[twelve] != before.shares("texture")[twelve]
    assert read_status(working_folder(out)).state == "finished"
    assert "without training weights" in (out / "README.md").read_text()
    again = train(config.changed(train_what="fusion", kept_share=0.3), tmp_path / "again")
    assert load_checkpoint(again).config.thresholds == after.thresholds


KILLED = """
import os, signal, sys
from pathlib import Path
from finetune import trained_parts
from finetune.train import main

draw, calls = trained_parts.StartingPoint.draw, []

def draw_and_die(self, groups):
    draw(self, groups)
    calls.append(1)
    if len(calls) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

trained_parts.StartingPoint.draw = draw_and_die
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("what", ["head", "lora"])
def test_a_killed_run_goes_on_and_ends_with_the_weights_of_the_straight_run(config, tmp_path, what):
    config = config.changed(train_what=what, save_every=2)
    straight = weights(train(config, tmp_path / "straight"))
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.plain()))
    command = [sys.executable, "-c", KILLED, "--config", str(file), "--out", str(tmp_path / "killed")]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # sums are equal only in equal parts
    died = subprocess.run(
        command, cwd=ROOT, env=os.environ | threads, capture_output=True, text=True, timeout=300
    )
    assert died.returncode == -9, died.stderr
    assert read_status(tmp_path / "killed.work").step >= 3
    assert not (tmp_path / "killed").exists()
    assert_same(weights(train(config, tmp_path / "killed", resume=True)), straight)


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(config, tmp_path):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.plain()))
    launch = (
        "-m accelerate.commands.launch --multi_gpu --num_processes 2 --num_machines 1 --mixed_precision no"
    )
    command = [sys.executable, *launch.split(), "--dynamo_backend", "no", "--main_process_port", "0"]
    command += ["-m", "finetune.train", "--config", str(file), "--out", str(tmp_path / "two")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    one = train(config, tmp_path / "one")
    told = [json.loads((tmp_path / name / "training.json").read_text()) for name in ("two", "one")]
    assert [t["processes"] for t in told] == [2, 1]
    two_losses, one_losses = ([entry["loss"] for entry in t["history"][1:]] for t in told)
    assert two_losses == pytest.approx(one_losses, rel=1e-5)
    for name, value in weights(one).items():
        torch.testing.assert_close(weights(tmp_path / "two")[name], value, rtol=2e-3, atol=2e-3)
