"""Tests of answering: drafts, submitting, skipping, undo, one's own history."""

import pytest
from sqlalchemy import text

from db.errors import AlreadySubmitted, Conflict, LeaseError, NotFound, StoreError, TextError
from db.people import forget
from db.responses import history, reopen, save_draft, skip, submit, undo
from db.review import adjudicate
from db.roles import OPERATOR
from db.values import Answer, Occurrence, Side, UnitAnswer
from tests.db.laboratory import marks
from vlfau.errors import LabelError

SMILE = Answer(
    (
        UnitAnswer(12, Occurrence.PRESENT, 3, Side.LEFT, "The left mouth corner is up."),
        UnitAnswer(4, Occurrence.NOT_VISIBLE),
        UnitAnswer(25, text="The lips touch."),
    ),
    "The left mouth corner is drawn back and up.",
    12.5,
)


@pytest.fixture
def ann(lab):
    return lab.person("ann")


@pytest.fixture
def task(lab, ann):
    lab.add(1, probability=0.5), lab.add(2, probability=0.4)
    return lab.next(ann)


class TestAnswers:
    def test_a_draft_comes_back_as_it_was_typed(self, lab, ann, task):
        save_draft(lab.store, ann, task.lease_id, SMILE)
        assert lab.next(ann).draft == SMILE

    def test_the_same_draft_twice_is_one_row(self, lab, ann, task, count):
        assert save_draft(lab.store, ann, task.lease_id, SMILE) == save_draft(
            lab.store, ann, task.lease_id, SMILE
        )
        assert count("response") == 1

    def test_every_draft_is_kept(self, lab, ann, task, count):
        save_draft(lab.store, ann, task.lease_id, marks(AU12="present"))
        save_draft(lab.store, ann, task.lease_id, marks(AU12="absent"))
        submit(lab.store, ann, task.lease_id, marks(AU12="unsure"))
        assert count("response") == 3
        assert count("response WHERE supersedes IS NULL") == 1

    def test_untouched_action_units_have_no_row(self, lab, ann, task, count):
        submit(lab.store, ann, task.lease_id, SMILE)
        assert count("answer") == 3
        assert count("answer WHERE number = 25 AND occurrence IS NULL") == 1

    def test_a_replay_is_refused_and_says_where_the_answer_is(self, lab, ann, task, count):
        stored = submit(lab.store, ann, task.lease_id, SMILE)
        for replay in (submit, save_draft):
            with pytest.raises(AlreadySubmitted, match="stored already") as caught:
                replay(lab.store, ann, task.lease_id, SMILE)
            assert caught.value.response_id == stored
        assert count("response") == 1

    def test_an_answer_that_says_nothing_is_refused(self, lab, ann, task, count):
        with pytest.raises(StoreError, match="No action unit is marked"):
            submit(lab.store, ann, task.lease_id, Answer((UnitAnswer(12, text="Up."),), "Something."))
        assert count("response") == 0

    def test_after_forget_nothing_is_stored(self, lab, ann, task, count):
        forget(lab.store, OPERATOR, "person-1")
        with pytest.raises(LeaseError, match="erased"):
            submit(lab.store, ann, task.lease_id, SMILE)
        assert count("response") == 0

    def test_a_settled_face_takes_no_more_answers(self, lab, ann, task):
        adjudicate(lab.store, OPERATOR, task.item_id, marks(AU12="absent"))
        with pytest.raises(Conflict, match="settled"):
            submit(lab.store, ann, task.lease_id, SMILE)

    def test_skipping_needs_a_reason(self, lab, ann, task):
        with pytest.raises(TextError, match="reason is missing"):
            skip(lab.store, ann, task.lease_id, "  ")

    def test_what_two_people_skip_goes_to_a_reviewer(self, lab, ann, task, count):
        skip(lab.store, ann, task.lease_id, "too dark")
        bo = lab.person("bo")
        skip(lab.store, bo, lab.next(bo).lease_id, "too dark")
        assert count("item WHERE state = 'disputed'") == 1

    def test_what_people_say_decides_the_state(self, lab, ann, task, count):
        for person in (ann, lab.person("bo")):
            lab.answer(person, AU12="present", AU4="unsure")
        assert count("item WHERE state = 'agreed'") == 1
        lab.answer(ann, AU12="present"), lab.answer(lab.person("bo"), AU12="absent")
        assert count("item WHERE state = 'disputed'") == 1

    def test_a_contradicted_model_moves_the_face_up(self, lab, ann, task, store):
        def priority():
            with store._engine.connect() as connection:
                return connection.execute(text("SELECT priority FROM item WHERE id = 1")).scalar()

        before = priority()
        submit(lab.store, ann, task.lease_id, marks(AU12="absent", AU4="absent"))
        assert priority() > before


class TestUndo:
    def test_undo_gives_the_face_back_with_its_answer(self, lab, ann, task, count):
        submit(lab.store, ann, task.lease_id, SMILE)
        again = undo(lab.store, ann, lab.project)
        assert (again.item_id, again.draft) == (task.item_id, SMILE)
        assert count("item WHERE answers = 0 AND held = 1 AND id = 1") == 1
        assert count("response") == 2, "undo is a new row; the old one stays"

    def test_undo_and_submit_again_counts_once(self, lab, ann, task, count):
        submit(lab.store, ann, task.lease_id, SMILE)
        again = undo(lab.store, ann, lab.project)
        submit(lab.store, ann, again.lease_id, marks(AU12="absent"))
        assert count("item WHERE answers = 1 AND held = 0 AND id = 1") == 1
        assert count("membership WHERE submitted = 1") == 1

    def test_the_face_in_hand_waits(self, lab, ann, task):
        submit(lab.store, ann, task.lease_id, SMILE)
        second = lab.next(ann)
        save_draft(lab.store, ann, second.lease_id, marks(AU4="present"))
        again = undo(lab.store, ann, lab.project)
        submit(lab.store, ann, again.lease_id, SMILE)
        back = lab.next(ann)
        assert back.item_id == second.item_id
        assert back.draft.occurrences == {4: "present"}

    def test_a_skip_can_be_undone(self, lab, ann, task, count):
        skip(lab.store, ann, task.lease_id, "by mistake")
        assert undo(lab.store, ann, lab.project).item_id == task.item_id
        assert count("item WHERE skips = 0 AND id = 1") == 1

    def test_nothing_to_undo(self, lab, ann, task):
        with pytest.raises(NotFound, match="nothing to undo"):
            undo(lab.store, ann, lab.project)

    def test_what_a_reviewer_settled_stays(self, lab, ann, task):
        submit(lab.store, ann, task.lease_id, SMILE)
        adjudicate(lab.store, OPERATOR, task.item_id, marks(AU12="absent"))
        with pytest.raises(Conflict, match="stands"):
            undo(lab.store, ann, lab.project)

    def test_an_undone_agreement_is_open_again(self, lab, ann, task, count):
        submit(lab.store, ann, task.lease_id, SMILE)
        lab.answer(lab.person("bo"), AU12="present")
        assert count("item WHERE state = 'agreed'") == 1
        undo(lab.store, ann, lab.project)
        assert count("item WHERE state = 'open' AND answers = 1 AND held = 1 AND id = 1") == 1


class TestHistory:
    def test_own_answers_newest_first(self, lab, ann, task):
        lab.answer(ann, AU12="present"), lab.answer(ann, AU12="absent")
        lab.answer(lab.person("bo"))
        seen = history(lab.store, ann, lab.project)
        assert [past.item_id for past in seen] == [2, 1]
        assert seen[0].answer.occurrences == {12: "absent"}
        assert [p.item_id for p in history(lab.store, ann, lab.project, before=seen[0].response_id)] == [1]

    def test_any_of_them_can_be_opened_again(self, lab, ann, task):
        lab.answer(ann, AU12="present"), lab.answer(ann, AU12="absent")
        assert reopen(lab.store, ann, 1).draft.occurrences == {12: "present"}

    def test_nobody_elses(self, lab, ann, task):
        lab.answer(ann)
        with pytest.raises(NotFound, match="not in your history"):
            reopen(lab.store, lab.person("bo"), task.item_id)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda: UnitAnswer(3, Occurrence.PRESENT), LabelError, "no action unit 3"),
        (lambda: UnitAnswer(12, Occurrence.PRESENT, 6), LabelError, "Found 6"),
        (lambda: UnitAnswer(12, Occurrence.PRESENT, 0), LabelError, "Found 0"),
        (lambda: UnitAnswer(12, Occurrence.PRESENT, True), LabelError, "Found True"),
        (lambda: UnitAnswer(12, "maybe"), LabelError, "'maybe'"),
        (lambda: UnitAnswer(12, Occurrence.PRESENT, side="middle"), LabelError, "'middle'"),
        (lambda: UnitAnswer(17, Occurrence.PRESENT, side=Side.LEFT), LabelError, "has no sides"),
        (lambda: UnitAnswer(12, Occurrence.ABSENT, 3), LabelError, "Only a present"),
        (lambda: Answer((UnitAnswer(12, text="a"), UnitAnswer(12, text="b"))), LabelError, "twice"),
        (lambda: Answer(seconds=float("nan")), StoreError, "nan seconds"),
        (lambda: Answer(seconds=-1), StoreError, "-1 seconds"),
        (lambda: Answer(description="x" * 1001), TextError, "1001 characters; 1000"),
        (lambda: UnitAnswer(12, text="x" * 301), TextError, "301 characters; 300"),
        (lambda: UnitAnswer(12, text="<script>alert(1)</script>"), TextError, "looks like HTML"),
        (lambda: UnitAnswer(12, text="a </b> c"), TextError, "looks like HTML"),
        (lambda: UnitAnswer(12, text="two\nlines"), TextError, r"U\+000A"),
        (lambda: UnitAnswer(12, text="bell \a"), TextError, r"U\+0007"),
        (lambda: UnitAnswer(12, text="left \u202eright"), TextError, r"U\+202E"),
        (lambda: UnitAnswer(12, text="\u2066isolated\u2069"), TextError, r"U\+2066"),
        (lambda: UnitAnswer(12, text="zero\u200bwidth"), TextError, r"U\+200B"),
        (lambda: UnitAnswer(12, text="half \ud800"), TextError, r"U\+D800"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(bad, error, message):
    with pytest.raises(error, match=message):
        bad()


@pytest.mark.parametrize("kept", ["a < b", "Ангел ö 漢字", "شفاه", "smile 🙂"])
def test_what_can_be_said_in_any_script(kept):
    assert UnitAnswer(12, text=f" {kept} ").text == kept
