"""Launchers say which process this is; every piece of the work has one owner."""

import pytest

from vlfau.errors import VLFAUError
from vlfau.sharding import Worker


@pytest.mark.parametrize(
    ("environment", "worker"),
    [
        ({}, Worker(0, 1, 0)),
        ({"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, Worker(5, 8, 1)),
        ({"RANK": "5", "WORLD_SIZE": "8"}, Worker(5, 8, 5)),
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, Worker(1, 2, 1)),
        ({"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALRANKID": "0"}, Worker(1, 4, 0)),
        ({"LOCAL_RANK": "3"}, Worker(0, 1, 0)),
    ],
)
def test_the_environment_says_who_it_is(environment, worker):
    assert Worker.from_environment(environment) == worker


@pytest.mark.parametrize(
    "environment",
    [
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "-1", "WORLD_SIZE": "2"},
        {"RANK": "first", "WORLD_SIZE": "2"},
        {"RANK": "0", "WORLD_SIZE": "0"},
    ],
)
def test_an_environment_without_sense_is_refused(environment):
    with pytest.raises(VLFAUError, match="which of several processes") as caught:
        Worker.from_environment(environment)
    assert f"RANK={environment['RANK']}" in str(caught.value)


@pytest.mark.parametrize("world_size", [1, 2, 7])
def test_every_piece_has_one_owner(world_size):
    owners = [[w for w in range(world_size) if Worker(w, world_size).owns(piece)] for piece in range(20)]
    assert all(len(found) == 1 for found in owners)
    shares = [sum(found == [w] for found in owners) for w in range(world_size)]
    assert max(shares) - min(shares) <= 1
