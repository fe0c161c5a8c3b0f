"""Trees in the official layouts with a few subjects, for the tests of the datasets."""

from dataclasses import replace
from functools import cache

from finetune.datasets.generated import Cast, cast
from finetune.datasets.protocol import BP4D, DISFA
from finetune.replay import load_replay
from finetune.train_config import REPLAY


@cache
def casts() -> tuple[Cast, Cast]:
    """DISFA's and BP4D's, all subjects."""
    disfa, bp4d = cast(load_replay(REPLAY, "train"), (DISFA, BP4D))
    return disfa, bp4d


def some(whole: Cast, subjects: list[str]) -> Cast:
    """The same with a few subjects."""
    return replace(whole, rows={subject: whole.rows[subject] for subject in subjects})
