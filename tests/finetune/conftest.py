"""What the tests of fine-tuning share: a store of corrections, a tiny base and a tiny replay pack, made once."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from db.store import Store
from finetune.train_config import TrainConfig
from tests.finetune import training_lab


@pytest.fixture(scope="session")
def bench(tmp_path_factory) -> Path:
    """A folder with `store`, `base` and `replay.parquet`; not to be changed."""
    folder = tmp_path_factory.mktemp("fine-tuning")
    training_lab.fill(folder / "store")
    training_lab.write_base(folder / "base")
    training_lab.write_replay(folder / "replay.parquet")
    return folder


@pytest.fixture
def store_folder(bench, tmp_path) -> Path:
    """A copy of the store that a test may change."""
    return Path(shutil.copytree(bench / "store", tmp_path / "store"))


@pytest.fixture
def store(store_folder) -> Iterator[Store]:
    """That copy, open."""
    with closing(Store(folder=store_folder)) as opened:
        yield opened


@pytest.fixture
def config(bench, store_folder) -> TrainConfig:
    """A run of a few steps on that copy."""
    return training_lab.tiny(store_folder, bench / "base", bench / "replay.parquet")
