"""People keep their side, no side stays empty, and two people who turn out to be one land on the stricter side."""

import numpy as np
import pytest

from finetune.division import Part, divide, place_of
from vlfau.errors import DataError


def names(count: int) -> np.ndarray:
    return np.array([f"P{number}" for number in range(count)])


def sides(people: np.ndarray, groups: np.ndarray | None = None, **more) -> dict[str, int]:
    groups = people if groups is None else groups
    return dict(zip(people.tolist(), divide(people, groups, 0.2, 0.25, **more).part.tolist(), strict=True))


def test_shares_are_about_what_was_asked():
    counts = np.bincount(list(sides(names(2000)).values()))
    assert counts / 2000 == pytest.approx([0.55, 0.2, 0.25], abs=0.03)


def test_nobody_changes_sides_when_others_join():
    few, many = sides(names(60)), sides(names(600))
    assert few == {name: many[name] for name in few}


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_no_side_stays_empty(count):
    for offset in range(40):
        people = np.array([f"Q{offset}-{number}" for number in range(count)])
        found = set(sides(people).values())
        assert {Part.TRAIN, Part.VALIDATION} <= found
        assert (Part.TEST in found) == (count > 2)


def test_a_group_goes_where_its_strictest_person_goes():
    people = names(300)
    alone = sides(people)
    tested = next(name for name in alone if alone[name] == Part.TEST)
    learnt = next(name for name in alone if alone[name] == Part.TRAIN)
    groups = people.copy()
    groups[np.isin(people, [tested, learnt])] = "pair"
    assert sides(people, groups)[learnt] == Part.TEST


def test_a_side_that_is_fixed_stays():
    people = names(50)
    assert sides(people, fixed={"P7": Part.TEST, "P8": Part.TRAIN}).items() >= {
        ("P7", Part.TEST),
        ("P8", Part.TRAIN),
    }


def test_one_person_is_refused():
    with pytest.raises(DataError, match="one person"):
        divide(np.array(["P1", "P1"]), np.array(["P1", "P1"]), 0.2, 0.2)


def test_places_are_spread_out():
    places = [place_of(name) for name in names(1000)]
    assert 0 <= min(places) < 0.01
    assert np.mean(places) == pytest.approx(0.5, abs=0.03)
