"""Tests of a project that begins with faces: all of it or nothing, once."""

import pytest

from db.annotators import sign_in
from db.check import check
from db.errors import Conflict, NotFound, TextError
from db.events import state_at, state_now
from db.first_faces import FirstFace, begin_project
from db.people import forget
from db.projects import ProjectSettings, list_projects
from db.queue import next_item
from db.roles import OPERATOR
from db.stats import stats
from tests.db.laboratory import SaidOfFace, marks, photo

SETTINGS = ProjectSettings("First faces", qualification_items=1)


@pytest.fixture
def faces():
    known = marks(AU12="present", AU4="absent")
    return [
        FirstFace(photo(seed), SaidOfFace(), f"person-{seed}", "renderer", known if seed == 2 else None)
        for seed in (1, 2, 3)
    ]


def test_everything_is_there_afterwards(store, faces):
    project = begin_project(store, OPERATOR, SETTINGS, faces)
    assert list_projects(store, OPERATOR) == {project: SETTINGS}
    states = stats(store, OPERATOR)["projects"]["First faces"]
    assert (states["open"], states["gold"]) == (2, 1)
    assert check(store, deep=True) == []
    assert state_at(store, OPERATOR, 1) == state_now(store, OPERATOR), "one event holds it all"


def test_who_begins_gets_the_known_face_first(store, faces):
    project = begin_project(store, OPERATOR, SETTINGS, faces)
    task = next_item(store, sign_in(store, "ann").actor, project)
    assert task.item_id == 2


@pytest.mark.parametrize(("share", "blind"), [(0.0, 0), (0.1, 1), (0.5, 1), (0.6, 2), (1.0, 2)])
def test_the_blind_share_is_kept_exactly(store, faces, count, share, blind):
    begin_project(store, OPERATOR, ProjectSettings("First faces", blind_share=share), faces)
    assert (count("item WHERE blind"), count("item WHERE blind AND state = 'gold'")) == (blind, 0)


def test_a_store_with_a_project_takes_none(store, faces, count):
    begin_project(store, OPERATOR, SETTINGS, faces)
    with pytest.raises(Conflict, match="a project already"):
        begin_project(store, OPERATOR, ProjectSettings("Another"), faces)
    assert (count("project"), count("item")) == (1, 3)


def test_one_face_that_cannot_be_stored_leaves_nothing(store, faces, count):
    faces.append(FirstFace(photo(4), SaidOfFace(), "<b>", "renderer"))
    with pytest.raises(TextError):
        begin_project(store, OPERATOR, SETTINGS, faces)
    assert [count(table) for table in ("project", "image", "item", "event")] == [0, 0, 0, 0]


def test_a_person_of_it_can_be_forgotten(store, faces):
    begin_project(store, OPERATOR, SETTINGS, faces)
    assert forget(store, OPERATOR, "person-2").faces == 1
    with pytest.raises(NotFound):
        forget(store, OPERATOR, "person-2")
