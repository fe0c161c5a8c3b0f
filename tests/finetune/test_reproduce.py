"""The experiment end to end, in seconds: random faces in real shards, a network of a few thousand parameters."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from transformers import SwinForImageClassification

from finetune import reproduce
from finetune.datasets.protocol import BP4D, DISFA
from finetune.datasets.shards import PreparedFace, ShardWriter, load_prepared
from finetune.reproduction import looks
from finetune.reproduction.config import VARIANTS, ReproduceConfig
from finetune.reproduction.division import EpochOrder, across, of_folds
from finetune.reproduction.training import Training
from finetune.synthetic.correspondence import Correspondence
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError, ModelError
from vlfau.model import VLFAUModel

UNITS = len(AU_NUMBERS)
TINY = ReproduceConfig(
    preset="test", stem=None, epochs=2, frames_per_epoch=16, batch=8, words_steps=2, words_measured_on=4
)


def write_shards(folder, protocol, subjects, frames=4):
    """Faces of noise with random codes; of BP4D no intensity is known, of the last face nothing."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for subject in subjects:
        writer = ShardWriter(folder / f"{subject}.parquet")
        for frame in range(frames):
            intensity = rng.integers(0, 6, UNITS).astype(np.float32)
            occurrence = (intensity >= 2).astype(np.float32)
            if protocol is BP4D:
                intensity[:] = np.nan
            if frame == frames - 1:
                occurrence[:] = intensity[:] = np.nan
            chip = rng.integers(0, 255, (48, 48, 3), np.uint8)
            landmarks = rng.random((478, 3)).astype(np.float32)
            writer.add(PreparedFace(chip, landmarks, occurrence, intensity, subject, "T1", frame))
        notes = {"dataset": protocol.name, "action_units": list(AU_NUMBERS), "subject": subject}
        writer.finish(notes | {"kept": frames, "dropped": {}})
    return folder


@pytest.fixture(scope="module")
def disfa(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("disfa") / "shards", DISFA, DISFA.subjects[:12])


@pytest.fixture(scope="module")
def bp4d(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("bp4d") / "shards", BP4D, BP4D.subjects[:12])


def training(shards, out, variant="full", accelerator=None, **options):
    division = of_folds(load_prepared(shards), TINY.validation_share)[0]
    return Training(TINY, variant, 1, division, out, accelerator or Accelerator(), **options)


@pytest.fixture(scope="module")
def straight(disfa, tmp_path_factory):
    out = tmp_path_factory.mktemp("straight")
    return out, training(disfa, out, select_on_test=True).run()


# ---- what is learnt from


def test_nobody_is_in_two_parts_and_unknown_faces_are_in_none(disfa):
    for division in of_folds(load_prepared(disfa), 0.2):
        people = division.people()
        assert not set(people["test"]) & set(people["train"] + people["validation"])
        assert not set(people["train"]) & set(people["validation"])
        assert len(division.test) == 3 * len(people["test"])


def test_another_dataset_is_tested_on_the_units_of_both(disfa, bp4d):
    division = across(load_prepared(disfa), load_prepared(bp4d), 0.2)
    assert division.units == (1, 2, 4, 6, 12)
    assert (division.tested, len(division.test)) == ("bp4d", 36)
    assert set(division.people()["test"]) <= set(BP4D.subjects)


def test_an_epoch_draws_every_face_before_any_twice_and_the_same_again():
    order = EpochOrder(5, 12, seed=3)
    drawn = list(order)
    assert sorted(drawn[:5]) == list(range(5))
    assert (len(order), len(drawn)) == (12, 12)
    assert list(order) == drawn
    order.epoch = 1
    assert list(order) != drawn


# ---- looks


def marked_face(side=64):
    """A dark chip with one light spot for each of a few landmarks, and the landmarks."""
    landmarks = torch.full((1, 478, 3), 0.5)
    chips = torch.zeros(1, side, side, 3, dtype=torch.uint8)
    spots = {33: (20, 24), 263: (44, 24), 152: (32, 50)}
    for index, (x, y) in spots.items():
        chips[0, y - 1 : y + 2, x - 1 : x + 2] = 255
        landmarks[0, index, :2] = (torch.tensor([x, y]) + 0.5) / side
    return chips, landmarks, list(spots)


@pytest.mark.parametrize("seed", range(6))
def test_picture_and_landmarks_move_together(seed):
    chips, landmarks, spots = marked_face()
    mirror = torch.from_numpy(Correspondence.load().mirror)
    generator = torch.Generator().manual_seed(seed)
    pixels, moved = looks.varied(chips, landmarks, 64, mirror, generator, replace(TINY, colour=0.0))
    for index in spots:
        x, y = (moved[0, index, :2] * 64).long().tolist()
        assert pixels[0, 0, y - 1 : y + 2, x - 1 : x + 2].max() > 0.6
    assert not torch.equal(moved, landmarks)


def test_the_plain_look_only_shrinks():
    chips, landmarks, _ = marked_face()
    pixels, same = looks.plain(chips, landmarks, 32)
    assert pixels.shape == (1, 3, 32, 32)
    assert same is landmarks
    assert float(pixels.mean()) == pytest.approx(float(chips.float().mean() / 255), abs=1e-3)


# ---- training


def test_the_result_says_what_it_depends_on_and_what_was_found(straight):
    out, result = straight
    assert sorted(file.name for file in out.iterdir()) == ["result.json", "tested.npz"]
    assert result.tested.probabilities.shape == (len(result.tested.subject), 8)
    assert result.epoch in (1, 2)
    assert result.validation_f1 == max(entry["validation_f1"] for entry in result.log)
    assert result.words["faces"] == 4
    chosen = max(result.log, key=lambda entry: entry["test_f1"])
    assert result.epoch_on_test == chosen["epoch"]


def test_a_finished_training_is_not_repeated(straight, disfa, monkeypatch):
    out, result = straight
    monkeypatch.setattr(Training, "learn", lambda *_: pytest.fail("it is finished"))
    again = training(disfa, out, select_on_test=True).run()
    assert np.allclose(again.tested.probabilities, result.tested.probabilities, atol=1e-3)
    with pytest.raises(DataError, match="differs in: select_on_test"):
        training(disfa, out).run()


def test_a_killed_training_goes_on_and_ends_the_same(straight, disfa, tmp_path, monkeypatch):
    """With one accelerator for it and another training before it, and a fresh one to go on."""
    real, shared = Training.choose, Accelerator()
    training(disfa, tmp_path / "before", "au-only", shared).run()

    def killed_in_the_second(self, model, epoch, losses):
        if epoch == 2:
            raise KeyboardInterrupt
        real(self, model, epoch, losses)

    monkeypatch.setattr(Training, "choose", killed_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        training(disfa, tmp_path / "killed", accelerator=shared, select_on_test=True).run()
    monkeypatch.setattr(Training, "choose", real)
    resumed = training(disfa, tmp_path / "killed", select_on_test=True).run()
    assert np.array_equal(resumed.tested.probabilities, straight[1].tested.probabilities)
    assert resumed.log == straight[1].log


@torch.no_grad()
def test_words_of_units_without_intensities_claim_none(bp4d, tmp_path):
    run = training(bp4d, tmp_path)
    model = run.new_model()
    raw = {name: torch.stack([run.division.test[0][name]]) for name in ("chips", "landmarks")}
    output = run.see(model.eval(), raw)
    assert float(output.intensity.max()) > 0.1
    assert float(run.unrated_hushed(output).intensity.max()) < 1e-6


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_row_of_the_ablation_learns(variant, disfa, tmp_path):
    run = training(disfa, tmp_path, variant)
    model = run.new_model()
    assert {name: getattr(model.config, name) for name in VARIANTS[variant]} == VARIANTS[variant]
    raw = {
        name: torch.stack([run.division.train[i][name] for i in range(4)]) for name in run.division.train[0]
    }
    loss = model(*run.batch(raw, 0, 0)).loss
    loss.backward()
    assert loss > 0
    assert model.writes == (variant not in ("au-only", "no-local-language", "no-global-language"))


def test_the_stem_starts_from_a_folder_with_an_image_classifier(disfa, tmp_path):
    network = training(disfa, tmp_path / "out").network()
    classifier = SwinForImageClassification(network.swin)
    classifier.save_pretrained(tmp_path / "swin")
    run = training(disfa, tmp_path / "out")
    run.config = replace(TINY, stem=str(tmp_path / "swin"))
    mine, theirs = run.new_model().stem.backbone.state_dict(), classifier.state_dict()
    shared = [name for name in mine if name in theirs]
    assert len(shared) > 20
    assert all(torch.equal(mine[name], theirs[name]) for name in shared)


def test_without_a_swin_it_is_said_what_to_give(disfa, tmp_path):
    run = training(disfa, tmp_path)
    run.config = replace(TINY, stem=str(tmp_path / "no-swin-here"))
    with pytest.raises(ModelError, match=r"could not be loaded.*Give a folder"):
        run.new_model()


def test_the_learning_rate_of_the_stem_is_its_own(disfa, tmp_path):
    run = training(disfa, tmp_path)
    run.config = replace(TINY, stem="some/swin")
    model = VLFAUModel(run.network())
    rates = {group["lr"] for group in run.groups(model)}
    assert rates == {TINY.learning_rate, TINY.stem_learning_rate}
    assert sum(p.numel() for g in run.groups(model) for p in g["params"]) == sum(
        p.numel() for p in model.parameters()
    )


# ---- the command


def test_the_command_writes_three_forms_of_one_report(disfa, bp4d, tmp_path, capsys):
    config = tmp_path / "tiny.json"
    config.write_text(json.dumps(TINY.plain() | {"epochs": 1}))
    command = ["--dataset", "disfa", "--data", str(disfa), "--other", str(bp4d), "--config", str(config)]
    options = ["--folds", "2", "--variants", "full", "au-only", "--out", str(tmp_path), "--note", "Noise."]
    assert reproduce.main([*command, *options, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [part["name"] for part in printed["parts"]] == ["bp4d-to-disfa", "disfa", "disfa-to-bp4d"]
    text = (tmp_path / "report.md").read_text()
    assert text.startswith("Noise.")
    assert "Learnt on all of DISFA, tested on all of BP4D" in text
    assert (tmp_path / "report.csv").read_text().startswith("part,variant,measure,action_unit,value\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "Neither --data nor --demo"),
        (["--data", "DISFA", "--dataset", "bp4d"], "has disfa, --dataset says bp4d"),
        (["--data", "DISFA", "--other", "DISFA"], "Both --data and --other hold disfa"),
        (["--data", "DISFA", "--config", "nowhere.json"], "The configuration cannot be read"),
    ],
)
def test_bad_input_is_said_plainly(options, said, disfa, tmp_path, capsys):
    options = [str(disfa) if each == "DISFA" else each for each in options]
    assert reproduce.main([*options, "--out", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("file", ["vlfau_swin_base.json", "vlfau_tiny_demo.json"])
def test_the_recipes_of_the_repository_fit_this_version(file):
    config = ReproduceConfig.load(reproduce.CONFIGS / file)
    assert config.batch > 1


def test_unknown_fields_of_a_recipe_are_named(tmp_path):
    (tmp_path / "recipe.json").write_text('{"epoch": 3}')
    with pytest.raises(DataError, match="has: epoch"):
        ReproduceConfig.load(tmp_path / "recipe.json")
    with pytest.raises(DataError, match="preset is unknown"):
        ReproduceConfig(preset="huge")
