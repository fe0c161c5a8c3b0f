"""Every configuration refuses, by name and in the same words, what it cannot be read from."""

import json

import pytest

from finetune.pretrain_config import PretrainConfig
from finetune.reproduction.config import ReproduceConfig
from finetune.train_config import TrainConfig
from vlfau.errors import DataError


@pytest.mark.parametrize("kind", [TrainConfig, ReproduceConfig, PretrainConfig])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"cannot be read\. .*given\.json gave: .* such as .*\.json\."),
        ("[1]", r"does not fit this version\. .*given\.json has: no JSON object\. Known are: .*batch, "),
        ('{"epoch": 3, "bach": 1}', r"given\.json has: bach, epoch\. Known are: "),
        ('{"batch": "8"}', r"batch has the wrong type\. Found '8' in .*given\.json\. Give a whole number\."),
        ('{"batch": 8.5}', r"batch has the wrong type"),
        ('{"epochs": true}', r"epochs has the wrong type"),
        ('{"learning_rate": null}', r"learning_rate has the wrong type\. Found None .* Give a number\."),
    ],
)
def test_what_does_not_fit_is_named(kind, text, said, tmp_path):
    (tmp_path / "given.json").write_text(text)
    with pytest.raises(DataError, match=said):
        kind.load(tmp_path / "given.json")


def test_a_whole_number_is_a_number_and_null_stands_where_it_may(tmp_path):
    given = {"gradient_clip": 1, "faces_per_epoch": None, "overrides": {"depth": 2}}
    (tmp_path / "given.json").write_text(json.dumps(given))
    assert PretrainConfig.load(tmp_path / "given.json") == PretrainConfig(**given)
