"""What counts as a correction: what people said of a face, not what came with it."""

from contextlib import closing

import numpy as np
import pytest

from db.annotators import set_role, sign_in
from db.first_faces import FirstFace, begin_project
from db.projects import ProjectSettings
from db.review import set_gold
from db.roles import OPERATOR, Role
from db.store import Store
from finetune.corrections import read_corrections
from tests.finetune.training_lab import SaidOfFace, answer_all, picture, smile
from vlfau.errors import DataError


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(folder=tmp_path)) as opened:
        yield opened


@pytest.fixture
def faces(store):
    """A project of six photos of six people; of two the answer came with them. Returns the items to be corrected."""
    settings = ProjectSettings("first", answers_wanted=1, random_share=0.0, blind_share=0.0, gold_share=0.0)
    photos = [
        FirstFace(
            picture(n, True, n), SaidOfFace(0.0), f"code-{n}", "renderer", smile(True) if n < 2 else None
        )
        for n in range(6)
    ]
    return begin_project(store, OPERATOR, settings, photos)


def test_known_answers_that_came_with_the_photos_are_no_corrections(store, faces):
    with pytest.raises(DataError, match="Found 0 faces that people agree on"):
        read_corrections(store)
    answer_all(store, faces, lambda item: smile(True))
    assert len(read_corrections(store)) == 4


def test_known_answers_of_a_reviewer_measure(store, faces):
    answer_all(store, faces, lambda item: smile(True))
    set_role(store, OPERATOR, sign_in(store, "rev").name, Role.REVIEWER)
    item = int(read_corrections(store).all[0].face)
    set_gold(store, sign_in(store, "rev").actor, item, smile(True))
    found = read_corrections(store)
    assert np.sort(found.column("gold")).tolist() == [False, False, False, True]
    assert (found.column("learnable") == ~found.column("gold")).all()
