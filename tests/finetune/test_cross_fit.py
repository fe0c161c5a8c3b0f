"""Folds of people, and what is kept of them."""

import numpy as np

from finetune.cross_fit import CrossFit, HeldOut, people_of_fold, rows_of
from finetune.faces import LabelledFaces

PEOPLE = np.array([f"person {i // 2}" for i in range(60)])
FACES = LabelledFaces(
    np.zeros((60, 1, 1, 3), np.uint8), np.zeros((60, 478, 3)), np.zeros((60, 2, 22)), PEOPLE
)


def test_everyone_is_in_exactly_one_fold():
    folds = [people_of_fold([FACES], fold, 3) for fold in range(3)]
    assert set.union(*folds) == set(PEOPLE)
    assert sum(map(len, folds)) == 30
    assert all(folds)


def test_rows_belong_to_the_people_asked_for():
    people = {"person 3", "person 7"}
    assert rows_of(FACES, people, 10, seed=0).tolist() == [6, 7, 14, 15]
    assert len(rows_of(FACES, people, 3, seed=0)) == 3


def test_saved_and_loaded_is_the_same(tmp_path):
    rng = np.random.default_rng(0)

    def held(count: int) -> HeldOut:
        return HeldOut(rng.random((count, 22)), {n: rng.random((count, 22)) for n in ("geometry", "texture")})

    told = CrossFit(HeldOut.joined([held(3), held(2)]), held(4))
    told.save(tmp_path / "told.npz")
    back = CrossFit.load(tmp_path / "told.npz")
    assert back.photos.peak.shape == (5, 22)
    for name in ("geometry", "texture"):
        assert np.array_equal(back.photos.logits[name], told.photos.logits[name])
        assert np.array_equal(back.renders.logits[name], told.renders.logits[name])
