"""Which corrected faces are trained on, validated on and tested on: whole groups of people, never single photos.

A group's side follows from hashes of its people's codes, so nobody changes sides when others join.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from vlfau.errors import DataError


class Part(IntEnum):
    """What a face is for; of two groups that turn out to be one, the higher part wins."""

    TRAIN = 0
    VALIDATION = 1
    """Early stopping and calibration."""
    TEST = 2
    """Reports and the gate; seen by nothing that chooses."""


@dataclass(frozen=True)
class Division:
    """The part of every face."""

    part: NDArray[np.int64]
    """(n,) of `Part`."""
    group: NDArray[np.str_]
    """(n,)"""

    def rows(self, part: Part) -> NDArray[np.integer]:
        return np.flatnonzero(self.part == part)

    def groups(self, part: Part) -> list[str]:
        """The groups on one side, sorted."""
        return sorted(set(self.group[self.part == part].tolist()))


def place_of(person: str) -> float:
    """0-1 by a hash of the person's code, apart from those of `finetune.people`."""
    return int.from_bytes(hashlib.sha256(person.encode("utf-8")).digest()[2:10]) / 2**64


def divide(
    person: NDArray[np.str_],
    group: NDArray[np.str_],
    validation_share: float,
    test_share: float,
    fixed: Mapping[str, Part] | None = None,
) -> Division:
    """Sides of n faces, `person` and `group` (n,).

    A person whose place is below `test_share` is a test person, and so is their whole group; above it lies the band of
    validation. No side stays empty for want of luck: the people next to it move there (of two, none is tested). Groups
    in `fixed` have their side already. Raises `DataError` when fewer than two others are left.
    """
    fixed = fixed or {}
    names = sorted(set(group.tolist()) - set(fixed))
    if len(names) < 2:
        codes = len(set(person[~np.isin(group, list(fixed))].tolist()))
        raise DataError(
            "There are too few people to train on. Found corrections of "
            f"{'nobody' if not names else 'one person'} ({codes} subject codes; codes that share a photo are one). "
            "A model is judged on people it was not trained on: collect corrections of at least two, better twenty."
        )
    lowest = {name: min(place_of(p) for p in set(person[group == name].tolist())) for name in names}
    names.sort(key=lambda name: lowest[name])
    places = np.array([lowest[name] for name in names])
    tested = int(np.clip((places < test_share).sum(), int(len(names) > 2), len(names) - 2))
    used = int(np.clip((places < test_share + validation_share).sum(), tested + 1, len(names) - 1))
    side = dict.fromkeys(names[:tested], Part.TEST) | dict.fromkeys(names[tested:used], Part.VALIDATION)
    side |= fixed
    return Division(np.array([side.get(name, Part.TRAIN) for name in group.tolist()], np.int64), group)
