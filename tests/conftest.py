"""Fixtures that more than one folder of tests needs."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


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
