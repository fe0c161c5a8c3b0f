"""What is stored lies at the place of the backups too, a folder or the Hub, and a lost store comes back from there."""

import random
import shutil
import sqlite3
from contextlib import closing

import pytest

from db.check import check
from db.errors import Conflict, StoreBusy, StoreError
from db.event_log import last_event
from db.events import state_now
from db.generations import generations
from db.keeper import Keeper
from db.model_files import DamagedVersion
from db.passwords import sign_in, sign_up
from db.people import forget
from db.registry import add_version, alias_version, begin, checked_folder, promote, roll_back
from db.registry_tables import Alias
from db.remote import FolderRemote, HubRemote, open_remote
from db.restoring import join, restore_from
from db.roles import OPERATOR
from db.saving import STATE, save
from db.store import Store

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def store(empty_sqlite, tmp_path, clock):
    """These backups are of SQLite."""
    shutil.copy(empty_sqlite, tmp_path / "vlfau.db")
    with closing(Store(folder=tmp_path, clock=clock, rng=random.Random(0))) as opened:
        yield opened


@pytest.fixture(params=["folder", "hub"])
def remote(request, tmp_path):
    if request.param == "folder":
        return open_remote(str(tmp_path / "bucket"))
    request.getfixturevalue("hub")
    return open_remote("hf://datasets/org/backup")


@pytest.fixture
def folder(tmp_path):
    return FolderRemote(str(tmp_path / "bucket"))


@pytest.fixture
def filled(lab):
    for seed in range(4):
        lab.add(seed)
    lab.answer(lab.person("ann"), AU12="present")
    return lab


def back(remote, folder):
    """A store restored into a new folder."""
    restored = restore_from(remote, f"sqlite:///{folder / 'vlfau.db'}")
    return restored, closing(Store(folder=folder, rng=random.Random(1)))


def same(store, other):
    assert state_now(store, OPERATOR) == state_now(other, OPERATOR)
    assert check(other, deep=True) == []


class TestSaving:
    def test_a_snapshot_then_the_log_then_a_store_as_it_was(self, filled, remote, tmp_path):
        store = filled.store
        assert save(store, remote).began
        ben = filled.person("ben")
        filled.answer(ben, AU4="absent")
        filled.add(7)
        saved = save(store, remote)
        assert (saved.began, saved.last) == (False, last_event(store))
        assert save(store, remote).events == 0
        restored, opened = back(remote, tmp_path / "new")
        with opened as other:
            same(store, other)
        assert (restored.images, restored.missing, restored.branched) == (5, (), 0)
        assert restored.events == saved.events > 0

    def test_nothing_there(self, remote, tmp_path):
        assert restore_from(remote, folder=tmp_path / "new") is None

    def test_a_store_is_never_written_over(self, filled, folder, tmp_path):
        save(filled.store, folder)
        with pytest.raises(Conflict, match="already"):
            restore_from(folder, folder=tmp_path)

    def test_passwords_come_back_though_events_do_not_tell_of_them(self, filled, folder, tmp_path):
        save(filled.store, folder)
        sign_up(filled.store, "eve", "a very long password")
        save(filled.store, folder)
        with back(folder, tmp_path / "new")[1] as other:
            assert sign_in(other, "eve", "a very long password")

    def test_what_is_sent_twice_is_there_once(self, filled, remote, tmp_path):
        """As after a crash between sending and noting it."""
        save(filled.store, remote)
        before = (tmp_path / STATE).read_bytes()
        filled.answer(filled.person("ben"), AU4="absent")
        save(filled.store, remote)
        (tmp_path / STATE).write_bytes(before)
        save(filled.store, remote)
        assert len(generations(remote)[-1].parts) == 2
        with back(remote, tmp_path / "new")[1] as other:
            same(filled.store, other)

    def test_a_generation_a_day(self, filled, folder, clock):
        for _ in range(4):
            assert save(filled.store, folder).began
            assert not save(filled.store, folder).began
            clock.tick(25 * 60)
            assert not save(filled.store, folder).began  # nothing happened
            filled.add(random.Random(clock().timestamp()).randrange(9, 10**6))
        assert [one.number for one in generations(folder)] == [3, 4]

    def test_a_damaged_snapshot_is_passed_over(self, filled, folder, clock, tmp_path):
        save(filled.store, folder)
        filled.add(5)
        clock.tick(25 * 60)
        save(filled.store, folder)
        filled.add(6)
        save(filled.store, folder)
        newest = generations(folder)[-1]
        (tmp_path / "bucket" / newest.snapshot).write_bytes(b"\x1f\x8bnot whole")
        restored, opened = back(folder, tmp_path / "new")
        assert restored.skipped == (newest.name,)
        with opened as other:
            same(filled.store, other)

    def test_a_missing_part_is_told_and_not_passed_over(self, filled, folder, tmp_path):
        save(filled.store, folder)
        for seed in (5, 6):
            filled.add(seed)
            save(filled.store, folder)
        folder.erase([generations(folder)[-1].parts[0][2]])
        with pytest.raises(StoreError, match="gap"):
            restore_from(folder, folder=tmp_path / "new")
        assert not (tmp_path / "new" / "vlfau.db").exists()

    def test_a_cut_part_is_told(self, filled, folder, tmp_path):
        save(filled.store, folder)
        filled.add(5)
        save(filled.store, folder)
        path = tmp_path / "bucket" / generations(folder)[-1].parts[0][2]
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(StoreError, match="cannot be read"):
            restore_from(folder, folder=tmp_path / "new")

    def test_a_missing_photo_is_named(self, filled, folder, tmp_path):
        save(filled.store, folder)
        (first, *_) = folder.names("images")
        folder.erase([first])
        restored, opened = back(folder, tmp_path / "new")
        opened.thing.close()
        assert (restored.images, len(restored.missing)) == (3, 1)

    def test_backups_of_another_database_are_not_mixed(self, filled, folder, tmp_path):
        save(filled.store, folder)
        (tmp_path / STATE).unlink()
        with pytest.raises(Conflict, match="another database"):
            save(filled.store, folder)
        assert save(filled.store, folder, take_over=True).began

    def test_a_public_repository_is_refused(self, hub):
        from huggingface_hub import HfApi

        HfApi().create_repo("org/open", repo_type="dataset", private=False)
        with pytest.raises(StoreError, match="public"):
            HubRemote("hf://datasets/org/open")


class TestModels:
    @pytest.fixture
    def promoted(self, filled, checkpoint_folder):
        """Promotes another version each time it is called; begins with the one that comes with the program."""
        begin(filled.store, OPERATOR, checkpoint_folder("small-1"))

        def promote_next(name):
            version = add_version(filled.store, OPERATOR, checkpoint_folder(name, name.encode()))
            promote(filled.store, OPERATOR, name, "tried by hand", force=True)
            return version

        return promote_next

    def test_what_serves_comes_back_byte_for_byte(self, filled, remote, promoted, tmp_path):
        save(filled.store, remote)
        version = promoted("small-2")
        save(filled.store, remote)
        restored, opened = back(remote, tmp_path / "new")
        with opened as other:
            assert alias_version(other, OPERATOR, Alias.PRODUCTION).name == "small-2"
            assert checked_folder(other, version).parent == tmp_path / "new" / "models"
            roll_back(other, OPERATOR, "as before")
            assert checked_folder(other, alias_version(other, OPERATOR, Alias.PRODUCTION)).is_dir()
        assert restored.missing_models == ()

    def test_a_round_asks_the_place_only_when_production_moved(self, filled, folder, promoted, monkeypatch):
        promoted("small-2")
        save(filled.store, folder)
        before = files_of_models(folder)
        asked = []
        monkeypatch.setattr(
            folder, "names", lambda below: asked.append(below) or FolderRemote.names(folder, below)
        )
        filled.answer(filled.person("ben"), AU4="absent")
        save(filled.store, folder)
        assert "models" not in asked
        assert files_of_models(folder) == before

    def test_the_last_three_are_kept(self, filled, folder, promoted):
        kept = [promoted(f"small-{number}").sha256 for number in range(2, 6)]
        save(filled.store, folder)
        assert {name.split("/")[1] for name in files_of_models(folder)} == set(kept[1:])
        kept.append(promoted("small-6").sha256)
        save(filled.store, folder)
        assert {name.split("/")[1] for name in files_of_models(folder)} == set(kept[2:])

    def test_a_version_that_is_not_whole_is_named_and_the_rest_comes_back(
        self, filled, folder, promoted, tmp_path
    ):
        version = promoted("small-2")
        save(filled.store, folder)
        (tmp_path / "bucket" / "models" / version.sha256 / "config.json").write_text("{}")
        restored, opened = back(folder, tmp_path / "new")
        with opened as other:
            same(filled.store, other)
            with pytest.raises(DamagedVersion, match="is missing"):
                checked_folder(other, version)
        assert restored.missing_models == (version.sha256,)

    def test_answers_are_safe_though_there_is_no_room_for_a_version(
        self, filled, folder, promoted, monkeypatch, tmp_path
    ):
        promoted("small-2")
        put = folder.put

        def no_room(files):
            if any(name.startswith("models/") for name in files):
                raise StoreError("No room.")
            put(files)

        monkeypatch.setattr(folder, "put", no_room)
        keeper = Keeper(filled.store, "place", sync=True, opened=lambda _: folder)
        assert keeper.round().unsent == keeper.standing.error == "No room."
        assert keeper.standing.saved == last_event(filled.store)
        restored, opened = back(folder, tmp_path / "new")
        with opened as other:
            same(filled.store, other)
        assert len(restored.missing_models) == 2


def files_of_models(remote):
    return remote.names("models")


class TestTakingOver:
    def test_the_one_before_writes_no_more_and_what_it_saved_late_is_taken_in(
        self, filled, remote, tmp_path, clock
    ):
        save(filled.store, remote)
        ann = filled.person("ben")
        save(filled.store, remote)
        _, opened = back(remote, tmp_path / "new")
        with opened as other:
            filled.answer(ann, AU4="absent")
            filled.add(8)
            assert not save(filled.store, remote).superseded  # it saved in time
            assert save(other, remote).began
            assert join(other, remote) > 0
            same(filled.store, other)
            old = Keeper(filled.store, remote.place)
            filled.store.keeper = old
            old.round()
            assert "taken over" in old.standing.error
            with pytest.raises(StoreBusy, match="taken over"):
                filled.answer(ann, AU4="absent")
            filled.store.keeper = None
            assert save(other, remote).branched == 0
        with back(remote, tmp_path / "third")[1] as third:
            same(filled.store, third)

    def test_what_comes_too_late_is_a_branch_and_is_counted(self, filled, folder, tmp_path):
        save(filled.store, folder)
        _, opened = back(folder, tmp_path / "new")
        with opened as other:
            save(other, folder)
            before = last_event(filled.store)
            filled.add(8)
            late = save(filled.store, folder)
            assert late.superseded
            assert join(other, folder) == last_event(filled.store) - before


class TestForgetting:
    def test_nobody_finds_the_person_at_the_place_any_more(self, filled, remote, tmp_path, hub):
        store = filled.store
        filled.add(50, code="gone", consent="annotate")
        sha256 = (
            sqlite3.connect(tmp_path / "vlfau.db")
            .execute("SELECT sha256 FROM image ORDER BY id DESC LIMIT 1")
            .fetchone()[0]
        )
        save(store, remote)
        filled.person("ben")
        save(store, remote)
        assert any(sha256 in name for name in remote.names("images"))
        forget(store, OPERATOR, "gone")
        assert save(store, remote).began
        assert not any(sha256 in name for name in remote.names("images"))
        assert len(generations(remote)) == 1
        if isinstance(remote, HubRemote):
            repository = hub.repository("dataset", "org/backup")
            assert len(repository.commits) == 1
            assert store.images.folder.exists()
            named = {blob.sha256 for blob in repository.commits[-1].files.values()}
            assert set(hub.hub.objects) <= named
        with back(remote, tmp_path / "new")[1] as other:
            same(store, other)

    def test_an_erasure_that_broke_off_is_ended_later(self, filled, monkeypatch, tmp_path, hub):
        remote = open_remote("hf://datasets/org/backup")
        filled.add(50, code="gone")
        save(filled.store, remote)
        forget(filled.store, OPERATOR, "gone")
        hub.fail("POST .*super-squash", status=500, times=1)
        with pytest.raises(StoreError):
            save(filled.store, remote)
        save(filled.store, remote)
        assert len(hub.repository("dataset", "org/backup").commits) == 1


class TestKeeper:
    def test_sync_waits_until_the_place_has_it(self, filled, folder, tmp_path):
        keeper = Keeper(filled.store, folder.place, sync=True)
        keeper.start()
        filled.answer(filled.person("ben"), AU4="absent")
        assert keeper.standing.saved == last_event(filled.store)
        keeper.stop()

    def test_sync_acknowledges_nothing_that_the_place_does_not_have(self, filled, hub, monkeypatch):
        keeper = Keeper(filled.store, "hf://datasets/org/backup", sync=True)
        keeper.start()
        ben = filled.person("ben")
        task = filled.next(ben)
        hub.stop()
        monkeypatch.setattr("db.keeper.SYNC_SECONDS", 0.5)
        with pytest.raises(StoreError, match="not confirmed"):
            filled.add(9)
        hub.start()
        monkeypatch.setattr("db.keeper.SYNC_SECONDS", 30)
        assert filled.next(ben).lease_id == task.lease_id
        assert keeper.standing.error is None
        keeper.stop()

    def test_an_error_is_told_and_goes_away(self, filled, hub, clock):
        keeper = Keeper(filled.store, "hf://datasets/org/backup")
        hub.stop()
        assert keeper.round() is None
        assert "does not take" in keeper.standing.error
        hub.start()
        clock.tick(5)
        keeper.round()
        assert (keeper.standing.error, keeper.standing.saved_at) == (None, clock())

    def test_the_last_round_is_at_the_end(self, filled, folder, tmp_path):
        keeper = Keeper(filled.store, folder.place, minutes=60)
        keeper.start()
        filled.person("ben")
        keeper.stop()
        assert keeper.standing.saved == last_event(filled.store)
        with back(folder, tmp_path / "new")[1] as other:
            same(filled.store, other)
