"""A network of a few thousand parameters with the real face finder, for tests of the whole way."""

import pytest

from vlfau.checkpoint import load_checkpoint, save_checkpoint
from vlfau.config import VLFAUConfig
from vlfau.finder import MediaPipeFinder
from vlfau.model import VLFAUModel
from vlfau.predictor import Predictor
from vlfau.words import Words


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """Folder of a checkpoint whose network has learned nothing."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    words = Words.learn(["The brows are level and apart."], size=300)
    config = VLFAUConfig.test(vocab_size=len(words), max_text_tokens=4)
    save_checkpoint(folder, VLFAUModel(config), words, card="")
    return folder


@pytest.fixture(scope="session")
def tiny_predictor(tiny_checkpoint):
    return Predictor(load_checkpoint(tiny_checkpoint), MediaPipeFinder())
