"""A store for each test, on SQLite and on PostgreSQL, and a small laboratory that works with it."""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from sqlalchemy import text

from db.columns import Base
from db.migrate import upgrade
from db.store import Store
from tests.db.laboratory import Clock, Lab

POSTGRES_VARIABLE = "VLFAU_TEST_POSTGRES_URL"


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty")
    upgrade(folder=folder)
    return folder / "vlfau.db"


@pytest.fixture(scope="session")
def postgres_url(postgres_lock):
    url = os.environ.get(POSTGRES_VARIABLE)
    if not url:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"needs a PostgreSQL database that may be emptied: set {POSTGRES_VARIABLE} to its URL")
    with postgres_lock:
        upgrade(url)
    return url


@pytest.fixture(scope="session")
def postgres_lock():
    """There is one database: of several processes that run tests, one at a time has it."""
    return FileLock(Path(tempfile.gettempdir()) / "vlfau-tests-postgresql.lock")


@pytest.fixture
def empty_postgres(postgres_url, postgres_lock):
    """The URL of a database that this test may fill; it has tables and may have rows."""
    with postgres_lock:
        yield postgres_url


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path, clock) -> Iterator[Store]:
    """An empty store whose clock stands still and whose chance is the same every time."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path / "vlfau.db")
        opened = Store(folder=tmp_path, clock=clock, rng=random.Random(0))
    else:
        url = request.getfixturevalue("empty_postgres")
        opened = Store(url, tmp_path, clock, random.Random(0))
        with opened._engine.begin() as connection:
            tables = ", ".join(Base.metadata.tables)
            connection.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
    yield opened
    opened.close()


@pytest.fixture
def lab(store, clock):
    return Lab(store, clock)


@pytest.fixture
def count(store):
    """Rows of a table."""

    def rows(table):
        with store._engine.connect() as connection:
            return connection.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar()

    return rows


@pytest.fixture
def checkpoint_folder(tmp_path):
    """Makes the files of a checkpoint."""

    def make(name, weights=b"weights"):
        made = tmp_path / "made" / name
        made.mkdir(parents=True)
        (made / "config.json").write_text(json.dumps({"model_version": name}))
        (made / "model.safetensors").write_bytes(weights)
        (made / "training.json").write_text(json.dumps({"base": {"version": "small-1"}}))
        return made

    return make
