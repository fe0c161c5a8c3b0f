"""A checkpoint goes to the double of the Hub and comes back as it was, by name and by revision."""

import shutil

import pytest
import torch
from huggingface_hub import metadata_load

from vlfau.checkpoint import EMBEDDED, load_checkpoint, save_checkpoint
from vlfau.cli import main
from vlfau.config import VLFAUConfig
from vlfau.errors import ModelError
from vlfau.model import VLFAUModel
from vlfau.push import push
from vlfau.words import Words

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network of a few thousand parameters with the card and the report of the embedded checkpoint."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    words = Words.load(EMBEDDED)
    model = VLFAUModel(VLFAUConfig.test(vocab_size=len(words)))
    save_checkpoint(folder, model, words, (EMBEDDED / "README.md").read_text("utf-8"))
    shutil.copyfile(EMBEDDED / "metrics.json", folder / "metrics.json")
    return folder


def weights(checkpoint):
    return {name: value.clone() for name, value in checkpoint.model.state_dict().items()}


def test_what_was_pushed_is_loaded_again_by_name_tag_and_commit(hub, folder):
    pushed = push("org/model", folder, tag="v1")
    wanted = weights(load_checkpoint(folder))
    for revision in (None, "v1", pushed.revision):
        loaded = load_checkpoint("org/model", revision)
        assert all(torch.equal(value, wanted[name]) for name, value in weights(loaded).items())
        assert len(loaded.words) == len(Words.load(folder))
    assert hub.repository("model", "org/model").private


def test_an_older_revision_stays_what_it_was(hub, folder, tmp_path):
    first = push("org/model", folder)
    other = shutil.copytree(folder, tmp_path / "other")
    model = load_checkpoint(folder).model
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(2)
    save_checkpoint(other, model, Words.load(folder), (folder / "README.md").read_text("utf-8"))
    push("org/model", other)
    name = next(name for name, value in model.named_parameters() if value.any())
    old, new = (weights(load_checkpoint("org/model", revision))[name] for revision in (first.revision, None))
    assert torch.allclose(old * 2, new, rtol=1e-2)
    assert not torch.equal(old, new)


def test_the_network_alone_comes_from_the_hub_too(hub, folder):
    push("org/model", folder, tag="v1")
    model = VLFAUModel.from_pretrained("org/model", revision="v1")
    assert model.config.au_numbers == load_checkpoint(folder).config.au_numbers


def test_the_card_on_the_hub_has_licence_figures_and_groups(hub, folder, tmp_path):
    push("org/model", folder)
    card = tmp_path / "card.md"
    card.write_bytes(hub.repository("model", "org/model").files["README.md"])
    head = metadata_load(card)
    (results,) = head["model-index"]
    measured = {metric["type"]: metric["value"] for one in results["results"] for metric in one["metrics"]}
    assert (head["license"], measured["roc_auc"]) == ("apache-2.0", 0.9918)
    for told in ("CC BY 4.0", "### Groups of people", "## What it cannot do", "Not for"):
        assert told in card.read_text("utf-8")


def test_a_card_that_tells_too_little_is_refused_before_anything_is_sent(hub, folder, tmp_path):
    silent = shutil.copytree(folder, tmp_path / "silent")
    (silent / "README.md").write_text("# A model\n\n## Data\n\nPhotos.\n", "utf-8")
    with pytest.raises(ModelError, match="groups of people"):
        push("org/model", silent)
    assert hub.requests == []


def test_when_the_hub_fails_the_message_says_so_and_a_second_try_works(hub, folder, capsys):
    hub.fail("POST .*/commit/", status=500)
    assert main(["push", "org/model", "--folder", str(folder)]) == 2
    assert "not on the Hub" in capsys.readouterr().err
    assert main(["push", "org/model", "--folder", str(folder), "--public"]) == 0
    assert "org/model at " in capsys.readouterr().out
    assert load_checkpoint("org/model").config.model_version
