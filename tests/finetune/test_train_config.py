"""A configuration is refused by name, and every field of it is documented."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from finetune.train_config import TrainConfig
from vlfau.errors import DataError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "file", sorted((ROOT / "finetune" / "configs").glob("finetune-*.json")), ids=lambda f: f.name
)
def test_the_published_configurations_load(file):
    assert TrainConfig.load(file).train_what in file.name


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"batch": 0}, "batch"),
        ({"batch": "8"}, "batch"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"train_what": "stem"}, "train_what"),
        ({"precision": "fp8"}, "precision"),
        ({"epoch": 3}, "epoch"),
    ],
)
def test_a_wrong_value_is_refused_by_name(tmp_path, values, named):
    file = tmp_path / "config.json"
    file.write_text(json.dumps(values))
    with pytest.raises(DataError, match=named):
        TrainConfig.load(file)


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        TrainConfig.load(tmp_path / "missing.json")


def test_every_field_is_documented():
    text = (ROOT / "docs" / "fine-tuning.md").read_text()
    assert not [field.name for field in fields(TrainConfig) if f"`{field.name}`" not in text]
