"""Tests of the queue: who gets which face, and who gets it back."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from db import leases, queue
from db.errors import LeaseError, NotQualified
from db.queue import next_item
from db.responses import save_draft, skip, submit
from db.review import set_gold
from db.roles import OPERATOR, Role
from tests.db.laboratory import Lab, marks


class TestQueue:
    def test_an_empty_queue_gives_nothing(self, lab):
        assert lab.next(lab.person("ann")) is None

    def test_the_most_uncertain_face_comes_first(self, lab):
        lab.add(1, probability=0.99)
        unsure = lab.add(2, probability=0.5)
        assert lab.next(lab.person("ann")).item_id == unsure

    def test_a_reload_gives_the_same_face_again(self, lab):
        lab.add(1), lab.add(2)
        ann = lab.person("ann")
        assert lab.next(ann).lease_id == lab.next(ann).lease_id

    def test_nobody_answers_a_face_twice(self, lab):
        lab.add(1), lab.add(2)
        ann = lab.person("ann")
        assert {lab.answer(ann), lab.answer(ann)} == {1, 2}
        assert lab.next(ann) is None

    def test_a_face_gets_as_many_answers_as_wanted_and_no_more(self, lab):
        lab.add(1)
        for name in ("ann", "bo"):
            lab.answer(lab.person(name))
        assert lab.next(lab.person("cy")) is None

    def test_a_face_in_hand_takes_a_place(self, lab):
        lab.add(1)
        assert lab.next(lab.person("ann"))
        assert lab.next(lab.person("bo"))
        assert lab.next(lab.person("cy")) is None

    def test_a_lease_that_expired_gives_its_place_back(self, lab, clock):
        lab.add(1)
        for name in ("ann", "bo"):
            lab.next(lab.person(name))
        clock.tick(minutes=16)
        assert lab.next(lab.person("cy")).item_id == 1

    def test_who_left_a_face_unfinished_comes_back_to_it(self, lab, clock):
        lab.add(1, probability=0.5), lab.add(2, probability=0.4)
        ann = lab.person("ann")
        task = lab.next(ann)
        save_draft(lab.store, ann, task.lease_id, marks(AU12="present"))
        clock.tick(minutes=60)
        again = lab.next(ann)
        assert again.item_id == task.item_id
        assert again.draft.occurrences == {12: "present"}

    def test_a_draft_keeps_the_face_for_longer(self, lab, clock):
        lab.add(1)
        ann, bo = lab.person("ann"), lab.person("bo")
        lab.next(bo)
        task = lab.next(ann)
        clock.tick(minutes=14)
        save_draft(lab.store, ann, task.lease_id, marks(AU12="present"))
        clock.tick(minutes=14)
        lab.next(lab.person("cy"))
        assert lab.next(ann).lease_id == task.lease_id

    def test_a_late_answer_is_taken(self, lab, clock):
        lab.add(1)
        ann = lab.person("ann")
        task = lab.next(ann)
        clock.tick(minutes=60)
        lab.answer(lab.person("bo")), lab.answer(lab.person("cy"))
        assert submit(lab.store, ann, task.lease_id, marks(AU12="present")) == 3

    def test_a_skipped_face_does_not_come_back(self, lab):
        lab.add(1)
        ann = lab.person("ann")
        skip(lab.store, ann, lab.next(ann).lease_id, "no face to be seen")
        assert lab.next(ann) is None
        assert lab.next(lab.person("bo")).item_id == 1

    def test_far_ahead_of_the_others_there_is_still_something_to_do(self, lab, monkeypatch):
        monkeypatch.setattr("db.queue._NEAR", 3)
        for seed in range(6):
            lab.add(seed, probability=0.5 - seed / 100)
        ann = lab.person("ann")
        assert sorted(lab.answer(ann) for _ in range(6)) == [1, 2, 3, 4, 5, 6]

    def test_somebody_elses_lease_is_refused(self, lab, count):
        lab.add(1)
        task = lab.next(lab.person("ann"))
        with pytest.raises(LeaseError, match="not in your hands"):
            submit(lab.store, lab.person("bo"), task.lease_id, marks(AU12="present"))
        assert count("response") == 0

    def test_six_at_once_share_the_faces_and_fill_each_exactly(self, lab, count):
        for seed in range(6):
            lab.add(seed)
        people = [lab.person(f"p{number}") for number in range(6)]

        def work_on(person):
            answered = []
            while task := lab.next(person):
                submit(lab.store, person, task.lease_id, marks(AU12="present"))
                answered.append(task.item_id)
            return answered

        with ThreadPoolExecutor(6) as pool:
            answered = list(pool.map(work_on, people))
        assert all(len(set(items)) == len(items) for items in answered)
        assert sum(map(len, answered)) == count("response") == 12
        assert count("item WHERE answers = 2 AND held = 0 AND state = 'agreed'") == 6


class TestShares:
    def test_the_random_share_leaves_the_order(self, store, clock):
        lab = Lab(store, clock, random_share=1.0, answers_wanted=1)
        for seed in range(12):
            lab.add(seed, probability=0.5 - seed / 100)
        ann = lab.person("ann")
        order = [lab.answer(ann) for _ in range(12)]
        assert sorted(order) == list(range(1, 13))
        assert order != sorted(order)

    def test_a_blind_item_shows_no_prediction(self, store, clock, count):
        lab = Lab(store, clock, blind_share=1.0)
        lab.add(1)
        ann = lab.person("ann")
        task = lab.next(ann)
        assert task.blind
        assert task.prediction is None
        submit(store, ann, task.lease_id, marks(AU12="present"))
        assert count("response WHERE blind") == 1

    def test_a_known_face_shows_no_prediction(self, store, clock, count):
        lab = Lab(store, clock, gold_share=1.0)
        set_gold(store, OPERATOR, lab.add(1), marks(AU12="present"))
        ann = lab.person("ann")
        task = lab.next(ann)
        assert (task.blind, task.prediction) == (True, None)
        save_draft(store, ann, task.lease_id, marks(AU12="present"))
        submit(store, ann, task.lease_id, marks(AU12="present"))
        assert (count("response"), count("response WHERE blind")) == (2, 2)
        assert (count("item WHERE blind"), count("response WHERE prediction_id IS NOT NULL")) == (0, 2)

    def test_who_saw_the_model_before_the_face_was_known_has_seen_it(self, store, clock, count):
        lab = Lab(store, clock)
        item = lab.add(1)
        ann = lab.person("ann")
        task = lab.next(ann)
        save_draft(store, ann, task.lease_id, marks(AU12="present"))
        set_gold(store, OPERATOR, item, marks(AU12="present"))
        assert lab.next(ann).prediction is None
        submit(store, ann, task.lease_id, marks(AU12="present"))
        assert count("response WHERE blind") == 0

    def test_gold_goes_to_everybody_once_and_looks_like_any_other(self, store, clock):
        lab = Lab(store, clock, gold_share=1.0)
        gold, plain = lab.add(1), lab.add(2)
        set_gold(store, lab.person("rev", Role.REVIEWER), gold, marks(AU12="present"))
        for name in ("ann", "bo", "cy"):
            person = lab.person(name)
            assert lab.answer(person) == gold
        assert lab.answer(lab.person("dee")) == gold
        assert lab.answer(lab.person("dee")) == plain


class TestQualification:
    @pytest.fixture
    def lab(self, store, clock):
        lab = Lab(store, clock, qualification_items=2, qualification_accuracy=0.9)
        for seed in range(4):
            lab.add(seed, probability=0.5 - seed / 100)
        for item in (3, 4):
            set_gold(store, OPERATOR, item, marks(AU12="present", AU4="absent"))
        return lab

    def test_known_faces_come_first_and_who_is_right_goes_on(self, lab):
        ann = lab.person("ann")
        assert {lab.answer(ann, AU12="present", AU4="absent") for _ in range(2)} == {3, 4}
        assert lab.answer(ann) == 1

    def test_who_is_wrong_is_told_so(self, lab):
        bo = lab.person("bo")
        for _ in range(2):
            lab.answer(bo, AU12="absent", AU4="absent")
        with pytest.raises(NotQualified, match="2 of 4 action units were right; 90% are needed"):
            next_item(lab.store, bo, lab.project)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # PostgreSQL plans anew for each size
class TestPlans:
    """Each question of the queue is answered from the index that was made for it, whatever the number of items."""

    @pytest.mark.parametrize(
        ("statement", "index"),
        [
            (queue._BEST_NEAR, "ix_item_open_by_priority (project_id=?)"),
            (queue._BEST, "ix_item_open_by_priority (project_id=?)"),
            (queue._BEST_UNTOUCHED, "ix_item_untouched (project_id=?)"),
            (queue._RANDOM_ABOVE, "ix_item_open_by_random (project_id=? AND random_key>?)"),
            (queue._RANDOM_BELOW, "ix_item_open_by_random (project_id=? AND random_key<?)"),
            (queue._KNOWN, "ix_item_closed (project_id=? AND state=?)"),
            (queue._UNFINISHED, "ix_lease_unfinished (annotator_id=? AND project_id=?)"),
            (leases._RUNNING, "uq_lease_one_in_hand (annotator_id=? AND project_id=?)"),
            (leases._EXPIRED, "ix_lease_running (expires_at<?)"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("analysed", [False, True])
    def test_index(self, lab, statement, index, analysed):
        for seed in range(3):
            lab.add(seed)
        values = {"project": 1, "me": 1, "near": 9, "key": 0.5, "now": str(lab.clock())}
        compiled = statement.compile(lab.store._engine)
        parameters = tuple(values.get(name, 0) for name in compiled.positiontup)
        with lab.store._engine.connect() as connection:
            if analysed:
                connection.exec_driver_sql("ANALYZE")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters).all()
        steps = [row[3] for row in plan]
        assert any(step.endswith(index) for step in steps), steps
        assert not any("SCAN" in step for step in steps), steps
