"""The network's shapes, ranges, ablations and words, on a configuration of a few thousand parameters."""

import pytest
import torch

from vlfau.action_units import AU_NUMBERS
from vlfau.checkpoint import load_checkpoint, save_checkpoint
from vlfau.config import VLFAUConfig
from vlfau.errors import ModelError
from vlfau.language import PAD
from vlfau.model import Targets, VLFAUModel
from vlfau.words import Words, rule_corpus

UNITS = len(AU_NUMBERS)


def tiny(**overrides) -> VLFAUModel:
    torch.manual_seed(0)
    return VLFAUModel(VLFAUConfig.test(**overrides)).eval()


def faces(count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(count, 3, 32, 32, generator=generator), torch.rand(count, 478, 3, generator=generator)


def labels(count: int = 2, length: int = 5) -> Targets:
    generator = torch.Generator().manual_seed(2)
    intensity = torch.rand(count, UNITS, generator=generator) * 5
    ids = torch.randint(3, 300, (count, 4, length), generator=generator)
    return Targets(
        (intensity > 2).float(), intensity, torch.arange(4).expand(count, 4), ids, ids[:, 0].clone()
    )


def test_shapes_and_ranges():
    model = tiny()
    output = model(*faces())
    assert output.logits.shape == output.intensity.shape == (2, UNITS)
    assert output.evidence.shape == (2, UNITS, 8, 8)
    assert torch.allclose(output.evidence.sum(dim=(2, 3)), torch.ones(2, UNITS))
    assert output.intensity.min() >= 0
    assert output.intensity.max() <= 5
    assert sum(p.numel() for p in model.parameters()) < 60_000


def test_levels_never_rise_with_the_letter():
    model = tiny()
    torch.nn.init.normal_(model.cut_steps)
    assert (model.levels(torch.randn(3, UNITS)).diff(dim=-1) <= 0).all()


def test_a_face_alone_and_in_a_batch_give_the_same():
    model, (pixels, landmarks) = tiny(), faces(3)
    together, alone = model(pixels, landmarks), model(pixels[1:2], landmarks[1:2])
    assert torch.allclose(together.logits[1], alone.logits[0], atol=1e-5)


def test_fusion_is_late_so_either_branch_works_alone():
    model, (pixels, landmarks) = tiny(), faces()
    both, image = model(pixels, landmarks), model(pixels)
    assert set(both.branches) == {"image", "geometry", "texture"}
    assert set(image.branches) == {"image", "texture"}
    logits = {name: branch.logits for name, branch in both.branches.items()}
    expected = 0.2 * logits["image"] + 0.4 * logits["geometry"] + 0.4 * logits["texture"]
    assert torch.allclose(both.logits, expected, atol=1e-4)
    logits = {name: branch.logits for name, branch in image.branches.items()}
    expected = (logits["image"] + 2 * logits["texture"]) / 3
    assert torch.allclose(image.logits, expected, atol=1e-4)


@pytest.mark.parametrize(
    "ablation",
    [
        {"multi_scale": False},
        {"channel_attention": False},
        {"spatial_attention": False},
        {"local_language": False},
        {"global_language": False},
        {"local_language": False, "global_language": False},
        {"geometry_tokens": 0, "geometry_weight": 0.0},
        {"texture_tokens": 0, "texture_weight": 0.0},
        {"texture_tokens": 0, "texture_weight": 0.0, "gradient_grid": 0},
    ],
)
def test_every_ablation_trains(ablation):
    model = tiny(**ablation)
    output = model(*faces(), labels())
    output.loss.backward()
    assert torch.isfinite(output.loss)
    assert ("local" in output.losses) is model.config.local_language
    assert ("global" in output.losses) is model.config.global_language


def test_without_spatial_attention_the_evidence_is_even():
    evidence = tiny(spatial_attention=False)(*faces()).evidence
    assert torch.allclose(evidence, torch.full_like(evidence, 1 / 64))


def test_units_are_refined_independently():
    """Changing one unit's weights changes no other unit: the branches share the stem and nothing else."""
    model, (pixels, _) = tiny(), faces()
    before = model(pixels).logits
    with torch.no_grad():
        for _name, parameter in model.refine.named_parameters():
            if parameter.shape[0] == UNITS:
                parameter[3] += 1.0
    changed = (model(pixels).logits - before).abs().amax(dim=0) > 1e-6
    assert changed.nonzero().flatten().tolist() == [3]


def test_one_batch_can_be_overfitted():
    model = tiny().train()
    torch.manual_seed(0)
    inputs, targets = faces(4), labels(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    first = model(*inputs, targets).loss.item()
    for _ in range(120):
        loss = model(*inputs, targets).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.4 * first


def test_decisions_follow_calibration_and_thresholds():
    model = tiny()
    output = model(*faces())
    model.set_calibration([2.0] * UNITS, [0.5] * UNITS, [0.9] * UNITS)
    expected = torch.sigmoid(2 * output.logits + 0.5)
    assert torch.allclose(model.probabilities(output), expected)
    assert torch.equal(model.decisions(output), expected >= 0.9)


def test_words_are_the_same_alone_and_in_a_batch():
    model, (pixels, landmarks) = tiny(), faces(3)
    with torch.inference_mode():
        together = model.write(model(pixels, landmarks))
        alone = model.write(model(pixels[2:], landmarks[2:]))
    assert together.shape[:2] == (3, UNITS + 1)
    length = min(together.shape[2], alone.shape[2])
    assert torch.equal(together[2, :, :length], alone[0, :, :length])


def test_cached_decoding_equals_decoding_from_scratch():
    model = tiny().eval()
    torch.manual_seed(3)
    memory, subjects = torch.randn(4, 3, 8), torch.arange(4)
    memories = model.decoder.memories(memory)
    ids = model.decoder.write(subjects, memories, max_tokens=6)
    begin = torch.ones_like(ids[:, :1])
    greedy = model.decoder(torch.cat([begin, ids[:, :-1]], dim=1), subjects, memories).argmax(dim=-1)
    written = ids != PAD
    assert torch.equal(greedy[written], ids[written])


def test_a_saved_checkpoint_predicts_the_same(tmp_path):
    words = Words.learn(rule_corpus(200), 300)
    model = tiny(vocab_size=len(words))
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()  # what half precision keeps
    model.set_calibration([1.5] * UNITS, [0.1] * UNITS, [0.4] * UNITS)
    save_checkpoint(tmp_path, model, words, "# card\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    loaded = load_checkpoint(tmp_path)
    assert torch.allclose(loaded.model(*faces()).logits, model(*faces()).logits)
    assert torch.equal(loaded.model.thresholds, model.thresholds)
    assert loaded.card == "# card\n"


def test_another_order_of_action_units_is_refused(tmp_path):
    words = Words.learn(rule_corpus(200), 300)
    save_checkpoint(tmp_path, tiny(vocab_size=len(words), au_numbers=AU_NUMBERS[::-1]), words, "")
    with pytest.raises(ModelError, match="do not fit this version"):
        load_checkpoint(tmp_path)


def test_weights_of_another_size_are_refused(tmp_path):
    words = Words.learn(rule_corpus(200), 300)
    save_checkpoint(tmp_path, tiny(vocab_size=len(words)), words, "")
    VLFAUConfig.test(vocab_size=len(words), width=16).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"do not fit|could not be read"):
        load_checkpoint(tmp_path)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(tmp_path)


def test_a_pretrained_swin_becomes_the_stem(tmp_path):
    torch.manual_seed(5)
    donor = tiny()
    donor.stem.backbone.save_pretrained(tmp_path)
    model = VLFAUModel.with_pretrained_stem(VLFAUConfig.test(), str(tmp_path))
    for ours, theirs in zip(model.stem.backbone.parameters(), donor.stem.backbone.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(ModelError, match="does not fit"):
        VLFAUModel.with_pretrained_stem(VLFAUConfig.test(embed_dim=8), str(tmp_path))
    with pytest.raises(ModelError, match="could not be loaded"):
        VLFAUModel.with_pretrained_stem(VLFAUConfig.test(), str(tmp_path / "none"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"thresholds": [0.5]},
        {"thresholds": [1.0] * UNITS},
        {"geometry_weight": 2.0},
        {"texture_weight": 0.8},
        {"chip_size_px": 33},
    ],
)
def test_bad_configurations_are_refused_by_name(wrong):
    with pytest.raises(ModelError, match=next(iter(wrong))):
        VLFAUConfig.test(**wrong)
