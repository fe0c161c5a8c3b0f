"""Tests of the way from an old database to this version's: nothing is lost, and all of it works on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db.annotators import sign_in
from db.check import check
from db.errors import SchemaError, StoreError
from db.events import state_at, state_now
from db.migrate import upgrade
from db.queue import next_item
from db.responses import history
from db.roles import OPERATOR
from db.store import REVISION, Store

OLD = Path(__file__).parent / "revision_0001.sql"
"""A database of the first schema, as SQL: three faces; drafts, an undo, a skip, an adjudication, a known answer."""


@pytest.fixture
def old(tmp_path):
    """The old database as a file; table -> rows as they were."""
    with closing(sqlite3.connect(tmp_path / "vlfau.db")) as connection:
        connection.executescript(OLD.read_text())
    return rows(tmp_path / "vlfau.db")


def rows(database):
    """Table -> column -> values, by table's key."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for (name,) in names}


def test_an_old_database_is_refused_until_it_is_upgraded(old, tmp_path):
    with pytest.raises(SchemaError, match=f"Its schema is 0001; {REVISION} is needed"):
        Store(folder=tmp_path)


def test_no_row_and_no_value_is_lost(old, tmp_path):
    upgrade(folder=tmp_path)
    now = rows(tmp_path / "vlfau.db")
    assert len(old["response"]) == 6
    for name in old.keys() - {"alembic_version"}:
        kept = (
            [{column: row[column] for column in old[name][0]} for row in now[name]]
            if old[name]
            else now[name]
        )
        assert kept[: len(old[name])] == old[name], name
    assert len(now["event"]) == len(old["event"]) + 1, "the step itself is an event"


def test_who_annotated_before_the_round_stays_qualified(old, tmp_path):
    upgrade(folder=tmp_path)
    members = rows(tmp_path / "vlfau.db")["membership"]
    assert [(row["annotator_id"], row["submitted"]) for row in members] == [(1, 1), (2, 1)]
    assert all(row["qualified_at"] for row in members)


def test_the_old_work_goes_on(old, tmp_path):
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        ann = sign_in(store, "ann").actor
        assert [past.status for past in history(store, ann, 1)] == ["draft", "submitted"]
        assert next_item(store, ann, 1).draft.occurrences == {9: "unsure"}
        assert {problem.kind for problem in check(store, deep=True)} == {"row without file"}, (
            "its photos are not here"
        )


def test_the_past_before_the_step_can_be_rebuilt(old, tmp_path):
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        before = state_at(store, OPERATOR, len(old["event"]))
        after = state_at(store, OPERATOR, len(old["event"]) + 1)
        assert "membership" not in before
        assert len(before["response"]) == len(old["response"])
        assert after == state_now(store, OPERATOR)


def test_upgrading_again_changes_nothing(old, tmp_path):
    upgrade(folder=tmp_path)
    once = rows(tmp_path / "vlfau.db")
    upgrade(folder=tmp_path)
    assert rows(tmp_path / "vlfau.db") == once


def test_a_step_that_fails_leaves_the_old_database(old, tmp_path):
    with closing(sqlite3.connect(tmp_path / "vlfau.db")) as connection:
        connection.execute("CREATE TABLE membership (in_the_way INTEGER)")
        connection.commit()
    before = rows(tmp_path / "vlfau.db")
    with pytest.raises(StoreError, match="membership already exists"):
        upgrade(folder=tmp_path)
    assert rows(tmp_path / "vlfau.db") == before


def test_a_row_that_points_nowhere_stops_it(old, tmp_path):
    with closing(sqlite3.connect(tmp_path / "vlfau.db")) as connection:
        connection.execute("UPDATE image SET subject_id = 77 WHERE id = 1")
        connection.commit()
    before = rows(tmp_path / "vlfau.db")
    with pytest.raises(SchemaError, match="table image"):
        upgrade(folder=tmp_path)
    assert rows(tmp_path / "vlfau.db") == before
