"""Tests of the way from an old database to this version's: nothing is lost, and all of it works on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from db import passwords
from db.annotators import sign_in
from db.check import check
from db.errors import SchemaError, StoreError
from db.events import state_at, state_now
from db.migrate import upgrade
from db.queue import next_item
from db.registry import alias_version, moves
from db.registry_tables import Alias
from db.responses import history
from db.roles import OPERATOR
from db.store import REVISION, Store

OLD = {path.stem[-4:]: path for path in sorted(Path(__file__).parent.glob("revision_*.sql"))}
"""Revision -> a database of that schema, as SQL, written by the program of then: drafts, an undo, a skip, verdicts,
a known answer; from 0002 on a qualification round, an export and somebody forgotten, from 0003 an account, from 0004 a
model in production that was trained."""


@pytest.fixture(params=OLD)
def old(request, tmp_path):
    """An old database as a file; table -> rows as they were."""
    return unpacked(request.param, tmp_path)


@pytest.fixture
def oldest(tmp_path):
    return unpacked("0001", tmp_path)


def unpacked(revision, folder):
    with closing(sqlite3.connect(folder / "vlfau.db")) as connection:
        connection.executescript(OLD[revision].read_text())
    return rows(folder / "vlfau.db")


def rows(database):
    """Table -> column -> values, by table's key."""
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for (name,) in names}


def test_there_is_one_of_every_schema_before_this_one():
    assert list(OLD) == [f"{number:04d}" for number in range(1, int(REVISION))]


def test_an_old_database_is_refused_until_it_is_upgraded(old, tmp_path):
    found = old["alembic_version"][0]["version_num"]
    with pytest.raises(SchemaError, match=f"Its schema is {found}; {REVISION} is needed"):
        Store(folder=tmp_path)


def test_no_row_and_no_value_is_lost(old, tmp_path):
    upgrade(folder=tmp_path)
    now = rows(tmp_path / "vlfau.db")
    assert len(old["response"]) >= 6
    assert {name for name in old if not old[name]} <= {"export", "tombstone"}, "rows of every kind"
    for name in old.keys() - {"alembic_version"}:
        if not old[name]:
            continue
        kept = [{column: row[column] for column in old[name][0]} for row in now[name]]
        assert kept[: len(old[name])] == old[name], name
        assert len(kept) == len(old[name]) or name in ("event", "membership"), f"{name} got rows"


def test_numbers_that_were_used_are_not_used_again(old, tmp_path):
    before = numbers_used(tmp_path / "vlfau.db")
    upgrade(folder=tmp_path)
    now = numbers_used(tmp_path / "vlfau.db")
    assert {name: now[name] for name in before} == before | {"event": now["event"]}
    assert now["event"] >= before["event"]


def numbers_used(database):
    with closing(sqlite3.connect(database)) as connection:
        return dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))


def test_an_upgraded_database_has_the_rules_of_a_new_one(old, tmp_path):
    """Word for word; so no step was changed after somebody had taken it."""
    upgrade(folder=tmp_path)
    upgrade(folder=tmp_path / "new")
    upgraded, new = (schema(folder / "vlfau.db") for folder in (tmp_path, tmp_path / "new"))
    assert upgraded == new


def schema(database):
    """Kind and name -> the statement that made it, without the space in it."""
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {(kind, name): " ".join(sql.replace('"', "").split()) for kind, name, sql in found}


def test_everything_holds_together_afterwards(old, tmp_path):
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        assert {problem.kind for problem in check(store, deep=True)} == {"row without file"}, (
            "its photos are not here"
        )
        assert next_item(store, sign_in(store, "ann").actor, 1) is not None


def test_who_annotated_before_the_round_stays_qualified(oldest, tmp_path):
    upgrade(folder=tmp_path)
    members = rows(tmp_path / "vlfau.db")["membership"]
    assert [(row["annotator_id"], row["submitted"]) for row in members] == [(1, 1), (2, 1)]
    assert all(row["qualified_at"] for row in members)


def test_the_old_work_goes_on(oldest, tmp_path):
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        ann = sign_in(store, "ann").actor
        assert [past.status for past in history(store, ann, 1)] == ["draft", "submitted"]
        assert next_item(store, ann, 1).draft.occurrences == {9: "unsure"}


def test_an_account_goes_on(tmp_path):
    unpacked("0003", tmp_path)
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        assert passwords.sign_in(store, "Zoe", "a long password 42").person.name == "Zoe"


def test_the_model_in_production_is_still_known(tmp_path):
    unpacked("0004", tmp_path)
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        assert alias_version(store, OPERATOR, Alias.PRODUCTION).name == "small-2"
        assert [move.version for move in moves(store, OPERATOR, Alias.PRODUCTION)] == ["small-2", "small-1"]


def test_the_past_before_the_steps_can_be_rebuilt(old, tmp_path):
    upgrade(folder=tmp_path)
    with closing(Store(folder=tmp_path)) as store:
        before = state_at(store, OPERATOR, old["event"][-1]["id"])
        after = state_at(store, OPERATOR, rows(tmp_path / "vlfau.db")["event"][-1]["id"])
        assert ("membership" in before) == ("membership" in old)
        assert len(before["response"]) == len(old["response"])
        assert {row["evidence"] for row in before["prediction"].values()} == {None}
        assert after == state_now(store, OPERATOR)


def test_upgrading_again_changes_nothing(old, tmp_path):
    upgrade(folder=tmp_path)
    once = rows(tmp_path / "vlfau.db")
    upgrade(folder=tmp_path)
    assert rows(tmp_path / "vlfau.db") == once


def test_a_step_that_fails_leaves_the_old_database(oldest, tmp_path):
    with closing(sqlite3.connect(tmp_path / "vlfau.db")) as connection:
        connection.execute("CREATE TABLE membership (in_the_way INTEGER)")
        connection.commit()
    before = rows(tmp_path / "vlfau.db")
    with pytest.raises(StoreError, match="membership already exists"):
        upgrade(folder=tmp_path)
    assert rows(tmp_path / "vlfau.db") == before


def test_a_row_that_points_nowhere_stops_it(oldest, tmp_path):
    with closing(sqlite3.connect(tmp_path / "vlfau.db")) as connection:
        connection.execute("UPDATE image SET subject_id = 77 WHERE id = 1")
        connection.commit()
    before = rows(tmp_path / "vlfau.db")
    with pytest.raises(SchemaError, match="table image"):
        upgrade(folder=tmp_path)
    assert rows(tmp_path / "vlfau.db") == before


def test_a_new_database_is_its_owners_alone(tmp_path):
    upgrade(folder=tmp_path)
    assert (tmp_path / "vlfau.db").stat().st_mode & 0o077 == 0
