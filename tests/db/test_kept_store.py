"""An app's store comes back on an empty disk, and never begins anew beside a lost one."""

import shutil
from contextlib import closing

import pytest

from db.check import check
from db.errors import StoreError
from db.event_log import last_event
from db.events import state_now
from db.kept_store import BackupSettings, open_kept, settings_from_environment
from db.projects import ProjectSettings, add_project
from db.roles import OPERATOR

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
HUB = BackupSettings("hf://datasets/org/backup", minutes=60)


@pytest.fixture(autouse=True)
def no_other_database(monkeypatch):
    monkeypatch.delenv("VLFAU_DATABASE_URL", raising=False)


def worked(settings, folder, name):
    """Open it as an app does, add a project, and end in good order; what was in it then."""
    with closing(open_kept(settings, folder)) as store:
        add_project(store, OPERATOR, ProjectSettings(name))
        if store.keeper is not None:
            store.keeper.stop()
            assert store.keeper.standing.error is None
            assert store.keeper.standing.saved == last_event(store)
        return state_now(store, OPERATOR)


def test_without_settings_it_is_a_plain_store(tmp_path):
    worked(None, tmp_path / "data", "one")
    assert not (tmp_path / "data" / "backup.json").exists()


def test_a_lost_disk_comes_back_again_and_again(tmp_path, hub):
    for number in range(3):
        before = worked(HUB, tmp_path / "data", f"project {number}")
        shutil.rmtree(tmp_path / "data")
    with closing(open_kept(HUB, tmp_path / "data")) as store:
        store.keeper.stop()
        assert state_now(store, OPERATOR) == before
        assert len(before["project"]) == 3
        assert check(store, deep=True) == []


def test_a_disk_that_stayed_goes_on(tmp_path, hub):
    worked(HUB, tmp_path / "data", "one")
    assert len(worked(HUB, tmp_path / "data", "two")["project"]) == 2


def test_an_empty_disk_and_no_answer_is_no_new_store(tmp_path, hub):
    worked(HUB, tmp_path / "data", "one")
    shutil.rmtree(tmp_path / "data")
    hub.stop()
    with pytest.raises(StoreError, match="does not take or give it"):
        open_kept(HUB, tmp_path / "data")
    assert not (tmp_path / "data" / "vlfau.db").exists()


def test_a_disk_that_stayed_and_no_answer_is_a_store_and_an_error(tmp_path, hub):
    worked(HUB, tmp_path / "data", "one")
    hub.stop()
    with closing(open_kept(HUB, tmp_path / "data")) as store:
        store.keeper.stop()
        assert "does not take or give it" in store.keeper.standing.error


@pytest.mark.parametrize(
    ("environment", "settings"),
    [
        ({}, None),
        ({"VLFAU_BACKUP": "/b"}, BackupSettings("/b")),
        (
            {"VLFAU_BACKUP": "/b", "VLFAU_BACKUP_MINUTES": "2.5", "VLFAU_BACKUP_SYNC": "1"},
            BackupSettings("/b", 2.5, True),
        ),
        ({"VLFAU_BACKUP": "/b", "VLFAU_BACKUP_SYNC": "0"}, BackupSettings("/b")),
    ],
)
def test_settings(monkeypatch, environment, settings):
    for name in ("VLFAU_BACKUP", "VLFAU_BACKUP_MINUTES", "VLFAU_BACKUP_SYNC"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert settings_from_environment() == settings


@pytest.mark.parametrize("minutes", ["soon", "0", "-1", "nan", "100000"])
def test_minutes_that_are_none(monkeypatch, minutes):
    monkeypatch.setenv("VLFAU_BACKUP", "/b")
    monkeypatch.setenv("VLFAU_BACKUP_MINUTES", minutes)
    with pytest.raises(StoreError, match="how often"):
        settings_from_environment()


@pytest.mark.parametrize("place", ["hf://org/model", "hf://datasets/one", "hf://datasets/a/b/c"])
def test_places_that_are_none(tmp_path, place):
    with pytest.raises(StoreError, match="no place for backups"):
        open_kept(BackupSettings(place), tmp_path / "data")
