"""Tests of the lists that reviewers work through."""

import pytest

from db.errors import NotAllowed, NotFound
from db.responses import skip, submit, undo
from db.review import adjudicate, set_aside, set_gold
from db.roles import Role
from db.values import ItemState
from db.worklist import ListedItem, count_items, listed_items
from tests.db.laboratory import marks


@pytest.fixture
def rev(lab):
    return lab.person("rev", Role.REVIEWER)


@pytest.fixture
def items(lab):
    """Two disputed, one agreed, one that both skipped; the surest prediction, so the lowest priority, first."""
    made = [lab.add(seed, probability=0.9 - 0.1 * seed) for seed in range(4)]
    for name, says in (("ann", "present"), ("bo", "absent")):
        person = lab.person(name)
        for _ in made:
            task = lab.next(person)
            if task.item_id == made[3]:
                skip(lab.store, person, task.lease_id, "too dark")
            else:
                agreed = task.item_id == made[2]
                said = {
                    "AU12": "present" if agreed else says,
                    "AU4": says if task.item_id == made[1] else "absent",
                }
                submit(lab.store, person, task.lease_id, marks(**said, AU6="unsure"))
    return made


class TestLists:
    def test_the_disputed_with_the_reason(self, lab, rev, items):
        first, second, _, skipped = items
        found = {item.item_id: item for item in listed_items(lab.store, rev, lab.project)}
        assert found == {
            second: ListedItem(second, 2, 2, 0, (4, 12)),
            first: ListedItem(first, 2, 2, 0, (12,)),
            skipped: ListedItem(skipped, 0, 2, 2, ()),
        }

    def test_another_state_and_a_limit(self, lab, rev, items):
        assert [i.item_id for i in listed_items(lab.store, rev, lab.project, ItemState.AGREED)] == [items[2]]
        assert len(listed_items(lab.store, rev, lab.project, limit=1)) == 1

    def test_an_answer_that_was_taken_back_contradicts_nobody(self, lab, rev, items):
        bo = lab.person("bo")
        for _ in items:
            undo(lab.store, bo, lab.project)
        assert listed_items(lab.store, rev, lab.project) == []

    def test_counts(self, lab, rev, items):
        adjudicate(lab.store, rev, items[0], marks(AU12="present"))
        set_gold(lab.store, rev, items[2], marks(AU12="present"))
        set_aside(lab.store, rev, items[3], "too dark")
        assert {str(state): count for state, count in count_items(lab.store, rev, lab.project).items()} == {
            "disputed": 1,
            "agreed": 0,
            "settled": 1,
            "gold": 1,
            "set_aside": 1,
        }

    def test_counting_stops(self, lab, rev, items, monkeypatch):
        monkeypatch.setattr("db.worklist.MANY", 2)
        assert count_items(lab.store, rev, lab.project)[ItemState.DISPUTED] == 2

    @pytest.mark.parametrize("look", [listed_items, count_items])
    def test_who_may_look_and_at_what(self, lab, rev, look):
        with pytest.raises(NotAllowed, match="Only a reviewer"):
            look(lab.store, lab.person("ann"), lab.project)
        with pytest.raises(NotFound, match="no such project"):
            look(lab.store, rev, 99)
