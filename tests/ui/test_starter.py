"""Tests of what an empty store begins with."""

import threading
from collections import Counter
from itertools import combinations

import pytest
from sqlalchemy import select

from db.check import check
from db.projects import ProjectSettings, add_project, list_projects
from db.queue import next_item
from db.roles import OPERATOR
from db.stats import stats
from db.tables import Item
from db.values import ItemState, Occurrence
from finetune.synthetic.starter import FACES
from ui import starter
from ui.starter import SETTINGS, add_first_faces, known_answer, labels
from ui.visitor import visitor

KNOWN = [answer for label in labels() if (answer := known_answer(label))]


def test_the_labels_are_those_of_the_renderer():
    assert [label["person"] for label in labels()] == [face.person for face in FACES]
    assert [len(label["absent"]) for label in labels()] == [len(face.absent) for face in FACES]
    one_sided = labels()[4]
    assert (one_sided["left"], one_sided["right"]) == ({"AU12": 4}, {})


def test_pictures_are_there_and_small():
    files = [starter.FOLDER / label["file"] for label in labels()]
    assert len(files) == 18
    assert all(20_000 < file.stat().st_size < 70_000 for file in files)
    assert (starter.FOLDER / "LICENSE.txt").exists()


def test_known_answers_are_what_was_rendered():
    assert len(KNOWN) == 6
    smile = KNOWN[0]
    assert smile.occurrences == {6: "present", 12: "present", 15: "absent", 25: "present"}
    assert {unit.number: (unit.intensity, unit.side) for unit in smile.units if unit.number != 15} == {
        6: (4, "both"),
        12: (4, "both"),
        25: (4, None),
    }


def right_of(answers, says):
    """Share of the known action units for which `says` has the right word."""
    words = [(word, says(word)) for answer in answers for word in answer.occurrences.values()]
    return sum(word == said for word, said in words) / len(words)


def test_the_qualification_round_can_be_passed_by_who_looks_and_only_by_them():
    rounds = list(combinations(KNOWN, SETTINGS.qualification_items))
    only_what_is_seen = min(
        right_of(some, lambda word: word if word == Occurrence.PRESENT else None) for some in rounds
    )
    nothing_is_there = max(right_of(some, lambda _: Occurrence.ABSENT) for some in rounds)
    assert nothing_is_there < SETTINGS.qualification_accuracy <= only_what_is_seen


@pytest.mark.slow
def test_of_two_that_start_at_once_one_adds_the_faces(store, predictor, request_of):
    added = []
    starts = [
        threading.Thread(target=lambda: added.append(add_first_faces(store, predictor))) for _ in range(2)
    ]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert sorted(added) == [False, True]
    assert add_first_faces(store, predictor) is False
    states = stats(store, OPERATOR)["projects"]["First faces"]
    assert (states["open"], states["gold"]) == (12, 6)
    assert check(store, deep=True) == []
    (project,) = list_projects(store, OPERATOR)
    with store.reading(OPERATOR, "export") as work:
        blind, predicted = (
            Counter(work.scalars(select(column).where(Item.state == ItemState.OPEN)))
            for column in (Item.blind, Item.prediction_id.is_not(None))
        )
    assert (blind, predicted) == ({True: 2, False: 10}, {True: 12})
    first = next_item(store, visitor(request_of("Ann"), store).actor, project)
    assert (first.blind, first.prediction) == (True, None), "the round is of known faces"


def test_a_store_with_a_project_is_left_alone(store):
    add_project(store, OPERATOR, ProjectSettings("Mine"))
    assert add_first_faces(store, predictor=None) is False


def test_a_store_that_cannot_take_them_is_said_in_the_log(store, caplog, tmp_path):
    store.close()
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    starter.add_in_background(store, predictor=None)
    assert "begins without faces" in caplog.text
