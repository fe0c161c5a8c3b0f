"""The loop itself: it learns, stops early, and what it needs to go on is always whole."""

import pytest
import torch
from accelerate import Accelerator

from finetune.fit import Fit, Progress, learning_rate_factor
from finetune.preparation import load_prepared, prepare
from finetune.status import StatusFile
from tests.finetune import training_lab
from vlfau.checkpoint import load_checkpoint


@pytest.fixture
def fit(bench, tmp_path):
    config = training_lab.tiny(bench / "store", bench / "base", bench / "replay.parquet", pull=0.0)
    checkpoint = load_checkpoint(bench / "base")
    prepare(config, checkpoint.config, tmp_path)
    status = StatusFile(tmp_path, write=False)
    accelerator = Accelerator(cpu=True)
    return Fit(config, accelerator, checkpoint, load_prepared(tmp_path), tmp_path, status, Progress(), 4)


def test_one_batch_can_be_learnt_by_heart(fit):
    fit.plan.last_step = 1
    batch = next(iter(fit.loader))
    fit.model.train()
    losses = []
    for _ in range(150):
        loss = fit.loss(batch, 0, 0)
        loss.backward()
        for group in fit.optimizer.param_groups:
            group["lr"] = 1e-2
        fit.optimizer.optimizer.step()
        fit.optimizer.optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.45 * losses[0]


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(fit, monkeypatch):
    told = iter([0.5, 0.4, 0.6, 0.6, 0.6, 0.6, 0.6])
    measured = {"f1_macro": None, "f1": {}}
    monkeypatch.setattr(fit, "validate", lambda: measured | {"validation_loss": next(told)})
    object.__setattr__(fit.config, "epochs", 6)
    object.__setattr__(fit.config, "patience", 2)
    fit.steps = 6 * fit.plan.epoch_steps
    fit.run()
    assert [entry["epoch"] for entry in fit.progress.history] == [0, 1, 2, 3]
    assert fit.progress.best_epoch == 1
    for name, value in fit.network.named_parameters():
        if name in fit.progress.best:
            assert torch.equal(value, fit.progress.best[name])


def test_the_base_stays_when_nothing_is_better(fit, bench, monkeypatch):
    told = iter([0.1, 0.4, 0.4])
    measured = {"f1_macro": None, "f1": {}}
    monkeypatch.setattr(fit, "validate", lambda: measured | {"validation_loss": next(told)})
    fit.run()
    before = load_checkpoint(bench / "base").model.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in fit.trained().state_dict().items())


def test_validation_reads_every_face_once_in_order(fit):
    logits = fit.read()
    assert logits.shape == (len(fit.held_out), 22, len(fit.fusion.branches))
    fit.model.eval()
    one = fit.held_out[3]
    pixels = torch.nn.functional.interpolate(
        one["chips"][None].float() / 255, (32, 32), mode="bilinear", antialias=True
    )
    with torch.no_grad():
        branches = fit.network(pixels, one["landmarks"][None]).branches
    alone = torch.stack([branches[name].logits for name in fit.fusion.branches], dim=-1)
    torch.testing.assert_close(torch.from_numpy(logits[3:4]).float(), alone, rtol=1e-4, atol=1e-4)


def test_the_learning_rate_rises_and_falls():
    factors = [learning_rate_factor(step, 100, 0.1) for step in range(100)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == 1.0
    assert factors[9] == 1.0
    assert factors[-1] == pytest.approx(0.02, abs=0.01)
    assert factors[10:] == sorted(factors[10:], reverse=True)
