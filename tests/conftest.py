"""Fixtures that more than one folder of tests needs."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several processes one takes a whole file; tests of the store share one PostgreSQL, so one takes all."""
    for item in items:
        folder = item.path.relative_to(ROOT).parts[:2]
        item.add_marker(pytest.mark.xdist_group("store" if folder == ("tests", "db") else item.path.name))


@pytest.fixture(scope="session")
def shared_faces() -> Path:
    """The folder with the openly licensed face photos, which are not part of the repository."""
    folder = Path(os.environ.get("VLFAU_SHARED_DATA", ROOT.parent / "shared" / "data")) / "faces"
    if not (folder / "faces.csv").exists():
        pytest.skip(f"needs the face photos in {folder}: set VLFAU_SHARED_DATA to the folder above it")
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A double of the Hugging Face Hub that this process talks to."""
    from tests.hub_double import HubDouble

    with HubDouble() as double:
        double.use(monkeypatch, tmp_path)
        yield double
