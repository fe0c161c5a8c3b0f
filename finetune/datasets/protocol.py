"""How the field measures on DISFA and BP4D: which action units, which subjects, which three folds.

Subjects and folds are those of ME-GraphAU (Luo et al. 2022) and the works that follow it; in its numbering fold 1
tests part 3, fold 2 part 2 and fold 3 part 1. Nobody is in two parts.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from finetune.datasets.codes import DISFA_ACTIVE_FROM
from vlfau.errors import DataError

VALIDATION_SHARE = 0.15
"""Share of a fold's training subjects on whom the epoch is chosen, so that nothing is chosen on the test subjects."""


SOME = 4
"""So many subjects are named before "and more"."""


@dataclass(frozen=True)
class Fold:
    """Whom one fold learns from, chooses on and tests."""

    number: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Protocol:
    """One dataset as the field uses it."""

    name: str
    title: str
    units: tuple[int, ...]
    """Action units that are reported, in the table's order."""
    parts: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    """Subjects of the three parts."""
    base_rates: tuple[float, ...]
    """Share of active frames of each unit, from the published label lists (CVI-SZU/MDHR) of all frames."""
    together: Mapping[tuple[int, int], float]
    """phi of the units that go together most, from the same lists."""
    active_from: int
    """Intensity (0-5) that counts as active."""

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(sorted(subject for part in self.parts for subject in part))

    @property
    def always_active_f1(self) -> float:
        """Average F1 (0-1) of calling everything active: of a unit with rate r it is 2 r / (1 + r)."""
        return sum(2 * r / (1 + r) for r in self.base_rates) / len(self.base_rates)

    @property
    def majority_accuracy(self) -> float:
        """Average accuracy (0-1) of every action unit's more frequent state."""
        return sum(max(r, 1 - r) for r in self.base_rates) / len(self.base_rates)

    def folds(self, present: Collection[str], validation_share: float = VALIDATION_SHARE) -> list[Fold]:
        """The three folds of the subjects that are `present`; raises `DataError` when a part would be too small."""
        parts = [tuple(s for s in part if s in present) for part in self.parts]
        if min(map(len, parts)) == 0 or any(len(untested(parts, number)) < 2 for number in range(3)):
            lacking = "; ".join(map(_lacking, (1, 2, 3), self.parts, parts))
            raise DataError(
                f"The three folds of {self.title} cannot be made. Each part needs a subject, and two parts together "
                f"two; {lacking}. Prepare the other subjects first."
            )
        folds = []
        for number, tested in enumerate((2, 1, 0), start=1):
            learnt = untested(parts, tested)
            validation = validation_subjects(learnt, validation_share, f"{self.name} {number}")
            train = tuple(s for s in learnt if s not in validation)
            folds.append(Fold(number, train, validation, parts[tested]))
        return folds


def untested(parts: Sequence[tuple[str, ...]], tested: int) -> tuple[str, ...]:
    """The subjects of the parts that are not tested."""
    return tuple(subject for number, part in enumerate(parts) if number != tested for subject in part)


def validation_subjects(subjects: Sequence[str], share: float, salt: str) -> tuple[str, ...]:
    """A share of the subjects, at least one, drawn by a hash of their names: the same everywhere."""
    drawn = sorted(subjects, key=lambda name: hashlib.sha256(f"{salt} {name}".encode()).digest())
    return tuple(sorted(drawn[: max(1, round(share * len(drawn)))]))


def _lacking(number: int, part: Sequence[str], present: Collection[str]) -> str:
    """How many subjects of a part are there, and some of those that are not."""
    missing = [subject for subject in part if subject not in present]
    named = ", ".join(missing[:SOME]) + (f" and {len(missing) - SOME} more" if len(missing) > SOME else "")
    return f"part {number} has {len(present)} of {len(part)}" + (f" and lacks {named}" if missing else "")


def _named(prefix: str, numbers: str) -> tuple[str, ...]:
    return tuple(prefix + number for number in numbers.split())


DISFA = Protocol(
    name="disfa",
    title="DISFA",
    units=(1, 2, 4, 6, 9, 12, 25, 26),
    parts=(
        _named("SN", "001 002 009 010 016 026 027 030 032"),
        _named("SN", "006 011 012 013 018 021 024 028 031"),
        _named("SN", "003 004 005 007 008 017 023 025 029"),
    ),
    base_rates=(0.050, 0.043, 0.152, 0.079, 0.042, 0.129, 0.277, 0.088),
    together={(1, 2): 0.63, (6, 12): 0.50, (12, 25): 0.46, (6, 25): 0.36, (4, 9): 0.34, (4, 12): -0.13},
    active_from=DISFA_ACTIVE_FROM,
)
BP4D = Protocol(
    name="bp4d",
    title="BP4D",
    units=(1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24),
    parts=(
        _named("F", "001 002 008 009 010 016 018 023") + _named("M", "001 004 007 008 012 014"),
        _named("F", "003 005 011 013 020 022") + _named("M", "002 005 010 011 013 016 017 018"),
        _named("F", "004 006 007 012 014 015 017 019 021") + _named("M", "003 006 009 015"),
    ),
    base_rates=(0.211, 0.171, 0.203, 0.461, 0.549, 0.594, 0.562, 0.466, 0.169, 0.343, 0.165, 0.151),
    together={
        (6, 12): 0.54,
        (6, 7): 0.54,
        (10, 12): 0.53,
        (6, 10): 0.50,
        (1, 2): 0.46,
        (17, 24): 0.42,
        (4, 12): -0.26,
    },
    active_from=1,
)
PROTOCOLS = {protocol.name: protocol for protocol in (DISFA, BP4D)}
