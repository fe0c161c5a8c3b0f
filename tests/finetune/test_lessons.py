"""Each step sees what its number says, however it is cut and whoever works on it."""

import numpy as np
import pytest
import torch

from finetune.annotated_faces import AnnotatedFaces, AnnotationWriter, Written
from finetune.faces import LabelledFaces
from finetune.lessons import PARTS, Lessons, Mixture, StepPlan, micro_batches, shares, targets_of
from finetune.synthetic.correspondence import Correspondence
from vlfau.action_units import AU_NUMBERS
from vlfau.errors import DataError
from vlfau.words import Words

UNITS = len(AU_NUMBERS)
TWELVE = AU_NUMBERS.index(12)


def faces(count: int, seed: int = 0, written: Written | None = None) -> AnnotatedFaces:
    rng = np.random.default_rng(seed)
    intensity = (rng.uniform(0, 5, (count, 2, UNITS)) * (rng.random((count, 1, UNITS)) < 0.3)).astype(
        np.float32
    )
    labelled = LabelledFaces(
        rng.integers(0, 255, (count, 36, 36, 3), dtype=np.uint8),
        rng.random((count, 478, 3)).astype(np.float32),
        intensity,
        np.array([f"P{number}" for number in range(count)]),
    )
    occurrence = (labelled.peak > 0).astype(np.float32)
    return AnnotatedFaces(labelled, occurrence, (written or Written(),) * count)


def plan(pieces: int = 2, corrections: int = 10, replay: int = 7) -> StepPlan:
    made = StepPlan(range(corrections), range(corrections, corrections + replay), 8, pieces, 0.5, seed=1)
    made.last_step = 6
    return made


def test_an_epoch_goes_once_over_the_corrections():
    rows = [row for step in range(5) for piece in plan().step(step) for row in piece if row < 10]
    assert plan().epoch_steps == 3
    assert sorted(rows[:10]) == list(range(10))
    assert sorted(rows[10:]) == list(range(10))


def test_every_step_has_its_share_of_replay():
    assert all(sum(row >= 10 for piece in plan().step(step) for row in piece) == 4 for step in range(6))


def test_cutting_differently_does_not_change_a_step():
    for step in range(3):
        halves, quarters = plan(2).step(step), plan(4).step(step)
        assert [row for piece in halves for row in piece] == [row for piece in quarters for row in piece]


def test_a_plan_that_begins_later_goes_on_as_the_whole_one():
    whole, rest = plan(), plan()
    rest.first_step = 4
    assert list(rest) == list(whole)[8:]
    assert len(rest) == 4


def test_few_corrections_fill_a_step_by_coming_again():
    rows = [row for piece in plan(corrections=3).step(0) for row in piece if row < 3]
    assert sorted(set(rows)) == [0, 1, 2]
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("batch", "most", "processes", "pieces"),
    [(32, 16, 1, 2), (32, 16, 2, 2), (32, 16, 4, 4), (8, 64, 2, 2), (6, 4, 1, 2)],
)
def test_pieces_are_equal_and_every_process_gets_as_many(batch, most, processes, pieces):
    assert micro_batches(batch, most, processes) == pieces


def test_a_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(DataError, match="multiple of 3"):
        micro_batches(8, 4, 3)


def test_weighted_micro_batches_make_the_mean_over_the_step():
    """A masked mean over the whole, from the means of its pieces."""
    some = faces(8)
    some.occurrence[0] = np.nan
    some.occurrence[1, 3:] = np.nan
    mixture = Mixture([some, faces(0)], 4)
    terms = np.random.default_rng(1).random((8, UNITS))
    known = ~np.isnan(some.occurrence)
    pieces = [[0, 1], [2, 3], [4, 5], [6, 7]]
    parts = [
        terms[p][known[p]].mean() * shares(mixture, pieces, k)["occurrence"] for k, p in enumerate(pieces)
    ]
    assert np.mean(parts) == pytest.approx(terms[known].mean())
    assert sum(shares(mixture, pieces, k)["local"] for k in range(4)) == pytest.approx(4)
    assert set(shares(mixture, pieces, 0)) == set(PARTS)


@pytest.fixture(scope="module")
def words() -> Words:
    return Words.learn(["The mouth corners are pulled up."], 280)


def lessons(words: Words, some: AnnotatedFaces) -> Lessons:
    mirror = torch.from_numpy(Correspondence.load().mirror)
    return Lessons(Mixture([some, faces(0)], 4), words, mirror, 4, seed=1)


def test_the_same_ticket_gives_the_same_lesson(words):
    made = lessons(words, faces(6))
    first, again, other = (made.__getitems__([(row, step, 0) for row in range(6)]) for step in (2, 2, 3))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["chips"], other["chips"])


def test_a_mirrored_lesson_exchanges_the_sides(words):
    some = faces(16)
    some.faces.intensity[:, 1] = 0
    made = lessons(words, some).__getitems__([(row, 0, 0) for row in range(16)])
    plain = np.moveaxis(some.faces.chips, 3, 1)
    turned = [
        bool((chip == one[..., ::-1]).all()) for chip, one in zip(made["chips"].numpy(), plain, strict=True)
    ]
    assert {True, False} == set(turned)
    assert torch.equal(targets_of(made).intensity, torch.from_numpy(some.faces.peak))


def test_a_persons_sentence_is_taught_but_not_to_the_mirror_image(words):
    own = Written({TWELVE: "Only the left corner."}, "A lopsided mouth.")
    made = lessons(words, faces(16, written=own)).__getitems__([(row, 0, 0) for row in range(16)])
    said = [[words.decode(ids) for ids in face] for face in made["local_ids"].tolist()]
    mine = ["Only the left corner." in face for face in said]
    whole = [words.decode(ids) == "A lopsided mouth." for ids in made["global_ids"].tolist()]
    assert mine == whole
    assert {True, False} == set(mine)


def test_what_is_not_sure_gets_no_sentence(words):
    occurrence = torch.full((1, UNITS), float("nan"))
    occurrence[0, TWELVE] = 0.5
    occurrence[0, 0] = 0.95
    intensity = torch.full((1, 2, UNITS), float("nan"))
    targets = AnnotationWriter(words, 4, 0).annotated(intensity, occurrence, [Written()])
    said = [words.decode(ids) for ids in targets.local_ids[0].tolist()]
    assert [bool(text) for text in said] == [True, False, False, False]
    assert targets.local_units[0, 0] == 0
    assert targets.intensity.isnan().all()
    assert not targets.global_ids.any()
