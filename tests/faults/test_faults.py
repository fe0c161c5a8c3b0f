"""The quick version of `python -m tests.faults`: a few of each kind of fault, and nothing may be lost or doubled."""

import random

import pytest

from tests.faults import kills, places
from tests.faults.scene import crowd

# how huggingface_hub 2.4 hands a large file to its own HTTP library
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return crowd(tmp_path_factory.mktemp("crowd") / "data")


def test_killed_amid_submissions(scene, tmp_path):
    for outcome in kills.amid_submissions(scene, tmp_path, 1, random.Random(0)):
        assert outcome.is_good, outcome


@pytest.mark.parametrize("forgets", [False, True], ids=["", "forgotten"])
def test_killed_amid_a_backup(scene, tmp_path, forgets):
    outcome = kills.amid_backup(scene, tmp_path, 23, forgets)
    assert outcome.is_good, outcome


def test_killed_amid_a_restore(scene, tmp_path):
    outcome = kills.amid_restore(scene, tmp_path, 23)
    assert outcome.is_good, outcome


def test_the_count_sees_a_loss(scene, tmp_path):
    """Without sync, what came after the last round goes with the disk: were it not counted, nothing would be."""
    outcome = kills.without_sync(scene, tmp_path, random.Random(0))
    assert outcome.lost > 0
    assert outcome.doubled == 0


def test_full_disks(scene, tmp_path):
    for outcome in (
        places.full_disk_amid_submissions(scene, tmp_path),
        places.full_disk_of_the_backup(scene, tmp_path),
    ):
        assert outcome.is_good, outcome


def test_a_hub_that_fails(scene, tmp_path):
    faults = dict(list(places.hub_faults(rounds_away=2).items())[::3])
    outcomes = list(places.amid_hub_faults(scene, tmp_path, faults))
    assert len(outcomes) == len(faults)
    for outcome in outcomes:
        assert outcome.is_good, outcome
