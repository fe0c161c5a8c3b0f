"""Tests of the command that moves production: what it needs, what it refuses, and what it leaves written down."""

import pytest

from db import registry
from db.annotators import set_role, sign_in
from db.registry_tables import Alias
from db.roles import OPERATOR, Role
from db.store import Store
from finetune import promote
from finetune.promote import main
from tests.finetune.training_lab import write_base
from vlfau.config import VLFAUConfig


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(promote, "EMBEDDED", write_base(tmp_path / "embedded"))
    opened = Store.open(folder=tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def second(tmp_path):
    """The folder of another version."""
    folder = write_base(tmp_path / "v2")
    config = VLFAUConfig.from_pretrained(folder)
    config.model_version = "v2"
    config.save_pretrained(folder)
    return folder


def run(store, *options):
    return main([*map(str, options), "--store", str(store.folder)])


def production(store):
    found = registry.alias_version(store, OPERATOR, Alias.PRODUCTION)
    return found and found.name


def test_from_a_folder_to_production_and_back(store, second, capsys):
    assert run(store, "--add", second) == 0
    champion = registry.begin(store, OPERATOR, promote.EMBEDDED)
    candidate = registry.version_named(store, OPERATOR, "v2")
    registry.add_comparison(store, OPERATOR, candidate, champion, True, {"rules": []})
    assert run(store, "v2", "--reason", "It reads AU14 better.") == 0
    assert production(store) == "v2"
    assert run(store, "--roll-back") == 0
    assert production(store) == "base-0"
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "v2 is registered. Now: python -m finetune.gate --candidate v2 --record"
    assert said[1:] == ["v2 is in production.", "base-0 is in production again."]


def test_what_was_not_compared_is_refused(store, second, capsys):
    run(store, "--add", second)
    assert run(store, "v2") == 1
    assert "never compared" in capsys.readouterr().err
    assert production(store) == "base-0"


@pytest.mark.parametrize(("role", "moved"), [(Role.ADMIN, True), (Role.REVIEWER, False)])
def test_force_needs_an_admin_by_name(store, second, role, moved, capsys):
    run(store, "--add", second)
    sign_in(store, "ada")
    set_role(store, OPERATOR, "ada", role)
    assert run(store, "v2", "--force", "--as", "ada", "--reason", "The old one fails on masks.") == (
        0 if moved else 1
    )
    assert (production(store) == "v2") is moved
    last = registry.moves(store, OPERATOR, Alias.PRODUCTION)[0]
    assert (last.forced, last.by is not None) == (moved, moved)


@pytest.mark.parametrize(
    "options", [[], ["v2", "--roll-back"], ["v2", "--force"], ["v2", "--force", "--as", "ada"]]
)
def test_half_a_command_is_not_understood(store, options):
    with pytest.raises(SystemExit) as ended:
        run(store, *options)
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["v9"], "no such version"),
        (["--roll-back"], "nothing to go back to"),
        (["v9", "--as", "eve"], "called 'eve'"),
    ],
)
def test_what_is_not_there(store, options, said, capsys):
    assert run(store, *options) == 1
    assert said in capsys.readouterr().err


def test_a_repository_that_cannot_be_reached(store, monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(store, "--add", "nobody/nothing--at--all") == 1
    assert "is no folder here" in capsys.readouterr().err
    assert registry.versions(store, OPERATOR) == []
