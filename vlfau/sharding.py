"""Sharding: which of several processes this one is, as its launcher says in the environment, and what its share is."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from vlfau.errors import VLFAUError

LAUNCHERS = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),  # torchrun; accelerate launch on GPUs
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),  # Open MPI
    (
        "PMI_RANK",
        "PMI_SIZE",
        "MPI_LOCALRANKID",
    ),  # MPICH, Intel MPI; accelerate launch on CPUs uses one of these
)
"""Variables for number, count and number on this machine, by launcher."""


@dataclass(frozen=True)
class Worker:
    """One of `world_size` processes that share a piece of work; alone unless a launcher says otherwise."""

    rank: int = 0
    """Its number, 0 to world_size - 1."""
    world_size: int = 1
    local_rank: int = 0
    """Its number among those on the same machine, to choose a GPU by."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Worker":
        """As torchrun, `accelerate launch` or MPI have set it; raises VLFAUError when that makes no sense."""
        for names in LAUNCHERS:
            given = {name: environment[name] for name in names if name in environment}
            if names[0] in given and names[1] in given:
                return cls._checked(given, names)
        return cls()

    @classmethod
    def _checked(cls, given: Mapping[str, str], names: tuple[str, str, str]) -> "Worker":
        try:
            rank, world_size = int(given[names[0]]), int(given[names[1]])
            local_rank = int(given.get(names[2], rank))
        except ValueError as error:
            raise _confusing(given) from error
        if not 0 <= rank < world_size or local_rank < 0:
            raise _confusing(given)
        return cls(rank, world_size, local_rank)

    @property
    def leads(self) -> bool:
        """Whether it is the one that begins what is begun once."""
        return self.rank == 0

    def owns(self, number: int) -> bool:
        """Whether piece `number` of the work is this process's to do; each piece has exactly one owner."""
        return number % self.world_size == self.rank


def _confusing(given: Mapping[str, str]) -> VLFAUError:
    found = ", ".join(f"{name}={value}" for name, value in given.items())
    return VLFAUError(
        f"It is not clear which of several processes this is. The environment says {found}. Start with torchrun or "
        "`accelerate launch`, or unset these variables to run one process."
    )
