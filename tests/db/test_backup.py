"""Tests of backup, restore and check, while others write and after things broke."""

import multiprocessing
import shutil
import sqlite3
import time
from contextlib import closing

import pytest
from sqlalchemy import text

from db.annotators import sign_in
from db.backup import backup, restore
from db.check import check, remove_orphans
from db.errors import Conflict, StoreError
from db.events import state_now
from db.projects import ProjectSettings, add_project
from db.queue import next_item
from db.responses import submit
from db.roles import OPERATOR
from db.rows import TABLES
from db.store import Store
from tests.db.laboratory import Lab, maps, marks, photo

WRITERS = 20


@pytest.fixture
def filled(lab):
    for seed in range(3):
        lab.add(seed, evidence=maps(seed))
    lab.answer(lab.person("ann"))
    return lab


def kinds(store, deep=False):
    return {problem.kind for problem in check(store, deep)}


class TestBackup:
    def test_the_same_store_comes_back(self, filled, tmp_path):
        report = backup(filled.store, tmp_path / "backup.tar")
        assert (report.images, report.missing) == (3, ())
        url = f"sqlite:///{tmp_path / 'new' / 'vlfau.db'}"
        assert restore(tmp_path / "backup.tar", url) == 3
        with closing(Store(url)) as restored:
            assert state_now(restored, OPERATOR) == state_now(filled.store, OPERATOR)
            assert check(restored, deep=True) == []

    @pytest.mark.parametrize("store", ["sqlite"], indirect=True)
    def test_from_sqlite_to_postgresql(self, filled, tmp_path, empty_postgres):
        before = state_now(filled.store, OPERATOR)
        backup(filled.store, tmp_path / "backup.tar")
        with closing(Store(empty_postgres, tmp_path / "new")) as other:
            with other._engine.begin() as connection:
                connection.execute(text(f"TRUNCATE {', '.join(TABLES)} RESTART IDENTITY CASCADE"))
            assert restore(tmp_path / "backup.tar", empty_postgres, tmp_path / "new") == 3
            assert state_now(other, OPERATOR) == before

    def test_nothing_is_written_over(self, filled, tmp_path):
        backup(filled.store, tmp_path / "backup.tar")
        before = state_now(filled.store, OPERATOR)
        with pytest.raises(Conflict, match=r"already|not empty"):
            restore(tmp_path / "backup.tar", filled.store.url.render_as_string(hide_password=False), tmp_path)
        assert state_now(filled.store, OPERATOR) == before

    def test_a_photo_that_is_missing_is_named(self, filled, tmp_path):
        lost = next(filled.store.images.names())
        filled.store.images.remove(lost)
        assert backup(filled.store, tmp_path / "backup.tar").missing == (lost,)

    @pytest.mark.parametrize("content", [b"", b"not a tar", b"\0" * 10240])
    def test_what_is_no_backup(self, tmp_path, content):
        (tmp_path / "backup.tar").write_bytes(content)
        with pytest.raises(StoreError, match="not a backup"):
            restore(tmp_path / "backup.tar", folder=tmp_path / "new")
        assert not (tmp_path / "new" / "vlfau.db").exists()

    def test_a_folder_that_is_a_file(self, filled, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="Nothing can be written"):
            backup(filled.store, tmp_path / "file" / "backup.tar")


@pytest.mark.slow
def test_twenty_writers_at_once_and_a_backup_meanwhile(empty_sqlite, tmp_path):
    """Real processes: no answer is lost or doubled, and every backup is a store in which everything fits together."""
    shutil.copy(empty_sqlite, tmp_path / "vlfau.db")
    with closing(Store(folder=tmp_path)) as store:
        project = add_project(store, OPERATOR, ProjectSettings("faces", answers_wanted=WRITERS))
        lab = Lab.__new__(Lab)
        lab.store, lab.project = store, project
        for seed in range(5):
            lab.add(seed)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, "db.queue", "db.responses"])
        with context.Pool(WRITERS) as pool:
            jobs = [pool.apply_async(answer_all, (tmp_path, project, name)) for name in range(WRITERS)]
            backups = []
            while not all(job.ready() for job in jobs):
                backups.append(tmp_path / f"{len(backups)}.tar")
                backup(store, backups[-1])
                time.sleep(0.1)
            acknowledged = [response for job in jobs for response in job.get()]
        assert len(set(acknowledged)) == len(acknowledged) == 5 * WRITERS
        assert rows(tmp_path / "vlfau.db", "response") == 5 * WRITERS
        assert check(store, deep=True) == []
    counts = []
    for number, file in enumerate(backups[:: max(1, len(backups) // 4)]):
        restore(file, folder=tmp_path / f"restored-{number}")
        with closing(Store(folder=tmp_path / f"restored-{number}")) as restored:
            assert check(restored, deep=True) == []
        counts.append(rows(tmp_path / f"restored-{number}" / "vlfau.db", "response"))
    assert counts == sorted(counts)


def answer_all(folder, project, name):
    """One annotator's process: answers until nothing is left; returns what was acknowledged."""
    with closing(Store(folder=folder)) as store:
        actor = sign_in(store, f"writer-{name}").actor
        acknowledged = []
        while task := next_item(store, actor, project):
            acknowledged.append(submit(store, actor, task.lease_id, marks(AU12="present", AU4="absent")))
        return acknowledged


def rows(database, table):
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]


class TestCheck:
    def test_all_is_well(self, filled):
        assert check(filled.store, deep=True) == []

    def test_files_and_rows(self, filled):
        images = filled.store.images
        first, second, _ = images.names()
        images.remove(first)
        images.add(photo(99))
        images.path(second).write_bytes(b"damaged")
        assert kinds(filled.store, deep=True) == {"row without file", "file without row", "damaged file"}
        assert remove_orphans(filled.store) == 1
        assert kinds(filled.store) == {"row without file"}

    @pytest.mark.parametrize(
        ("damage", "kind"),
        [
            ("UPDATE item SET answers = answers + 1 WHERE id = 1", "wrong count"),
            ("UPDATE item SET held = held + 1 WHERE id = 2", "wrong count"),
            ("UPDATE item SET wanted = 1, state = 'open' WHERE answers = 1", "wrong state"),
            ("UPDATE item SET priority = 7 WHERE id = 2", "change without event"),
            ("INSERT INTO tombstone (subject_id, images, faces, responses, begun_at) "
             "VALUES (9, 0, 0, 0, '2026-11-22 12:00:00')", "unfinished erasure"),
        ],
    )  # fmt: skip
    def test_what_a_hand_changed(self, filled, damage, kind):
        with filled.store._engine.begin() as connection:
            connection.execute(text(damage))
        assert kind in kinds(filled.store, deep=True)

    def test_maps_that_no_page_could_paint(self, filled, clock):
        wrong = {"face_id": 1, "model_version": "other", "made_at": clock(), "evidence": b"no maps"}
        with filled.store._engine.begin() as connection:
            connection.execute(TABLES["prediction"].insert(), wrong)
        assert kinds(filled.store) == set()
        assert kinds(filled.store, deep=True) == {"damaged evidence", "change without event"}

    @pytest.mark.parametrize("store", ["sqlite"], indirect=True)
    @pytest.mark.parametrize(
        "damage",
        [
            "UPDATE response SET supersedes = 77 WHERE id = 1",
            "DELETE FROM response WHERE id = 1",
        ],
    )
    def test_broken_chains(self, filled, damage, tmp_path):
        """The database would not let this happen, so its guards are taken off first."""
        with closing(sqlite3.connect(tmp_path / "vlfau.db")) as connection:
            for verb in ("update", "delete"):
                connection.execute(f"DROP TRIGGER keep_response_{verb}")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute(damage)
            connection.commit()
        assert kinds(filled.store) & {"broken chain", "row that points nowhere"}
